"""Django settings, derived from `portal.configuration`; the only place that reads it."""

from __future__ import annotations

import hashlib
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
import structlog
from csp.constants import NONE, SELF

from portal import configuration

CONFIG = configuration.load()
BASE_DIR = configuration.BASE_DIR
DATA_DIR = CONFIG.path(CONFIG.data_dir)
DATA_DIR.mkdir(parents=True, exist_ok=True)

DEMONSTRATION = CONFIG.is_demonstration
DEBUG = False


def _kept_secret(name: str) -> str:
    """A random secret of the demonstration, made once and kept in the data folder (mode 0600)."""
    path = DATA_DIR / name
    if not path.exists():
        fresh = secrets.token_hex(32)
        try:
            with open(path, "x", opener=lambda p, f: __import__("os").open(p, f, 0o600)) as file:
                file.write(fresh)
        except FileExistsError:
            pass
    return path.read_text().strip()


SECRET_KEY = CONFIG.secret_key or _kept_secret("secret-key")
KEY_ENCRYPTION_KEY = bytes.fromhex(CONFIG.key_encryption_key or _kept_secret("key-encryption-key"))
KEY_ENCRYPTION_KEY_OLD = bytes.fromhex(CONFIG.key_encryption_key_old)
KEY_SERVICE, KEY_SERVICE_KEY, KEY_SERVICE_TOKEN = CONFIG.key_service, CONFIG.key_service_key, CONFIG.key_service_token
KEYSTORE = CONFIG.keystore
PKCS11_MODULE, PKCS11_TOKEN, PKCS11_PIN = CONFIG.pkcs11_module, CONFIG.pkcs11_token, CONFIG.pkcs11_pin
KEY_DIR: Path = CONFIG.path(CONFIG.key_dir) if CONFIG.key_dir else DATA_DIR / "keys"
ERASURE_DIR: Path = CONFIG.path(CONFIG.erasure_dir) if CONFIG.erasure_dir else DATA_DIR / "erasures"
PROOF_CACHE_DIR: Path = CONFIG.path(CONFIG.proof_cache_dir)
LOG_ORIGIN = CONFIG.log_origin
LOGS = CONFIG.logs
LOG_READERS = CONFIG.log_readers
CHAIN_RPC = CONFIG.chain_rpc
CHAIN_ID = CONFIG.chain_id
ANCHOR_CONTRACT = CONFIG.anchor_contract
ANCHOR_CONFIRMATIONS = CONFIG.anchor_confirmations
ANCHOR_EVERY_SECONDS = CONFIG.anchor_every_seconds
WITNESS_POLICY: Path | None = CONFIG.path(CONFIG.witness_policy) if CONFIG.witness_policy else None
REPORTS_AN_HOUR, REPORTS_OPEN, REPORTS_BYTES = CONFIG.reports_an_hour, CONFIG.reports_open, CONFIG.reports_bytes
AUDIT_SECONDS = CONFIG.audit_seconds
HOOKS_TO_PRIVATE = CONFIG.hooks_to_private
PUBLIC_URL = CONFIG.public_url.rstrip("/")
ALLOWED_HOSTS = CONFIG.allowed_hosts
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
WORKER = CONFIG.worker
SEQUENCER_APART = CONFIG.sequencer == "apart"
PROVER_APART = CONFIG.prover == "apart"
INGEST_MAX_BYTES = CONFIG.ingest_max_bytes

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django.contrib.sites",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "channels",
    "csp",
    "django_cotton.apps.SimpleAppConfig",
    "django_htmx",
    "django_structlog",
    "rest_framework",
    "ledger",
    "custody",
    "manufacturing",
    "portal",
]
SITE_ID = 1

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.accounts.idle.IdleLockMiddleware",
    "portal.accounts.middleware.ActorMiddleware",
    "portal.access.AccessMiddleware",
    "portal.shell.mark_live",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "portal.templating.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.shell.context",
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "portal.templatetags.needlepoint",
                "portal.templatetags.trade",
            ],
        },
    }
]
COTTON_DIR = "components"
COTTON_SNAKE_CASED_NAMES = False
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

