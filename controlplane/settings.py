"""All settings. Each variable of the environment stands here once, with its type, default, unit and reason."""

import os
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from celery.schedules import crontab
from django.templatetags.static import static

from controlplane import environment as parse
from controlplane.environment import Environment
from controlplane.logs import configuration, sinks
from controlplane.navigation import PRIMARY_COLORS, SIDEBAR
from relay.platforms.addresses import LARGEST_PORT, AddressRules

PROJECT_DIRECTORY = Path(__file__).resolve().parent.parent
KIB = 1024
env = Environment(os.environ)

# Mode. The demo runs on SQLite, plain HTTP and secrets that everybody knows: never where others can reach it.
DEMO = env.switch("FLOODGATE_DEMO")
DEBUG = env.switch("FLOODGATE_DEBUG")  # stack traces in answers: for developers only
LOG_LEVEL = env.text("FLOODGATE_LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR"):
    env.fault("FLOODGATE_LOG_LEVEL is not usable: it must be DEBUG, INFO, WARNING or ERROR.")
    LOG_LEVEL = "INFO"
_STDOUT: sinks.SyslogAddress | None = None
LOG_SINK = env.parsed("FLOODGATE_LOG_SINK", sinks.parse_sink, _STDOUT)  # or a syslog server: udp://, tcp:// or unix://

# Addresses.
WEB_URL = env.parsed("FLOODGATE_WEB_URL", parse.parse_url("http", "https"), "http://127.0.0.1:8000")  # tokens' issuer
RELAY_URL = env.parsed("FLOODGATE_RELAY_URL", parse.parse_url("ws", "wss"), "ws://127.0.0.1:8001")  # shown to people
IS_SECURE = WEB_URL.startswith("https://")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_OWN_HOSTS: parse.Names = (parse.parse_host_pattern(urlsplit(WEB_URL).hostname or ""), *LOCAL_HOSTS)
ALLOWED_HOSTS = list(env.parsed("FLOODGATE_ALLOWED_HOSTS", parse.parse_host_patterns, _OWN_HOSTS))
_NOBODY: parse.Networks = ()
TRUSTED_PROXIES = env.parsed("FLOODGATE_TRUSTED_PROXIES", parse.parse_networks, _NOBODY)  # whose X-Forwarded-For counts

# Secrets. `python -m controlplane.generate_keys` makes all three.
SECRET_KEY = env.text("SECRET_KEY", "demo-only-" + "0" * 50 if DEMO else "", required=not DEMO)  # sessions, CSRF
_DEMO_CREDENTIAL_KEYS: parse.Names = (urlsafe_b64encode(sha256(SECRET_KEY.encode()).digest()).decode(),)
CREDENTIAL_KEYS = env.parsed(  # encrypt the platforms' credentials: the first encrypts, all decrypt
    "FLOODGATE_CREDENTIAL_KEYS", parse.parse_credential_keys, _DEMO_CREDENTIAL_KEYS, required=not DEMO
)
SIGNING_KEY = env.parsed("FLOODGATE_SIGNING_KEY", parse.parse_signing_key, "")  # signs tokens: web's alone
_NO_KEYS: parse.Names = ()
VERIFICATION_KEYS = parse.public_keys(  # check tokens: relays need no more. Several, while keys change
    SIGNING_KEY, env.parsed("FLOODGATE_VERIFICATION_KEYS", parse.parse_verification_keys, _NO_KEYS)
)
if not (VERIFICATION_KEYS or DEMO):
    env.fault("FLOODGATE_SIGNING_KEY is not set. Web needs it; for a relay, set FLOODGATE_VERIFICATION_KEYS instead.")

