"""Who may do what with patients: the role's permission, at the centre that holds the patient."""

from __future__ import annotations

from ledger.errors import NotPermitted
from ledger.parties.actor import Actor

READ = "patient.read"
ENROL = "patient.enrol"
ERASE = "patient.erase"
CORRECT = "patient.correct"
RIGHTS = "patient.rights"


def check_enrol(by: Actor) -> None:
    """Raise NotPermitted unless the actor may enrol patients at its treatment centre."""
    by.check(ENROL)
    if by.party_kind != "treatment_centre":
        raise NotPermitted("Only a treatment centre enrols patients.")


def check_read(by: Actor) -> None:
    """Raise NotPermitted unless the actor's role ever sees who a patient is."""
    by.check(READ)
    if by.party_kind != "treatment_centre":
        raise NotPermitted("Only the patient's treatment centre sees who the patient is.")


def check_erase(by: Actor) -> None:
    """Raise NotPermitted unless the actor asks for and confirms erasures at its treatment centre."""
    by.check(ERASE)
    if by.party_kind != "treatment_centre":
        raise NotPermitted("Only the treatment centre that enrolled the patient erases the patient's data.")


def check_correct(by: Actor) -> None:
    """Raise NotPermitted unless the actor corrects identities of patients at its treatment centre."""
    by.check(CORRECT)
    if by.party_kind != "treatment_centre":
        raise NotPermitted("Only the treatment centre that enrolled a patient corrects who the patient is.")


def check_rights(by: Actor) -> None:
    """Raise NotPermitted unless the actor restricts, and gives copies, for its treatment centre."""
    by.check(RIGHTS)
    if by.party_kind != "treatment_centre":
        raise NotPermitted("Only the treatment centre that enrolled a patient does this for the patient.")
