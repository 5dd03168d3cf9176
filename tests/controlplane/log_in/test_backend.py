from contextlib import ExitStack

import pytest
from django.contrib.auth import hashers
from django.http import HttpRequest

from controlplane.log_in.attempts import LOG_IN_ACCOUNT_BURST, LOG_IN_BURST, LogInRefused
from controlplane.log_in.backend import LimitedBackend, asking_subscriber, log_in_attempts

pytestmark = pytest.mark.django_db

PASSWORD = "a long password for tests"


@pytest.fixture(autouse=True)
def at_rest():
    """Zones at rest."""
    log_in_attempts.cache_clear()


def request_from(address, **meta):
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": address, **meta}
    return request


def test_a_person_with_the_right_password_is_let_in(root):
    root.set_password(PASSWORD)
    root.save()

    assert LimitedBackend().authenticate(request_from("192.0.2.7"), "root", PASSWORD) == root
    assert LimitedBackend().authenticate(request_from("192.0.2.7"), "root", "another") is None
    assert LimitedBackend().authenticate(None, "root", PASSWORD) == root


@pytest.mark.asyncio
async def test_who_asks_on_a_loop_is_held_by_the_same_zones():
    for _ in range(LOG_IN_BURST + 1):
        with log_in_attempts().admitted("root", "192.0.2.7"):
            pass

    with pytest.raises(LogInRefused):
        await LimitedBackend().aauthenticate(request_from("192.0.2.7"), "root", "wrong")


def test_who_logged_in_is_known_from_there(root):
    root.set_password(PASSWORD)
    root.save()
    here, elsewhere = request_from("192.0.2.7"), request_from("203.0.113.9")
    LimitedBackend().authenticate(here, "root", PASSWORD)
    for number in range(LOG_IN_ACCOUNT_BURST + 1):
        with log_in_attempts().admitted("root", f"198.51.100.{number}"):
            pass

    with ExitStack() as held:
        held.enter_context(log_in_attempts().admitted("root", "198.51.100.99"))
        assert LimitedBackend().authenticate(here, "root", PASSWORD) == root
        held.enter_context(log_in_attempts().admitted("alice", "192.0.2.8"))
        with pytest.raises(LogInRefused):
            LimitedBackend().authenticate(elsewhere, "root", PASSWORD)


def test_an_unknown_account_costs_a_hash_like_a_known_one(root, monkeypatch):
    hashed = []
    encode = hashers.PBKDF2PasswordHasher.encode
    monkeypatch.setattr(  # a hash is seen only where the library makes it
        hashers.PBKDF2PasswordHasher, "encode", lambda *given: hashed.append(1) or encode(*given)
    )

    for name in ("root", "nobody"):
        assert LimitedBackend().authenticate(request_from("192.0.2.7"), name, "wrong") is None

    assert len(hashed) == 2


def test_withoutname_or_password_nobody_is_looked_for():
    assert LimitedBackend().authenticate(request_from("192.0.2.7"), "root") is None


def test_all_addresses_of_an_ipv6_network_are_one_subscriber_and_a_trusted_proxy_is_believed(settings):
    assert asking_subscriber(request_from("2001:db8:1:2::9")) == "2001:db8:1:2::"
    assert asking_subscriber(request_from("192.0.2.1", HTTP_X_FORWARDED_FOR="203.0.113.9")) == "192.0.2.1"


@pytest.mark.parametrize("name", ["root", "nobody"])
def test_who_tried_too_often_sees_when_to_try_again_whether_there_is_such_an_account_or_not(name, root, client):
    form = {"username": name, "password": "wrong"}
    answers = [client.post("/admin/login/", form) for _ in range(8)]

    assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 2
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert answers[-1]["Cache-Control"] == "no-store"
    assert f"Try again in {answers[-1]['Retry-After']} seconds" in answers[-1].content.decode()


def test_the_right_password_is_not_looked_at_where_too_many_were_tried_but_is_elsewhere(root, client):
    root.set_password(PASSWORD)
    root.save()
    for _ in range(6):
        client.post("/admin/login/", {"username": "root", "password": "wrong"})
    right = {"username": "root", "password": PASSWORD}

    assert client.post("/admin/login/", right).status_code == 429
    assert client.post("/admin/login/", right, REMOTE_ADDR="203.0.113.9").status_code == 302
