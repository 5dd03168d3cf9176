"""The process of load: `python -m tests.load.generators '{"type": "Storm", ...}'` does it, and prints the outcome."""

import os
import sys

import msgspec
import uvloop

from tests.load.generators.churn import churn
from tests.load.generators.hold import hold
from tests.load.generators.orders import Churn, Hold, Order, SlowReaders, Steady, Storm
from tests.load.generators.slow_readers import slow_readers
from tests.load.generators.steady import steady
from tests.load.generators.storm import storm

NICE = 10


def generate(order: Order) -> object:
    """Do as ordered: the outcome."""
    match order:
        case Hold():
            return uvloop.run(hold(order))
        case Storm():
            return uvloop.run(storm(order))
        case SlowReaders():
            return slow_readers(order)
        case Steady():
            return uvloop.run(steady(order))
        case Churn():
            return uvloop.run(churn(order))


if __name__ == "__main__":
    os.nice(NICE)
    sys.stdout.write(msgspec.json.encode(generate(msgspec.json.decode(sys.argv[1], type=Order))).decode())
