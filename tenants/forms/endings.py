"""A form that would end connections asks before it stores anything, and keeps what was entered meanwhile."""

from copy import copy
from typing import Any

from django import forms

from tenants.forms.conflicts import HiddenNoteField

ASKED = "Nothing is stored yet. Read above what the change ends, tick the box, and save again."


class AnswerField(forms.BooleanField):
    """Takes an answer; it is no value of the row, so nobody changes it."""

    def has_changed(self, _initial: object, _data: object) -> bool:
        """Never."""
        return False


class AsksBeforeItEnds(forms.Form):
    """Mixed into the form of a stored row.

    Attributes:
        endings: what the change would end, in words, once somebody has tried to store it.
    """

    instance: Any  # the row, as any model's form has it
    ends = AnswerField(required=False, label="Yes, do this")
    asked_for = HiddenNoteField(required=False)  # the fields whose changes the answer is about

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Nothing has been asked yet."""
        super().__init__(*arguments, **options)
        self.endings: list[str] = []

    def endings_of(self, _row: Any, _changed: dict[str, Any]) -> list[str]:
        """What new values of a stored row would end, a sentence each. Pages say."""
        return []

    def full_clean(self) -> None:
        """Ask once all else is right, unless that was done."""
        stored = copy(self.instance)  # validation writes the new values into the row
        super().full_clean()
        if not self.is_bound or self.errors:
            return
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        self.endings = self.endings_of(stored, changed)
        is_answered = self.cleaned_data["ends"] and set(changed) <= set(self.cleaned_data["asked_for"].split())
        if self.endings and not is_answered:
            self._show_question(changed)
            self.add_error(None, ASKED)

    def _show_question(self, changed: dict[str, Any]) -> None:
        """Show the box unticked: what was answered before was another question."""
        data: Any = self.data
        data = data.copy()  # a QueryDict, as forms of the admin have it
        data.pop(self.add_prefix("ends"), None)
        data[self.add_prefix("asked_for")] = " ".join(changed)
        self.data = data
