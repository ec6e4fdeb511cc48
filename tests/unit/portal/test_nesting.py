"""Deeply nested JSON never ends the server's process: py_ecc lifts the recursion limit, and we put it back."""

import os
import subprocess
import sys

from django.conf import settings

SCRIPT = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
import django
django.setup()
import ledger.proofs.verifier
from rest_framework.exceptions import ParseError
from portal.api.parsers import parse_json
try:
    parse_json(b"[" * 200_000)
except ParseError as refused:
    print(refused)
"""


def test_nested_json_is_refused_with_the_proofs_verifier_loaded(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=settings.BASE_DIR,
        env={**os.environ, "NEEDLEPOINT_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert "nested too deeply" in done.stdout
