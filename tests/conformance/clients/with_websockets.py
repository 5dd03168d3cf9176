"""urllib for tokens, websockets for the socket."""

import asyncio
import base64
import json
import os
import sys
import urllib.request

import websockets

SIZES = json.loads(os.environ["SIZES"])
RELAY = os.environ["RELAY"]


def tell(what: str, value: object) -> None:
    """A line for the test."""
    sys.stdout.write(json.dumps([what, value]) + "\n")
    sys.stdout.flush()


def token_of(address: str, who: str = "CLIENT") -> str:
    """A token."""
    login = base64.b64encode(f"{os.environ[f'{who}_ID']}:{os.environ[f'{who}_SECRET']}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - http of this machine
        f"{address}/oauth/token", b"grant_type=client_credentials", {"Authorization": f"Basic {login}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
        return str(json.load(answer)["access_token"])


def connecting(token: str) -> websockets.connect:
    """A socket to open."""
    return websockets.connect(RELAY, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None)


async def main() -> None:
    """Do what integrations do, and what they should not."""
    token_of(os.environ["WEB"])
    tell("token of web", "issued")
    token = token_of(os.environ["RELAY_HTTP"])
    tell("token of relay", "issued")

    async with connecting(token) as socket:
        echoed = []
        for size in SIZES:
            await socket.send("x" * size)
            echoed.append(len(await socket.recv()))
        tell("echoed", echoed)

        await socket.send(["x" * int(os.environ["PART"])] * int(os.environ["PARTS"]))
        tell("fragments", len(await socket.recv()))

        for number in range(int(os.environ["MANY"])):
            await socket.send(str(number))
        tell("throttled", [int(await socket.recv()) for _ in range(int(os.environ["MANY"]))])

        limited = token_of(os.environ["WEB"], "LIMITED")
        async with connecting(limited):
            pass
        try:
            await connecting(limited)
        except websockets.InvalidStatus as error:
            tell("refused", [error.response.status_code, error.response.headers.get("Retry-After")])

        tell("waits", "yes")
        await socket.wait_closed()
        tell("closed", socket.close_code)


asyncio.run(main())
