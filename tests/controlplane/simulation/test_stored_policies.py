import pytest

from controlplane.simulation.faults import PolicyFaults
from controlplane.simulation.stored_policies import find_stored_policy
from relay.throttle.policy import ZonePolicy
from tenants.actions.policies import create_draft, create_policy, publish_version, set_zones

pytestmark = pytest.mark.django_db

ZONE = ZonePolicy(name="client", permits=10)


@pytest.fixture
def policy(redis, acme, alice):
    """A policy whose first version is published and whose second is a draft."""
    policy = create_policy(acme, name="Order events", acting_user=alice)
    for note in ("first", "second"):
        draft = set_zones(create_draft(policy, note=note, acting_user=alice), [ZONE], acting_user=alice)
        if note == "first":
            publish_version(draft, acting_user=alice)
    return policy


@pytest.mark.parametrize("form", ["{0.id}", "acme/{0.name}", "{0.id}@1", "acme/{0.name}@1"])
def test_a_policy_is_found_by_id_or_name_in_its_published_version(policy, form):
    found = find_stored_policy(form.format(policy))

    assert (found.policy_id, found.version, found.zones) == (f"{policy.tenant.slug}/{policy.name}", 1, (ZONE,))


def test_a_draft_is_found_by_its_number(policy):
    assert find_stored_policy("acme/Order events@2").version == 2


@pytest.mark.parametrize(
    ("reference", "fault"),
    [
        ("acme/Order events@3", "there is no version 3. There are 1, 2: add one, such as @1."),
        ("acme/Order events@x", "there is no such file or policy."),
        (f"acme/Order events@{'9' * 5000}", "there is no such file or policy."),
        ("umbrella/Order events", "there is no such file or policy."),
        ("policy", "Name a YAML or JSON file, or a stored policy"),
    ],
)
def test_what_is_not_there_is_told(policy, reference, fault):
    with pytest.raises(PolicyFaults) as raised:
        find_stored_policy(reference)

    assert fault in str(raised.value)


def test_a_policy_of_which_nothing_is_published_says_so(acme, alice):
    policy = create_policy(acme, name="New", acting_user=alice)

    with pytest.raises(PolicyFaults, match="no version is published"):
        find_stored_policy(str(policy.id))
