"""What can go wrong with a job, by name; and what of an exception may be kept."""

from __future__ import annotations

import traceback
from pathlib import PurePath

from ledger.errors import Conflict, NotFound, Refusal

LAST_ERROR_LENGTH = 500


class UnknownJobKind(LookupError):
    """Nobody registered a handler for this kind of job."""


class JobNotFound(NotFound):
    """There is no such job."""


class JobAlreadyEnded(Conflict):
    """The job is done, cancelled or set aside already."""


class JobNotQuarantined(Conflict):
    """Only a job that was set aside can be tried again by hand."""


class Quarantine(Exception):
    """A handler raises this when trying again cannot help; the reason is shown to people."""


class LeaseLost(Exception):
    """Another worker holds this job now; what the handler does from here on is done twice."""


class JobCancelled(Exception):
    """Somebody cancelled the job; the handler lets this pass and leaves nothing half done."""


def describe(problem: BaseException) -> str:
    """What may be stored and logged of an exception: its kind and place, and its words only where we wrote them.

    The text of a foreign exception can quote the value that it choked on, and that can be patient data (DESIGN §5:
    canaries are found in no log). Refusals, quarantine reasons and the operating system's errors are free of it.
    """
    name = type(problem).__name__
    if isinstance(problem, Refusal | Quarantine):
        text = f"{name}: {problem}"
    elif isinstance(problem, OSError) and problem.strerror:
        text = f"{name}: {problem.strerror} {_place(problem)}"
    else:
        text = f"{name} {_place(problem)}"
    return text[:LAST_ERROR_LENGTH]


def _place(problem: BaseException) -> str:
    frames = traceback.extract_tb(problem.__traceback__)[-3:]
    return "at " + " < ".join(f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
