from __future__ import annotations

from portal.access import may, route
from portal.emergency import views

urlpatterns = [
    route(
        "therapies/<uuid:therapy>/emergency/",
        views.BreakView.as_view(),
        name="break_glass_identity",
        rule=may("glass.break"),
    ),
    route("emergencies/<uuid:access>/", views.access, name="emergency", rule=may("glass.break")),
    route(
        "emergencies/<uuid:access>/end/",
        views.EndView.as_view(),
        name="end_emergency",
        rule=may("glass.break", "patient.share"),
    ),
]
