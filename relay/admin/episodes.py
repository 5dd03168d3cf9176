"""The pages of throttle episodes: who was held back, by which zones of which versions, for how long, and how much."""

from datetime import timedelta

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from relay.admin.filters import ClientFilter, TenantFilter, uuid_or_none
from relay.admin.whose import WHOSE, OwnedPages
from relay.models.episodes import EPISODE_QUIET_SECONDS, ThrottleEpisode, ZoneCounts
from tenants.admin.rendering import moment
from tenants.models.policies import PolicyVersion

MS_PER_SECOND = 1000
ROLLED_UP_SECONDS = 10  # how late the last record may come
STATE_LABELS = {"Going on": "warning", "Over": "default"}


@admin.register(ThrottleEpisode)
class EpisodePages(OwnedPages):
    """List and page of episodes."""

    list_display = ("begin", "state", "lasted", "zone_names", "waits", "longest", "refusals", *WHOSE, "channel_name")
    list_filter = (TenantFilter, ClientFilter, "zone", "began_at")
    search_fields = ("^client_id", "=zone")
    readonly_fields = (
        "begin",
        "end",
        "state",
        "lasted",
        *WHOSE,
        "client_id",
        "channel_name",
        "zones_in_words",
        "enforced",
        "waits",
        "held_on_average",
        "longest",
        "refusals",
        "closes",
    )
    fields = readonly_fields
    empty_hint = (
        "None: no client came up against a limit. Shorter waits than a second in all are counted, and make no episode."
    )

    @display(description="Began", ordering="began_at")
    def begin(self, episode: ThrottleEpisode) -> str:
        """When a zone first held something back."""
        return moment(episode.began_at)

    @display(description="Last held back", ordering="last_at")
    def end(self, episode: ThrottleEpisode) -> str:
        """When one last did."""
        return moment(episode.last_at)

    @display(description="State", label=STATE_LABELS)
    def state(self, episode: ThrottleEpisode) -> str:
        """Going on as long as it may be lengthened."""
        quiet = timezone.now() - episode.last_at
        return "Going on" if quiet < timedelta(seconds=EPISODE_QUIET_SECONDS + ROLLED_UP_SECONDS) else "Over"

    @display(description="Lasted")
    def lasted(self, episode: ThrottleEpisode) -> str:
        """From the first to the last."""
        seconds = (episode.last_at - episode.began_at).total_seconds()
        return f"{timedelta(seconds=round(seconds))}" if seconds >= 1 else "under a second"

    @display(description="Limits", ordering="zone")
    def zone_names(self, episode: ThrottleEpisode) -> str:
        """All zones that held the client back, the one that did most first."""
        return ", ".join(dict.fromkeys(zone["zone"] for zone in episode.zones))

    @display(description="Limits")
    def zones_in_words(self, episode: ThrottleEpisode) -> str:
        """Each zone with what it did, a line each."""
        return format_html_join("", "<p>{}</p>", ((_zone_in_words(zone),) for zone in episode.zones))

    @display(description="Policy of the first limit")
    def enforced(self, episode: ThrottleEpisode) -> str:
        """The version that was in force, with a link to it as long as it exists."""
        if not episode.version:
            return "A setting of the relay"
        version = _version_of(episode)
        if version is None:
            return f"Version {episode.version} of a policy that was deleted"
        address = reverse("admin:tenants_policyversion_change", args=[version.pk])
        return format_html('<a href="{}">{}, version {}</a>', address, version.policy, version.number)

    @display(description="Had to wait", ordering="waited")
    def waits(self, episode: ThrottleEpisode) -> str:
        """How many messages and handshakes."""
        return f"{episode.waited:,}"

    @display(description="Waited on average")
    def held_on_average(self, episode: ThrottleEpisode) -> str:
        """Over those that had to wait."""
        return f"{episode.held_ms / episode.waited:,.0f} ms" if episode.waited else "nothing waited"

    @display(description="Longest wait", ordering="longest_ms")
    def longest(self, episode: ThrottleEpisode) -> str:
        """Of the waits that ended."""
        return _seconds(episode.longest_ms) if episode.longest_ms else "none ended"

    @display(description="Refused", ordering="refused")
    def refusals(self, episode: ThrottleEpisode) -> str:
        """How many handshakes."""
        return f"{episode.refused:,}"

    @display(description="Closed", ordering="closed")
    def closes(self, episode: ThrottleEpisode) -> str:
        """How many connections."""
        return f"{episode.closed:,}"


def _zone_in_words(zone: ZoneCounts) -> str:
    """A zone with its counts: what it did not do is left out."""
    version = f", version {zone['version']}" if zone["version"] else ""
    counts = [
        f"{zone['waited']:,} had to wait" if zone["waited"] else "",
        f"{_seconds(zone['held_ms'])} in all" if zone["held_ms"] else "",
        f"{zone['refused']:,} refused" if zone["refused"] else "",
        f"{zone['closed']:,} closed" if zone["closed"] else "",
    ]
    return f"{zone['zone']}{version}: {', '.join(filter(None, counts)) or 'a wait that goes on'}"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:,.1f} s" if milliseconds >= MS_PER_SECOND else f"{milliseconds} ms"


def _version_of(episode: ThrottleEpisode) -> PolicyVersion | None:
    """The version that was in force, if it still exists."""
    versions = PolicyVersion.objects.filter(policy__tenant=episode.tenant_id).select_related("policy")
    return versions.filter(policy_id=uuid_or_none(episode.policy_id), number=episode.version).first()
