import base64
import json
import re
import signal
import subprocess
import time
from os import kill
from pathlib import Path

import pytest
from websockets.sync.client import connect

from controlplane.demonstration.scenario import CLIENTS
from relay.throttle.policy import LEASE_SECONDS
from tests.controlplane.demonstration.started import (
    PROJECT,
    StartedDemo,
    children_of,
    fetch,
    free_ports,
    left_of,
    start,
)
from tests.controlplane.demonstration.terminal import Terminal
from tests.documentation.samples import sample
from tests.relay.running import free_range

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
HELD_BACK = 300  # messages at once, where a hundred a second go on
README, CONNECT, REVOKE = "README.md", "docs/how-to/connect-an-integration.md", "docs/how-to/revoke-a-client.md"
NOBODY = "http://127.0.0.1:9"  # a proxy that nobody is
TUTORIAL = "docs/tutorial/first-steps.md"
COUNTED = re.compile(r"([a-z-]+): offered .*? counted ([\d,]+),")


def most_by_now(stats, channel):
    """What may have come through 100 a second, burst 20, shared, since the channel's first connection.

    Not in any one second: what a busy machine reads late, it counts together with what came in time.
    """
    seconds = time.time() - min(row["opened_at"] for row in stats["by_connection"] if row["channel"] == channel)
    return 100 * (seconds + LEASE_SECONDS) + 20 + 1


def test_every_integration_flows_through_the_relay_to_its_platform(busy_demo):
    line = busy_demo.wait_for("campaign-burst: offered")

    counted = {name: int(count.replace(",", "")) for name, count in COUNTED.findall(line)}
    assert set(counted) == set(CLIENTS)
    assert all(counted.values())


def test_the_platform_receives_of_the_flood_what_the_policy_allows(busy_demo):
    busy_demo.wait_for("speech-analytics: offered")

    stats = busy_demo.stats()

    speech = stats["by_channel"]["speech"]
    assert speech["messages"] > 100
    assert speech["messages"] <= most_by_now(stats, "speech")
    assert speech["order_gaps"] == speech["duplicates"] == 0


def test_a_visitor_gets_a_token_and_a_message_through(busy_demo):
    credentials = busy_demo.credentials
    client = credentials["clients"][0]
    busy_demo.wait_for("the platform got")  # the integrations are connected
    before = busy_demo.stats()["by_credential"]["demo-genesys"]["total"]

    with connect(
        credentials["relay_url"] + client["path"],
        additional_headers={"Authorization": f"Bearer {token_of(credentials, client)}"},
        proxy=None,
    ) as connection:
        connection.send('{"id": 7}')

        assert json.loads(connection.recv(timeout=5)) == {"type": "ack", "id": 7}
    assert busy_demo.stats()["by_credential"]["demo-genesys"]["total"] == before + 1


def test_the_tutorial_says_what_happens(busy_demo, tmp_path):
    for name in ("hello", "flood"):
        (tmp_path / f"{name}.py").write_text(sample(TUTORIAL, f"python {name}"))
    (tmp_path / ".venv").symlink_to(PROJECT / ".venv")
    (tmp_path / ".demo").symlink_to(busy_demo.directory)
    script = [sample(TUTORIAL, "sh token"), ".venv/bin/python hello.py", ".venv/bin/python flood.py"]

    told = subprocess.run(["sh", "-ec", "\n".join(script)], cwd=tmp_path, capture_output=True, text=True, check=True)

    address, answer, flood = told.stdout.splitlines()
    assert address == f"ws://127.0.0.1:{busy_demo.ports['relay']}/v2/websocket/crm"
    assert answer == '{"type":"ack","id":1}'
    assert flood.startswith("500 acknowledged after ")
    stats = busy_demo.stats()
    assert stats["by_channel"]["crm"]["messages"] <= most_by_now(stats, "crm")


