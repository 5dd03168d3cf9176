"""Every address of web that Django answers; controlplane/asgi.py puts OAuth's POST endpoints and /livez in front."""

from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView

from controlplane.health import readyz
from controlplane.oauth.metadata import key_set, server_metadata

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("readyz", readyz, name="readyz"),
    re_path(r"^\.well-known/oauth-authorization-server/?$", server_metadata, name="server-metadata"),
    re_path(r"^\.well-known/jwks\.json$", key_set, name="key-set"),
    path("admin/", admin.site.urls),
]
