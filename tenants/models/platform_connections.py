"""A tenant's account on a contact-center platform, and where that is. Its credentials are rows of their own."""

import ssl
import uuid
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from relay.platforms.addresses import HTTP, WEBSOCKET, AddressRefused, Schemes
from relay.platforms.pem import pem_blocks
from relay.platforms.templates import filled, refuse_other_braces
from relay.store.client_records import Platform
from tenants.models.platform_credentials import CredentialState, PlatformCredential
from tenants.models.visibility import OwnedQuerySet, refuse_other_tenants

# Genesys' regions by their domain: relay/platforms builds hosts such as login.<domain> from it.
GENESYS_REGIONS = (
    ("mypurecloud.com", "us-east-1"),
    ("use2.us-gov-pure.cloud", "us-east-2 (FedRAMP)"),
    ("usw2.pure.cloud", "us-west-2"),
    ("cac1.pure.cloud", "ca-central-1"),
    ("sae1.pure.cloud", "sa-east-1"),
    ("mypurecloud.ie", "eu-west-1"),
    ("euw2.pure.cloud", "eu-west-2"),
    ("mypurecloud.de", "eu-central-1"),
    ("euc2.pure.cloud", "eu-central-2"),
    ("apse1.pure.cloud", "ap-southeast-1"),
    ("mypurecloud.com.au", "ap-southeast-2"),
    ("mypurecloud.jp", "ap-northeast-1"),
    ("apne2.pure.cloud", "ap-northeast-2"),
    ("apne3.pure.cloud", "ap-northeast-3"),
    ("aps1.pure.cloud", "ap-south-1"),
    ("mec1.pure.cloud", "me-central-1"),
    ("mxc1.pure.cloud", "mx-central-1"),
    ("edee1.eusc-pure.cloud", "eusc-de-east-1 (sovereign)"),
)
GENESYS_TOKEN_URL = "https://login.{region}/oauth/token"  # noqa: S105 - an address
GENESYS_SOCKET_URL = "wss://webapis.{region}/v2/websocket/{channel}"
CXONE_DISCOVERY_URL = "https://cxone.niceincontact.com/.well-known/openid-configuration"
EXAMPLE = {"region": "region.example", "tenant": "tenant", "channel": "channel"}
LONGEST_CERTIFICATE = 65_536  # characters: it goes into every client's record
CXONE_SOCKET_URL = "wss://api.nice-incontact.com/realtime/{tenant}/{channel}"


def validate_http_url(address: str) -> None:
    """Refuse an HTTP address where no platform may be. What its host resolves to is judged when it is connected to.

    Raises:
        ValidationError: with what is allowed.
    """
    _refuse_where_no_platform_may_be(address, HTTP)


def _refuse_where_no_platform_may_be(address: str, schemes: Schemes) -> None:
    try:
        settings.PLATFORM_ADDRESSES.endpoint(address, schemes)
    except AddressRefused as refusal:
        raise ValidationError(str(refusal)) from refusal


def validate_socket_template(template: str) -> None:
    """Refuse a template of addresses where no platform may be, or with placeholders that nobody fills.

    Raises:
        ValidationError: with what is allowed.
    """
    try:
        refuse_other_braces(template)
    except AddressRefused as refusal:
        raise ValidationError(str(refusal)) from refusal
    _refuse_where_no_platform_may_be(filled(template, EXAMPLE), WEBSOCKET)
    if "{channel}" not in template:
        raise ValidationError("Write {channel} where the platform's channel belongs.")


class PlatformConnectionQuerySet(OwnedQuerySet["PlatformConnection"]):
    """Questions about platform connections."""


