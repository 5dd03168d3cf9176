"""OAuth's POST endpoints by path. They share their zones and their worker threads."""

from concurrent.futures import ThreadPoolExecutor

from controlplane.oauth.admission import Admission
from controlplane.oauth.endpoint import THREADS, Endpoint
from controlplane.oauth.introspection import introspect
from controlplane.oauth.revocation import revoke
from controlplane.oauth.token import issue_token


def oauth_endpoints() -> dict[str, Endpoint]:
    """Each endpoint by its path without a slash at the end, with zones at rest."""
    admission = Admission()
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oauth")
    responders = {"/oauth/token": issue_token, "/oauth/revoke": revoke, "/oauth/introspect": introspect}
    return {path: Endpoint(respond, admission, threads) for path, respond in responders.items()}
