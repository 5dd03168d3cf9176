import asyncio
import time

import pytest
import redis.exceptions

from relay.store import keys
from relay.store.breaker import Breakers, CircuitOpen
from relay.store.pool import StoreUnavailable, on_loop
from tests.relay.eventually import eventually

pytestmark = pytest.mark.asyncio


async def answers():
    """A node that answers."""
    return "answer"


async def is_silent():
    """A node that does not."""
    raise redis.TimeoutError


async def refuses():
    """A node that answers, but does not do it."""
    raise redis.exceptions.ReadOnlyError


class Node:
    """Answers or not, and counts how often it was asked."""

    def __init__(self):
        self.is_away, self.asked = False, 0

    async def ask(self):
        """Be asked."""
        self.asked += 1
        if self.is_away:
            raise redis.ConnectionError
        return self.asked


async def opened(breakers, node, name="a"):
    """Have the circuit of a node open."""
    node.is_away = True
    with pytest.raises(redis.ConnectionError):
        await breakers.guard(name, node.ask, node.ask)
    await eventually(lambda: not breakers.are_closed)


async def test_what_is_asked_is_answered():
    assert await Breakers().guard("a", answers, answers) == "answer"


async def test_while_redis_is_away_nobody_asks_but_one_now_and_then(caplog):
    breakers, node = Breakers(), Node()
    await opened(breakers, node)
    began, asked = time.monotonic(), node.asked
    for _ in range(1000):
        with pytest.raises(CircuitOpen):
            await breakers.guard("a", node.ask, node.ask)

    assert node.asked <= asked + 1 + 10 * (time.monotonic() - began)
    await breakers.aclose()
    assert caplog.text.count("redis_away") == 1


async def test_once_it_answers_all_may_ask_again():
    breakers, node = Breakers(), Node()
    await opened(breakers, node)

    node.is_away = False
    await eventually(lambda: breakers.are_closed)

    assert await breakers.guard("a", node.ask, node.ask)


async def test_one_connection_that_broke_opens_nothing(caplog):
    breakers = Breakers()
    with pytest.raises(redis.TimeoutError):
        await breakers.guard("a", is_silent, answers)
    assert await breakers.guard("a", answers, answers) == "answer"
    await breakers.aclose()

    assert not caplog.text


async def test_a_refusal_is_an_answer():
    breakers = Breakers()
    for _ in range(3):
        with pytest.raises(redis.exceptions.ReadOnlyError):
            await breakers.guard("a", refuses, is_silent)

    assert breakers.are_closed


async def test_f13_a_probe_that_is_refused_closes_the_circuit():
    breakers, node = Breakers(), Node()
    with pytest.raises(redis.TimeoutError):
        await breakers.guard("a", is_silent, refuses)
    await breakers.aclose()

    assert await breakers.guard("a", node.ask, node.ask) == 1


async def test_too_many_calls_at_once_are_no_sign_that_redis_is_away():
    breakers, node = Breakers(), Node()

    async def finds_no_connection():
        raise redis.ConnectionError("No connection available.")

    with pytest.raises(redis.ConnectionError):
        await breakers.guard("a", finds_no_connection, node.ask)
    await breakers.aclose()

    assert not node.asked


async def test_a_node_that_is_away_takes_no_other_down():
    breakers, away, other = Breakers(), Node(), Node()
    await opened(breakers, away)

    assert await breakers.guard("b", other.ask, other.ask) == 1
    await breakers.aclose()


async def test_a_probe_that_fails_for_another_reason_is_tried_again(caplog):
    breakers, failures = Breakers(), []

    async def probe():
        if not failures:
            failures.append(1)
            raise LookupError

    with pytest.raises(redis.TimeoutError):
        await breakers.guard("a", is_silent, probe)
    await eventually(lambda: "probe_failed" in caplog.text)

    await eventually(lambda: breakers.are_closed)


async def test_at_the_end_no_try_is_left():
    breakers, node = Breakers(), Node()
    await opened(breakers, node)

    await breakers.aclose()
    asked = node.asked

    assert breakers.are_closed
    assert not [task for task in asyncio.all_tasks() if "probe" in task.get_name()]
    assert node.asked == asked


async def test_f9_a_redis_that_hangs_is_asked_by_nobody_until_it_answers(own_server):
    breakers = Breakers()
    opened_here = on_loop(breakers=breakers)
    await opened_here.set("greeting", "hello")
    with own_server.frozen():
        with pytest.raises(StoreUnavailable):
            await opened_here.get("greeting")
        await eventually(lambda: not breakers.are_closed)
        with pytest.raises(CircuitOpen):
            await opened_here.get("greeting")

    await eventually(lambda: breakers.are_closed)
    assert await opened_here.get("greeting") == "hello"
    await breakers.aclose()
    await opened_here.aclose()


async def test_f8_of_a_cluster_tenants_go_on_whose_node_answers(cluster):
    breakers = Breakers()
    opened_here = on_loop(breakers=breakers)
    first, other, *_ = cluster.tenants()
    for tenant_id in (first, other):
        await opened_here.set(keys.store_clock(tenant_id), "here")
    with cluster.frozen(0):
        with pytest.raises(StoreUnavailable):
            await opened_here.get(keys.store_clock(first))
        await eventually(lambda: not breakers.are_closed)

        with pytest.raises(CircuitOpen):
            await opened_here.get(keys.store_clock(first))
        assert await opened_here.get(keys.store_clock(other)) == "here"

    await eventually(lambda: breakers.are_closed)
    assert await opened_here.get(keys.store_clock(first)) == "here"
    await breakers.aclose()
    await opened_here.aclose()
