"""Every address of web that Django answers; controlplane/asgi.py puts the token endpoint in front."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from controlplane.health import livez, readyz

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
]
