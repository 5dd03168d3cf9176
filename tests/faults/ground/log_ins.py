"""People's log-ins over HTTP, many at once from many addresses, as a trusted proxy in front of web tells them."""

import re
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlencode

from tests.controlplane.running_web import Web

PAGE = "/admin/login/"
TOKEN_FIELD = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')
CAME_IN, WRONG = 302, 200  # the page that they wanted, or the form again
PROXY = {"FLOODGATE_TRUSTED_PROXIES": "127.0.0.0/8"}


class LogIns:
    """A log-in form that was fetched once, and is sent in as often as wanted."""

    def __init__(self, web: Web) -> None:
        """Fetch the form."""
        _, headers, body = web.ask(PAGE)
        found = TOKEN_FIELD.search(body)
        assert found
        self._web = web
        self._token = found[1].decode()
        self._cookies = "; ".join(cookie.partition(";")[0] for cookie in headers.get_all("Set-Cookie", []))

    def try_once(self, account: str, password: str, address: str) -> int:
        """The status of the answer."""
        form = {"csrfmiddlewaretoken": self._token, "username": account, "password": password}
        headers = {"Cookie": self._cookies, "X-Forwarded-For": address}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._web.ask(PAGE, form=urlencode(form).encode(), headers=headers)[0]

    def flood(self, crowd: ThreadPoolExecutor, tries: Iterable[tuple[str, str]]) -> list[Future[int]]:
        """Send in a wrong password for each account and address, all at once."""
        return [crowd.submit(self.try_once, account, "wrong", address) for account, address in tries]
