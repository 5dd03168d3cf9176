"""What the fields of records may hold: no more than the database takes. Looked at when a record is read."""

from typing import Annotated
from uuid import UUID

import msgspec

from relay.models.rollups import LONGEST_CLIENT_ID, LONGEST_NAME, NOBODY

FORM = 2  # of records; those of another form are left alone
WITHOUT_NUL = r"^[^\x00]*\Z"  # which PostgreSQL takes in no text
Name = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME, pattern=WITHOUT_NUL)]
ClientId = Annotated[str, msgspec.Meta(max_length=LONGEST_CLIENT_ID, pattern=WITHOUT_NUL)]
# A UUID as text; empty before a token was read.
Id = Annotated[str, msgspec.Meta(pattern=rf"^(?!{NOBODY})(?:[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})?\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**47)]  # a day of 10 Gbit/s; 65,536 of them fit into a sum
UnixSeconds = Annotated[float, msgspec.Meta(ge=0, lt=2**32)]


def refuse_half_owners(tenant_id: str, client_id: str) -> None:
    """Refuse a client of no tenant, and a tenant without a client: what is counted is a client's or nobody's.

    Raises:
        ValueError: it is neither.
    """
    if bool(tenant_id) != bool(client_id):
        raise ValueError("tenant_id and client_id must both be set, or neither")


def uuid_of(text: str) -> UUID:
    """The id as the database has it."""
    return UUID(text) if text else NOBODY
