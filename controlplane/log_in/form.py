"""The admin's log-in form: it lets in administrators, and tells others that it does not."""

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from tenants.models.members import User

NO_ADMINISTRATOR = "The password is right, but only administrators can log in here yet."


class AdministratorForm(AuthenticationForm):
    """Name and password of an administrator."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "Wrong username or password. Capital and small letters differ in both.",
    }

    def confirm_login_allowed(self, user: User) -> None:
        """Refuse whose password was right and who may not come in all the same.

        Raises:
            ValidationError: the account is off, or no administrator's.
        """
        super().confirm_login_allowed(user)
        if not user.is_superuser:
            raise ValidationError(NO_ADMINISTRATOR, code="no_administrator")
