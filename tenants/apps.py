"""Names the app for Django."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Control data: tenants, members, OAuth clients, platform connections, channels, throttle policies."""

    name = "tenants"
    verbose_name = "Control data"
