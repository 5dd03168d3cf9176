"""Who asks, what a button asks back, and what is shown when an action refuses. Knows no kind of row."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import HttpRequest
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextInputWidget

from relay.throttle.policy import PolicyRefused
from tenants.actions.policies import LONGEST_REASON, VersionImmutable, VersionNotPublishable
from tenants.models.members import User

REFUSALS = (ValidationError, IntegrityError, PolicyRefused, VersionImmutable, VersionNotPublishable)


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks before it does what matters; the button names what it does."""

    title: str
    consequence: str
    button: str
    variant: str = "primary"
    details: tuple[str, ...] = ()

    @property
    def seen(self) -> str:
        """Stands for the details: an answer to a question that has changed meanwhile is no answer."""
        return " | ".join(self.details)


class ReasonForm(forms.Form):
    """Takes a word on why something is done, for the history and the audit log."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Why: it becomes the version's note, and stands in the audit log. Empty: the note stays as it is.",
    )


def ask(
    request: HttpRequest, context: dict[str, Any], question: Question, form: forms.Form | None = None
) -> TemplateResponse:
    """The page that asks, with a form where something must be entered; it posts to its own address."""
    context = {**context, "title": question.title, "question": question, "form": form}
    return TemplateResponse(request, "tenants/admin/question.html", context)


def is_administrator(request: HttpRequest) -> bool:
    """Tell whether an administrator asks."""
    return request.user.is_active and request.user.is_superuser


def acting_user(request: HttpRequest) -> User:
    """Who asks, for the audit log.

    Raises:
        PermissionDenied: it is no administrator.
    """
    if not isinstance(request.user, User) or not is_administrator(request):
        raise PermissionDenied
    return request.user


def tell_refusal(request: HttpRequest, refusal: Exception) -> None:
    """Show why an action refused, in its own words; the database's words never."""
    if isinstance(refusal, ValidationError):
        sentences = refusal.messages
    elif isinstance(refusal, IntegrityError):
        sentences = ["Not done: something refers to it, its name is taken, or it belongs to another tenant."]
    else:
        sentences = [str(refusal)]
    for sentence in sentences:
        messages.error(request, sentence)
