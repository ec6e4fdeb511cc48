"""Typed settings from the environment; a bad or missing value is refused with a clear sentence.

Every variable is read with the prefix `NEEDLEPOINT_`, save the ones that hosting platforms set
under a well-known name (`DATABASE_URL`, `REDIS_URL`, `SECRET_KEY`). `manage.py settings_reference`
writes docs/reference/settings.md from this model.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent

DATABASE_SCHEMES = {"sqlite", "postgres", "postgresql"}
REDIS_SCHEMES = {"redis", "rediss", "unix"}


class ConfigurationError(SystemExit):
    """Raised (and shown without a traceback) when the environment holds a value we cannot use."""


class SignOn(BaseModel):
    """One organisation's OpenID Connect provider, and the e-mail domains that it may speak for."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    name: str = Field(min_length=1, max_length=60)
    server_url: str
    client_id: str
    client_secret: str = ""
    domains: list[str] = Field(min_length=1)

    @property
    def origin(self) -> str:
        """Scheme and host of the provider, where a browser is sent to sign in."""
        parts = urlsplit(self.server_url)
        return f"{parts.scheme}://{parts.netloc}"


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
    key_encryption_key_old: str = Field(
        "", description="the one before it, while `manage.py rotate_keys kek` moves everything to the new one"
    )
    key_service: str = Field(
        "",
        description="address of a key service that wraps the keys of patient data, such as https://kms.example/v1; "
        "unset: the key-encryption key does",
    )
    key_service_key: str = Field("", description="name of the key at the key service")
    key_service_token: str = Field("", description="bearer token for the key service")
    erasure_dir: Path | None = Field(
        None,
        description="where erasures are kept apart from the database, so that a restored backup erases again; "
        "unset: `erasures` in the data folder",
    )
    keystore: str = Field(
        "file",
        description="where signing keys live: `file` (sealed files) or `pkcs11` (a token; see docs/how-to/keys.md)",
    )
    pkcs11_module: Path = Field(
        Path(), description="the token's PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so"
    )
    pkcs11_token: str = Field("", description="the label of the token that holds the signing keys")
    pkcs11_pin: str = Field("", description="the token's user PIN")
    proof_cache_dir: Path = Field(
        Path.home() / ".cache" / "needlepoint" / "proofs", description="proving keys, built once and shared by copies"
    )
    sign_on: list[SignOn] = Field(
        [],
        description="single sign-on, a JSON list of OpenID Connect providers: `id`, `name`, `server_url`, `client_id`, "
        "`client_secret`, and the e-mail `domains` that each may speak for",
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
    logs: str = Field(
        "one",
        description="`one` log for the consortium, kept by the operator, or one for each `member` beside it",
    )
    log_readers: str = Field(
        "members", description="who reads the log under `/log/`: `members` (signed in, or with a token) or `public`"
    )
    witness_policy: Path | None = Field(
        None,
        description="file in the C2SP tlog-policy format: whose co-signatures a checkpoint needs before it is "
        "published; unset: none",
    )
    chain_rpc: str | None = Field(
        None, description="JSON-RPC address of an EVM node (Besu, a public chain) on which checkpoints are anchored"
    )
    chain_id: int | None = Field(None, ge=1, description="the chain that the node must serve, such as 1 or 1337")
    anchor_contract: str = Field("", description="address of the Needlepoint contract (`manage.py anchor --deploy`)")
    anchor_confirmations: int = Field(
        12, ge=0, le=1_000, description="blocks on top that make an anchor final; 0 on a QBFT chain"
    )
    anchor_every_seconds: int = Field(
        600, ge=10, le=86_400, description="how often the newest published checkpoint is anchored"
    )
    reports_an_hour: int = Field(120, ge=1, description="how many divergences one witness may report within an hour")
    reports_open: int = Field(
        50, ge=1, description="how many open divergences there may be that one witness alone has found"
    )
    reports_bytes: int = Field(
        100_000_000, ge=4_000_000, description="room for the open reports of one witness, with their evidence (bytes)"
    )
    audit_seconds: float = Field(
        0.3, ge=0, le=4, description="time that the portal's own audit takes every five seconds; 0: no audit"
    )
    hooks_to_private: bool = Field(
        False,
        description="web hooks may go to addresses inside a private network, and without TLS; for demonstrations only",
    )
    worker: str = Field(
        "embedded",
        description="`embedded` (threads of the server), `celery` (needs Redis) or `none` (`manage.py worker`)",
    )
    sequencer: str = Field(
        "worker",
        description="who gives records their place in the log: `worker` (whatever does the background work) or `apart` "
        "(`manage.py sequencer` alone)",
    )
    prover: str = Field(
        "worker",
        description="who makes compliance proofs: `worker` (whatever does the background work) or `apart` "
        "(`manage.py worker --queues proofs` alone)",
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

    @field_validator("keystore")
    @classmethod
    def _known_keystore(cls, value: str) -> str:
        if value not in {"file", "pkcs11"}:
            raise ValueError("use 'file' or 'pkcs11'")
        return value

    @field_validator("worker")
    @classmethod
    def _known_worker(cls, value: str) -> str:
        if value not in {"embedded", "celery", "none"}:
            raise ValueError("use 'embedded', 'celery' or 'none'")
        return value

    @field_validator("sequencer")
    @classmethod
    def _known_sequencer(cls, value: str) -> str:
        if value not in {"worker", "apart"}:
            raise ValueError("use 'worker' or 'apart'")
        return value

    @field_validator("prover")
    @classmethod
    def _known_prover(cls, value: str) -> str:
        if value not in {"worker", "apart"}:
            raise ValueError("use 'worker' or 'apart'")
        return value

    @field_validator("logs")
    @classmethod
    def _known_logs(cls, value: str) -> str:
        if value not in {"one", "member"}:
            raise ValueError("use 'one' or 'member'")
        return value

    @field_validator("log_readers")
    @classmethod
    def _known_readers(cls, value: str) -> str:
        if value not in {"members", "public"}:
            raise ValueError("use 'members' or 'public'")
        return value

    @field_validator("chain_rpc", mode="before")
    @classmethod
    def _chain_address(cls, value: object) -> object:
        if value in (None, ""):
            return None
        if urlsplit(str(value)).scheme not in {"http", "https"}:
            raise ValueError("give an address such as http://127.0.0.1:8545, or leave it unset")
        return value

    @field_validator("anchor_contract")
    @classmethod
    def _contract_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
            raise ValueError(
                "give an address of 0x and 40 hexadecimal digits, as `manage.py anchor --deploy` prints it"
            )
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

    @field_validator("key_encryption_key", "key_encryption_key_old")
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
            if self.hooks_to_private:
                raise ValueError("NEEDLEPOINT_HOOKS_TO_PRIVATE is for demonstrations: web hooks could reach inside")
        if self.keystore == "pkcs11":
            if not self.pkcs11_module.is_file():
                raise ValueError(
                    f"NEEDLEPOINT_KEYSTORE=pkcs11 needs NEEDLEPOINT_PKCS11_MODULE: {self.pkcs11_module} is no file"
                )
            if not self.pkcs11_token or not self.pkcs11_pin:
                raise ValueError(
                    "NEEDLEPOINT_KEYSTORE=pkcs11 needs NEEDLEPOINT_PKCS11_TOKEN and NEEDLEPOINT_PKCS11_PIN"
                )
        if self.key_service:
            away = urlsplit(self.key_service)
            local = self.is_demonstration and away.hostname in {"127.0.0.1", "localhost", "::1"}
            if away.scheme != "https" and not (away.scheme == "http" and local):
                raise ValueError("NEEDLEPOINT_KEY_SERVICE needs an address such as https://kms.example/v1")
            if not self.key_service_key or not self.key_service_token:
                raise ValueError(
                    "NEEDLEPOINT_KEY_SERVICE needs NEEDLEPOINT_KEY_SERVICE_KEY and NEEDLEPOINT_KEY_SERVICE_TOKEN"
                )
        if self.chain_rpc and self.chain_id is None:
            raise ValueError("NEEDLEPOINT_CHAIN_RPC needs NEEDLEPOINT_CHAIN_ID: which chain it has to be")
        if self.anchor_contract and not self.chain_rpc:
            raise ValueError("NEEDLEPOINT_ANCHOR_CONTRACT needs NEEDLEPOINT_CHAIN_RPC: where its chain is reached")
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
