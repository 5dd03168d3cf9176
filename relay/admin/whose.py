"""Whose a row is, and who may see it. Rows have ids; people know tenants, clients and channels by their names."""

from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from unfold.decorators import display

from relay.models.episodes import ThrottleEpisode
from relay.models.rollups import NOBODY, Rollup
from tenants.access import Person
from tenants.admin.asking import acting_user
from tenants.admin.pages import ActionPages
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.tenants import Tenant

WHOSE = "tenant_name", "client_name"  # in lists and on pages
Owned = Rollup | ThrottleEpisode
LOOKUPS = {"^": "istartswith", "=": "iexact"}  # as Django writes them in search_fields


def visible_to(user: Person, rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows of the tenants that the person is a member of; an administrator sees all, former tenants' and nobody's.

    A tenant is told by its id: one that has the name or the slug that another had sees nothing of that one's.
    """
    if getattr(user, "is_superuser", False):
        return rows
    return rows.filter(tenant_id__in=Tenant.objects.visible_to(user).values("pk"))


class OwnedPages(ActionPages):
    """Pages of rows that belong to a tenant's client and, where they have one, channel; or to nobody yet."""

    has_history = False
    has_channel = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Owned]:
        """With the names of each row's tenant, client and channel, where they still exist."""
        tenants = Tenant.objects.filter(pk=OuterRef("tenant_id"))
        clients = OAuthClient.objects.filter(client_id=OuterRef("client_id"), tenant=OuterRef("tenant_id"))
        rows: QuerySet[Owned] = visible_to(acting_user(request), super().get_queryset(request)).annotate(
            tenant_name_=Subquery(tenants.values("name")[:1]), client_name_=Subquery(clients.values("name")[:1])
        )
        if self.has_channel:
            channels = Channel.objects.filter(pk=OuterRef("channel_id"), tenant=OuterRef("tenant_id"))
            rows = rows.annotate(channel_name_=Subquery(channels.values("name")[:1]))
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that begin with each word somewhere, or belong to what is called so: names are looked up beforehand."""
        for word in search_term.split():
            searched = Q()
            for field in self.get_search_fields(request):
                searched |= Q(**{f"{field[1:]}__{LOOKUPS[field[0]]}": word})
            queryset = queryset.filter(searched | self._called(acting_user(request), word))
        return queryset, False

    def _called(self, user: Person, word: str) -> Q:
        """The rows whose tenant, client or channel has a name that begins with a word."""
        tenants = Tenant.objects.visible_to(user).filter(Q(name__istartswith=word) | Q(slug__istartswith=word))
        clients = OAuthClient.objects.visible_to(user).filter(name__istartswith=word)
        called = Q(tenant_id__in=list(tenants.values_list("pk", flat=True)))
        called |= Q(client_id__in=list(clients.values_list("client_id", flat=True)))
        if self.has_channel:
            channels = Channel.objects.visible_to(user).filter(name__istartswith=word)
            called |= Q(channel_id__in=list(channels.values_list("pk", flat=True)))
        return called

    @display(description="Tenant", ordering="tenant_id", empty_value="nobody yet")
    def tenant_name(self, row: Owned) -> str | None:
        """Its name, or its id where it was deleted; before a token is read there is none."""
        if row.tenant_id == NOBODY:
            return None
        return getattr(row, "tenant_name_", None) or f"deleted tenant {row.tenant_id}"

    @display(description="Client", ordering="client_id", empty_value="nobody yet")
    def client_name(self, row: Owned) -> str | None:
        """Its name, or its id where it was deleted."""
        return getattr(row, "client_name_", None) or row.client_id or None

    @display(description="Channel", ordering="channel_id", empty_value="none yet")
    def channel_name(self, row: Any) -> str | None:
        """Its name, or its id where it was deleted."""
        if row.channel_id == NOBODY:
            return None
        return getattr(row, "channel_name_", None) or f"deleted channel {row.channel_id}"
