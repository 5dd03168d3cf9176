"""One limit of a policy version, as a row. The rules are ZonePolicy's; the database holds them too."""

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import NullIf

from relay.throttle.policy import (
    LARGEST_PERIOD_NS,
    LARGEST_PERMITS,
    SECOND_NS,
    Beyond,
    Counted,
    Direction,
    PolicyRefused,
    Scope,
    ZonePolicy,
)
from tenants.zone_words import in_words

LARGEST_PERIOD_SECONDS = LARGEST_PERIOD_NS // SECOND_NS
LEASES_A_SECOND = 10  # relay/throttle/policy.py: LEASE_SECONDS
_LEASES_A_PERIOD = NullIf(LEASES_A_SECOND * F("period_seconds"), 0)
LEASED_PERMITS = (F("permits") + _LEASES_A_PERIOD - 1) / _LEASES_A_PERIOD  # whole numbers: rounded up, as there
IS_ALWAYS_REFUSED = Q(counted__in=["handshakes", "open_connections"])  # relay/throttle/policy.py: ALWAYS_REFUSED
IS_REFUSABLE = Q(counted__in=["handshakes", "open_connections", "requests"])  # the same page: REFUSABLE


def choices(words: Iterable[StrEnum]) -> list[tuple[str, str]]:
    """An enumeration's words for a form."""
    return [(word.value, word.value.replace("_", " ")) for word in words]


def is_one_of(field: str, words: Iterable[StrEnum]) -> Q:
    """The condition that a column holds one of an enumeration's words."""
    return Q((f"{field}__in", [word.value for word in words]))


