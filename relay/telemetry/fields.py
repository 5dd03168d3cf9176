"""What the fields of records may hold: no more than the database takes. Looked at when a record is read."""

from typing import Annotated

import msgspec

from relay.models.rollups import LONGEST_NAME

Name = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
UnixSeconds = Annotated[float, msgspec.Meta(ge=0, lt=2**32)]
