"""Settings shared by every way of running. Only this package reads the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF
from django.conf import global_settings
from django.templatetags.static import static

from orbit import env
from orbit.launcher import running

BASE_DIR = Path(__file__).resolve().parents[2]

# Where embedded servers keep their files, workers their journals, the launcher its secrets.
ORBIT_DATA_DIR = running.data_dir(BASE_DIR)
# Beside a running installation, commands find its servers and secrets without being told.
for _name, _value in running.environment(ORBIT_DATA_DIR).items():
    os.environ.setdefault(_name, _value)

# Signs sessions and links. No default outside the demo.
SECRET_KEY = env.text("ORBIT_SECRET_KEY")
# Keys the digests under which issued keys are stored.
ORBIT_KEY_PEPPER = env.text("ORBIT_KEY_PEPPER")
# Seals provider credentials (32 bytes in base64; `VERSION:KEY,VERSION:KEY` while rotating, newest first).
ORBIT_MASTER_KEY = env.text("ORBIT_MASTER_KEY")
# The address that people and applications use.
ORBIT_PUBLIC_URL = env.text("ORBIT_PUBLIC_URL", "http://127.0.0.1:8080").rstrip("/")
# Host names under which we answer.
ALLOWED_HOSTS = env.words("ORBIT_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
# Where the web workers listen.
ORBIT_BIND = env.text("ORBIT_BIND", "127.0.0.1:8080")
# What this process is: `web` looks up no prices by itself. orbit/asgi.py and orbit/celery.py set it.
ORBIT_PROCESS = env.choice("ORBIT_PROCESS", ("command", "web", "worker", "beat"))
# Web worker processes.
ORBIT_WORKERS = env.integer("ORBIT_WORKERS", 2, low=1, high=256)
# Web workers of all hosts together: each has that part of a limit while Redis is away.
ORBIT_SHARES = env.integer("ORBIT_SHARES", ORBIT_WORKERS, low=1, high=10_000)
# Seconds that a stopping worker gives its open streams.
ORBIT_DRAIN_S = env.integer("ORBIT_DRAIN_S", 30, low=0, high=3600)
# Port of the demo provider.
ORBIT_DEMO_PROVIDER_PORT = env.integer("ORBIT_DEMO_PROVIDER_PORT", 8090, low=1, high=65535)
# Hops in front of us that set X-Forwarded-For; 0 takes the peer's own address.
ORBIT_TRUSTED_PROXIES = env.integer("ORBIT_TRUSTED_PROXIES", 0, high=10)
ORBIT_TRUSTED_PROXIES_GIVEN = bool(env.text("ORBIT_TRUSTED_PROXIES"))
# Who may read /metrics: whoever sends this token, and whoever comes from one of these networks without a proxy in between.
ORBIT_METRICS_TOKEN = env.text("ORBIT_METRICS_TOKEN")
ORBIT_METRICS_ADDRESSES = env.networks("ORBIT_METRICS_ADDRESSES", "127.0.0.0/8,::1/128")
# Organizations that have series of their own in /metrics; those that come later count as `(other)`.
ORBIT_METRICS_ORGANIZATIONS = env.integer("ORBIT_METRICS_ORGANIZATIONS", 100, high=10_000)
# host:port pairs that provider accounts may point to although private; also permits http:// for them.
ORBIT_PRIVATE_TARGETS = env.words("ORBIT_PRIVATE_TARGETS")
# Which outbound client carries provider calls: wire (our own) or httpx2.
ORBIT_UPSTREAM_CLIENT = env.choice("ORBIT_UPSTREAM_CLIENT", ("wire", "httpx2"))
# Seconds to connect to a provider, to its first byte, and between two pieces of a stream.
ORBIT_CONNECT_TIMEOUT_S = env.integer("ORBIT_CONNECT_TIMEOUT_S", 5, low=1, high=60)
ORBIT_FIRST_BYTE_TIMEOUT_S = env.integer("ORBIT_FIRST_BYTE_TIMEOUT_S", 300, low=1, high=3600)
ORBIT_IDLE_TIMEOUT_S = env.integer("ORBIT_IDLE_TIMEOUT_S", 120, low=1, high=3600)
# Seconds that a response in the background is followed; then it is charged what was reserved.
ORBIT_BACKGROUND_S = env.integer("ORBIT_BACKGROUND_S", 3600, low=1, high=86_400)
# Largest request body and plain provider answer that we take, in bytes.
ORBIT_MAX_BODY_BYTES = env.integer("ORBIT_MAX_BODY_BYTES", 20_000_000, low=1_000)
ORBIT_MAX_ANSWER_BYTES = env.integer("ORBIT_MAX_ANSWER_BYTES", 100_000_000, low=1_000)
# What a client may take for a request's head and body, and without reading of an answer, in seconds; a body gets one more
# for every 32 KiB of it. The most bytes of a head, and connections of a worker: beyond, those that nobody uses are closed.
ORBIT_HEAD_S = env.integer("ORBIT_HEAD_S", 10, low=1, high=600)
ORBIT_BODY_S = env.integer("ORBIT_BODY_S", 30, low=1, high=3600)
ORBIT_UNREAD_S = env.integer("ORBIT_UNREAD_S", 60, low=1, high=3600)
ORBIT_MAX_HEAD_BYTES = env.integer("ORBIT_MAX_HEAD_BYTES", 32_768, low=4_096, high=1_000_000)
ORBIT_WORKER_CONNECTIONS = env.integer("ORBIT_WORKER_CONNECTIONS", 10_000, low=16, high=1_000_000)
# What organizations share of a web worker (docs/isolation.md): requests of applications under way, and bytes of their bodies.
# Each may have as much as is still free; who was alone for a minute, all but a small part.
ORBIT_WORKER_CALLS = env.integer("ORBIT_WORKER_CALLS", 2_500, low=4, high=100_000)
ORBIT_WORKER_BODY_BYTES = env.integer(
    "ORBIT_WORKER_BODY_BYTES",
    max(268_435_456, 8 * ORBIT_MAX_BODY_BYTES),
    low=2 * ORBIT_MAX_BODY_BYTES,
    high=2**40,
)
# End users of one organization that a web worker counts within an hour, where limits on each of them apply.
ORBIT_END_USERS = env.integer("ORBIT_END_USERS", 100_000, low=1, high=10_000_000)
# Requests of pages and of the management API that a web worker works at together, and milliseconds that each of their
# statements may take in the database, of operators' pages and of others; 0 is without limit.
ORBIT_PAGES = env.integer("ORBIT_PAGES", 5, low=4, high=256)
ORBIT_QUERY_MS = env.integer("ORBIT_QUERY_MS", 2_000, high=600_000)
ORBIT_OPERATOR_QUERY_MS = env.integer("ORBIT_OPERATOR_QUERY_MS", 15_000, high=600_000)
# Jobs of one organization (exports, reconciliations, trials of policies, mail) that are with workers at once; others wait.
ORBIT_JOBS_EACH = env.integer("ORBIT_JOBS_EACH", 2, low=1, high=100)
# Days for which the ledger keeps what no policy speaks of; 0 is without limit.
ORBIT_RETENTION_DAYS = int(env.choice("ORBIT_RETENTION_DAYS", ("0", "30", "90", "400", "2555")))
# Operators are told when the oldest event that is not in the ledger is older than this, in seconds.
ORBIT_LEDGER_ALARM_S = env.integer("ORBIT_LEDGER_ALARM_S", 30, low=2, high=86_400)
# Beyond one of these, calls whose policy requires an audit trail are refused: that age, entries in one shard's stream, and
# percent of the store's maxmemory.
ORBIT_LEDGER_MAX_AGE_S = env.integer("ORBIT_LEDGER_MAX_AGE_S", 60, low=2, high=86_400)
ORBIT_LEDGER_MAX_ENTRIES = env.integer("ORBIT_LEDGER_MAX_ENTRIES", 1_000_000, low=1)
ORBIT_LEDGER_MAX_MEMORY = env.integer("ORBIT_LEDGER_MAX_MEMORY", 80, low=1, high=99)
# Seconds that a reservation lives without renewal.
ORBIT_LEASE_S = env.integer("ORBIT_LEASE_S", 30, low=2, high=600)
# Milliseconds that one Redis call may take before the call is refused.
ORBIT_REDIS_TIMEOUT_MS = env.integer("ORBIT_REDIS_TIMEOUT_MS", 100, low=10, high=10_000)
# Run although Redis evicts or keeps nothing on disk. Counters may then be lost.
ORBIT_REDIS_UNSAFE = env.flag("ORBIT_REDIS_UNSAFE")
# After how many seconds a credential is read again from its store, and for how many the last one serves while the
# store is down.
ORBIT_SECRET_REFRESH_S = env.integer("ORBIT_SECRET_REFRESH_S", 60, low=1, high=3600)
ORBIT_SECRET_KEEP_S = env.integer("ORBIT_SECRET_KEEP_S", 3600, low=1, high=604_800)
# Seconds for one exchange with a secret store.
ORBIT_SECRET_TIMEOUT_S = env.integer("ORBIT_SECRET_TIMEOUT_S", 3, low=1, high=30)
# Under which names an organization may name secrets; {slug} and {id} are its own.
ORBIT_SECRET_PREFIX = env.text("ORBIT_SECRET_PREFIX", "orbit/{slug}")
# Vault or OpenBao: where it answers; how we log in, and at which mount of that method; its namespace and authority.
ORBIT_VAULT_ADDR = env.text("ORBIT_VAULT_ADDR")
ORBIT_VAULT_AUTH = env.choice("ORBIT_VAULT_AUTH", ("token", "approle", "kubernetes"))
ORBIT_VAULT_AUTH_MOUNT = env.text("ORBIT_VAULT_AUTH_MOUNT")
ORBIT_VAULT_NAMESPACE = env.text("ORBIT_VAULT_NAMESPACE")
ORBIT_VAULT_CA_FILE = env.text("ORBIT_VAULT_CA_FILE")
# What we log in with: a token; an AppRole's id and secret; a Kubernetes role and the service account's token.
ORBIT_VAULT_TOKEN = env.text("ORBIT_VAULT_TOKEN")
ORBIT_VAULT_ROLE = env.text("ORBIT_VAULT_ROLE")
ORBIT_VAULT_SECRET_ID = env.text("ORBIT_VAULT_SECRET_ID")
ORBIT_VAULT_JWT_FILE = env.text("ORBIT_VAULT_JWT_FILE", "/var/run/secrets/kubernetes.io/serviceaccount/token")
# The secrets engine (KV version 2) that organizations may name.
ORBIT_VAULT_MOUNT = env.text("ORBIT_VAULT_MOUNT", "secret")
# Region of AWS Secrets Manager; the SDK finds the rest. Empty: not used.
ORBIT_AWS_REGION = env.text("ORBIT_AWS_REGION")
# Azure Key Vaults, each NAME or NAME=https://host, and an authority for them. Empty: not used.
ORBIT_AZURE_VAULTS = env.words("ORBIT_AZURE_VAULTS")
ORBIT_AZURE_CA_FILE = env.text("ORBIT_AZURE_CA_FILE")
# How mail leaves: `outbox:` keeps it for the page /dev/outbox/, or smtp://user:password@host:port (smtps://).
ORBIT_EMAIL_URL = env.text("ORBIT_EMAIL_URL", "outbox:")
# Who may sign up: open, domains:example.com,…, invitation, or approval by an operator.
ORBIT_SIGN_UP, ORBIT_SIGN_UP_DOMAINS = env.sign_up("ORBIT_SIGN_UP")
# A currency in which reports show costs besides, as ISO 4217 writes it; its rates: `manage.py rates import`. Empty: none.
ORBIT_REPORTING_CURRENCY = env.text("ORBIT_REPORTING_CURRENCY")
# Members' contract prices take two people: one who proposes, another who approves.
ORBIT_PRICE_APPROVAL = env.flag("ORBIT_PRICE_APPROVAL")
# The policy, as ORGANIZATION/NAME, that is over every new organization's own.
ORBIT_CEILING = env.text("ORBIT_CEILING")
# Requests a minute that each credential may make of the management API.
ORBIT_API_RATE = env.integer("ORBIT_API_RATE", 600, low=1)
# Seconds that a token lasts which we gave to an OAuth client.
ORBIT_TOKEN_S = env.integer("ORBIT_TOKEN_S", 900, low=60, high=86_400)
# Token requests a minute from one address; those with a bad secret are stopped after a tenth of it.
ORBIT_TOKEN_RATE = env.integer("ORBIT_TOKEN_RATE", 300, low=10, high=100_000)
# An issuer whose tokens open the management API too (its `iss`), and the audience that they must name. Empty: none.
ORBIT_JWT_ISSUER = env.text("ORBIT_JWT_ISSUER")
ORBIT_JWT_AUDIENCE = env.text("ORBIT_JWT_AUDIENCE")
# Where its keys are (empty: where its OpenID description says), and the authority that signed its certificate.
ORBIT_JWT_JWKS_URL = env.text("ORBIT_JWT_JWKS_URL")
ORBIT_JWT_CA_FILE = env.text("ORBIT_JWT_CA_FILE")
# Signatures that are taken, asymmetric ones only.
ORBIT_JWT_ALGORITHMS = env.words("ORBIT_JWT_ALGORITHMS", "RS256,ES256")
# Claims that hold scopes or roles, dots leading into objects; what roles stand for, as ROLE=scope scope,ROLE=preset.
ORBIT_JWT_SCOPES_CLAIM = env.words("ORBIT_JWT_SCOPES_CLAIM", "scope")
ORBIT_JWT_ROLES = env.table("ORBIT_JWT_ROLES")
# The claim whose organization (its slug) is the only one in which a token counts.
ORBIT_JWT_ORGANIZATION_CLAIM = env.text("ORBIT_JWT_ORGANIZATION_CLAIM")
# Where that issuer is asked about tokens that are no JWTs (RFC 7662), and as whom.
ORBIT_INTROSPECTION_URL = env.text("ORBIT_INTROSPECTION_URL")
ORBIT_INTROSPECTION_CLIENT_ID = env.text("ORBIT_INTROSPECTION_CLIENT_ID")
ORBIT_INTROSPECTION_CLIENT_SECRET = env.text("ORBIT_INTROSPECTION_CLIENT_SECRET")
# Ask about JWTs as well, so that revoked ones are noticed; seconds for which an answer is remembered.
ORBIT_INTROSPECTION_JWTS = env.flag("ORBIT_INTROSPECTION_JWTS")
ORBIT_INTROSPECTION_CACHE_S = env.integer("ORBIT_INTROSPECTION_CACHE_S", 30, high=60)
# Organizations that one person may found.
ORBIT_ORGANIZATIONS_PER_PERSON = env.integer("ORBIT_ORGANIZATIONS_PER_PERSON", 3, high=10_000)
# End users, and tags, that rollups tell apart in an organization in a day; all others are summed as one.
ORBIT_ROLLUP_VALUES = env.integer("ORBIT_ROLLUP_VALUES", 1_000, low=1, high=100_000)
# Who joins by an organization's own provider: by ORBIT_SIGN_UP, all (open), or all and they wait (approval).
ORBIT_SSO_JOIN = env.choice("ORBIT_SSO_JOIN", ("sign-up", "open", "approval"))
# After how many seconds a session's provider is asked again; 0 is at every request.
ORBIT_SSO_RECHECK_S = env.integer("ORBIT_SSO_RECHECK_S", 60, high=86_400)
# Seconds for which a provider that does not answer leaves its sessions as they are.
ORBIT_SSO_GRACE_S = env.integer("ORBIT_SSO_GRACE_S", 900, high=604_800)
# Seconds for one exchange with a provider.
ORBIT_SSO_TIMEOUT_S = env.integer("ORBIT_SSO_TIMEOUT_S", 5, low=1, high=30)
# Name servers that verify domains, as ADDRESS or ADDRESS:PORT; the system's where none is given.
ORBIT_DNS_SERVERS = env.words("ORBIT_DNS_SERVERS")
# Days for which a deleted organization can be restored.
ORBIT_DELETION_DAYS = env.integer("ORBIT_DELETION_DAYS", 30, high=3650)
# Files of the ledger that were made in the background: days for which they are kept, and the most bytes of one.
ORBIT_EXPORT_DAYS = env.integer("ORBIT_EXPORT_DAYS", 7, low=1, high=90)
ORBIT_EXPORT_MAX_BYTES = env.integer("ORBIT_EXPORT_MAX_BYTES", 2_000_000_000, low=1_000_000)
# Where policies have prompts and answers stored: the most bytes of each, days, bytes that may wait in one worker to be
# written, seconds that they wait for a database that is away, days after which a data key is followed by a new one.
ORBIT_CONTENT_MAX_BYTES = env.integer("ORBIT_CONTENT_MAX_BYTES", 1_000_000, low=1_000, high=100_000_000)
ORBIT_CONTENT_DAYS = env.integer("ORBIT_CONTENT_DAYS", 30, low=1, high=3650)
ORBIT_CONTENT_QUEUE_BYTES = env.integer("ORBIT_CONTENT_QUEUE_BYTES", 64_000_000, low=1_000)
ORBIT_CONTENT_PATIENCE_S = env.integer("ORBIT_CONTENT_PATIENCE_S", 60, low=1, high=3600)
ORBIT_DATA_KEY_DAYS = env.integer("ORBIT_DATA_KEY_DAYS", 30, low=1, high=3650)
# Where signed checkpoints of the ledger go, and the file of the key that signs them, which is made when there is none.
ORBIT_CHECKPOINT_DIR = Path(env.text("ORBIT_CHECKPOINT_DIR", str(ORBIT_DATA_DIR / "checkpoints")))
ORBIT_CHECKPOINT_KEY = Path(env.text("ORBIT_CHECKPOINT_KEY", str(ORBIT_DATA_DIR / "checkpoint-key.pem")))

# What providers bill: seconds that all waits of one reconciliation may take together, days that are looked at again each
# night beyond those that a provider may still change, days of a provider's minutes that are kept.
ORBIT_RECONCILE_PATIENCE_S = env.integer("ORBIT_RECONCILE_PATIENCE_S", 900, low=1, high=14_400)
ORBIT_RECONCILE_DAYS = env.integer("ORBIT_RECONCILE_DAYS", 3, low=1, high=60)
ORBIT_RECONCILE_KEEP_DAYS = env.integer("ORBIT_RECONCILE_KEEP_DAYS", 400, low=31, high=3650)
# Single calls that one run asks a provider for which can be asked that (0: none), and how many a second (0: as fast as it answers).
ORBIT_RECONCILE_LOOKUPS = env.integer("ORBIT_RECONCILE_LOOKUPS", 5_000, low=0, high=50_000)
ORBIT_RECONCILE_LOOKUPS_A_SECOND = env.integer("ORBIT_RECONCILE_LOOKUPS_A_SECOND", 10, low=0, high=1_000)

# Processes that find names and addresses with a model (`make names`); questions that may wait for one; where they are asked.
ORBIT_NAMES_WORKERS = env.integer("ORBIT_NAMES_WORKERS", 0, high=64)
ORBIT_NAMES_QUEUE = env.integer("ORBIT_NAMES_QUEUE", 32, low=1, high=10_000)
ORBIT_NAMES_SOCKET = Path(env.text("ORBIT_NAMES_SOCKET", str(ORBIT_DATA_DIR / "names.sock")))
ORBIT_NAMES_SOCKET_GIVEN = bool(env.text("ORBIT_NAMES_SOCKET"))

# How processes log: a JSON object a line, or text for people; which of them is the level, and whether each call has a line.
ORBIT_LOG_FORMAT = env.choice(
    "ORBIT_LOG_FORMAT", ("text", "json") if sys.stderr.isatty() else ("json", "text")
)
ORBIT_LOG_LEVEL = env.choice("ORBIT_LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR"))
ORBIT_LOG_CALLS = env.flag("ORBIT_LOG_CALLS")
# Traces of calls, pages and tasks, by OTLP over HTTP: where they go (empty: nowhere) and with which headers, the authority that signed its
# certificate, how many of a hundred traces are kept, spans that may wait in one process, whether providers get a traceparent.
ORBIT_TRACES_URL = env.text("ORBIT_TRACES_URL")
ORBIT_TRACES_HEADERS = env.pairs("ORBIT_TRACES_HEADERS")
ORBIT_TRACES_CA_FILE = env.text("ORBIT_TRACES_CA_FILE")
ORBIT_TRACES_PERCENT = env.integer("ORBIT_TRACES_PERCENT", 100, high=100)
ORBIT_TRACES_QUEUE = env.integer("ORBIT_TRACES_QUEUE", 8192, low=16, high=1_000_000)
ORBIT_TRACES_TO_PROVIDERS = env.flag("ORBIT_TRACES_TO_PROVIDERS")

# Grafana, in which each organization gets a folder: where it answers (empty: none), the token of a service account with the
# role Admin, the authority that signed its certificate, and the uid of the data source that their boards ask ({slug} and
# {id} are the organization's).
ORBIT_GRAFANA_URL = env.text("ORBIT_GRAFANA_URL")
ORBIT_GRAFANA_TOKEN = env.text("ORBIT_GRAFANA_TOKEN")
ORBIT_GRAFANA_CA_FILE = env.text("ORBIT_GRAFANA_CA_FILE")
ORBIT_GRAFANA_SOURCE = env.text("ORBIT_GRAFANA_SOURCE", "orbit-prometheus")

# Requests of one worker to one inspector outside (docs/inspectors.md) that may be under way; more wait within their deadline.
ORBIT_INSPECTOR_REQUESTS = env.integer("ORBIT_INSPECTOR_REQUESTS", 32, low=1, high=1_000)

# The file that names where the ledger is sent on to (docs/sinks.md). Empty: nowhere.
ORBIT_SINKS = env.text("ORBIT_SINKS")

# One server, or the first servers of a cluster; Celery and Django's cache take one server only.
REDIS_URL = env.store("REDIS_URL")
ORBIT_BROKER_URL = env.plain_store("ORBIT_BROKER_URL", REDIS_URL)
ORBIT_CACHE_URL = env.plain_store("ORBIT_CACHE_URL", REDIS_URL)

DATABASE_URL = env.text("DATABASE_URL")
# Owns the schema; used by migrations alone.
DATABASE_OWNER_URL = env.text("DATABASE_OWNER_URL", DATABASE_URL)
# `owner` while migrations run, else empty. manage.py sets it.
ORBIT_DB_ROLE = env.text("ORBIT_DB_ROLE")
# Connections that one process keeps per role.
ORBIT_DB_POOL = env.integer("ORBIT_DB_POOL", 20, high=100)


def _connection(role: str) -> dict[str, Any]:
    if ORBIT_DB_ROLE == "owner":
        return env.database("DATABASE_OWNER_URL", DATABASE_OWNER_URL)
    made = env.database("DATABASE_URL", DATABASE_URL)
    options = made["OPTIONS"]
    assert isinstance(options, dict)
    # Django's own `assume_role` waits for itself when there is a pool (its SET ROLE asks the pool for a second
    # connection). Set at start-up, the role is also what RESET ROLE goes back to.
    options["options"] = f"{options.get('options', '')} -c role={role}".strip()
    if ORBIT_DB_POOL:
        # A pool that cannot connect waits twice as long each time, by default for five minutes, and nobody gets a
        # connection meanwhile, though the database may be back. One that has given up begins anew with who asks next.
        options["pool"] = {"min_size": 0, "max_size": ORBIT_DB_POOL, "timeout": 5, "reconnect_timeout": 4}
    return made


# One alias per role of docs/architecture.md. Without a database only the commands that start one run.
DATABASES: dict[str, dict[str, Any]] = {}
if DATABASE_URL:
    DATABASES["default"] = _connection("orbit_app")
    if ORBIT_DB_ROLE != "owner":
        DATABASES["ledger"] = _connection("orbit_ledger")
        DATABASES["operator"] = _connection("orbit_operator")
DATABASE_ROUTERS = ["orbit.lib.access.AccessRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "allauth.idp.oidc",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "template_partials",
    "django_celery_beat",
    "csp",
    "orbit",
    "audit",
    "tenants",
    "quotas",
    "proxy",
    "billing",
    "console",
    "orbit.grafana",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "orbit.traces.pages.RouteMiddleware",
    "console.middleware.ContentPolicyMiddleware",
    "console.middleware.PatienceMiddleware",
    "console.middleware.NoStoreMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "console.single_sign_on.SingleSignOnMiddleware",
    "console.middleware.LastSeenMiddleware",
    "console.middleware.AccessMiddleware",
]
ROOT_URLCONF = "orbit.urls"
ASGI_APPLICATION = "orbit.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "console.context.console",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["console.formats"]

STATIC_URL = "static/"
STATIC_ROOT = ORBIT_DATA_DIR / "static"
# Our CSS as built from static/src, and what needs no building.
STATICFILES_DIRS = [("orbit", BASE_DIR / "static" / "build"), ("orbit", BASE_DIR / "static" / "assets")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CACHES = {
    "default": {
        "BACKEND": "orbit.lib.cache.SharedRedisCache",
        "LOCATION": ORBIT_CACHE_URL,
        "KEY_PREFIX": "orbit-cache",
    },
}

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# People's passwords are stored by the first. The last is for secrets of OAuth clients, which we make ourselves.
PASSWORD_HASHERS = [*global_settings.PASSWORD_HASHERS, "tenants.oauth.secrets.ClientSecretHasher"]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "/accounts/login/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
# Whoever opens the mail's link in the browser in which they signed up need not type the password again.
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "console.adapters.AccountAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"  # the provider has verified it, or nobody comes in
SOCIALACCOUNT_ADAPTER = "console.openid.SocialAccountAdapter"
ACCOUNT_FORMS = {"signup": "console.forms.SignUpForm"}
DEFAULT_FROM_EMAIL = env.text("ORBIT_EMAIL_FROM", "Orbit Gateway <orbit@localhost>")
EMAIL_BACKEND = "console.mail.Backend"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

# The description of the management API. Who may call it, and what it answers, is made from its endpoints.
SPECTACULAR_SETTINGS = {
    "TITLE": "Orbit Gateway management API",
    "VERSION": "1",
    "DESCRIPTION": "What the pages and the declarative file can do, for programs. The same on a page to try it: /api/v1/docs.",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Several kinds of thing have a state; this one is of more than one component.
    "ENUM_NAME_OVERRIDES": {
        "KeyStateEnum": "tenants.key_list.STATES",
        "AccountKindEnum": "tenants.api.accounts.KINDS",
        "InspectorKindEnum": "tenants.api.inspectors.KINDS",
        "RepricingRangeEnum": "billing.api.repricing.RANGES",
        "EventKindEnum": "audit.models.Event.Kind",
        "BillExceptionStateEnum": "billing.models.BillException.State",
        "WorkStateEnum": "billing.models.Run.State",
    },
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A management key (orbm_…), an operator key (orbo_…) or a token. The list names the scope.",
            }
        }
    },
}

CELERY_BROKER_URL = ORBIT_BROKER_URL
CELERY_BEAT_SCHEDULER = "orbit.scheduler:Scheduler"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "orbit.lib.logs.JsonFormatter", "process": ORBIT_PROCESS},
        "text": {"()": "orbit.lib.logs.TextFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": ORBIT_LOG_FORMAT, "stream": sys.stderr}
    },
    "loggers": {
        name: {"level": "WARNING"}
        for name in (
            # What goes to and comes from secret stores, and clients' secrets, are no business of a log, whatever its level.
            *("azure", "boto3", "botocore", "httpcore2", "httpx2", "msal", "oauthlib", "urllib3"),
            # Celery tells of each task that it takes, several a second.
            *("celery", "django_celery_beat", "kombu"),
        )
    },
    "root": {"handlers": ["stderr"], "level": ORBIT_LOG_LEVEL},
}
AUTH_USER_MODEL = "tenants.Person"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
# A number of tries in a time, of each client address (ip), person (user) or written address (key). docs/sign-in.md has
# them in words. Without a cache that all workers share they would count for each worker.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reauthenticate": "10/m/user",
    "signup": "20/m/ip",
    "confirm_email": "1/3m/key",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "single_sign_on": "30/m/ip",
}
MFA_RATE_LIMITS = {"webauthn_login": "10/m/ip"}
MFA_ADAPTER = "console.adapters.MFAAdapter"
MFA_FORMS = {"add_webauthn": "console.forms.AddPasskeyForm"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Orbit Gateway"
USERSESSIONS_TRACK_ACTIVITY = True
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = ORBIT_TOKEN_S
IDP_OIDC_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]  # no client without a secret
IDP_OIDC_RATE_LIMITS = {
    "token": f"{ORBIT_TOKEN_RATE}/m/ip",
    "token_refused": f"{ORBIT_TOKEN_RATE // 10}/m/ip",
}
CSRF_FAILURE_VIEW = "console.errors.csrf_failure"

# What a page may load: our own files. Django admin gets a little more, see console/middleware.py.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # the QR code of an authenticator app
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# The accent of static/src/app.css, from its lightest to its darkest.
_ACCENT = {
    "50": "oklch(0.97 0.014 268)",
    "100": "oklch(0.935 0.03 268)",
    "200": "oklch(0.88 0.06 268)",
    "300": "oklch(0.81 0.1 270)",
    "400": "oklch(0.745 0.125 270)",
    "500": "oklch(0.6 0.17 268)",
    "600": "oklch(0.49 0.19 268)",
    "700": "oklch(0.43 0.19 268)",
    "800": "oklch(0.37 0.15 268)",
    "900": "oklch(0.31 0.11 268)",
    "950": "oklch(0.23 0.08 268)",
}
UNFOLD = {
    "SITE_TITLE": "Orbit Gateway",
    "SITE_HEADER": "Orbit Gateway",
    "SITE_SUBHEADER": "Operator’s admin",
    "SITE_URL": "/",
    "SITE_ICON": lambda request: static("orbit/favicon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("orbit/favicon.svg")},
    ],
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {"primary": _ACCENT},
    "SIDEBAR": {"show_search": True, "navigation": "console.navigation.sidebar"},
}
