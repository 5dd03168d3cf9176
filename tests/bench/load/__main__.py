"""The load process: takes one scenario as JSON, drives it, prints what it measured as JSON."""

import gc
import sys

import msgspec
import uvloop

from tests.bench.load.closed_loop import closed_loop
from tests.bench.load.connection import ConnectionFailed
from tests.bench.load.handshakes import handshakes
from tests.bench.load.idle import idle
from tests.bench.load.paced import paced
from tests.bench.load.scenarios import ClosedLoop, Handshakes, Idle, Paced, Scenario


async def drive(scenario: Scenario) -> dict[str, float]:
    """Run a scenario: its metrics by name."""
    match scenario:
        case ClosedLoop():
            return await closed_loop(scenario)
        case Paced():
            return await paced(scenario)
        case Idle():
            return await idle(scenario)
        case Handshakes():
            return await handshakes(scenario)


def main() -> None:
    """Read the scenario from the first argument. A failure is one line on standard error and exit status 1."""
    scenario = msgspec.json.decode(sys.argv[1], type=Scenario)
    gc.disable()  # a collection of the load's own would look like latency of the relay
    try:
        metrics = uvloop.run(drive(scenario))
    except* (ConnectionFailed, OSError) as failures:
        sys.exit(str(_first(failures)))
    sys.stdout.buffer.write(msgspec.json.encode(metrics))


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


if __name__ == "__main__":
    main()
