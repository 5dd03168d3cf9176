"""aiohttp for both."""

import asyncio
import json
import os
import sys

import aiohttp

SIZES = json.loads(os.environ["SIZES"])
RELAY = os.environ["RELAY"]


def tell(what: str, value: object) -> None:
    """A line for the test."""
    sys.stdout.write(json.dumps([what, value]) + "\n")
    sys.stdout.flush()


async def token_of(http: aiohttp.ClientSession, address: str, who: str = "CLIENT") -> str:
    """A token."""
    login = aiohttp.BasicAuth(os.environ[f"{who}_ID"], os.environ[f"{who}_SECRET"])
    async with http.post(f"{address}/oauth/token", data={"grant_type": "client_credentials"}, auth=login) as answer:
        answer.raise_for_status()
        return str((await answer.json())["access_token"])


async def main() -> None:
    """Do what integrations do, and what they should not."""
    async with aiohttp.ClientSession() as http:
        await token_of(http, os.environ["WEB"])
        tell("token of web", "issued")
        token = await token_of(http, os.environ["RELAY_HTTP"])
        tell("token of relay", "issued")

        socket = await http.ws_connect(RELAY, headers={"Authorization": f"Bearer {token}"}, compress=15)
        echoed = []
        for size in SIZES:
            await socket.send_str("x" * size)
            echoed.append(len(await socket.receive_str()))
        tell("echoed", echoed)

        for number in range(int(os.environ["MANY"])):
            await socket.send_str(str(number))
        tell("throttled", [int(await socket.receive_str()) for _ in range(int(os.environ["MANY"]))])

        limited = {"Authorization": f"Bearer {await token_of(http, os.environ['WEB'], 'LIMITED')}"}
        await (await http.ws_connect(RELAY, headers=limited)).close()
        try:
            await http.ws_connect(RELAY, headers=limited)
        except aiohttp.WSServerHandshakeError as error:
            tell("refused", [error.status, (error.headers or {}).get("Retry-After")])

        tell("waits", "yes")
        message = await socket.receive()
        tell("closed", message.data if message.type is aiohttp.WSMsgType.CLOSE else str(message.type))


asyncio.run(main())