_database = dj_database_url.parse(CONFIG.database_url)
if _database["ENGINE"].endswith("sqlite3"):
    _path = Path(str(_database["NAME"]))
    if str(_path) != ":memory:":
        _database["NAME"] = str(CONFIG.path(_path))
        Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        # FULL: with WAL and NORMAL a power cut takes back the last commits, and a signed record is never taken back.
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-65536;"
        ),
    }
else:
    _database["CONN_MAX_AGE"] = 0
    _database["OPTIONS"] = {
        "pool": {"min_size": 1, "max_size": 16, "timeout": 20},
        # The one call that writes a record is planned once a connection (ledger/log/record_rows.py).
        "prepare_threshold": 2,
    }
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if CONFIG.redis_url:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CONFIG.redis_url}}
    CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [CONFIG.redis_url]}}
    }
else:
    CACHES = {"default": {"BACKEND": "portal.caching.SharedLimitsCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

CELERY_BROKER_URL = CONFIG.redis_url or "memory://"
CELERY_TASK_IGNORE_RESULT = True

AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "/accounts/login/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {"login": "120/m/ip", "login_failed": "20/m/ip,5/300s/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = CONFIG.trusted_proxies
MFA_ADAPTER = "portal.accounts.adapter.MFAAdapter"
MFA_TOTP_ISSUER = "Needlepoint"
MFA_TOTP_TOLERANCE = 1
# Addresses are set by the organisation's administrator, so there is none to verify before a second factor is added.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEMONSTRATION
SECOND_FACTOR_TO_SIGN = not DEMONSTRATION
FAILED_SIGN_INS_TOLD = 5
FAILED_SIGN_INS_SECONDS = 300
# Single sign-on: who an organisation's provider names, under one of its own domains, is signed in as the person whom
# the organisation enrolled under that address. Nobody is made by it.
SIGN_ON_DOMAINS = {one.id: frozenset(one.domains) for one in CONFIG.sign_on}
SOCIALACCOUNT_ADAPTER = "portal.accounts.adapter.SignOnAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": one.id,
                "name": one.name,
                "client_id": one.client_id,
                "secret": one.client_secret,
                "settings": {"server_url": one.server_url},
            }
            for one in CONFIG.sign_on
        ],
    }
}
SIGNING_FRESH_SECONDS = 15 * 60
SESSION_IDLE_SECONDS = CONFIG.session_idle_seconds
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
_email = urlsplit(CONFIG.email_url)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if CONFIG.email_url else 'filebased'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _email.hostname or "", _email.port or (465 if _email.scheme == "smtps" else 587)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_email.username or ""), unquote(_email.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _email.scheme == "smtps", _email.scheme == "smtp"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONFIG.email_from
EMAIL_FILE_PATH = str(DATA_DIR / "mail")

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

DATA_UPLOAD_MAX_MEMORY_SIZE = INGEST_MAX_BYTES
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

CSRF_FAILURE_VIEW = "portal.refusals.csrf_failed"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if not DEMONSTRATION:
    SECURE_SSL_REDIRECT = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF, *(one.origin for one in CONFIG.sign_on)],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    "camera": ["self"],
    "geolocation": ["self"],
    "microphone": [],
    "payment": [],
    "usb": [],
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsers.StrictJSONParser"],
    "EXCEPTION_HANDLER": "portal.api.errors.handle",
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": CONFIG.log_level},
    "loggers": {"django_structlog": {"level": "WARNING"}},
}

# A stable, non-secret name of this installation, for cookies of two demonstrations side by side.
SESSION_COOKIE_NAME = "np_" + hashlib.sha256(str(DATA_DIR).encode()).hexdigest()[:8]

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        # The default prints the local variables of every frame, patients' names among them, and takes half a minute.
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),
    ],
)
