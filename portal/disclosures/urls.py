from __future__ import annotations

from portal.access import may, route
from portal.disclosures import views

EITHER = may("disclosure.open", "disclosure.answer")
ANSWERS = may("disclosure.answer")

urlpatterns = [
    route("disclosures/", views.disclosures, name="disclosures", rule=EITHER),
    route("disclosures/<uuid:disclosure>/", views.disclosure, name="disclosure", rule=EITHER),
    route("disclosures/<uuid:disclosure>/answer/", views.AnswerView.as_view(), name="answer_disclosure", rule=ANSWERS),
    route("disclosures/<uuid:disclosure>/refuse/", views.RefuseView.as_view(), name="refuse_disclosure", rule=ANSWERS),
    route(
        "disclosures/<uuid:disclosure>/withdraw/",
        views.WithdrawView.as_view(),
        name="withdraw_disclosure",
        rule=ANSWERS,
    ),
    route(
        "disclosures/<uuid:disclosure>/take-back/",
        views.TakeBackView.as_view(),
        name="take_back_disclosure",
        rule=may("disclosure.ask"),
    ),
    route(
        "disclosures/<uuid:disclosure>/evidence.json",
        views.evidence,
        name="disclosure_evidence",
        rule=may("disclosure.open"),
    ),
    route(
        "disclosures/<uuid:disclosure>/disclosure.zip", views.file, name="disclosure_file", rule=may("disclosure.open")
    ),
    route(
        "therapies/<uuid:therapy>/disclosures/ask/",
        views.AskView.as_view(),
        name="ask_disclosure",
        rule=may("disclosure.ask"),
    ),
    route("therapies/<uuid:therapy>/share/", views.ShareView.as_view(), name="share_fields", rule=may("patient.share")),
]
