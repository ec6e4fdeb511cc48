"""Addresses of people's own affairs that django-allauth does not have, or not as we want them."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

from portal.access import DEMONSTRATION, PUBLIC, SIGNED_IN, may, route
from portal.accounts import people, views

urlpatterns: list[URLPattern | URLResolver] = [
    # Stands before allauth's own address of the same name and path.
    route("accounts/login/", views.SignInView.as_view(), name="account_login", rule=PUBLIC),
    route("accounts/demonstration/", views.demo_sign_in, name="demo_sign_in", rule=DEMONSTRATION),
    route("accounts/role/", views.choose_membership, name="choose_membership", rule=SIGNED_IN),
    route("people/add/", people.EnrolPersonView.as_view(), name="enrol_person", rule=may("members.manage")),
    route(
        "people/<int:membership>/end/",
        people.EndMembershipView.as_view(),
        name="end_membership",
        rule=may("members.manage"),
    ),
]
