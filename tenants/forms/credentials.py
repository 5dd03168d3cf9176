"""How a credential is entered: whole or not at all, with the address that it is for, and never filled in."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from tenants.encryption import (
    LONGEST_PART,
    CredentialBoundElsewhere,
    CredentialSecret,
    CredentialUnusable,
    decrypt_credential,
)
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import CredentialState, PlatformCredential

PARTS = ("client_id", "client_secret", "access_key_id", "access_key_secret")
ADDRESSES = ("platform", "region", "token_url", "socket_url")  # what decides the hosts that a credential goes to
STATE_COLOURS = {
    CredentialState.STORED.value: "success",
    CredentialState.MISSING.value: "warning",
    CredentialState.BOUND_ELSEWHERE.value: "danger",
    CredentialState.UNREADABLE.value: "danger",
}


class CredentialFields(forms.Form):
    """Takes a credential whole or not at all; fills in nothing that was stored."""

    client_id = forms.CharField(
        required=False,
        max_length=LONGEST_PART,
        label="Client ID",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Of the OAuth client that the platform's administrator made for Floodgate.",
    )
    client_secret = forms.CharField(
        required=False,
        max_length=LONGEST_PART,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="The platform shows it once.",
    )
    access_key_id = forms.CharField(
        required=False,
        max_length=LONGEST_PART,
        label="Access key ID",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="CXone only: back ends log in with an access key besides. Genesys: leave both empty.",
    )
    access_key_secret = forms.CharField(
        required=False,
        max_length=LONGEST_PART,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse half a credential, and half an access key."""
        super().clean()
        entered = {name for name in PARTS if self.cleaned_data.get(name)}
        for name in ("client_id", "client_secret"):
            if entered and name not in entered and name not in self.errors:
                self.add_error(name, "A credential needs both client ID and secret.")
        if ("access_key_id" in entered) != ("access_key_secret" in entered):
            self.add_error("access_key_id", "An access key needs both ID and secret.")
        return self.cleaned_data


class CredentialForm(CredentialFields):
    """Takes a credential whole."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Ask for id and secret in any case."""
        super().__init__(*arguments, **options)
        self.fields["client_id"].required = self.fields["client_secret"].required = True

    def entered(self) -> CredentialSecret:
        """The credential that was entered."""
        return CredentialSecret(**self.cleaned_data)


class AddressesAskForCredential(CredentialFields):
    """Mixed into the form of a platform connection: a changed host asks for the credential in the same step."""

    instance: PlatformConnection

    def clean(self) -> dict[str, Any]:
        """Ask for the credential where it was entered for other hosts than the form's."""
        super().clean()
        if set(ADDRESSES) & set(self.changed_data) and not self.cleaned_data.get("client_id"):
            credentials = list(self.instance.credentials.all())
            if len(credentials) == 1:  # several are entered on their own pages
                self._ask_for(credentials[0])
        return self.cleaned_data

    def _ask_for(self, credential: PlatformCredential) -> None:
        try:
            decrypt_credential(credential.encrypted_secret, self._leads_to())
        except CredentialBoundElsewhere as elsewhere:
            self.add_error("client_id", str(elsewhere))
        except CredentialUnusable:
            pass  # there is none to lose, or the address has an error of its own

    def _leads_to(self) -> tuple[str, str]:
        changed = {name: self.cleaned_data.get(name, getattr(self.instance, name)) for name in ADDRESSES}
        return PlatformConnection(**changed).leads_to


def taken_from(values: dict[str, Any]) -> CredentialSecret | None:
    """The credential that a form's values have, if any, taken out of them."""
    parts = {name: values.pop(name, "") for name in PARTS}
    return CredentialSecret(**parts) if parts["client_id"] else None
