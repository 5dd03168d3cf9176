"""requests-oauthlib for tokens, websocket-client for the socket."""

import json
import os
import sys

import websocket
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

SIZES = json.loads(os.environ["SIZES"])
RELAY = os.environ["RELAY"]


def token_of(address: str, who: str = "CLIENT") -> str:
    """A token, asked for as the library does: with Basic authentication."""
    client_id, secret = os.environ[f"{who}_ID"], os.environ[f"{who}_SECRET"]
    session = OAuth2Session(client=BackendApplicationClient(client_id=client_id))
    session.trust_env = False
    return str(session.fetch_token(f"{address}/oauth/token", auth=HTTPBasicAuth(client_id, secret))["access_token"])


def connected(token: str) -> websocket.WebSocket:
    """An open socket."""
    return websocket.create_connection(RELAY, header={"Authorization": f"Bearer {token}"}, timeout=20)


def tell(what: str, value: object) -> None:
    """A line for the test."""
    sys.stdout.write(json.dumps([what, value]) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what integrations do, and what they should not."""
    token_of(os.environ["WEB"])
    tell("token of web", "issued")
    token = token_of(os.environ["RELAY_HTTP"])
    tell("token of relay", "issued")

    socket = connected(token)
    echoed = []
    for size in SIZES:
        socket.send("x" * size)
        echoed.append(len(socket.recv()))
    tell("echoed", echoed)

    parts = ["x" * int(os.environ["PART"])] * int(os.environ["PARTS"])
    for number, part in enumerate(parts):
        kind = websocket.ABNF.OPCODE_CONT if number else websocket.ABNF.OPCODE_TEXT
        socket.send_frame(websocket.ABNF.create_frame(part, kind, fin=number == len(parts) - 1))
    tell("fragments", len(socket.recv()))

    for number in range(int(os.environ["MANY"])):
        socket.send(str(number))
    tell("throttled", [int(socket.recv()) for _ in range(int(os.environ["MANY"]))])

    limited = token_of(os.environ["WEB"], "LIMITED")
    connected(limited).close()
    try:
        connected(limited)
    except websocket.WebSocketBadStatusException as error:
        tell("refused", [error.status_code, (error.resp_headers or {}).get("retry-after")])

    tell("waits", "yes")
    code, data = socket.recv_data(control_frame=False)
    tell("closed", int.from_bytes(data[:2], "big") if code == websocket.ABNF.OPCODE_CLOSE else code)


main()
