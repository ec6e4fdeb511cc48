"""The installation as it is: what is expected, what is found, and whether that agrees. The facts of the IQ.

Nothing here changes anything, and no secret comes out of it: a setting whose name speaks of a key, token, PIN or
password is said to be set or not, and an address is shown without its user, password and path.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.password_validation import MinimumLengthValidator, get_default_password_validators
from django.core import checks
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from custody.compliance.keys import UNSAFE_KIND
from ledger.log import triggers
from ledger.log.models import Document, Record
from ledger.log.tiles import latest_checkpoint
from portal.configuration import Configuration
from portal.management.commands.settings_reference import variable
from portal.validation.source import commit_of, source_digest, version_of

Verdict = Literal["pass", "fail", "judge"]
"""`judge`: nothing is expected by us; the tester compares with the organisation's own specification."""
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;#]+)")
SECRET = re.compile(r"secret|token|password|pin$|encryption_key|service_key", re.IGNORECASE)
ADDRESSES = frozenset({"database_url", "redis_url", "email_url", "key_service", "chain_rpc", "public_url"})
OLDEST_POSTGRESQL = 15
OLDEST_PYTHON, BEFORE_PYTHON = (3, 11), (3, 14)


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison. `expected` is empty where the organisation's specification says it."""

    what: str
    expected: str
    found: str
    verdict: Verdict
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Checks of one subject."""

    title: str
    lead: str
    checks: tuple[Check, ...]


def installation() -> tuple[Section, ...]:
    """Every section of the installation, in the order of the protocol."""
    root: Path = settings.BASE_DIR
    sections = [
        Section("Software", SOFTWARE, tuple(_software(root))),
        Section("Packages", PACKAGES, tuple(packages((root / "requirements.txt").read_text(), installed=_installed))),
        Section("Database, migrations and triggers", DATABASE, tuple(_database())),
        Section("Settings in force", SETTINGS, tuple(settings_in_force(settings.CONFIG))),
        Section("Production", PRODUCTION, tuple(_production())),
    ]
    if not not_applied():
        sections.append(Section("Ledger", LEDGER, tuple(_ledger())))
    return tuple(sections)


SOFTWARE = "The version and the digest identify what is installed; compare them with the release that was tested."
PACKAGES = "Every package that requirements.txt pins, against what this Python has. A package of another version fails."
DATABASE = "Every migration of the code is applied, and every append-only table refuses changes by its triggers."
SETTINGS = (
    "As the environment gives them to this process. Compare each with your configuration specification. Secrets are "
    "only said to be set or not, and addresses are shown without user, password and path."
)
PRODUCTION = "What an installation for patients has to have. A demonstration fails here, and is meant to."
LEDGER = "The identity of the ledger. Nothing of it may differ from what the members know."
UNMIGRATED = "Migrations that are not applied"


def packages(pins: str, *, installed: Callable[[str], str]) -> Iterator[Check]:
    """Each pin of a requirements file against the version that is `installed` (empty: not at all)."""
    for line in pins.splitlines():
        text = line.partition(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        pin = PIN.fullmatch(text.partition(";")[0].strip())
        if pin is None:
            yield Check(text, "a pinned version", "a line that pins nothing", "fail")
            continue
        name, version = pin.groups()
        found = installed(name)
        yield Check(name, version, found or "not installed", _judged(found == version))


def settings_in_force(configuration: Configuration) -> Iterator[Check]:
    """Every setting with its variable; what must not be seen is not shown."""
    for name, field in Configuration.model_fields.items():
        shown = _setting(name, getattr(configuration, name))
        yield Check(variable(name, field), "", shown, "judge", is_code=True)


def not_applied() -> list[str]:
    """The migrations that wait to be applied: while there are any, tables may be missing."""
    executor = MigrationExecutor(connection)
    return [f"{one.app_label}.{one.name}" for one, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def count(sections: Sequence[Section], verdict: Verdict) -> int:
    """How many checks came to this verdict."""
    return sum(check.verdict == verdict for section in sections for check in section.checks)


def _software(root: Path) -> Iterator[Check]:
    digest, files = source_digest(root)
    yield Check("Needlepoint, version", "", version_of(root), "judge")
    yield Check("Commit of the source", "", commit_of(root) or "no git checkout", "judge", is_code=True)
    yield Check(f"SHA-256 over {files:,} files of the source", "", digest, "judge", is_code=True)
    running = tuple(int(part) for part in platform.python_version_tuple()[:2])
    yield Check(
        "Python",
        "3.11, 3.12 or 3.13",
        f"{platform.python_implementation()} {platform.python_version()}",
        _judged(OLDEST_PYTHON <= running < BEFORE_PYTHON),
    )
    yield Check("Operating system", "", f"{platform.system()} {platform.release()}, {platform.machine()}", "judge")


def _database() -> Iterator[Check]:
    connection.ensure_connection()
    vendor = connection.vendor
    version = ".".join(str(part) for part in connection.get_database_version())
    patients = not settings.DEMONSTRATION
    fits = vendor == "postgresql" and connection.get_database_version()[0] >= OLDEST_POSTGRESQL
    yield Check(
        "Database",
        f"PostgreSQL {OLDEST_POSTGRESQL} or newer" if patients else "",
        f"{connection.display_name} {version}",
        _judged(fits) if patients else "judge",
    )
    waiting = not_applied()
    yield Check(UNMIGRATED, "none", ", ".join(waiting) or "none", _judged(not waiting))
    loader = MigrationLoader(connection)
    applied = loader.applied_migrations
    for label, name in sorted(loader.graph.leaf_nodes()):
        found = name if (label, name) in applied else "not applied"
        yield Check(f"Newest migration of {label}", name, found, _judged(found == name), is_code=True)
    gone = set(triggers.missing(connection, triggers.every_table()))
    for table in triggers.every_table():
        found = "gone, or only in part" if table in gone else "present"
        yield Check(f"Triggers of {table}", "present", found, _judged(table not in gone))


def _production() -> Iterator[Check]:
    wanted: tuple[tuple[str, str, object, object], ...] = (
        ("Mode", "production", "demonstration" if settings.DEMONSTRATION else "production", "production"),
        ("Debugging pages", "off", "on" if settings.DEBUG else "off", "off"),
        ("Plain HTTP is sent to HTTPS", "yes", _yes(getattr(settings, "SECURE_SSL_REDIRECT", False)), "yes"),
        ("Session cookie over HTTPS only", "yes", _yes(getattr(settings, "SESSION_COOKIE_SECURE", False)), "yes"),
        ("Form cookie over HTTPS only", "yes", _yes(getattr(settings, "CSRF_COOKIE_SECURE", False)), "yes"),
        ("Roles that sign need a second factor", "yes", _yes(settings.SECOND_FACTOR_TO_SIGN), "yes"),
        ("Web hooks to private addresses", "no", _yes(settings.CONFIG.hooks_to_private), "no"),
    )
    for what, expected, found, right in wanted:
        yield Check(what, expected, str(found), _judged(found == right))
    length = _shortest_password()
    yield Check("Shortest password", "12 characters or more", f"{length} characters", _judged(length >= 12))
    idle = settings.SESSION_IDLE_SECONDS
    yield Check("An idle session ends after", "30 minutes or less", f"{idle // 60} minutes", _judged(idle <= 1_800))
    policy = settings.CONFIG.witness_policy
    yield Check("A quorum of witnesses has to co-sign", "", "yes" if policy else "no: no policy is set", "judge")
    found = [str(message) for message in checks.run_checks(include_deployment_checks=True) if not message.is_silenced()]
    serious = f"{len(found)}: " + "; ".join(found) if found else "none"
    yield Check("What manage.py check --deploy finds", "none", serious, _judged(not found))


def _ledger() -> Iterator[Check]:
    checkpoint = latest_checkpoint()
    yield Check("Name of the log", "", settings.LOG_ORIGIN, "judge", is_code=True)
    yield Check("Records", "", f"{Record.objects.count():,}", "judge")
    newest = f"{checkpoint.size:,} records, root {checkpoint.root}" if checkpoint else "none"
    yield Check("Newest checkpoint", "", newest, "judge", is_code=bool(checkpoint))
    for row in Document.objects.filter(kind="protocol").order_by("code", "version"):
        yield Check(f"Protocol {row.code}, version {row.version}", "", f"SHA-256 {row.digest}", "judge", is_code=True)
    unsafe = Document.objects.filter(kind=UNSAFE_KIND).count()
    said = f"{unsafe}: whoever made one could forge proofs" if unsafe else "none"
    yield Check("Proof keys that one party made (Unsafe)", "none", said, _judged(not unsafe))


def _setting(name: str, value: Any) -> str:
    if SECRET.search(name):
        return "set" if value else "not set"
    if value is None or value == "":
        return "not set"
    if name in ADDRESSES:
        return _address(str(value))
    if name == "sign_on":
        return (
            "; ".join(f"{one.id} at {_address(one.server_url)} for {', '.join(one.domains)}" for one in value) or "none"
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "set"
    return f"{parts.scheme}://{parts.hostname or ''}{port}" if parts.scheme else "set"


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _shortest_password() -> int:
    for validator in get_default_password_validators():
        if isinstance(validator, MinimumLengthValidator):
            return int(validator.min_length)
    return 0


def _judged(holds: bool) -> Verdict:
    return "pass" if holds else "fail"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def failures(sections: Iterable[Section]) -> list[Check]:
    """Every check that failed."""
    return [check for section in sections for check in section.checks if check.verdict == "fail"]
