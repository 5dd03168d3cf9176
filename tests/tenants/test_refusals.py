import pytest
from django.urls import reverse

from relay.store import keys
from relay.store.pool import blocking
from tests.tenants.factories import CredentialFactory, PlatformConnectionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(redis, acme):
    """A credential that its platform refused, beside one that it did not."""
    connection = PlatformConnectionFactory.create(tenant=acme, name="Genesys")
    credential = connection.credentials.first() or CredentialFactory.create(platform_connection=connection)
    blocking().hset(keys.refusals(), str(credential.pk), '[1764590000.0, "the token endpoint answered 401"]')
    return credential


@pytest.mark.parametrize("page", ["overview", "connection"])
def test_pages_say_which_credential_the_platform_refuses_when_and_why(page, pages, refused, address):
    path = {"overview": reverse("admin:index"), "connection": address(refused.platform_connection)}[page]

    words = pages.get(path).content.decode()

    assert f"{refused.name}" in words
    assert "2025-12-01 11:53:20 UTC: the token endpoint answered 401" in words


def test_one_that_is_switched_off_is_of_no_interest(pages, refused):
    type(refused).objects.filter(pk=refused.pk).update(is_active=False)

    assert "answered 401" not in pages.get(reverse("admin:index")).content.decode()


def test_without_redis_nothing_is_said(pages, refused, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()

    assert "answered 401" not in pages.get(reverse("admin:index")).content.decode()
    blocking.cache_clear()
