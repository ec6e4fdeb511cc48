"""Who signs: electronic signatures with both components (21 CFR 11.200).

Who has a signing key (`hands`) signs with it: a passkey's touch, or the password that releases a software key, together
with the authenticator's code at the first signing of a session. Nobody else signs in production. In the demonstration,
who has no key yet signs by the session: the password is asked again when nothing was shown for fifteen minutes, and the
record says that a password is all there was.

The second person of a two-person step signs on the same form with a passkey, or with e-mail, password and code, without
taking over the session of the first. A wrong password costs nothing but itself: the form keeps every other value, and
nobody’s code is used before all the rest holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.http import HttpRequest

from ledger.clock import now
from ledger.errors import BadInput, NotPermitted
from ledger.parties.actor import Actor
from portal.accounts import hands
from portal.accounts.actors import actor_for, actor_of
from portal.accounts.acts_of_request import by_passkey
from portal.accounts.codes import CodeWanted, TooManyAttempts, check_code, has_app, use_code
from portal.accounts.models import Membership, User, normal_email
from portal.accounts.roles import ROLES
from portal.accounts.standing import needs_password


class WrongPassword(BadInput):
    """The signer's own password was not right."""


class SecondPersonUnknown(BadInput):
    """E-mail and password of the second person do not belong together."""


class NotASecondPerson(NotPermitted):
    """The second person may not verify this."""


class NoSigningKey(NotPermitted):
    """Who signs has set up nothing to sign with."""


ASK_PASSWORD = "Enter your password to sign."  # noqa: S105
ASK_SECOND = "The second person has to enter their password."
COLLEAGUES_SHOWN = 60
_SET_UP = "Set up your signature first: open your menu, then “Your signature”. Nothing was recorded."


def ways_for(request: HttpRequest) -> hands.Ways:
    """What the signed-in person signs with, asked once a request."""
    found: hands.Ways | None = getattr(request, "signing_ways", None)
    if found is None:
        actor: Actor | None = getattr(request, "actor", None)
        found = (
            hands.ways_of(user=actor.person, party=actor.party, host=hands.host_of(request)) if actor else hands.Ways()
        )
        request.signing_ways = found  # type: ignore[attr-defined]
    return found


def _nothing() -> None:
    """No code is asked."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Somebody who lacks nothing for signing but the code. A code is good once, so it is used last.

    `check_code` looks at the code and uses nothing up; `sign` uses it, and gives the signer with the key in hand. Both
    raise CodeWanted or TooManyAttempts, `sign` KeyNotReleased too.
    """

    sign: Callable[[], Actor]
    check_code: Callable[[], None] = _nothing


def first_signer(request: HttpRequest, form: forms.Form) -> Actor:
    """The signed-in person as the signer of this form.

    Raises PasskeyWanted, PasskeyRefused, NoSigningKey, and on its field WrongPassword, CodeWanted or TooManyAttempts.
    """
    ready = first_ready(request, form)
    ready.check_code()
    return ready.sign()


def first_ready(request: HttpRequest, form: forms.Form) -> Ready:
    """The signed-in person, whose code is not looked at yet. Raises what `first_signer` does, but for the code."""
    actor, ways = actor_of(request), ways_for(request)
    if ways.passkeys:
        return _as(by_passkey(request, actor, ways, 1, None))
    if ways.software is not None:
        return _by_own_key(request, form, actor, ways.software)
    if ways.is_bound:
        raise NoSigningKey(
            "Your signing key is not of this address. Open the portal where you set it up, or ask your administrator "
            "to end it and set up another one here. Nothing was recorded."
        )
    if settings.SECOND_FACTOR_TO_SIGN:
        raise NoSigningKey(_SET_UP)
    if not needs_password(request):
        return _as(actor)
    user = _own_password(request, form)
    record_authentication(request, user, method="password", reauthenticated=True)
    return _as(actor)


def _seen(actor: Actor) -> Actor:
    """The actor, who has just shown who they are: a review of access asks who still does."""
    User.objects.filter(pk=actor.person).update(signed_at=now())
    return actor


def _own_password(request: HttpRequest, form: forms.Form) -> User:
    password = form.cleaned_data.get("signing_password", "")
    if not password:
        raise WrongPassword(ASK_PASSWORD, field="signing_password")
    user = _authenticated(request, email=request.user.email, password=password, field="signing_password")  # type: ignore[union-attr]
    if user is None or user.pk != request.user.pk:
        raise WrongPassword(
            "That is not your password. Nothing was recorded; enter it again.", field="signing_password"
        )
    return user


def _by_own_key(request: HttpRequest, form: forms.Form, actor: Actor, row: hands.SigningKey) -> Ready:
    """The actor with their software key released: by both components first, then by the password alone."""
    user, password = _own_password(request, form), form.cleaned_data.get("signing_password", "")
    if hands.is_released(request, row):
        hand = hands.release_again(request, row, user=user, password=password)
        record_authentication(request, user, method="password", reauthenticated=True)
        return _as(with_hand(actor, hand))
    code = form.cleaned_data.get("signing_code", "")

    def sign() -> Actor:
        app = use_code(request, user, code, position=1)
        hand = hands.release_with_both(row, user=user, password=password, app=app)
        hands.keep_released(request, row, hand, user=user, password=password)
        record_authentication(request, user, method="password", reauthenticated=True)
        return _seen(with_hand(actor, hand))

    return Ready(sign, lambda: check_code(request, user, code, position=1))


def _as(actor: Actor) -> Ready:
    """An actor who showed all that is asked, with no code."""
    return Ready(lambda: _seen(actor))


