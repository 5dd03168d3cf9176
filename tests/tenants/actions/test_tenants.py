import pytest
from django.core.exceptions import ValidationError

from tenants.actions import tenants
from tests.tenants.factories import PolicyFactory

pytestmark = pytest.mark.django_db


def test_a_new_tenant_is_active(root):
    assert tenants.create_tenant(name="Acme", slug="acme", acting_user=root).is_active


@pytest.mark.parametrize("slug", ["", "Acme", "ac me", "ac_me", "a" * 65, "ä"])
def test_a_slug_that_fits_no_address_is_refused(slug, root):
    with pytest.raises(ValidationError) as refusal:
        tenants.create_tenant(name="Acme", slug=slug, acting_user=root)

    assert "slug" in refusal.value.message_dict


@pytest.mark.parametrize("slug", ["a", "a" * 64, "7-eleven"])
def test_a_slug_may_have_one_to_64_characters(slug, root):
    tenants.create_tenant(name="Acme", slug=slug, acting_user=root)


@pytest.mark.parametrize(("name", "slug"), [("Acme", "other"), ("Other", "acme")])
def test_name_and_slug_are_each_taken_once(name, slug, acme, root):
    with pytest.raises(ValidationError):
        tenants.create_tenant(name=name, slug=slug, acting_user=root)


def test_suspending_and_resuming_is_told_to_relays_and_logged(acme, root, announced, audit_entries):
    assert announced(tenants.suspend_tenant, acme, acting_user=root) == [str(acme.pk)]
    assert announced(tenants.resume_tenant, acme, acting_user=root) == [str(acme.pk)] * 2

    assert audit_entries("tenant_suspended")[0].changes == {"is_active": ["True", "False"]}
    assert audit_entries("tenant_resumed")[0].changes == {"is_active": ["False", "True"]}


def test_shared_limits_can_be_set(acme, root, announced):
    policy = PolicyFactory.create(tenant=acme)

    assert announced(tenants.change_tenant, acme, {"throttle_policy": policy}, acting_user=root) == [str(acme.pk)]

    acme.refresh_from_db()
    assert acme.throttle_policy == policy


def test_a_change_does_not_suspend(acme, root):
    with pytest.raises(TypeError, match="is_active"):
        tenants.change_tenant(acme, {"is_active": False}, acting_user=root)
