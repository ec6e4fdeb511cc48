"""Addresses of people's own affairs that django-allauth does not have, or not as we want them."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

from portal.access import DEMONSTRATION, MEMBER, PUBLIC, SIGNED_IN, may, route
from portal.accounts import people, sessions, signature, views

urlpatterns: list[URLPattern | URLResolver] = [
    # Stands before allauth's own address of the same name and path.
    route("accounts/login/", views.SignInView.as_view(), name="account_login", rule=PUBLIC),
    route("accounts/demonstration/", views.demo_sign_in, name="demo_sign_in", rule=DEMONSTRATION),
    route("accounts/sessions/", sessions.SessionsView.as_view(), name="usersessions_list", rule=SIGNED_IN),
    route("accounts/role/", views.choose_membership, name="choose_membership", rule=SIGNED_IN),
    route("accounts/signature/", signature.signing_keys, name="signing_keys", rule=MEMBER),
    route(
        "accounts/signature/passkey/<int:authenticator>/",
        signature.BindPasskeyView.as_view(),
        name="bind_passkey",
        rule=MEMBER,
    ),
    route("accounts/signature/app/", signature.BindSoftwareView.as_view(), name="bind_software", rule=MEMBER),
    route(
        "accounts/signature/<uuid:person>/<slug:key_id>/end/",
        signature.EndKeyView.as_view(),
        name="end_signing_key",
        rule=MEMBER,
    ),
    route("people/review/", people.ReviewAccessView.as_view(), name="review_access", rule=may("members.manage")),
    route("people/add/", people.EnrolPersonView.as_view(), name="enrol_person", rule=may("members.manage")),
    route(
        "people/<int:membership>/end/",
        people.EndMembershipView.as_view(),
        name="end_membership",
        rule=may("members.manage"),
    ),
]
