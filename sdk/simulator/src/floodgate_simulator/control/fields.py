"""Reading a control request's JSON: every field known, every type right, else a sentence that says what is."""

import json
from collections.abc import Mapping

from aiohttp import web

_TYPE_NAMES: Mapping[type | tuple[type, ...], str] = {
    str: "a text",
    int: "a whole number",
    (int, float): "a number",
    bool: "true or false",
    dict: "an object",
    object: "anything",
}
FieldTypes = Mapping[str, type | tuple[type, ...]]


async def read_fields(request: web.Request, types: FieldTypes, required: tuple[str, ...] = ()) -> dict[str, object]:
    """The fields of the body, without those that are null; an empty body has none.

    Raises:
        ValueError: not a JSON object, or a field that is unknown, missing or of a wrong type.
    """
    text = await request.text()
    try:
        fields = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"The body is not JSON: {problem}.") from None
    if not isinstance(fields, dict):
        raise ValueError("The body must be a JSON object.")
    given = {name: value for name, value in fields.items() if value is not None}
    for name, value in given.items():
        _require_known(name, value, types)
    for name in required:
        if name not in given:
            raise ValueError(f"Field {name!r} is missing. Required: {', '.join(required)}.")
    return given


def _require_known(name: str, value: object, types: FieldTypes) -> None:
    if name not in types:
        raise ValueError(f"Field {name!r} is unknown. Allowed: {', '.join(types)}.")
    allowed = types[name]
    # True is an int to Python, but no number to anyone else.
    is_number_asked = allowed in (int, (int, float))
    if not isinstance(value, allowed) or (isinstance(value, bool) and is_number_asked):
        raise ValueError(f"Field {name!r} is {value!r}, but must be {_TYPE_NAMES[allowed]}.")
