import asyncio
import sys

import pytest

from controlplane.demonstration.processes import Crew, Program, ProgramEnded, RunningProgram
from tests.controlplane.demonstration.started import left_of

pytestmark = pytest.mark.asyncio
STAYS = "import signal; signal.pause()"
IGNORES_SIGTERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); "
HAS_A_CHILD = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {STAYS!r}]).pid, flush=True); "


async def test_a_report_is_read_line_by_line(tmp_path):
    running = await RunningProgram.start(python(tmp_path, "print('first'); print('second')", reports=True))

    assert [await running.report_line() for _ in range(3)] == [b"first\n", b"second\n", b""]
    assert await running.wait() == 0


async def test_a_program_that_ends_by_itself_is_told_with_the_end_of_its_log(tmp_path):
    crew = Crew()
    await crew.start(python(tmp_path, "import sys; print('the reason'); sys.exit(3)"))

    async with asyncio.timeout(10):
        words = await crew.casualty

    assert words.startswith("program ended with status 3.")
    assert words.endswith("ends:\nthe reason")


async def test_a_program_that_is_not_there_is_told_by_its_name(tmp_path):
    with pytest.raises(ProgramEnded, match="program"):
        await Crew().run_to_end(Program("program", (str(tmp_path / "missing"),), tmp_path / "log"))


async def test_a_program_that_should_end_well_and_does_not_is_told(tmp_path):
    with pytest.raises(ProgramEnded, match="program ended with status 1"):
        await Crew().run_to_end(python(tmp_path, "raise SystemExit(1)"))


async def test_those_that_are_ended_are_no_casualties(tmp_path):
    crew = Crew()
    await crew.start(python(tmp_path, STAYS))

    await crew.end([["program"]])
    await crew.kill_what_is_left()

    assert not crew.casualty.done()


@pytest.mark.slow
async def test_what_does_not_hear_sigterm_is_ended_by_force(tmp_path):
    crew = Crew()
    running = await crew.start(python(tmp_path, IGNORES_SIGTERM + STAYS, reports=True))
    await running.report_line()

    await crew.end([["program"]])
    await crew.kill_what_is_left()

    assert await running.wait() == -9


async def test_the_children_of_a_program_end_with_it(tmp_path):
    crew = Crew()
    running = await crew.start(python(tmp_path, HAS_A_CHILD + STAYS, reports=True))
    child = int(await running.report_line())

    await crew.end([["program"]])

    assert left_of([child]) == set()


def python(tmp_path, code, *, reports=False):
    return Program("program", (sys.executable, "-c", code), tmp_path / "program.log", reports=reports)
