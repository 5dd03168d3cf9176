"""Filters by tenant and client. Their choices are control data: looking for names among millions of sums is slow."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from relay.models.rollups import Granularity
from tenants.admin.asking import acting_user
from tenants.models.clients import OAuthClient
from tenants.models.tenants import Tenant


class TenantFilter(SimpleListFilter):
    """All tenants, by id."""

    title = "tenant"
    parameter_name = "tenant_id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Ids and names."""
        tenants = Tenant.objects.visible_to(acting_user(request)).values_list("pk", "name")
        return [(str(tenant_id), name) for tenant_id, name in tenants]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen tenant."""
        if not self.value():
            return queryset
        tenant_id = uuid_or_none(self.value())
        return queryset.filter(tenant_id=tenant_id) if tenant_id else queryset.none()


class ClientFilter(SimpleListFilter):
    """The clients of the tenant that was chosen."""

    title = "client"
    parameter_name = "client_id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Ids and names; none as long as no tenant was chosen, which hides the filter."""
        tenant_id = uuid_or_none(request.GET.get(TenantFilter.parameter_name))
        clients = OAuthClient.objects.visible_to(acting_user(request)).filter(tenant=tenant_id)
        return list(clients.values_list("client_id", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen client."""
        return queryset.filter(client_id=self.value()) if self.value() else queryset


class GranularityFilter(SimpleListFilter):
    """Minutes, unless hours or days were chosen: all in one list would count everything three times."""

    title = "period"
    parameter_name = "granularity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """How long a period may be."""
        return [(granularity.value, granularity.label) for granularity in Granularity]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """One of them is chosen always."""
        for value, label in self.lookup_choices:
            chosen = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": value == self._chosen, "query_string": chosen, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen length; none where an address asks for another."""
        return queryset.filter(granularity=self._chosen)

    @property
    def _chosen(self) -> str:
        return self.value() or Granularity.MINUTE.value


def uuid_or_none(text: str | None) -> UUID | None:
    """The id in an address; none where it is no id."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
