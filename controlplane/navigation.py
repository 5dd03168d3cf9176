"""The admin's sidebar, in the order in which somebody sets up a tenant, and its colour."""

from django.urls import reverse_lazy


def _page(title: str, icon: str, name: str) -> dict[str, object]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}")}


PRIMARY_COLORS = {  # Tailwind's blue: 600 on white is 5.2 : 1
    "50": "oklch(97% .014 254.604)",
    "100": "oklch(93.2% .032 255.585)",
    "200": "oklch(88.2% .059 254.128)",
    "300": "oklch(80.9% .105 251.813)",
    "400": "oklch(70.7% .165 254.624)",
    "500": "oklch(62.3% .214 259.815)",
    "600": "oklch(54.6% .245 262.881)",
    "700": "oklch(48.8% .243 264.376)",
    "800": "oklch(42.4% .199 265.638)",
    "900": "oklch(37.9% .146 265.522)",
    "950": "oklch(28.2% .091 267.935)",
}
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
            _page("Platform credentials", "key", "tenants_platformcredential_changelist"),
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
        "title": "What flowed",
        "separator": True,
        "items": [
            _page("Traffic", "swap_vert", "relay_trafficrollup_changelist"),
            _page("Throttle episodes", "hourglass_top", "relay_throttleepisode_changelist"),
            _page("Handshakes", "handshake", "relay_handshakerollup_changelist"),
            _page("Relay processes", "memory", "relay_relayprocess_changelist"),
            _page("Gaps", "data_alert", "relay_gap_changelist"),
            _page("Stream position", "bookmark", "relay_streamposition_changelist"),
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
