"""Filters by tenant and client. Their choices are control data: looking for names among millions of sums is slow."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from tenants.admin.asking import acting_user
from tenants.models.clients import OAuthClient
from tenants.models.tenants import Tenant


class TenantFilter(SimpleListFilter):
    """All tenants, by the slug that records name them by."""

    title = "tenant"
    parameter_name = "tenant__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Slugs and names."""
        return list(Tenant.objects.visible_to(acting_user(request)).values_list("slug", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen tenant."""
        return queryset.filter(tenant=self.value()) if self.value() else queryset


class ClientFilter(SimpleListFilter):
    """The clients of the tenant that was chosen."""

    title = "client"
    parameter_name = "client__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Ids and names; none as long as no tenant was chosen, which hides the filter."""
        tenant = request.GET.get(TenantFilter.parameter_name)
        clients = OAuthClient.objects.visible_to(acting_user(request)).filter(tenant__slug=tenant)
        return list(clients.values_list("client_id", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen client."""
        return queryset.filter(client=self.value()) if self.value() else queryset
