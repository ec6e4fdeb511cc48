from __future__ import annotations

from portal.access import may, route
from portal.patients import rights, views

urlpatterns = [
    route("patients/", views.FindView.as_view(), name="find_patient", rule=may("patient.read")),
    route("patients/<uuid:patient>/", views.patient, name="patient", rule=may("patient.read", "patient.erase")),
    route(
        "patients/<uuid:patient>/correct/",
        rights.CorrectView.as_view(),
        name="correct_patient",
        rule=may("patient.correct"),
    ),
    route(
        "patients/<uuid:patient>/restrict/",
        rights.RestrictView.as_view(),
        name="restrict_patient",
        rule=may("patient.rights"),
    ),
    route(
        "patients/<uuid:patient>/restrict/lift/",
        rights.LiftView.as_view(),
        name="lift_restriction",
        rule=may("patient.rights"),
    ),
    route("patients/<uuid:patient>/copy/", rights.CopyView.as_view(), name="copy_patient", rule=may("patient.rights")),
    route("copies/<uuid:copy>/", rights.copy_file, name="patient_copy", rule=may("patient.rights")),
    route("patients/<uuid:patient>/erase/", views.AskView.as_view(), name="ask_erasure", rule=may("patient.erase")),
    route(
        "patients/<uuid:patient>/erase/confirm/",
        views.ConfirmView.as_view(),
        name="confirm_erasure",
        rule=may("patient.erase"),
    ),
    route(
        "patients/<uuid:patient>/erase/withdraw/",
        views.WithdrawView.as_view(),
        name="withdraw_erasure",
        rule=may("patient.erase"),
    ),
    route("erasures/", views.erasures, name="erasures", rule=may("patient.erase")),
]
