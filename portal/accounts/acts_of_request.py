"""How the acts of one request are signed: shown to passkeys first, with their answers, or without any.

A form that a passkey signs is sent twice: the first time its acts are taken and undone, and the browser asks the
passkey about them; the second time it brings the answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from ledger.errors import BadInput
from ledger.parties.actor import Actor
from portal.accounts import hands
from portal.accounts.models import User

PROOF_FIELD = "signing_proof"
PREPARE_HEADER = "X-Needlepoint-Sign"
_ON_THIS_DEVICE = (
    "You sign with a passkey, and it was not asked. Press the button again and confirm on your device; the page needs "
    "its script for that."
)


class PasskeyWanted(BadInput):
    """The person signs with a passkey, and it was not asked."""


@dataclass(slots=True)
class Signing:
    """How the acts of one request are signed: shown to passkeys first, with their answers, or without any.

    `asked` are the passkeys that take acts, `answers` what the browser brought, each by position: the signer is 1.
    """

    seed: bytes | None = None
    prepared: hands.PreparedAct | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    asked: dict[int, hands.PasskeyAsked] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """Whose code was shown with this form already, by position: a code is good once, and the form is sent twice."""

    @property
    def is_preparing(self) -> bool:
        return self.seed is not None and self.prepared is None

    @property
    def is_asking(self) -> bool:
        """Whether a passkey took an act, so that what was written has to be undone."""
        return any(one.acts for one in self.asked.values())


class ToBeSigned(Exception):
    """The act waits for a passkey; `ask` is what the browser asks it with."""

    def __init__(self, ask: dict[str, Any]) -> None:
        super().__init__()
        self.ask = ask


def begin(request: HttpRequest, at: datetime) -> Signing:
    """Read how this form is signed. Raises SignedBefore, PasskeyRefused."""
    signing = Signing()
    if request.headers.get(PREPARE_HEADER) == "prepare":
        signing.seed = hands.fresh_seed()
    elif request.POST.get(PROOF_FIELD):
        try:
            given = json.loads(request.POST[PROOF_FIELD])
            identifier, answers = given["prepared"], dict(given["answers"])
        except (ValueError, KeyError, TypeError):
            raise hands.PasskeyRefused("The passkey's answer cannot be read. Sign again.") from None
        user: User = request.user  # type: ignore[assignment]
        signing.prepared, signing.seed = hands.find_prepared(identifier=identifier, user=user, path=request.path, at=at)
        signing.answers = answers
        signing.codes = dict(signing.prepared.acts.get("codes", {}))
    request.signing = signing  # type: ignore[attr-defined]
    return signing


def ask(request: HttpRequest, signing: Signing, at: datetime) -> ToBeSigned:
    """Keep the acts that were taken, for the passkeys' answers."""
    assert signing.seed is not None
    user: User = request.user  # type: ignore[assignment]
    asked = {position: one for position, one in signing.asked.items() if one.acts}
    waiting = hands.prepare(user=user, path=request.path, seed=signing.seed, asked=asked, codes=signing.codes, at=at)
    return ToBeSigned(waiting)


def by_passkey(request: HttpRequest, actor: Actor, ways: hands.Ways, position: int, field: str | None) -> Actor:
    """The actor with a passkey in hand. Raises PasskeyWanted, PasskeyRefused."""
    signing = signing_of(request)
    hand: hands.PasskeyAsked | hands.PasskeyAnswered
    if signing.is_preparing:
        hand = signing.asked.setdefault(position, hands.PasskeyAsked(ways.passkeys))
    elif signing.prepared is not None and str(position) in signing.answers:
        hand = hands.answered(
            prepared=signing.prepared,
            position=position,
            ways=ways,
            answer=signing.answers[str(position)],
            request=request,
        )
    else:
        raise PasskeyWanted(_ON_THIS_DEVICE, field=field)
    return replace(actor, method="passkey", hand=hand)


def signing_of(request: HttpRequest) -> Signing:
    """How this request's acts are signed; without any passkey where nobody said."""
    return getattr(request, "signing", None) or Signing()
