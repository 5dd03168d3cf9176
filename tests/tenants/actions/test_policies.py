from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from relay.throttle.policy import PolicyRefused, StoreAway, ZonePolicy, default_zones
from tenants.actions import policies
from tenants.models.policies import PolicyVersion
from tenants.zone_words import in_words
from tests.tenants.factories import ClientFactory, DraftFactory, PolicyFactory, ZoneFactory

pytestmark = pytest.mark.django_db

CLIENT = ZonePolicy(name="client", permits=100, burst=20, delay=10)
State = PolicyVersion.State


@pytest.fixture
def policy(acme):
    return PolicyFactory.create(tenant=acme)


@pytest.fixture
def draft(policy):
    return ZoneFactory.create(version=DraftFactory.create(policy=policy, number=1)).version


def states(policy):
    return dict(policy.versions.values_list("number", "state"))


def test_a_published_draft_is_in_force_and_says_who_did_it(draft, alice):
    version = policies.publish_version(draft, acting_user=alice)

    assert version.state == State.PUBLISHED
    assert version.published_by == alice
    assert version.published_at is not None


def test_publishing_retires_what_was_in_force(policy, draft, alice):
    policies.publish_version(draft, acting_user=alice)
    following = policies.create_draft(policy, copy_of=draft, acting_user=alice)

    policies.publish_version(following, acting_user=alice)

    assert states(policy) == {1: State.RETIRED, 2: State.PUBLISHED}


def test_relays_are_told_of_a_published_version(acme, draft, alice, announced):
    assert announced(policies.publish_version, draft, acting_user=alice) == [str(acme.pk)]


def test_publishing_is_logged_with_both_numbers(policy, draft, alice, audit_entries):
    policies.publish_version(draft, acting_user=alice)
    policies.roll_back(draft, acting_user=alice)

    assert [entry.changes for entry in audit_entries("policy_published")] == [
        {"version": ["", "1"]},
        {"version": ["1", "2"]},
    ]


def test_the_log_says_of_each_limit_what_it_was_and_is(policy, alice, audit_entries):
    draft = policies.create_draft(policy, acting_user=alice)
    other, changed = replace(CLIENT, name="other"), replace(CLIENT, permits=200)
    policies.set_zones(draft, [CLIENT, other], acting_user=alice)
    policies.set_zones(draft, [changed, other], acting_user=alice)
    policies.set_zones(draft, [other], acting_user=alice)

    assert [entry.changes for entry in audit_entries("draft_changed")] == [
        {"limit client": ["", in_words(CLIENT)], "limit other": ["", in_words(other)]},
        {"limit client": [in_words(CLIENT), in_words(changed)]},
        {"limit client": [in_words(changed), ""]},
    ]


def test_rolling_back_publishes_a_copy_and_says_of_what(policy, draft, alice):
    policies.publish_version(draft, acting_user=alice)
    other = policies.set_zones(policies.create_draft(policy, acting_user=alice), [CLIENT], acting_user=alice)
    policies.publish_version(other, acting_user=alice)

    back = policies.roll_back(draft, acting_user=alice)

    assert back.number == 3
    assert back.note == "Back to version 1"
    assert back.zone_policies() == draft.zone_policies()


def test_a_reason_becomes_the_note_and_the_reason_of_the_entry(draft, alice, audit_entries):
    version = policies.publish_version(draft, acting_user=alice, reason="Genesys asked us to")
    policies.roll_back(version, acting_user=alice, reason="They did not mean it")

    reasons = [entry.additional_data["reason"] for entry in audit_entries("policy_published")]
    assert reasons == ["Genesys asked us to", f"Back to version {draft.number}: They did not mean it"]
    assert list(draft.policy.versions.order_by("number").values_list("note", flat=True)) == reasons


def test_without_a_reason_the_note_is_the_reason(draft, alice, audit_entries):
    draft = policies.set_note(draft, "40 a second", acting_user=alice)

    assert policies.publish_version(draft, acting_user=alice).note == "40 a second"
    assert audit_entries("policy_published")[0].additional_data["reason"] == "40 a second"


