"""Makes rows for tests: name only what matters to the test. Secrets of clients are ``SECRET``."""

import factory
from django.contrib.auth.hashers import make_password
from factory.django import DjangoModelFactory

from tenants.encryption import CredentialSecret, decrypt_credential, encrypt_credential
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.members import Member, User
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import PlatformCredential
from tenants.models.policies import PolicyVersion, ThrottlePolicy
from tenants.models.tenants import Tenant
from tenants.models.zones import ThrottleZone

SECRET = "fgs_for_tests_only"  # noqa: S105 - guards nothing
CREDENTIAL = CredentialSecret(client_id="platform-id", client_secret="canary-platform-secret")  # noqa: S106 - guards nothing


class TenantFactory(DjangoModelFactory[Tenant]):
    """A tenant with a name of its own."""

    class Meta:
        model = Tenant

    name = factory.Sequence(lambda number: f"Tenant {number}")
    slug = factory.Sequence(lambda number: f"tenant-{number}")


class UserFactory(DjangoModelFactory[User]):
    """A person who can't log in by password; tests use force_login."""

    class Meta:
        model = User

    username = factory.Sequence(lambda number: f"person{number}")
    email = factory.LazyAttribute(lambda person: f"{person.username}@example.com")
    password = factory.LazyFunction(lambda: make_password(None))


class MemberFactory(DjangoModelFactory[Member]):
    """An owner."""

    class Meta:
        model = Member

    user = factory.SubFactory(UserFactory)
    tenant = factory.SubFactory(TenantFactory)
    role = Member.Role.OWNER


class PlatformConnectionFactory(DjangoModelFactory[PlatformConnection]):
    """An account on Genesys, with a credential of the name Main."""

    class Meta:
        model = PlatformConnection
        skip_postgeneration_save = True

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda number: f"Genesys {number}")
    platform = "genesys"
    region = "mypurecloud.ie"
    credential = factory.RelatedFactory("tests.tenants.factories.CredentialFactory", "platform_connection")


class CredentialFactory(DjangoModelFactory[PlatformCredential]):
    """``CREDENTIAL``, as somebody entered it for where its platform connection leads."""

    class Meta:
        model = PlatformCredential

    name = "Main"
    platform_connection = factory.SubFactory(PlatformConnectionFactory, credential=None)
    tenant = factory.SelfAttribute("platform_connection.tenant")
    encrypted_secret = factory.LazyAttribute(
        lambda fields: encrypt_credential(CREDENTIAL, fields.platform_connection.leads_to)
    )


def secret_of(connection: PlatformConnection) -> CredentialSecret:
    """The secret of the only credential of a platform connection."""
    return decrypt_credential(connection.credentials.get().encrypted_secret, connection.leads_to)


class ChannelFactory(DjangoModelFactory[Channel]):
    """A channel without a scope."""

    class Meta:
        model = Channel

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda number: f"channel-{number}")
    platform_connection = factory.SubFactory(PlatformConnectionFactory, tenant=factory.SelfAttribute("..tenant"))


class ClientFactory(DjangoModelFactory[OAuthClient]):
    """A client whose secret is ``SECRET``."""

    class Meta:
        model = OAuthClient

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda number: f"Client {number}")
    client_type = OAuthClient.CLIENT_CONFIDENTIAL
    authorization_grant_type = OAuthClient.GRANT_CLIENT_CREDENTIALS
    client_secret = factory.LazyFunction(lambda: make_password(SECRET, hasher="generated_sha256"))


class PolicyFactory(DjangoModelFactory[ThrottlePolicy]):
    """A policy without versions."""

    class Meta:
        model = ThrottlePolicy

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda number: f"Policy {number}")


class DraftFactory(DjangoModelFactory[PolicyVersion]):
    """A draft without zones."""

    class Meta:
        model = PolicyVersion

    policy = factory.SubFactory(PolicyFactory)
    number = factory.Sequence(lambda number: number + 1)


class ZoneFactory(DjangoModelFactory[ThrottleZone]):
    """100 messages a second of each client."""

    class Meta:
        model = ThrottleZone

    version = factory.SubFactory(DraftFactory)
    name = "client"
    permits = 100