def second_ready(request: HttpRequest, form: forms.Form, *, roles: Collection[str]) -> Ready:
    """The second person, of the same organisation and in one of `roles`, whose code is not looked at yet.

    Raises SecondPersonUnknown, CodeWanted, NotASecondPerson or TooManyAttempts, each on its field, and PasskeyRefused.
    """
    first = actor_of(request)
    email, password = form.cleaned_data.get("second_email", ""), form.cleaned_data.get("second_password", "")
    host = hands.host_of(request)
    if not password:
        known = colleague(email, first)
        ways = hands.ways_of(user=known.pk, party=first.party, host=host) if known else hands.Ways()
        if known is None or not ways.passkeys:
            raise SecondPersonUnknown(ASK_SECOND, field="second_password")
        _check_not_first(known, first)
        membership = _membership(known, first, roles)
        return _as(by_passkey(request, actor_for(known, membership, "passkey"), ways, 2, "second_email"))
    user = _authenticated(request, email=email, password=password, field="second_email")
    if user is None:
        raise SecondPersonUnknown(
            "This e-mail and password do not belong together. Nothing was recorded; enter them again.",
            field="second_password",
        )
    _check_not_first(user, first)
    ways = hands.ways_of(user=user.pk, party=first.party, host=host)
    code = form.cleaned_data.get("second_code", "")
    if ways.software is not None:
        return _second_by_key(
            request,
            actor_for(user, _membership(user, first, roles), "password+totp"),
            ways.software,
            user,
            password,
            code,
        )
    if ways.is_bound:
        raise SecondPersonUnknown(
            "The second person signs with a passkey. Leave their password empty and press the button.",
            field="second_password",
        )
    if settings.SECOND_FACTOR_TO_SIGN:
        raise NotASecondPerson(
            "The second person has set up nothing to sign with yet: their menu, “Your signature”.", field="second_email"
        )
    membership = _membership(user, first, roles)
    if not has_app(user):
        return _as(actor_for(user, membership, "password"))
    return _second_by_code(request, actor_for(user, membership, "password+totp"), user, code)


def _second_by_key(
    request: HttpRequest, actor: Actor, row: hands.SigningKey, user: User, password: str, code: str
) -> Ready:
    def sign() -> Actor:
        app = use_code(request, user, code, position=2)
        return _seen(with_hand(actor, hands.release_with_both(row, user=user, password=password, app=app)))

    return Ready(sign, lambda: check_code(request, user, code, position=2))


def _second_by_code(request: HttpRequest, actor: Actor, user: User, code: str) -> Ready:
    """A second person without a signing key who has an authenticator app: in the demonstration only."""

    def sign() -> Actor:
        use_code(request, user, code, position=2)
        return _seen(actor)

    return Ready(sign, lambda: check_code(request, user, code, position=2))


def colleagues(first: Actor, roles: Collection[str]) -> list[tuple[str, str]]:
    """Who of the first person's organisation may sign as the second: address, and name with role."""
    wanted = roles or [code for code, role in ROLES.items() if "step.verify" in role.permissions]
    held = Membership.objects.current(now()).filter(party_id=first.party, role__in=wanted, user__is_active=True)
    rows = held.exclude(user_id=first.person).order_by("user__name").values_list("user__email", "user__name", "role")
    return [(email, f"{name}, {ROLES[role].name.lower()}") for email, name, role in rows[:COLLEAGUES_SHOWN]]


def _check_not_first(user: User, first: Actor) -> None:
    if user.pk == first.person:
        raise NotASecondPerson("The second person has to be somebody else than you.", field="second_email")


def colleague(email: str, first: Actor) -> User | None:
    """The active person of this address, if they belong to the first one's organisation now."""
    held = Membership.objects.current(now()).filter(
        user__email=normal_email(email), user__is_active=True, party_id=first.party
    )
    membership = held.select_related("user").first()
    return membership.user if membership else None


def with_hand(actor: Actor, hand: hands.SoftwareHand) -> Actor:
    """The actor with a software key in hand."""
    return replace(actor, method="password+totp", hand=hand)


def shown_both(request: HttpRequest, *, password: str, code: str) -> tuple[User, Authenticator]:
    """The signed-in person and their authenticator app, once password and code were right.

    Raises, on `password` or `code`, WrongPassword, CodeWanted or TooManyAttempts.
    """
    user = _authenticated(request, email=request.user.email, password=password, field="password")  # type: ignore[union-attr]
    if user is None or user.pk != request.user.pk:
        raise WrongPassword("That is not your password. Enter it again.", field="password")
    try:
        check_code(request, user, code, position=1)
        return user, use_code(request, user, code, position=1)
    except (CodeWanted, TooManyAttempts) as refusal:
        refusal.field = "code"
        raise


def _authenticated(request: HttpRequest, *, email: str, password: str, field: str) -> User | None:
    """The active user of these credentials, by allauth's backend and under its limit for failed sign-ins."""
    try:
        user = get_adapter(request).authenticate(request, email=email, password=password)
    except forms.ValidationError:
        raise TooManyAttempts("Too many wrong passwords. Wait five minutes, then try again.", field=field) from None
    return user if isinstance(user, User) and user.is_active else None


def _membership(user: User, first: Actor, roles: Collection[str]) -> Membership:
    held = list(Membership.objects.current(now()).filter(user=user, party_id=first.party).select_related("party"))
    if not held:
        raise NotASecondPerson("The second person has to belong to your organisation.", field="second_email")
    fitting = next((one for one in held if one.role in roles), None)
    if fitting is None:
        names = " or ".join(ROLES[code].name for code in roles if code in ROLES)
        raise NotASecondPerson(f"The second person has to be: {names}.", field="second_email")
    return fitting
