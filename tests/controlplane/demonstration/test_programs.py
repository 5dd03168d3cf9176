import socket
from dataclasses import replace

import pytest

from controlplane.demonstration import programs
from controlplane.demonstration.environment import Demonstration, free_port
from controlplane.demonstration.programs import CannotStart, refuse_taken_ports
from tests.relay.running import free_range


@pytest.fixture
def demonstration(tmp_path):
    ports = {f"{name}_port": free_port() for name in ("web", "relay", "simulator", "operations")}
    return Demonstration(directory=tmp_path, **ports)


def test_free_ports_are_no_hindrance(demonstration):
    refuse_taken_ports(demonstration)


@pytest.mark.parametrize(("option", "name"), [("--web-port", "web_port"), ("--relay-port", "relay_port")])
def test_a_taken_port_is_named_with_what_to_do(demonstration, option, name):
    port = getattr(demonstration, name)

    with socket.create_server(("127.0.0.1", port)), pytest.raises(CannotStart) as refusal:
        refuse_taken_ports(demonstration)

    assert str(refusal.value).startswith(f"Port {port} is in use. End what listens there")
    assert str(refusal.value).endswith(f'make demo ARGS="{option} NUMBER"')


@pytest.fixture
def several(demonstration):
    """The same with three relay processes."""
    return replace(demonstration, workers=3, operations_port=free_range(3))


def test_several_relay_processes_need_a_port_each(several):
    refuse_taken_ports(several)

    with socket.create_server(("127.0.0.1", several.operations_port + 2)), pytest.raises(CannotStart) as refusal:
        refuse_taken_ports(several)

    assert str(refusal.value).startswith(f"Port {several.operations_port + 2} is in use.")
    assert str(refusal.value).endswith('make demo ARGS="--operations-port NUMBER"')


def test_ports_beyond_the_last_are_refused(demonstration):
    with pytest.raises(CannotStart, match=r"end at 65536\. Choose a lower --operations-port"):
        refuse_taken_ports(replace(demonstration, workers=2, operations_port=65_535))


def test_several_relay_processes_are_started_by_one_program_and_answer_on_ports_of_their_own(several):
    program = programs.relay(several)

    assert program.command[-2:] == ("--processes", "3")
    assert program.variables == {"FLOODGATE_OPERATIONS_PORT": str(several.operations_port)}


def test_a_single_relay_process_has_a_port_for_operations_too(demonstration):
    assert programs.relay(demonstration).variables == {"FLOODGATE_OPERATIONS_PORT": str(demonstration.operations_port)}


def test_two_programs_can_not_share_a_port(tmp_path):
    with pytest.raises(CannotStart, match="must differ"):
        refuse_taken_ports(Demonstration(directory=tmp_path, web_port=9000, relay_port=9000))


def test_the_store_listens_on_this_machine_alone_and_is_protected(demonstration):
    command = programs.store(demonstration, 7000).command

    assert command[0].endswith("-server")
    assert command[1:7] == ("--port", "7000", "--bind", "127.0.0.1", "--protected-mode", "yes")


def test_a_store_on_the_path_is_preferred(demonstration, tmp_path, monkeypatch):
    program_saying(tmp_path / "redis-server", "Redis server v=7.2.4 sha=0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert programs.store(demonstration, 7000).command[0] == str(tmp_path / "redis-server")


@pytest.mark.parametrize("words", ["Redis server v=6.2.14 sha=0", "nothing that we know"])
def test_a_store_that_is_too_old_is_passed_over(demonstration, tmp_path, monkeypatch, words):
    program_saying(tmp_path / "redis-server", words)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert programs.store(demonstration, 7000).command[0] != str(tmp_path / "redis-server")


def test_every_program_logs_to_a_file_of_its_own(demonstration):
    makers = (programs.simulator, programs.web, programs.relay, programs.worker, programs.beat, programs.traffic)

    logs = {make(demonstration).log for make in makers}

    assert logs == {
        demonstration.directory / "logs" / f"{name}.log"
        for name in ("simulator", "web", "relay", "worker", "beat", "traffic")
    }


def program_saying(path, words):
    path.write_text(f"#!/bin/sh\necho '{words}'\n")
    path.chmod(0o755)
