import base64
import json

import pytest

from tests.tenants.factories import SECRET, ClientFactory

pytestmark = pytest.mark.slow

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def basic(client, secret=SECRET):
    value = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    return {**FORM, "Authorization": f"Basic {value}"}


def test_a_token_is_issued_introspected_and_revoked_over_http(web, acme):
    headers = basic(ClientFactory.create(tenant=acme, scopes="webchat:send"))

    status, answered, body = web.ask("/oauth/token", form=b"grant_type=client_credentials", headers=headers)
    token = b"token=" + json.loads(body)["access_token"].encode()
    before = web.ask("/oauth/introspect", form=token, headers=headers)
    revoked = web.ask("/oauth/revoke/", form=token, headers=headers)
    after = web.ask("/oauth/introspect/", form=token, headers=headers)

    assert (status, answered["Cache-Control"]) == (200, "no-store")
    assert json.loads(before[2])["active"] is True
    assert (revoked[0], revoked[2]) == (200, b"")
    assert json.loads(after[2]) == {"active": False}


def test_wrong_ways_to_ask_are_answered_by_oauths_own_rules(web, acme):
    client = ClientFactory.create(tenant=acme)
    grant = b"grant_type=client_credentials"

    wrong_secret = web.ask("/oauth/token", form=grant, headers=basic(client, "wrong"))
    by_get = web.ask("/oauth/token/")
    as_json = web.ask("/oauth/token", form=b"{}", headers={"Content-Type": "application/json"})
    too_large = web.ask("/oauth/token", form=b"a" * (1024 * 1024), headers=FORM)

    assert (wrong_secret[0], json.loads(wrong_secret[2])["error"]) == (401, "invalid_client")
    assert wrong_secret[1]["WWW-Authenticate"].startswith("Basic ")
    assert [answer[0] for answer in (by_get, as_json, too_large)] == [405, 400, 413]
    assert {answer[1]["Cache-Control"] for answer in (wrong_secret, by_get, as_json, too_large)} == {"no-store"}


def test_an_encoded_slash_divides_no_segments(web, acme):
    headers, form = basic(ClientFactory.create(tenant=acme)), b"grant_type=client_credentials"

    statuses = [web.ask(path, form=form, headers=headers)[0] for path in ("/oauth%2Ftoken", "/%6Fauth/token")]

    assert statuses == [404, 200]


def test_no_answers_type_is_guessed_and_none_that_is_no_page_may_load_anything(web, acme):
    headers = basic(ClientFactory.create(tenant=acme))
    answers = {
        "token": web.ask("/oauth/token", form=b"grant_type=client_credentials", headers=headers),
        "revocation without a token": web.ask("/oauth/revoke", form=b"", headers=headers),
        "refused client": web.ask("/oauth/introspect", form=b"token=x", headers=FORM),
        "wrong method": web.ask("/oauth/token"),
        "alive": web.ask("/livez"),
        "a path that is no text": web.ask("/%ff"),
        "larger than web takes": web.ask("/oauth/token", form=b"a" * (1024 * 1024), headers=FORM),
        "more fields than anybody has": web.ask("/admin/login/", form=b"a=1&" * 1001, headers=FORM),
    }
    policies = {name: answered["Content-Security-Policy"] for name, (_, answered, _) in answers.items()}

    assert {answered["X-Content-Type-Options"] for _, answered, _ in answers.values()} == {"nosniff"}
    assert all("frame-ancestors 'none'" in policy for policy in policies.values())
    bare = ("token", "revocation without a token", "refused client", "wrong method", "alive", "larger than web takes")
    assert {policies[name] for name in bare} == {"default-src 'none'; frame-ancestors 'none'"}


def test_a_page_keeps_its_own_policy_and_has_no_second_one(web):
    _, answered, _ = web.ask("/admin/login/")

    assert "default-src 'self'" in answered["Content-Security-Policy"]
    assert len(answered.get_all("Content-Security-Policy")) == len(answered.get_all("X-Content-Type-Options")) == 1


def test_everything_else_is_djangos(web):
    assert web.ask("/livez")[0] == 200
    assert web.ask("/readyz")[0] == 200
    assert web.ask("/.well-known/oauth-authorization-server")[0] == 200
    assert web.ask("/oauth/authorize")[0] == 404
    assert web.ask("/nowhere")[0] == 404


def test_requests_for_foreign_hosts_leave_few_lines_in_the_log_and_none_of_their_words(web):
    for _ in range(50):
        assert web.ask("/admin/login/", headers={"Host": "canary.example"})[0] == 400

    web.process.terminate()
    log, _ = web.process.communicate(timeout=10)
    assert "request_suspicious" in log
    assert log.count("request_suspicious") < 25
    assert "canary" not in log
