#!/usr/bin/env python
"""Needlepoint's command line; `python manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line

    arguments = sys.argv
    if arguments[1:2] == ["witness"]:
        # Django takes --settings for its own; a witness's settings are a file, and it has no others.
        arguments = [_as_file(word) for word in arguments]
    execute_from_command_line(arguments)


def _as_file(word: str) -> str:
    return word.replace("--settings", "--settings-file", 1) if word.partition("=")[0] == "--settings" else word


if __name__ == "__main__":
    main()