class ThrottleZone(models.Model):
    """One limit: so many permits in a period, and what happens beyond. Fields are named as in ZonePolicy."""

    version = models.ForeignKey("tenants.PolicyVersion", on_delete=models.CASCADE, related_name="zones")
    name = models.CharField(max_length=32, help_text="Stands in close reasons and metrics, such as client.")
    scope = models.CharField(
        max_length=32, choices=choices(Scope), default=Scope.CLIENT.value, help_text="Whose traffic is added up."
    )
    counted = models.CharField(
        max_length=32,
        choices=choices(Counted),
        default=Counted.MESSAGES.value,
        help_text="What one permit pays for. A limit on requests has no effect yet: relays pass on no HTTP requests.",
    )
    direction = models.CharField(
        max_length=16, choices=choices(Direction), default=Direction.TO_PLATFORM.value, help_text="Which way it flows."
    )
    permits = models.BigIntegerField(help_text="How many in each period, such as 100. For bytes: how many bytes.")
    period_seconds = models.PositiveIntegerField(default=1, help_text="1 is a second, 60 a minute, 86400 a day.")
    burst = models.BigIntegerField(
        default=0, help_text="How many may be ahead of the rate: with 20, 21 are admitted from rest."
    )
    delay = models.BigIntegerField(
        default=0, help_text="How many of the burst pass at once; the rest wait for their turn. A count, never a time."
    )
    beyond = models.CharField(
        max_length=16,
        choices=choices(Beyond),
        default=Beyond.WAIT.value,
        help_text="What happens beyond the burst. Messages wait or close, requests wait or are rejected, "
        "handshakes and connections are rejected.",
    )
    close_after_waiting_seconds = models.PositiveIntegerField(
        default=0, help_text="With close: after how long a wait without a break. Else 0."
    )
    strict = models.BooleanField(
        default=False,
        help_text="Relay processes together let no more through than one would. Needs as much burst as 100 ms bring.",
    )

    class Meta:
        verbose_name = "zone"
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="zone_name_once", fields=["version", "name"]),
            models.CheckConstraint(name="zone_name_fits_a_label", condition=Q(name__regex=r"^[a-z][a-z0-9_]{0,31}\Z")),
            models.CheckConstraint(name="zone_permits_in_range", condition=Q(permits__range=(1, LARGEST_PERMITS))),
            models.CheckConstraint(
                name="zone_period_in_range", condition=Q(period_seconds__range=(1, LARGEST_PERIOD_SECONDS))
            ),
            models.CheckConstraint(name="zone_burst_in_range", condition=Q(burst__range=(0, LARGEST_PERMITS))),
            models.CheckConstraint(name="zone_delay_within_burst", condition=Q(delay__gte=0, delay__lte=F("burst"))),
            models.CheckConstraint(
                name="zone_of_connections_without_burst", condition=~Q(counted="open_connections") | Q(burst=0, delay=0)
            ),
            models.CheckConstraint(
                name="zone_rejects_what_has_an_answer",
                condition=(IS_REFUSABLE & Q(beyond="reject"))
                | (~IS_REFUSABLE & ~Q(beyond="reject"))
                | Q(counted="requests", beyond="wait"),
            ),
            models.CheckConstraint(
                name="zone_of_handshakes_to_platform", condition=~IS_REFUSABLE | Q(direction="to_platform")
            ),
            models.CheckConstraint(
                name="zone_of_handshakes_wider_than_connection", condition=~IS_REFUSABLE | ~Q(scope="connection")
            ),
            models.CheckConstraint(
                name="zone_closes_after_a_time",
                condition=Q(beyond="close", close_after_waiting_seconds__range=(1, 86_400))
                | (~Q(beyond="close") & Q(close_after_waiting_seconds=0)),
            ),
            models.CheckConstraint(
                name="zone_strict_where_shared",
                condition=Q(strict=False) | (~IS_ALWAYS_REFUSED & ~Q(scope="connection")),
            ),
            models.CheckConstraint(
                name="zone_strict_with_enough_burst", condition=Q(strict=False) | Q(burst__gte=LEASED_PERMITS)
            ),
            models.CheckConstraint(name="zone_scope_is_known", condition=is_one_of("scope", Scope)),
            models.CheckConstraint(name="zone_counts_what_is_known", condition=is_one_of("counted", Counted)),
            models.CheckConstraint(name="zone_direction_is_known", condition=is_one_of("direction", Direction)),
            models.CheckConstraint(name="zone_beyond_is_known", condition=is_one_of("beyond", Beyond)),
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name

    def get_inline_title(self) -> str:
        """What stands above its form (Unfold asks by this name): the name, and what was stored in words."""
        words = self.in_words()
        return f"{self.name}: {words}" if words else self.name

    def in_words(self) -> str:
        """The limit as a sentence; empty where it makes no sense, as while the form shows what is wrong."""
        try:
            return in_words(self.as_policy())
        except ValueError:
            return ""

    def as_policy(self) -> ZonePolicy:
        """The limit as the relay enforces it.

        Raises:
            PolicyRefused: the fields contradict one another; it names every fault.
        """
        return ZonePolicy(
            name=self.name,
            permits=self.permits,
            period_ns=self.period_seconds * SECOND_NS,
            burst=self.burst,
            delay=self.delay,
            scope=Scope(self.scope),
            counted=Counted(self.counted),
            direction=Direction(self.direction),
            beyond=Beyond(self.beyond),
            close_after_waiting_seconds=self.close_after_waiting_seconds,
            strict=self.strict and self.period_seconds > 0,  # else the period is refused, and there is no rate
        )

    def clean(self) -> None:
        """Refuse what ZonePolicy refuses, each problem at its field.

        Raises:
            ValidationError: with ZonePolicy's own sentences.
        """
        try:
            self.as_policy()
        except PolicyRefused as refusal:
            problems: dict[str, list[str]] = {}
            for field, sentence in refusal.problems:
                problems.setdefault(field, []).append(sentence[0].upper() + sentence[1:])
            raise ValidationError(problems) from refusal
        except (TypeError, ValueError):
            return  # a field is missing or unknown, and its own message says so
