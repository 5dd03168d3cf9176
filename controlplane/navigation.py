"""The admin's sidebar: groups of pages, in the order in which somebody sets up a tenant."""

from django.urls import reverse_lazy


def _page(title: str, icon: str, name: str) -> dict[str, object]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}")}


SIDEBAR = [
    {"items": [_page("Overview", "dashboard", "index")]},
    {
        "title": "Who",
        "separator": True,
        "items": [
            _page("Tenants", "apartment", "tenants_tenant_changelist"),
            _page("Members", "group", "tenants_member_changelist"),
            _page("People", "person", "tenants_user_changelist"),
        ],
    },
    {
        "title": "What connects",
        "separator": True,
        "items": [
            _page("Platform connections", "cable", "tenants_platformconnection_changelist"),
            _page("Channels", "forum", "tenants_channel_changelist"),
            _page("OAuth clients", "vpn_key", "tenants_oauthclient_changelist"),
        ],
    },
    {
        "title": "What limits",
        "separator": True,
        "items": [
            _page("Policies", "speed", "tenants_throttlepolicy_changelist"),
            _page("Versions", "history", "tenants_policyversion_changelist"),
        ],
    },
    {
        "title": "What happened",
        "separator": True,
        "items": [
            _page("Audit log", "fact_check", "auditlog_logentry_changelist"),
            _page("Jobs", "schedule", "django_celery_beat_periodictask_changelist"),
        ],
    },
]