@pytest.mark.parametrize(("words", "name"), [("python", "hello.py"), ("javascript", "hello.mjs")])
def test_the_programs_of_the_readme_get_a_message_through_as_they_are(words, name, busy_demo, visitor, tmp_path):
    visitor.variables = {"HTTP_PROXY": NOBODY, "http_proxy": NOBODY, "ALL_PROXY": NOBODY}
    (tmp_path / ".venv").symlink_to(PROJECT / ".venv")
    (tmp_path / ".demo").symlink_to(busy_demo.directory)
    visitor.written(name, sample(README, f"{words} hello"))

    told = visitor.told_by(sample(README, "sh token") + sample(README, f"sh {words}").replace("npm install ws\n", ""))

    assert told == '{"type":"ack","id":1}\n'


@pytest.mark.parametrize("words", ["python connect", "javascript connect"])
def test_the_programs_of_the_how_to_find_the_demos_client_by_its_lines(words, busy_demo, visitor, tmp_path):
    visitor.variables = {"NO_PROXY": "*"}
    (tmp_path / ".venv").symlink_to(PROJECT / ".venv")
    (tmp_path / ".demo").symlink_to(busy_demo.directory)
    program = visitor.written_as_told(words, sample(CONNECT, words))

    told = visitor.told_by(sample(CONNECT, "sh variables") + program)

    assert told.splitlines() == [f'{{"type":"ack","id":{number}}}' for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("words", "few", "many"),
    [
        ("python connect", "range(1, 4)", f"range(1, {HELD_BACK + 1})"),
        ("javascript connect", "[1, 2, 3]", f"Array.from({{ length: {HELD_BACK} }}, (_, place) => place + 1)"),
    ],
)
def test_the_programs_of_the_how_to_lose_nothing_while_they_are_held_back(words, few, many, visitor):
    ended = visitor.outcome_of(words, sample(CONNECT, words).replace(few, many))

    assert ended.stdout.splitlines() == [f'{{"type":"ack","id":{number}}}' for number in range(1, HELD_BACK + 1)]
    assert ended.returncode == 0


@pytest.mark.parametrize("words", ["python connect", "javascript connect"])
@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("CLIENT_SECRET", "efused with 401: Unknown client, wrong secret, or no longer allowed."),
        ("SOCKET_URL", 'efused with 403: Client "crm-sync" may not use channel "orders".'),
    ],
)
def test_the_programs_of_the_how_to_stop_and_say_what_is_wrong(words, variable, told, visitor):
    visitor.variables[variable] = visitor.variables[variable].removesuffix("crm") + "orders"

    ended = visitor.outcome_of(words, sample(CONNECT, words))

    assert told in ended.stderr
    assert (ended.stdout, ended.returncode) == ("", 1)


def test_a_program_ends_its_own_token_as_the_how_to_shows(visitor):
    visitor.log_in(sample(CONNECT, "sh token"))
    before = visitor.introspected()

    visitor.told_by(sample(REVOKE, "sh revoke"))

    assert (before["active"], visitor.introspected()["active"]) == (True, False)


def test_a_second_demo_on_the_same_ports_says_which_port_is_in_use(busy_demo, directory):
    second = start(directory, busy_demo.ports)

    _, complaint = second.communicate()

    assert second.returncode == 2
    assert complaint.count("\n") == 1
    assert f"Port {busy_demo.ports['web']} is in use." in complaint


def test_a_second_demo_in_the_same_folder_leaves_the_first_ones_credentials(busy_demo):
    before = busy_demo.credentials
    second = start(busy_demo.directory, free_ports())

    said, complaint = second.communicate()

    assert (second.returncode, said, complaint.count("\n")) == (2, "", 1)
    assert f"A demo runs with the folder {busy_demo.directory} already." in complaint
    assert busy_demo.credentials == before


