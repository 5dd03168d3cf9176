"""What a scope may look like (RFC 6749, section 3.3), for clients and channels alike."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

SCOPE_PATTERN = r"^[!#-\[\]-~]{1,100}\Z"
SCOPE_RULE = "A scope has no blanks, quotes or backslashes, such as webchat:send."
MOST_SCOPES = 50

_require_scope = RegexValidator(SCOPE_PATTERN, SCOPE_RULE)


def validate_scopes(scopes: str) -> None:
    """Refuse a list of scopes that a token could not carry.

    Raises:
        ValidationError: with what is allowed.
    """
    names = scopes.split()
    if len(names) > MOST_SCOPES:
        raise ValidationError(f"These are {len(names)} scopes; {MOST_SCOPES} is the most.")
    for name in names:
        _require_scope(name)