class PlatformConnection(models.Model):
    """A tenant's account on Genesys Cloud CX or NICE CXone."""

    class PlatformName(models.TextChoices):
        """The platforms that Floodgate knows."""

        GENESYS = Platform.GENESYS.value, "Genesys Cloud CX"
        CXONE = Platform.CXONE.value, "NICE CXone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="platform_connections")
    name = models.CharField(max_length=100, help_text="What people call the account, such as Genesys production.")
    platform = models.CharField(max_length=16, choices=PlatformName)
    region = models.CharField(
        max_length=64,
        blank=True,
        choices=GENESYS_REGIONS,
        help_text="Where the Genesys organization lives. CXone has none.",
    )
    token_url = models.CharField(
        "token URL",
        max_length=500,
        blank=True,
        validators=[validate_http_url],
        help_text="Where tokens come from; for CXone, its discovery document. Empty: the platform's own.",
    )
    socket_url = models.CharField(
        "socket URL",
        max_length=500,
        blank=True,
        validators=[validate_socket_template],
        help_text="Where sockets lead, such as wss://host/v2/websocket/{channel}. Empty: the platform's own.",
    )
    platform_tenant = models.CharField(
        max_length=100, blank=True, help_text="The tenant's id on CXone: it stands in the address of its sockets."
    )
    ca_certificate = models.TextField(
        "CA certificate",
        blank=True,
        help_text="PEM of a private authority that signed the platform's certificate. Empty: the system's.",
    )
    is_active = models.BooleanField(default=True, help_text="Without it, no channel leads through this account.")
    throttle_policy = models.ForeignKey(
        "tenants.ThrottlePolicy",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="limited_platform_connections",
        help_text="Limits that all traffic to this account shares.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PlatformConnectionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["tenant__name", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="platform_connection_name_once", fields=["tenant", "name"]),
            models.CheckConstraint(
                name="platform_connection_has_a_known_platform", condition=models.Q(platform__in=["genesys", "cxone"])
            ),
            models.CheckConstraint(
                name="genesys_has_a_region_or_both_addresses",
                condition=~models.Q(platform="genesys")
                | ~models.Q(region="")
                | (~models.Q(token_url="") & ~models.Q(socket_url="")),
                violation_error_message="Choose a region, or enter both addresses.",
            ),
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name

    def clean(self) -> None:
        """Refuse a policy of another tenant, and a certificate that is none.

        Raises:
            ValidationError: with the field at fault.
        """
        refuse_other_tenants(self, self.tenant_id, "throttle_policy")
        if self.is_active:  # whatever is stored can be switched off
            self._refuse_what_the_platform_has_not()
        if len(self.ca_certificate) > LONGEST_CERTIFICATE:
            sentence = (
                f"The certificate is longer than {LONGEST_CERTIFICATE:,} characters. Paste the authority's alone."
            )
            raise ValidationError({"ca_certificate": sentence})
        if self.ca_certificate:
            try:
                ssl.create_default_context(cadata="\n".join(pem_blocks(self.ca_certificate)))
            except (ValueError, TypeError, ssl.SSLError) as error:
                sentence = "This is no certificate. Paste PEM, from -----BEGIN CERTIFICATE----- to the end."
                raise ValidationError({"ca_certificate": sentence}) from error

    def _refuse_what_the_platform_has_not(self) -> None:
        """Refuse a region for CXone, and addresses with a name in them that is not entered.

        Raises:
            ValidationError: with the field at fault.
        """
        if self.platform == Platform.CXONE and self.region:
            raise ValidationError({"region": "These are Genesys' regions. CXone has none: choose nothing here."})
        if not self.region and "{region}" in self.token_url + self.socket_url:
            raise ValidationError({"region": "An address has {region} in it. Choose the region."})
        if "{tenant}" in self.effective_socket_url and not self.platform_tenant:
            sentence = (
                f"Sockets lead to {self.effective_socket_url}. Enter the tenant's id on the platform: it stands there."
            )
            raise ValidationError({"platform_tenant": sentence})

    @property
    def leads_to(self) -> tuple[str, str]:
        """The addresses for whose hosts a credential is entered."""
        return self.effective_token_url, self.effective_socket_url

    @property
    def used_credentials(self) -> list[PlatformCredential]:
        """The credentials that are switched on."""
        return [credential for credential in self.credentials.all() if credential.is_active]

    @property
    def credential_state(self) -> CredentialState:
        """What is to be told of the credentials that are switched on: what is wrong with one, if anything is."""
        states = [credential.state for credential in self.used_credentials]
        wrong = [state for state in states if state is not CredentialState.STORED]
        return wrong[0] if wrong else CredentialState.STORED if states else CredentialState.MISSING

    @property
    def effective_token_url(self) -> str:
        """Where tokens come from: its own address, or the platform's."""
        if self.token_url:
            return self.token_url
        return (
            CXONE_DISCOVERY_URL
            if self.platform == Platform.CXONE
            else filled(GENESYS_TOKEN_URL, {"region": self.region})
        )

    @property
    def effective_socket_url(self) -> str:
        """The template of its sockets' addresses, in which only {tenant} and {channel} are left open."""
        template = self.socket_url or (CXONE_SOCKET_URL if self.platform == Platform.CXONE else GENESYS_SOCKET_URL)
        return filled(template, {"region": self.region})
