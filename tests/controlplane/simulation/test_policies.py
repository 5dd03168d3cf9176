import pytest

from controlplane.simulation.faults import PolicyFaults
from controlplane.simulation.policies import also_in_force, read_rules
from relay.throttle.policy import kept_defaults
from tests.controlplane.simulation.written import TEN_A_SECOND, write_policy


def test_policies_hold_together_in_their_order_and_each_once(tmp_path):
    one, other = (write_policy(tmp_path / name) for name in ("one.yaml", "other.yml"))

    assert [policy.policy_id for policy in read_rules([one, other, one]).policies] == [one, other]


def test_of_weights_that_contradict_one_another_the_later_files_hold(tmp_path):
    one = write_policy(tmp_path / "one.yaml", f"{TEN_A_SECOND}clients: {{crm: {{weight: 2}}, chat: {{weight: 4}}}}")
    other = write_policy(tmp_path / "other.yaml", f"{TEN_A_SECOND}clients: {{crm: {{weight: 3}}}}")

    assert read_rules([one, other]).weights == {"crm": 3, "chat": 4}


def test_the_faults_of_all_policies_are_told_at_once(tmp_path):
    wrong = [write_policy(tmp_path / name, "zones: 3") for name in ("one.yaml", "other.json")]

    with pytest.raises(PolicyFaults) as raised:
        read_rules([*wrong, str(tmp_path / "none.yaml")])

    assert len(raised.value.sentences) == 3


def test_defaults_stand_for_the_default_zones_that_the_other_policies_leave_in_force(tmp_path):
    rules = read_rules(["defaults", write_policy(tmp_path / "one.yaml")])

    assert [policy.policy_id for policy in rules.policies][-1] == "defaults"
    assert rules.policies[-1].zones == kept_defaults(rules.policies[0].zones)
    assert also_in_force(rules) == ""


def test_default_zones_that_are_in_force_and_not_simulated_are_named(tmp_path):
    sentence = also_in_force(read_rules([write_policy(tmp_path / "one.yaml")]))

    assert "not simulated: client_handshakes, control_frames, client_connections" in sentence
    assert "--policy defaults" in sentence
