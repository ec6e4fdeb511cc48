"""People and the organisations they act for."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.accounts.roles import ROLES, Role


class UserManager(BaseUserManager["User"]):
    """Makes people. There is no superuser in the portal: rights come from memberships alone."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, *, name: str, **extra: Any) -> User:
        """A person with a login. Without a password they have to set one by the reset link."""
        user = self.model(email=normal_email(email), name=name.strip(), **extra)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normal_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The random `id` is the pseudonym that stands on the ledger; name and e-mail never do.

    The id is of version 4 and not 7, since a time of enrolment in a pseudonym would tell something of the person.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField(unique=True, error_messages={"unique": "Somebody signs in with this e-mail already."})
    name = models.CharField(max_length=120, help_text="Printed beside every signature.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    signed_at = models.DateTimeField(
        null=True, editable=False, help_text="When they last showed who they are to sign, on anybody’s screen."
    )

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        app_label = "portal"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split()[0] if self.name else ""


class MembershipQuerySet(models.QuerySet["Membership"]):
    def current(self, at: datetime) -> MembershipQuerySet:
        """The memberships that hold at that moment."""
        return self.filter(since__lte=at).filter(Q(until__isnull=True) | Q(until__gt=at))


class Membership(models.Model):
    """A person's role in an organisation from `since` until `until` (open end: none). Never deleted."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=24, choices=[(role.code, role.name) for role in ROLES.values()])
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        app_label = "portal"
        ordering = ["since", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "party", "role"], condition=Q(until__isnull=True), name="one_open_membership_a_role"
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("since")), name="membership_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.as_role.name}"

    @property
    def as_role(self) -> Role:
        return ROLES[self.role]


class SigningKey(models.Model):
    """What this installation holds of a person's signing key: a passkey's counter, or a sealed software key.

    Whether the key counts says the ledger (`ledger.PersonKey`, by `key_id`), not this row.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="signing_keys")
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    key_id = models.CharField(max_length=16)
    name = models.CharField(max_length=100, blank=True)
    credential_id = models.TextField(blank=True, help_text="Of a passkey, base64url.")
    sign_count = models.BigIntegerField(default=0)
    salt = models.BinaryField(null=True)
    sealed = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "portal"
        constraints = [models.UniqueConstraint(fields=["user", "party", "key_id"], name="signing_key_once")]

    def __str__(self) -> str:
        return self.key_id


class PreparedAct(models.Model):
    """An act that was shown to a passkey and waits minutes for its answer; gone when it is recorded or too old.

    `seed` gives the salts of the act again, so it is sealed; `acts` are the digests to be signed, by position.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    path = models.CharField(max_length=300)
    seed = models.BinaryField()
    acts = models.JSONField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "portal"

    def __str__(self) -> str:
        return str(self.pk)


def normal_email(email: str) -> str:
    """One spelling of an address, so that capitals never make a second account."""
    return email.strip().lower()
