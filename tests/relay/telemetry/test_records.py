import msgspec
import pytest

from relay.telemetry.records import FlowRecord, HandshakeRecord, TelemetryRecord
from relay.telemetry.throttles import ThrottleRecord
from tests.relay.counted import BILLING, TENANT_ID, WHOSE, flow, record

FLOW = (*WHOSE, BILLING, "to_platform")
NOBODYS = "00000000-0000-0000-0000-000000000000"


def test_a_record_is_read_as_it_was_written():
    one = record(7, 3, accepted=1)

    assert msgspec.json.decode(msgspec.json.encode(one), type=TelemetryRecord) == one


def test_a_record_says_its_form():
    assert msgspec.json.decode(msgspec.json.encode(record()))["form"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"worker": ""},
        {"worker": "x" * 65},
        {"worker": "a\0"},
        {"sequence": 0},
        {"ended_at": -1.0},
        {"ended_at": 1e12},
        {"handshakes": [HandshakeRecord(TENANT_ID, "x" * 256, "accepted", 1)]},
        {"handshakes": [HandshakeRecord(*WHOSE, "x" * 101, 1)]},
        {"handshakes": [HandshakeRecord(*WHOSE, "a\0", 1)]},
        {"handshakes": [HandshakeRecord(TENANT_ID, "crm\0sync", "accepted", 1)]},
        {"handshakes": [HandshakeRecord(*WHOSE, "accepted", -1)]},
        {"handshakes": [HandshakeRecord(*WHOSE, "accepted", 2**63)]},
        {"handshakes": [HandshakeRecord("acme", "crm-sync", "accepted", 1)]},
        {"handshakes": [HandshakeRecord(NOBODYS, "crm-sync", "accepted", 1)]},
        {"handshakes": [HandshakeRecord(f"{TENANT_ID}\n", "crm-sync", "accepted", 1)]},
        {"flows": [FlowRecord(*FLOW, 1, 1, 0, 0, 0, [1])]},
        {"flows": [msgspec.structs.replace(flow(1), channel_id="billing")]},
        {"throttles": [ThrottleRecord(*WHOSE, BILLING, "p1", 1, "a\0", 0.0, 0.0, 1, 0, 0, 0)]},
    ],
)
def test_what_the_database_would_refuse_cannot_be_read(wrong):
    fields = {"worker": "7-ab", "sequence": 1, "ended_at": 1_700_000_000.5, "flows": [], "handshakes": []}
    encoded = msgspec.json.encode(TelemetryRecord(**fields | wrong))

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(encoded, type=TelemetryRecord)


@pytest.mark.parametrize("row", [[TENANT_ID, "", "accepted", 1], ["", "crm-sync", "accepted", 1]])
def test_what_is_neither_a_clients_nor_nobodys_cannot_be_read(row):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(row), type=HandshakeRecord)
