"""Reading a request's body, whatever the client called its type."""

import json
from urllib.parse import parse_qsl

from aiohttp import web


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form or of a JSON object; what is neither has no fields."""
    text = await request.text()
    if request.content_type != "application/json":
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in fields.items()} if isinstance(fields, dict) else {}
