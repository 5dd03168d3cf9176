"""Two people on one form: each form says what it was made from, and stores nothing over what it has not shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

from tenants.actions.changes import as_text

CHANGED_MEANWHILE = (
    "Somebody else changed this since you opened it, so nothing is stored yet. The table above shows what. The form has"
    " your values, and theirs where you changed nothing: save it again to store what it says now."
)
NOT_SAID = "This form does not say what it was made from. Open the page again, and enter your changes there."


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that somebody else changed: as it was when the form was opened, as it is stored now, and yours."""

    label: str
    before: str
    theirs: str
    yours: str


class HiddenNoteField(forms.CharField):
    """Holds what a form has to know of itself; it is no value of the row, so nobody changes it."""

    widget = forms.HiddenInput

    def has_changed(self, _initial: object, _data: object) -> bool:
        """Never."""
        return False


class ChangesOnlyWhatItShowed(forms.Form):
    """Mixed into the form of a stored row: it refuses to store over another's changes before it has shown them.

    The row must be locked while the form is validated and stored.

    Attributes:
        differences: what somebody else changed, once that has been found.
        also_stored: texts by label of what the page stores besides the form's own fields, as they are now.
    """

    instance: Any  # the row, as any model's form has it
    made_from = HiddenNoteField(required=False)
    also_stored: Mapping[str, str] = {}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Note what is stored now."""
        super().__init__(*arguments, **options)
        self.differences: list[Difference] = []
        kinds = self.instance._meta  # noqa: SLF001 - Django documents it
        fields = {field.name for field in (*kinds.fields, *kinds.many_to_many)}
        self._own = [name for name in self.fields if name in fields]
        self._stored = {name: as_text(self.instance, name) for name in self._own}
        self.initial["made_from"] = json.dumps({**self._stored, **self.also_stored})

    def clean(self) -> dict[str, Any]:
        """Look for what somebody else changed.

        Raises:
            ValidationError: somebody did; the form then has theirs where its user changed nothing.
        """
        values = super().clean() or self.cleaned_data
        before = _read(self.data.get(self.add_prefix("made_from"), ""))
        now = {**self._stored, **self.also_stored}
        names = [name for name in {**before, **now} if before.get(name, "") != now.get(name, "")]
        self.differences = [difference for name in names if (difference := self._difference(name, before, now))]
        if names:
            self._show_theirs([name for name in names if name in self._own], before)
        if self.differences:
            raise ValidationError(CHANGED_MEANWHILE)
        return values

    def _difference(self, name: str, before: Mapping[str, str], now: Mapping[str, str]) -> Difference | None:
        """What differs of one field; nothing where both changed it alike."""
        was, theirs = before.get(name, ""), now.get(name, "")
        if name not in self._own:
            return Difference(name, was, theirs, "as below")
        yours = self._entered(name)
        label = str(self.fields[name].label)
        return None if yours == theirs else Difference(label, was, theirs, yours)

    def _entered(self, name: str) -> str:
        """What the form's user wants there, as text."""
        value = self.cleaned_data.get(name)
        if value is None:
            return str(self[name].data or "").replace("\r\n", "\n")
        if isinstance(self.fields[name], forms.ModelMultipleChoiceField):
            return ", ".join(sorted(map(str, value)))
        choices = dict(getattr(self.fields[name], "choices", ()) or ()) if isinstance(value, int) else {}
        return str(choices.get(value, value)).replace("\r\n", "\n")  # as browsers send what was "\n"

    def _show_theirs(self, names: list[str], before: Mapping[str, str]) -> None:
        """Fill in what somebody else stored, where this form's user changed nothing, and note what is known now."""
        data: Any = self.data
        data = data.copy()  # a QueryDict, as forms of the admin have it
        for name in names:
            if self._entered(name) == before.get(name, ""):
                self._fill_in(data, name)
        data[self.add_prefix("made_from")] = str(self.initial["made_from"])
        self.data = data

    def _fill_in(self, data: MultiValueDict[str, Any], name: str) -> None:
        key, stored = self.add_prefix(name), self.initial.get(name)
        if isinstance(stored, list | tuple | set):
            data.setlist(key, [str(getattr(row, "pk", row)) for row in stored])
        elif isinstance(stored, bool):
            data.setlist(key, ["on"] if stored else [])
        else:
            data[key] = "" if stored is None else str(self.fields[name].prepare_value(stored))


def _read(made_from: str) -> dict[str, str]:
    """What a form was made from.

    Raises:
        ValidationError: it does not say so.
    """
    try:
        texts = json.loads(made_from)
    except (ValueError, RecursionError) as error:
        raise ValidationError(NOT_SAID) from error
    if not isinstance(texts, dict):
        raise ValidationError(NOT_SAID)
    return {str(name): str(text) for name, text in texts.items()}
