"""OAuth's POST endpoints by path. They share their zones and their worker threads."""

from concurrent.futures import ThreadPoolExecutor

from django.urls import URLPattern, re_path

from controlplane.oauth.endpoint import THREADS, Admission, Endpoint
from controlplane.oauth.introspection import introspect
from controlplane.oauth.revocation import revoke
from controlplane.oauth.token import issue_token


def oauth_routes() -> list[URLPattern]:
    """The routes for Channels' router, with zones at rest."""
    admission = Admission()
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oauth")
    endpoints = {"token": issue_token, "revoke": revoke, "introspect": introspect}
    return [
        re_path(rf"^oauth/{name}/?$", Endpoint(respond, admission, threads).__call__)
        for name, respond in endpoints.items()
    ]