# Stores.
_DEMO_DATABASE = f"sqlite:///{PROJECT_DIRECTORY / 'demo.sqlite3'}"
DATABASES = {
    "default": env.parsed(
        "DATABASE_URL", parse.parse_database, parse.parse_database(_DEMO_DATABASE) if DEMO else {}, required=not DEMO
    )
}
REDIS_URL = env.parsed("REDIS_URL", parse.parse_redis, "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = env.parsed("CELERY_BROKER_URL", parse.parse_url("redis", "rediss", "amqp", "amqps"), REDIS_URL)
CHANNEL_LAYER_URL = env.parsed("CHANNEL_LAYER_URL", parse.parse_url("redis", "rediss", "unix"), REDIS_URL)
for name, url in (("CELERY_BROKER_URL", CELERY_BROKER_URL), ("CHANNEL_LAYER_URL", CHANNEL_LAYER_URL)):
    if "+cluster://" in url:
        env.fault(f"{name} is not set. REDIS_URL leads to a cluster, which is of no use here: name a single server.")

# Token endpoint: what passes before any secret is hashed. Requests a second, and how many may be ahead of that.
TOKEN_CLIENT_PERMITS = env.integer("FLOODGATE_TOKEN_CLIENT_PERMITS", 20, least=1, most=100_000)  # an id at an address
TOKEN_CLIENT_BURST = env.integer("FLOODGATE_TOKEN_CLIENT_BURST", 40, least=0, most=100_000)
TOKEN_ADDRESS_PERMITS = env.integer("FLOODGATE_TOKEN_ADDRESS_PERMITS", 100, least=1, most=100_000)  # one IP address
TOKEN_ADDRESS_BURST = env.integer("FLOODGATE_TOKEN_ADDRESS_BURST", 200, least=0, most=100_000)

# Relay: what one process holds for one connection, and what it lets in before it knows the client.
RECEIVE_BUFFER_BYTES = env.integer("FLOODGATE_RECEIVE_BUFFER_BYTES", 64 * KIB, least=4 * KIB, most=16 * KIB * KIB)
LARGEST_MESSAGE_BYTES = env.integer(
    "FLOODGATE_LARGEST_MESSAGE_BYTES", KIB * KIB, least=KIB, most=64 * KIB * KIB
)  # else 1009
TLS_CERTIFICATE_FILE = env.text("FLOODGATE_TLS_CERTIFICATE_FILE")  # PEM, with its chain; none: clients come without TLS
TLS_KEY_FILE = env.text("FLOODGATE_TLS_KEY_FILE")  # PEM; none: it is in the certificate's file
PROXY_PROTOCOL = env.switch("FLOODGATE_PROXY_PROTOCOL")  # each connection begins with a header of a trusted proxy's
if PROXY_PROTOCOL and not TRUSTED_PROXIES:
    env.fault("FLOODGATE_PROXY_PROTOCOL needs FLOODGATE_TRUSTED_PROXIES: the networks of the proxies that send it.")
MOST_FRAGMENTS = env.integer("FLOODGATE_MOST_FRAGMENTS", 256, least=1, most=1_000_000)  # of one message; else 1009
SLOW_READER_SECONDS = env.integer("FLOODGATE_SLOW_READER_SECONDS", 30, least=1, most=3600)  # else 4413
IDLE_SECONDS = env.integer("FLOODGATE_IDLE_SECONDS", 0, least=0, most=86_400)  # else 4408; 0: never
STORE_DECISION_SECONDS = env.integer("FLOODGATE_STORE_DECISION_MILLISECONDS", 50, least=10, most=250) / 1000
_NONE: parse.Names = ()
ALLOWED_ORIGINS = env.parsed(
    "FLOODGATE_ALLOWED_ORIGINS", parse.parse_origins, _NONE
)  # web pages that may connect, besides the relay's own
FORWARDED_HEADERS = env.parsed("FLOODGATE_FORWARDED_HEADERS", parse.parse_header_names, _NONE)  # to platforms, besides
MEMORY_LIMIT_BYTES = env.integer("FLOODGATE_MEMORY_LIMIT_BYTES", 0, least=0, most=2**50)  # 0: the control group's
OPERATIONS_HOST = env.text("FLOODGATE_OPERATIONS_HOST", "127.0.0.1")  # no TLS, no log-in: for this machine's own eyes
OPERATIONS_PORT = env.integer("FLOODGATE_OPERATIONS_PORT", 8011, least=0, most=LARGEST_PORT)  # and on; 0: no port
DRAIN_SECONDS = env.integer("FLOODGATE_DRAIN_SECONDS", 30, least=0, most=3600)  # over which closes are spread
ADDRESS_HANDSHAKE_PERMITS = env.integer("FLOODGATE_ADDRESS_HANDSHAKE_PERMITS", 20, least=1, most=1_000_000)  # a second
ADDRESS_HANDSHAKE_BURST = env.integer("FLOODGATE_ADDRESS_HANDSHAKE_BURST", 40, least=0, most=1_000_000)
_HTTPS: parse.Ports = (443,)
_NO_HOST: parse.Names = ()
PLATFORM_ADDRESSES = AddressRules(  # tenants write them: else a relay would open its network to them
    ports=env.parsed("FLOODGATE_PLATFORM_PORTS", parse.parse_ports, _HTTPS),
    private_hosts=env.parsed("FLOODGATE_PRIVATE_PLATFORM_HOSTS", parse.parse_hosts, _NO_HOST),  # and without TLS
)
PLATFORM_CA_FILE = env.text("FLOODGATE_PLATFORM_CA_FILE")  # trusted for platforms besides the system's authorities
TOKEN_FORWARD_URL = env.parsed(  # where a relay sends POST /oauth/token: web, by its inner address
    "FLOODGATE_TOKEN_FORWARD_URL", parse.parse_url("http", "https"), WEB_URL
)

env.refuse_faults()

# Django.
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "controlplane.admin_site.UnfoldConfig",  # before admin, whose templates it replaces
    "daphne",  # before staticfiles, whose runserver it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "oauth2_provider",
    "auditlog",
    "django_celery_beat",
    "tenants",
    "relay",
    "controlplane",
]
MIDDLEWARE = [
    "controlplane.content_security.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "controlplane.unavailable.StoreUnavailableMiddleware",
    "controlplane.log_in.refusals.LogInRefusedMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "controlplane.urls"
ASGI_APPLICATION = "controlplane.asgi.application"
_CONTEXT_PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT_DIRECTORY / "controlplane" / "templates"],  # before the apps': the admin's first page is ours
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": _CONTEXT_PROCESSORS},
    }
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
LOGGING = configuration.log_configuration(LOG_LEVEL, LOG_SINK)

