"""Whose a row is. Rows name tenants and clients as records do; people know clients by their names."""

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.decorators import display

from relay.models.episodes import ThrottleEpisode
from relay.models.rollups import Rollup
from tenants.admin.pages import ActionPages
from tenants.models.clients import OAuthClient

WHOSE = "whose", "client_name"  # in lists and on pages
Owned = Rollup | ThrottleEpisode


class OwnedPages(ActionPages):
    """Pages of rows that belong to a tenant's client, or to nobody as long as no token was read."""

    has_history = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Owned]:
        """With the name of each row's client, if it still exists."""
        names = OAuthClient.objects.filter(client_id=OuterRef("client")).values("name")
        rows: QuerySet[Owned] = super().get_queryset(request).annotate(client_name_=Subquery(names[:1]))
        return rows

    @display(description="Tenant", ordering="tenant", empty_value="nobody yet")
    def whose(self, row: Owned) -> str | None:
        """The tenant's slug; before a token is read there is none."""
        return row.tenant or None

    @display(description="Client", ordering="client", empty_value="nobody yet")
    def client_name(self, row: Owned) -> str | None:
        """Its name, or its id where it was deleted."""
        return getattr(row, "client_name_", None) or row.client or None
