"""Names the app for Django."""

from django.apps import AppConfig


class RelayConfig(AppConfig):
    """What relay processes counted, rolled up."""

    name = "relay"
    verbose_name = "Telemetry"
