"""The admin, under Unfold, for administrators alone: staff who are none would see every tenant's figures."""

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import sites
from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite


class AdministratorSite(UnfoldAdminSite):
    """All pages of the admin, the first one and the counts beside them included."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether an administrator asks: whatever the site shows is every tenant's."""
        return bool(super().has_permission(request) and getattr(request.user, "is_superuser", False))


class UnfoldConfig(AppConfig):
    """Unfold, which puts its own site in place of Django's; this one puts ours there."""

    name = "unfold"

    def ready(self) -> None:
        """Set the site before any page is registered."""
        admin.site = sites.site = AdministratorSite()
