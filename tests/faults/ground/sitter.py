"""A client in a process of its own that reads all it gets, until the end: stopped, only its kernel answers.

Run as `python -m tests.faults.ground.sitter URL AUTHORIZATION`: a line when it is connected, one with the close code.
"""

import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

ABNORMAL = 1006


def main(url: str, authorization: str) -> None:
    """Sit and read."""
    headers = {"Authorization": authorization}
    with connect(url, additional_headers=headers, compression=None, proxy=None, ping_interval=None) as connection:
        _tell("connected")
        try:
            while True:
                connection.recv()
        except ConnectionClosed as closed:
            _tell(str(closed.rcvd.code if closed.rcvd else ABNORMAL))


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