def test_what_goes_on_is_said_from_the_beginning(busy_demo):
    assert busy_demo.said[:4] == [
        "Starting Floodgate and the simulated platforms.\n",
        "Making the database: this time only.\n",
        "Waiting for web and the relay to answer.\n",
        "Floodgate is up.\n",
    ]


def test_in_a_terminal_the_reason_why_it_died_is_the_last_that_is_to_be_read(directory):
    with Terminal(directory, free_ports(), 80, 24) as demo:
        demo.until("speech-analytics  ")
        programs = children_of(demo.process.pid)
        kill(next(program for program in programs if "\0web\0" in command_of(program)), signal.SIGKILL)

        _, _, rest = demo.rest().partition("web ended with status -9.")

    assert "log ends:" in rest
    assert "speech-analytics" not in rest


def test_an_unusable_word_for_traffic_is_refused_in_one_line(directory):
    demo = start(directory, {}, traffic="perhaps")

    _, complaint = demo.communicate()

    assert (demo.returncode, complaint) == (2, "TRAFFIC is 'perhaps', but must be 0 for a quiet demo, or 1.\n")


def test_an_unusable_number_of_relay_processes_is_refused_in_one_line(directory):
    demo = start(directory, {}, workers="many")

    _, complaint = demo.communicate()

    assert demo.returncode == 2
    assert complaint == "DEMO_WORKERS is 'many', but must be a whole number from 1 to 64.\n"


@pytest.mark.soak
def test_of_several_relay_processes_one_that_dies_is_replaced_and_in_the_end_none_is_left(directory):
    ports = {**free_ports(), "operations": free_range(3)}
    with StartedDemo(directory, ports, traffic="0", workers="3") as demo:
        demo.wait_for("3 of 3 relay processes answer.")
        before = demo.relays()

        kill(min(before), signal.SIGKILL)
        while not demo.relays() - before:
            demo.wait_for("relay processes answer.")
        demo.wait_for("3 of 3 relay processes answer.")
        after = demo.relays()
        status = demo.end(signal.SIGTERM)

    assert (status, len(before), len(after), len(before & after)) == (0, 3, 3, 2)
    assert left_of(before | after) == set()


def test_without_traffic_nothing_is_sent(lives):
    assert lives[0].stats["connections"]["total"] == 0
    assert lives[0].stats["token_requests"] == {}


def test_a_second_start_keeps_every_secret_and_log_in(lives):
    first, second, _ = lives

    assert second.credentials == first.credentials


def test_ctrl_c_ends_it_well_and_leaves_no_process(lives):
    interrupted, _, _ = lives

    assert (len(interrupted.programs), interrupted.status) == (6, 0)
    assert left_of(interrupted.programs) == set()


def test_sigterm_ends_it_well_and_leaves_no_process(lives):
    _, ended, _ = lives

    assert (len(ended.programs), ended.status) == (7, 0)
    assert left_of(ended.programs) == set()


def test_whoever_ends_it_well_finds_no_gap_in_the_sums_later(lives):
    interrupted, ended, killed = lives

    assert [interrupted.processes, ended.processes] == [{True: 1}, {True: 2}]
    assert killed.processes[True] == 2


def test_when_it_is_killed_its_programs_end_too(lives):
    _, _, killed = lives

    assert left_of(killed.programs) == set()


def test_when_a_program_ends_the_demo_says_which_and_ends(directory):
    with StartedDemo(directory, free_ports(), traffic="0") as demo:
        programs = demo.programs()
        kill(next(program for program in programs if "\0web\0" in command_of(program)), signal.SIGKILL)

        _, complaint = demo.process.communicate()

        assert demo.process.returncode == 1
        assert complaint.startswith("web ended with status -9.")
        assert left_of(programs) == set()


def token_of(credentials, client):
    login = base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    answer = fetch(credentials["token_url"], b"grant_type=client_credentials", {"Authorization": f"Basic {login}"})
    return json.loads(answer)["access_token"]


def command_of(process_id):
    return Path(f"/proc/{process_id}/cmdline").read_text()
