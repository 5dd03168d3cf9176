import itertools
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from controlplane.log_in.attempts import LOG_IN_BURST
from tests import people
from tests.controlplane.running_web import running_web
from tests.faults.ground.log_ins import CAME_IN, PROXY, WRONG, LogIns
from tests.tenants.factories import SECRET, ClientFactory

AT_ONCE = 40
ROUNDS = 5
MOST_MEDIAN_SECONDS = 0.1
PASSWORD = "a long password for tests"
HOME = "192.0.2.7"
FLOODS = {
    "one account from one address": lambda _number: ("root", "198.51.100.1"),
    "one account from many addresses": lambda number: ("root", f"198.51.{number // 250}.{number % 250}"),
    "many accounts from one address": lambda number: (f"person-{number}", "198.51.100.1"),
    "many accounts from many addresses": lambda number: (
        f"person-{number}",
        f"198.51.{number // 250}.{number % 250}",
    ),
}
NEW_ONES_COME_IN = set(FLOODS) - {"many accounts from many addresses"}


@pytest.fixture
def web(transactional_db, redis, redis_url, test_database):
    """Web behind a proxy, and two people with passwords."""
    for name in ("root", "alice"):
        person = people.administrator(name)
        person.set_password(PASSWORD)
        person.save()
    with running_web(DATABASE_URL=test_database, REDIS_URL=redis_url, **PROXY) as web:
        yield web


@pytest.fixture
def ask_for_token(web, acme):
    client = ClientFactory.create(tenant=acme)
    form = f"grant_type=client_credentials&client_id={client.client_id}&client_secret={SECRET}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": HOME}
    return lambda: web.ask("/oauth/token", form=form, headers=headers)[0]


def asked_while(log_ins, *asks):
    """How long each answer took, of things that are asked in turn until all log-ins are answered; and the statuses."""
    seconds, statuses = [[] for _ in asks], Counter()
    while not all(log_in.done() for log_in in log_ins):
        for ask, taken in zip(asks, seconds, strict=True):
            started = time.monotonic()
            statuses[ask()] += 1
            taken.append(time.monotonic() - started)
    return seconds, statuses


def test_many_wrong_log_ins_at_once_keep_no_question_and_no_token_waiting(web, ask_for_token):
    forms = LogIns(web)
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        tries = (
            ("root", HOME) if number % 2 else (f"person-{number}", f"198.51.100.{number}") for number in range(AT_ONCE)
        )
        log_ins = forms.flood(crowd, tries)
        _, answers = asked_while(log_ins, lambda: web.ask("/livez")[0], ask_for_token)
    outcomes = Counter(log_in.result() for log_in in log_ins)

    assert set(outcomes) <= {WRONG, 429, 503}
    assert outcomes[429] >= AT_ONCE // 2 - (LOG_IN_BURST + 1) - outcomes[503]
    assert set(answers) <= {200, 429}
    assert answers.total() > outcomes[WRONG]


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", FLOODS)
def test_while_log_ins_are_flooded_web_does_its_work_and_who_was_there_before_comes_in(kind, web, ask_for_token, told):
    forms, numbers = LogIns(web), itertools.count()
    assert forms.try_once("root", PASSWORD, HOME) == CAME_IN
    outcomes, victims, livez, tokens = Counter(), Counter(), [], []
    with ThreadPoolExecutor(AT_ONCE) as crowd, ThreadPoolExecutor(2) as people_at_home:
        for round_number in range(ROUNDS):
            log_ins = forms.flood(crowd, (FLOODS[kind](next(numbers)) for _ in range(AT_ONCE)))
            known = people_at_home.submit(forms.try_once, "root", PASSWORD, HOME)
            new = people_at_home.submit(forms.try_once, "alice", PASSWORD, f"192.0.2.{100 + round_number}")
            (livez_taken, tokens_taken), _ = asked_while(
                [*log_ins, known, new], lambda: web.ask("/livez")[0], ask_for_token
            )
            livez += livez_taken
            tokens += tokens_taken
            outcomes.update(log_in.result() for log_in in log_ins)
            victims.update([("known", known.result()), ("new", new.result())])
    told(
        f"{kind}: log-ins {dict(outcomes)}, victims {dict(victims)}; "
        f"/livez median {statistics.median(livez) * 1000:.0f} ms, at most {max(livez) * 1000:.0f} ms; "
        f"/oauth/token median {statistics.median(tokens) * 1000:.0f} ms, at most {max(tokens) * 1000:.0f} ms"
    )

    assert victims["known", CAME_IN] == ROUNDS
    assert kind not in NEW_ONES_COME_IN or victims["new", CAME_IN] == ROUNDS
    assert statistics.median(livez) < MOST_MEDIAN_SECONDS
    assert statistics.median(tokens) < MOST_MEDIAN_SECONDS
