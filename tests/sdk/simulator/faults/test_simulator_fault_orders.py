"""The control API's faults: what may be ordered, what is refused with a sentence, and what can be seen and deleted."""

import pytest
from floodgate_simulator.faults.fault import Fault

pytestmark = pytest.mark.asyncio
CLOSE = Fault(kind="close")


async def order(caller, **fields):
    return await caller.post("/control/faults", json=fields)


async def test_an_order_answers_201_with_an_id(caller):
    first = await order(caller, kind="status", target="token")
    second = await order(caller, kind="close")

    assert (first.status, second.status) == (201, 201)
    assert (first.told, second.told) == ({"id": 1}, {"id": 2})


async def test_a_fault_shows_its_order_and_its_state(caller):
    await order(caller, kind="status", target="token", status=503, count=2, credential="demo-genesys")
    await caller.ask_token()

    assert (await caller.get("/control/faults/1")).told == {
        "id": 1,
        "active": True,
        "left": 1,
        "struck": 1,
        "kind": "status",
        "target": "token",
        "status": 503,
        "headers": {},
        "body": None,
        "code": 1008,
        "reason": None,
        "seconds": None,
        "count": 2,
        "credential": "demo-genesys",
    }


async def test_all_faults_are_listed_oldest_first_and_can_be_deleted_one_by_one(caller):
    for target in ("token", "handshake", "api"):
        await order(caller, kind="hang", target=target)

    deleted = await caller.call("DELETE", "/control/faults/2")

    assert deleted.told == {"deleted": 1}
    assert [fault["id"] for fault in (await caller.get("/control/faults")).told] == [1, 3]


async def test_all_faults_can_be_deleted_at_once(caller):
    for target in ("token", "handshake"):
        await order(caller, kind="hang", target=target)

    assert (await caller.call("DELETE", "/control/faults")).told == {"deleted": 2}
    assert (await caller.get("/control/faults")).told == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("fault_id", ["7", "seven", "9" * 5000])
async def test_a_fault_that_does_not_exist_is_404(caller, method, fault_id):
    response = await caller.call(method, f"/control/faults/{fault_id}")

    assert response.status == 404
    assert response.told == {"error": f"Fault {fault_id} does not exist."}


async def test_of_two_faults_that_fit_the_older_strikes_first(caller):
    await order(caller, kind="status", target="token", status=500, count=1)
    await order(caller, kind="status", target="token", status=503, count=1)

    assert [(await caller.ask_token()).status for _ in range(3)] == [500, 503, 200]


@pytest.mark.parametrize("body", ["{", "[]", '"hang"', '{"kind": "hang"'])
async def test_what_is_no_json_object_is_400(caller, body):
    response = await caller.post("/control/faults", data=body)

    assert response.status == 400
    assert "JSON" in response.told["error"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Field 'kind' is missing. Required: kind."),
        ({"kind": "explode"}, "kind is 'explode', but must be one of: status, revoke, close, hang, slow_read, refuse."),
        ({"kind": 7}, "Field 'kind' is 7, but must be a text."),
        ({"kind": "status"}, "target of status is None, but must be one of: token, handshake, message, api."),
        ({"kind": "refuse", "target": "message"}, "target of refuse is 'message', but must be one of:"),
        ({"kind": "close", "target": "token"}, "target of close is 'token', but must be one of: none, handshake"),
        ({"kind": "slow_read", "target": "api"}, "target of slow_read is 'api', but must be one of: none, message."),
        ({"kind": "close", "delay": 3}, "Field 'delay' is unknown. Allowed: kind, target, status, headers, body,"),
        ({"kind": "close", "code": 999}, "code is 999, but must be"),
        ({"kind": "close", "code": 1004}, "code is 1004, but must be"),
        ({"kind": "close", "code": True}, "Field 'code' is True, but must be a whole number."),
        ({"kind": "close", "reason": "ü" * 62}, "reason is longer than 123 bytes"),
        ({"kind": "hang", "target": "api", "seconds": -1}, "seconds is -1, but must be 0 or more."),
        ({"kind": "hang", "target": "api", "seconds": "3"}, "Field 'seconds' is '3', but must be a number."),
        ({"kind": "hang", "target": "api", "count": 0}, "count is 0, but must be 1 or more"),
        ({"kind": "status", "target": "api", "status": 99}, "status is 99, but must lie between 200 and 599."),
        ({"kind": "status", "target": "api", "headers": []}, "Field 'headers' is [], but must be an object."),
    ],
)
async def test_a_fault_that_cannot_be_is_400_with_a_sentence(caller, fields, sentence):
    response = await order(caller, **fields)

    assert response.status == 400
    assert response.told["error"].startswith(sentence)
    assert (await caller.get("/control/faults")).told == []


async def test_spent_faults_are_forgotten_after_a_thousand(caller):
    for _ in range(1001):
        caller.simulator.simulation.order(CLOSE)

    listed = (await caller.get("/control/faults")).told

    assert (len(listed), listed[0]["id"]) == (1000, 2)
