"""What every request passes before its endpoint: faults to order, the bearer token, the platform's limit."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from floodgate_simulator.access.credentials import PlatformName
from floodgate_simulator.access.tokens import Token
from floodgate_simulator.answers.platforms import ANSWERS
from floodgate_simulator.clock import unix_now
from floodgate_simulator.faults.fault import Fault, Target
from floodgate_simulator.simulation import Simulation
from floodgate_simulator.sockets.resets import reset

SIMULATION: web.AppKey[Simulation] = web.AppKey("simulation", Simulation)
BEARER = "bearer "

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]
AuthorizedEndpoint = Callable[[web.Request, Token], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A request goes no further: this is the answer, and this is what it is counted as."""

    def __init__(self, response: web.Response, counted_as: str = "") -> None:
        """Take the answer; it is counted by its status unless told otherwise."""
        super().__init__(counted_as)
        self.response = response
        self.counted_as = counted_as or str(response.status)


async def counted(counter: Counter[str], answer: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    """The answer, or the refusal, counted by its status."""
    try:
        response = await answer
    except Refused as refused:
        counter[refused.counted_as] += 1
        return refused.response
    except asyncio.CancelledError:
        counter["left"] += 1  # the client went before it was answered
        raise
    counter[str(response.status)] += 1
    return response


def api_endpoint(platform: PlatformName, endpoint: AuthorizedEndpoint) -> Endpoint:
    """An endpoint of a platform's REST API: faults, token and limit first, every answer counted."""

    async def answer(request: web.Request) -> web.StreamResponse:
        token = find_token(request, platform)
        await meet_fault(request, "api", platform, None if token is None else token.credential.client_id)
        live = live_token(request, platform)
        headers = charge_window(live, platform)
        response = await endpoint(request, live)
        response.headers.update(headers)
        return response

    async def counted_answer(request: web.Request) -> web.StreamResponse:
        return await counted(request.app[SIMULATION].ledger.api_requests, answer(request))

    return counted_answer


def find_token(request: web.Request, platform: PlatformName) -> Token | None:
    """The token that the request carries, live or not; None: it carries none that the platform issued."""
    value = _bearer(request)
    return None if value is None else request.app[SIMULATION].tokens.find(platform, value)


def live_token(request: web.Request, platform: PlatformName) -> Token:
    """The live token that the request carries.

    Raises:
        Refused: 401 in the platform's form.
    """
    token = find_token(request, platform)
    if token is not None and token.is_live(unix_now()):
        return token
    answers = ANSWERS[platform]
    raise Refused(answers.no_bearer() if _bearer(request) is None else answers.bad_bearer())


def charge_window(token: Token, platform: PlatformName) -> dict[str, str]:
    """Charge one request to its token's window; answer the headers that tell of it.

    Raises:
        Refused: 429 in the platform's form.
    """
    if token.window is None:
        return {}
    state = token.window.charge(unix_now())
    if state.is_over:
        raise Refused(ANSWERS[platform].too_many(state.reset_seconds, state))
    return dict(ANSWERS[platform].window_headers(state))


async def meet_fault(
    request: web.Request,
    target: Target,
    platform: PlatformName,
    client_id: str | None,
) -> Fault | None:
    """Suffer what was ordered for this request; answer the fault, because a close of a socket is yet to come.

    Raises:
        Refused: it was answered with a status, or its connection was reset.
    """
    simulation = request.app[SIMULATION]
    ordered = simulation.faults.strike_and_follow(target, client_id, unix_now())
    if ordered is None:
        return None
    fault = ordered.fault
    if fault.kind == "hang":
        await _wait(ordered.ended, fault.seconds)
    elif fault.kind == "revoke":
        simulation.revoke(fault)
    elif fault.kind == "refuse":
        if request.transport is not None:
            reset(request.transport)
        raise Refused(web.Response(), counted_as="reset")
    elif fault.kind == "status":
        raise Refused(_ordered_answer(fault, platform))
    return fault


def _bearer(request: web.Request) -> str | None:
    """The bearer token's text; None when there is none."""
    header = request.headers.get("Authorization", "")
    if header[: len(BEARER)].lower() != BEARER:
        return None
    return header[len(BEARER) :].strip() or None


async def _wait(ended: asyncio.Event, seconds: float | None) -> None:
    """Wait for the end of a fault, for so many seconds at most."""
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return


def _ordered_answer(fault: Fault, platform: PlatformName) -> web.Response:
    """The answer that a status fault orders; without a body, the platform's own for that status."""
    if fault.body is None:
        response = ANSWERS[platform].error(fault.status)
        response.headers.update(fault.headers)
        return response
    is_text = isinstance(fault.body, str)
    headers = {"Content-Type": "text/plain" if is_text else "application/json", **fault.headers}
    return web.Response(status=fault.status, headers=headers, body=fault.body_bytes)