# People. Their passwords keep a slow hash; the last hasher is for generated 256-bit secrets alone.
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["controlplane.log_in.backend.LimitedBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", "tenants.hashers.GeneratedSecretHasher"]
_VALIDATORS = ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    *({"NAME": f"django.contrib.auth.password_validation.{name}"} for name in _VALIDATORS),
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"  # of those who came to the log-in page itself

# HTTP. Cookies are secure and HTTP leads to HTTPS wherever FLOODGATE_WEB_URL says https.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_SECURE
SESSION_COOKIE_AGE = 12 * 3600  # seconds: a working day
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_SECURE
SECURE_REDIRECT_EXEMPT = [r"^readyz$"]  # probes come over plain HTTP from inside
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
CSRF_TRUSTED_ORIGINS = [WEB_URL]
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * KIB  # the door of web refuses more: web/channel.py
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000

# Static files: hashed and compressed by `collectstatic`; the demo and developers serve them as they lie.
STATIC_URL = "/static/"
STATIC_ROOT = PROJECT_DIRECTORY / "static"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEMO or DEBUG
_STATIC_STORAGE = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
    if WHITENOISE_USE_FINDERS
    else "whitenoise.storage.CompressedManifestStaticFilesStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _STATIC_STORAGE},
}

# The admin, under Unfold.
UNFOLD = {
    "SITE_TITLE": "Floodgate",
    "SITE_HEADER": "Floodgate",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "water_damage",
    "SITE_URL": None,
    "LOGIN": {"form": "controlplane.log_in.form.AdministratorForm"},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "controlplane.admin.with_counts",
    "STYLES": [lambda _request: static("controlplane/admin.css")],
    "SCRIPTS": [lambda _request: static("controlplane/landmarks.js")],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("controlplane/icon.svg")}
    ],
    "COLORS": {"primary": PRIMARY_COLORS},
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": SIDEBAR},
}

# OAuth. Clients, tokens and their storage are the library's, the endpoints ours: docs/decisions/0003-token-endpoint.md.
OAUTH2_PROVIDER_APPLICATION_MODEL = "tenants.OAuthClient"
OAUTH2_PROVIDER = {
    "CLIENT_SECRET_HASHER": "generated_sha256",
    "OAUTH2_GRANT_TYPES_SUPPORTED": ["client_credentials"],
    "OAUTH2_RESPONSE_TYPES_SUPPORTED": [],
    "OIDC_ISS_ENDPOINT": WEB_URL,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
}

# Control fan-out, never traffic. Pub/sub: the other layer kills idle consumers (django/channels_redis#422).
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [CHANNEL_LAYER_URL]}}
}

# Celery.
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # every task may run twice: each is written so
CELERY_WORKER_POOL = "threads" if "sqlite" in str(DATABASES["default"]) else "prefork"  # SQLite has one writer
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 120}  # seconds until an unfinished task is given out again
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "rebuild client records": {"task": "tenants.tasks.rebuild_records", "schedule": crontab()},
    "purge expired tokens": {"task": "tenants.tasks.purge_expired_tokens", "schedule": crontab(minute=17)},
    "roll up telemetry": {
        "task": "relay.tasks.roll_up_telemetry",
        "schedule": 5.0,  # seconds
        "options": {"expire_seconds": 60},  # one run makes up for all that were missed
    },
    "forget old telemetry": {"task": "relay.tasks.forget_old_telemetry", "schedule": crontab(minute=37)},
}
