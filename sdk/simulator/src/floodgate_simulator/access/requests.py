"""Who asks for a token: client id and secret from the Basic header or the form, decoded as each platform expects."""

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

BASIC = "basic "


class ClientLogin(NamedTuple):
    """A client id and a secret, not yet compared with anything."""

    client_id: str
    client_secret: str


def client_login(authorization: str, form: Mapping[str, str], *, url_encoded: bool) -> ClientLogin:
    """The login that a token request carries; the header wins over the form. Empty where there is none.

    Args:
        authorization: the Authorization header, or an empty string.
        form: the fields of the body.
        url_encoded: whether id and secret were URL-encoded before base64, as CXone wants it.
    """
    if authorization[: len(BASIC)].lower() != BASIC:
        return ClientLogin(form.get("client_id", ""), form.get("client_secret", ""))
    try:
        decoded = base64.b64decode(authorization[len(BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ClientLogin("", "")
    client_id, _, client_secret = decoded.partition(":")
    if url_encoded:
        return ClientLogin(unquote(client_id), unquote(client_secret))
    return ClientLogin(client_id, client_secret)
