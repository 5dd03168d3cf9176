from controlplane.environment import parse_credential_keys, parse_signing_key
from controlplane.generate_keys import as_variables


def test_what_it_prints_can_be_used_as_it_is():
    variables = dict(line.split("=", 1) for line in as_variables().splitlines())

    assert len(variables["SECRET_KEY"]) >= 50
    assert parse_credential_keys(variables["FLOODGATE_CREDENTIAL_KEYS"])
    assert parse_signing_key(variables["FLOODGATE_SIGNING_KEY"])


def test_no_two_runs_print_the_same():
    assert not set(as_variables().splitlines()) & set(as_variables().splitlines())
