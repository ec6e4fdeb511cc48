"""Typed settings from the environment; a bad or missing value is refused with a clear sentence.

Every variable is read with the prefix `NEEDLEPOINT_`, save the ones that hosting platforms set
under a well-known name (`DATABASE_URL`, `REDIS_URL`, `SECRET_KEY`). `manage.py settings_reference`
writes docs/reference/settings.md from this model.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent

DATABASE_SCHEMES = {"sqlite", "postgres", "postgresql"}
REDIS_SCHEMES = {"redis", "rediss", "unix"}


class ConfigurationError(SystemExit):
    """Raised (and shown without a traceback) when the environment holds a value we cannot use."""


class Configuration(BaseSettings):
    """What an operator may set. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="NEEDLEPOINT_", extra="ignore", populate_by_name=True)

    mode: str = Field("demonstration", description="`demonstration` (embedded defaults, invented data) or `production`")
    secret_key: str = Field(
        "",
        validation_alias=AliasChoices("SECRET_KEY", "NEEDLEPOINT_SECRET_KEY"),
        description="signs sessions and reset links; production needs 50 characters or more, "
        "the demonstration keeps one in the data folder",
    )
    database_url: str = Field(
        "sqlite:///var/needlepoint.sqlite3",
        validation_alias=AliasChoices("DATABASE_URL", "NEEDLEPOINT_DATABASE_URL"),
        description="`sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`",
    )
    redis_url: str | None = Field(
        None,
        validation_alias=AliasChoices("REDIS_URL", "NEEDLEPOINT_REDIS_URL"),
        description="`redis://HOST:6379/0`: cache, live status and task queue shared by several processes",
    )
    data_dir: Path = Field(Path("var"), description="where the database file, keys, mail and secrets of this copy lie")
    key_dir: Path | None = Field(None, description="the sealed keystore; unset: `keys` in the data folder")
    key_encryption_key: str = Field(
        "", description="64 hexadecimal digits that seal keystore and patient keys (`openssl rand -hex 32`)"
    )
    proof_cache_dir: Path = Field(
        Path.home() / ".cache" / "needlepoint" / "proofs", description="proving keys, built once and shared by copies"
    )
    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        ["127.0.0.1", "localhost", "[::1]"], description="host names that are answered, parted by commas"
    )
    public_url: str = Field(
        "http://127.0.0.1:8000", description="where people reach the portal; production needs https"
    )
    log_origin: str = Field(
        "needlepoint.example/consortium", description="name of this ledger in every checkpoint; never change it"
    )
    log_readers: str = Field(
        "members", description="who reads the log under `/log/`: `members` (signed in, or with a token) or `public`"
    )
    witness_policy: Path | None = Field(
        None,
        description="file in the C2SP tlog-policy format: whose co-signatures a checkpoint needs before it is "
        "published; unset: none",
    )
    worker: str = Field(
        "embedded",
        description="`embedded` (threads of the server), `celery` (needs Redis) or `none` (`manage.py worker`)",
    )
    email_url: str = Field(
        "", description="`smtp://USER:PASSWORD@HOST:587` (STARTTLS) or `smtps://…:465`; unset: files in the data folder"
    )
    email_from: str = Field("needlepoint@localhost", description="sender of invitations, resets and alerts")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    trusted_proxies: int = Field(0, ge=0, le=5, description="reverse proxies whose X-Forwarded-For is believed")
    session_idle_seconds: int = Field(1_800, ge=60, le=43_200, description="signed out after this long without an act")
    ingest_max_bytes: int = Field(
        5_000_000, ge=1_000, le=200_000_000, description="the largest request that is read (bytes)"
    )

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, value: str) -> str:
        if value not in {"demonstration", "production"}:
            raise ValueError("use 'demonstration' or 'production'")
        return value

    @field_validator("worker")
    @classmethod
    def _known_worker(cls, value: str) -> str:
        if value not in {"embedded", "celery", "none"}:
            raise ValueError("use 'embedded', 'celery' or 'none'")
        return value

    @field_validator("log_readers")
    @classmethod
    def _known_readers(cls, value: str) -> str:
        if value not in {"members", "public"}:
            raise ValueError("use 'members' or 'public'")
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("use DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return [host.strip() for host in value.split(",") if host.strip()] if isinstance(value, str) else value

    @field_validator("redis_url", mode="before")
    @classmethod
    def _redis_scheme(cls, value: object) -> object:
        if value in (None, ""):
            return None
        if urlsplit(str(value)).scheme not in REDIS_SCHEMES:
            raise ValueError("give an address such as redis://127.0.0.1:6379/0, or leave it unset")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_scheme(cls, value: str) -> str:
        if urlsplit(value).scheme not in DATABASE_SCHEMES:
            raise ValueError("give sqlite:///PATH or postgresql://USER@HOST/NAME")
        return value

    @field_validator("email_url")
    @classmethod
    def _email_scheme(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"smtp", "smtps"} or not parts.hostname):
            raise ValueError("give smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465")
        return value

    @field_validator("key_encryption_key")
    @classmethod
    def _hex_key(cls, value: str) -> str:
        if value and (len(value) != 64 or any(c not in "0123456789abcdefABCDEF" for c in value)):
            raise ValueError("give 64 hexadecimal digits (256 bits), for example from `openssl rand -hex 32`")
        return value

    @model_validator(mode="after")
    def _production_is_complete(self) -> Self:
        if self.mode == "production":
            if len(self.secret_key) < 50:
                raise ValueError("production needs SECRET_KEY with 50 characters or more")
            if not self.key_encryption_key:
                raise ValueError("production needs NEEDLEPOINT_KEY_ENCRYPTION_KEY")
            if not self.public_url.startswith("https://"):
                raise ValueError("production needs NEEDLEPOINT_PUBLIC_URL to begin with https://")
            if not self.email_url:
                raise ValueError("production needs NEEDLEPOINT_EMAIL_URL: people set their password by a link")
        if self.worker == "celery" and not self.redis_url:
            raise ValueError("NEEDLEPOINT_WORKER=celery needs REDIS_URL: other brokers lose tasks")
        return self

    @property
    def is_demonstration(self) -> bool:
        return self.mode == "demonstration"

    def path(self, value: Path) -> Path:
        """A path of the configuration, taken from the project's folder where it is relative."""
        return value if value.is_absolute() else BASE_DIR / value


def load() -> Configuration:
    """Read the environment.

    Raises ConfigurationError, whose text names each variable and says what would be right.
    """
    try:
        return Configuration()
    except ValidationError as problem:
        lines = ["Needlepoint cannot start, because its settings are not right:"]
        for error in problem.errors():
            name = str(error["loc"][0]) if error["loc"] else "settings"
            shown = name if name.isupper() else f"NEEDLEPOINT_{name.upper()}" if error["loc"] else "settings"
            lines.append(f"  {shown}: {error['msg'].removeprefix('Value error, ')}")
        sys.stderr.write("\n".join([*lines, ""]))
        raise ConfigurationError(2) from None
