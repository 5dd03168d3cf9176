import pytest

pytestmark = pytest.mark.django_db


def policy_of(answer):
    return dict(rule.split(" ", 1) for rule in answer["Content-Security-Policy"].split("; "))


@pytest.mark.parametrize("path", ["/", "/readyz", "/nowhere", "/.well-known/jwks.json"])
def test_pages_load_nothing_from_elsewhere_and_run_no_text_as_code(path, client):
    policy = policy_of(client.get(path))

    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/tenants/tenant/"])
def test_the_admin_alone_may_evaluate_expressions_which_unfold_needs(path, client, root, redis):
    client.force_login(root)
    policy = policy_of(client.get(path))

    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


def test_other_headers_keep_types_frames_and_addresses_to_ourselves(client):
    answer = client.get("/admin/login/")

    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