@pytest.mark.parametrize("action", [policies.publish_version, policies.roll_back])
def test_a_reason_has_up_to_200_characters(action, draft, alice):
    with pytest.raises(ValidationError, match="200 is the most"):
        action(draft, acting_user=alice, reason="x" * 201)

    assert action(draft, acting_user=alice, reason="x" * 200).note.endswith("x" * 200)


def test_what_happens_without_redis_is_set_on_a_draft_alone(draft, alice):
    draft = policies.set_store_away(draft, StoreAway.LET_PASS, acting_user=alice)
    assert draft.store_away == "let_pass"

    policies.publish_version(draft, acting_user=alice)
    with pytest.raises(policies.VersionImmutable):
        policies.set_store_away(draft, StoreAway.SHARE, acting_user=alice)


def test_a_copy_has_the_same_zones_and_the_next_number(policy, draft, alice):
    strict = ZonePolicy(name="strict", permits=100, burst=20, strict=True)
    policies.set_zones(draft, [*default_zones(), strict], acting_user=alice)
    draft = policies.set_store_away(draft, StoreAway.REFUSE, acting_user=alice)

    copy = policies.create_draft(policy, copy_of=draft, acting_user=alice)

    assert copy.number == 2
    assert copy.zone_policies() == (*default_zones(), strict)
    assert copy.store_away == "refuse"


def test_a_policy_begins_at_number_one(policy, alice):
    assert policies.create_draft(policy, acting_user=alice).number == 1


@pytest.mark.parametrize("state", [State.PUBLISHED, State.RETIRED])
def test_only_a_draft_can_be_published(state, draft, alice):
    policies.publish_version(draft, acting_user=alice)
    if state == State.RETIRED:
        policies.roll_back(draft, acting_user=alice)

    with pytest.raises(policies.VersionNotPublishable, match=f"is {state}"):
        policies.publish_version(draft, acting_user=alice)


def test_a_draft_without_zones_cannot_be_published(policy, alice):
    empty = policies.create_draft(policy, acting_user=alice)

    with pytest.raises(policies.VersionNotPublishable, match="Add one first"):
        policies.publish_version(empty, acting_user=alice)


def test_a_published_version_keeps_its_zones(draft, alice):
    policies.publish_version(draft, acting_user=alice)

    with pytest.raises(policies.VersionImmutable, match="Copy it to a draft"):
        policies.set_zones(draft, [CLIENT], acting_user=alice)
    with pytest.raises(policies.VersionImmutable):
        policies.delete_draft(draft, acting_user=alice)


def test_two_zones_of_a_draft_cannot_share_a_name(draft, alice):
    with pytest.raises(PolicyRefused, match="client"):
        policies.set_zones(draft, [CLIENT, CLIENT], acting_user=alice)

    assert draft.zones.count() == 1


def test_a_draft_can_be_thrown_away(policy, draft, alice):
    policies.delete_draft(draft, acting_user=alice)

    assert not policy.versions.exists()


def test_a_policy_that_was_never_published_can_be_deleted(policy, draft, alice):
    policies.delete_policy(policy, acting_user=alice)

    assert not type(policy).objects.exists()


def test_a_policy_that_was_published_stays(policy, draft, alice):
    policies.publish_version(draft, acting_user=alice)

    with pytest.raises(ValidationError, match="was published"):
        policies.delete_policy(policy, acting_user=alice)


def test_a_policy_that_limits_somebody_stays(policy, acme, alice):
    ClientFactory.create(tenant=acme, throttle_policy=policy)

    with pytest.raises(IntegrityError):
        policies.delete_policy(policy, acting_user=alice)


def test_two_policies_of_a_tenant_cannot_share_a_name(policy, acme, alice):
    with pytest.raises(ValidationError):
        policies.create_policy(acme, name=policy.name, acting_user=alice)


def test_a_policy_can_be_renamed(policy, alice, audit_entries):
    before = policy.name

    policies.rename_policy(policy, name="Web chat", acting_user=alice)

    assert audit_entries("policy_renamed")[0].changes == {"name": [before, "Web chat"]}
