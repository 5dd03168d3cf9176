import stat

import pytest

from controlplane.demonstration.credentials import ClientCredentials, Credentials, load_credentials, store_credentials

KEYS = ["token_url", "relay_url", "operations_url", "portal_url", "admin_url", "simulator_url", "user", "password"]
KEYS += ["owner_user", "owner_password", "clients"]
CLIENT_KEYS = ["name", "tenant", "client_id", "client_secret", "platform", "channel", "path"]
CLIENT_KEYS += ["messages_per_second", "burst", "delay"]
BYTE_KEYS = ["bytes_per_second", "bytes_burst"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_file_has_exactly_the_documented_keys(busy_demo):
    credentials = busy_demo.credentials

    assert list(credentials) == KEYS
    keys = {client["name"]: list(client) for client in credentials["clients"]}
    assert keys.pop("chat-transcripts") == CLIENT_KEYS + BYTE_KEYS
    assert list(keys.values()) == [CLIENT_KEYS] * 5


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_first_client_has_the_documented_limit_and_a_neighbour_in_its_tenant(busy_demo):
    first, *others = busy_demo.credentials["clients"]

    assert (first["platform"], first["path"]) == ("genesys", f"/v2/websocket/{first['channel']}")
    assert (first["messages_per_second"], first["burst"], first["delay"]) == (100, 20, 10)
    assert first["tenant"] in {other["tenant"] for other in others}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nobody_else_may_read_the_file(busy_demo):
    assert stat.S_IMODE((busy_demo.directory / "credentials.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("limit", [{}, {"bytes_per_second": 10_000, "bytes_burst": 20_000}], ids=["messages", "bytes"])
def test_what_was_stored_is_loaded(tmp_path, limit):
    stored = credentials_with(client_secret="fgs_secret", **limit)

    store_credentials(tmp_path / "credentials.json", stored)

    assert load_credentials(tmp_path / "credentials.json") == stored


@pytest.mark.parametrize("text", ["", "{}", "no JSON", '{"clients": 3}'])
def test_a_damaged_file_counts_as_none(tmp_path, text):
    (tmp_path / "credentials.json").write_text(text)

    assert load_credentials(tmp_path / "credentials.json") is None


def test_a_missing_file_counts_as_none(tmp_path):
    assert load_credentials(tmp_path / "credentials.json") is None


def credentials_with(client_secret, **limit):
    client = ClientCredentials(
        name="crm-sync",
        tenant="acme",
        client_id="id",
        client_secret=client_secret,
        platform="genesys",
        channel="crm",
        path="/v2/websocket/crm",
        messages_per_second=100,
        burst=20,
        delay=10,
        **limit,
    )
    texts = {name: name for name in KEYS[:-1]}
    return Credentials(**texts, clients=[client])
