"""Settings: a bad or missing value is refused with a sentence that names the variable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal import configuration

PRODUCTION = {
    "NEEDLEPOINT_MODE": "production",
    "SECRET_KEY": "s" * 50,
    "NEEDLEPOINT_KEY_ENCRYPTION_KEY": "ab" * 32,
    "NEEDLEPOINT_PUBLIC_URL": "https://portal.example",
    "NEEDLEPOINT_EMAIL_URL": "smtps://user:pass@mail.example",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("NEEDLEPOINT_") or name in {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"}:
            monkeypatch.delenv(name)

    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


def test_without_anything_set_it_is_the_demonstration_on_sqlite():
    found = configuration.load()

    assert found.is_demonstration
    assert found.database_url == "sqlite:///var/needlepoint.sqlite3"
    assert found.redis_url is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NEEDLEPOINT_MODE", "staging", "use 'demonstration' or 'production'"),
        ("DATABASE_URL", "mysql://x", "give sqlite:///PATH or postgresql://"),
        ("REDIS_URL", "http://x", "redis://127.0.0.1:6379/0"),
        ("NEEDLEPOINT_KEY_ENCRYPTION_KEY", "xyz", "64 hexadecimal digits"),
        ("NEEDLEPOINT_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
        ("NEEDLEPOINT_CHAIN_RPC", "ws://x", "http://127.0.0.1:8545"),
        ("NEEDLEPOINT_CHAIN_RPC", "http://127.0.0.1:8545", "needs NEEDLEPOINT_CHAIN_ID"),
        ("NEEDLEPOINT_ANCHOR_CONTRACT", "0x12", "0x and 40 hexadecimal digits"),
        ("NEEDLEPOINT_ANCHOR_CONTRACT", "0x" + "ab" * 20, "needs NEEDLEPOINT_CHAIN_RPC"),
        ("NEEDLEPOINT_WORKER", "thread", "use 'embedded', 'celery' or 'none'"),
        ("NEEDLEPOINT_WORKER", "celery", "needs REDIS_URL"),
        ("NEEDLEPOINT_PROVER", "thread", "use 'worker' or 'apart'"),
        ("NEEDLEPOINT_EMAIL_URL", "mail.example", "give smtp://"),
        ("NEEDLEPOINT_INGEST_MAX_BYTES", "many", "NEEDLEPOINT_INGEST_MAX_BYTES"),
        ("NEEDLEPOINT_SESSION_IDLE_SECONDS", "5", "NEEDLEPOINT_SESSION_IDLE_SECONDS"),
    ],
)
def test_a_bad_value_is_refused_with_what_would_be_right(environment, capsys, name, value, said):
    environment(**{name: value})

    with pytest.raises(configuration.ConfigurationError) as stopped:
        configuration.load()

    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_production_is_complete(environment):
    environment(**PRODUCTION)

    assert not configuration.load().is_demonstration


@pytest.mark.parametrize("name", sorted(set(PRODUCTION) - {"NEEDLEPOINT_MODE"}))
def test_production_does_not_start_without(environment, capsys, monkeypatch, name):
    environment(**PRODUCTION)
    monkeypatch.delenv(name)

    with pytest.raises(configuration.ConfigurationError):
        configuration.load()

    assert name in capsys.readouterr().err


def test_the_process_ends_with_the_sentence_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=configuration.BASE_DIR,
        env={**os.environ, "NEEDLEPOINT_MODE": "staging", "NEEDLEPOINT_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "NEEDLEPOINT_MODE: use 'demonstration' or 'production'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_relative_path_is_taken_from_the_projects_folder():
    assert configuration.load().path(Path("var")) == configuration.BASE_DIR / "var"


def test_the_settings_reference_is_what_the_command_writes():
    from portal.management.commands.settings_reference import page

    assert (configuration.BASE_DIR / "docs/reference/settings.md").read_text() == page()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"NEEDLEPOINT_KEYSTORE": "safe"}, "use 'file' or 'pkcs11'"),
        ({"NEEDLEPOINT_KEYSTORE": "pkcs11"}, "needs NEEDLEPOINT_PKCS11_MODULE"),
        (
            {"NEEDLEPOINT_KEYSTORE": "pkcs11", "NEEDLEPOINT_PKCS11_MODULE": __file__},
            "needs NEEDLEPOINT_PKCS11_TOKEN and NEEDLEPOINT_PKCS11_PIN",
        ),
    ],
)
def test_a_keystore_that_cannot_be_is_refused(environment, capsys, values, said):
    environment(**values)

    with pytest.raises(configuration.ConfigurationError):
        configuration.load()

    assert said in capsys.readouterr().err
