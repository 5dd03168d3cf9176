"""Sets fields of a row with validation, and tells what was different. The actions say which fields those may be."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


def locked(rows: models.Manager[Row], row: Row) -> Row:
    """The row as it stands in the database, kept from others for the rest of the transaction."""
    return rows.select_for_update(of=("self",)).get(pk=row.pk)


def change_fields(row: models.Model, values: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    """Set ``values`` on a locked row, validate and store it; many-to-many fields take any iterable of rows.

    Returns:
        Each field that differs, with old and new value as text.

    Raises:
        ValidationError: the row makes no sense with them; nothing is stored.
    """
    before = {field: as_text(row, field) for field in values}
    sets = {field: value for field, value in values.items() if isinstance(getattr(row, field, None), models.Manager)}
    for field, value in values.items():
        if field not in sets:
            setattr(row, field, value)
    row.full_clean()
    row.save()
    for field, value in sets.items():
        getattr(row, field).set(value)
    after = {field: as_text(row, field) for field in values}
    return {field: (before[field], after[field]) for field in values if before[field] != after[field]}


def refuse_other_fields(values: Iterable[str], fields: type) -> None:
    """Guard an action against fields that its ``fields``, a typed dictionary, does not name.

    Raises:
        TypeError: a field is not allowed: a mistake in the calling code.
    """
    others = sorted(set(values) - set(fields.__annotations__))
    if others:
        raise TypeError(f"This action does not change {', '.join(others)}.")


def as_text(row: models.Model, field: str) -> str:
    """What a field says, for people; of many rows, their names in order."""
    value = getattr(row, field, None)
    if isinstance(value, models.Manager):
        return ", ".join(sorted(str(related) for related in value.all()))
    if isinstance(value, int) and hasattr(row, f"get_{field}_display"):  # a number that stands for a word
        return str(getattr(row, f"get_{field}_display")())
    return "" if value is None else str(value)
