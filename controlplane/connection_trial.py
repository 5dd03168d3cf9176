"""The button that tries a platform connection, and its page: it needs the relay's way to platforms.

Web asks, with the relay's own code: where only relays may reach platforms, this can fail although relays work.
"""

import asyncio
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import action

from relay.upstream.trial import try_connection
from tenants.admin.asking import Question
from tenants.admin.platform_connections import PlatformConnectionPages
from tenants.snapshots import channel_record, connection_record


class TriedConnectionPages(PlatformConnectionPages):
    """The same pages, with one more button."""

    actions_detail = (*PlatformConnectionPages.actions_detail, "try_it")

    @action(description="Test", url_path="test", icon="network_check")
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then log in to the platform as relays do, and show what came of it."""
        connection = self.row_or_404(request, object_id)
        channel = connection.channels.order_by("name").first()
        if request.method != "POST":
            socket = f", opens a socket to its channel {channel}, and closes it at once" if channel else ""
            consequence = (
                f"With each active credential, web asks the platform for a token{socket}. Nothing is sent, and open"
                " connections stay. What the platform answers is shown here."
            )
            question = Question(f"Test {connection}?", consequence, f"Test {connection}")
            return self.ask(request, connection, question)
        record = connection_record(connection, {})
        tried = asyncio.run(try_connection(record, channel_record(channel, record, {}) if channel else None))
        context: dict[str, Any] = {
            **self.context_of(request, connection),
            "title": f"Test of {connection}",
            "tried": tried,
            "channel": channel,
        }
        return TemplateResponse(request, "admin/connection_trial.html", context)
