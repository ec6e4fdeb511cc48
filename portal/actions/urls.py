from __future__ import annotations

from portal.access import may, route
from portal.actions import (
    correcting,
    custody_steps,
    exception_acts,
    halting,
    holding,
    labelling,
    moving,
    ordering,
    slots,
    steps,
    therapy_acts,
)

THERAPY = "therapies/<uuid:therapy>/"

urlpatterns = [
    route("orders/new/", ordering.OrderView.as_view(), name="order", rule=may("therapy.order")),
    route(f"{THERAPY}slots/", slots.SlotsView.as_view(), name="therapy_slots", rule=may("itinerary.search")),
    route(f"{THERAPY}move/", moving.MoveView.as_view(), name="therapy_move", rule=may("itinerary.search")),
    route(
        f"{THERAPY}decision/", therapy_acts.PayerDecisionView.as_view(), name="payer_decision", rule=may("payer.decide")
    ),
    route(f"{THERAPY}label/", labelling.LabelView.as_view(), name="therapy_label", rule=may("label.print")),
    route(f"{THERAPY}hold/", holding.HoldView.as_view(), name="therapy_hold", rule=may("therapy.read")),
    route("therapies/held/", holding.held_list, name="therapies_held", rule=may("therapy.read")),
    route(f"{THERAPY}end/", therapy_acts.EndView.as_view(), name="therapy_end", rule=may("therapy.end")),
    route(
        f"{THERAPY}readings/<slug:leg>/commit/",
        therapy_acts.CommitReadingsView.as_view(),
        name="readings_commit",
        rule=may("readings.commit"),
    ),
    route(f"{THERAPY}steps/<slug:step>/", steps.StepView.as_view(), name="step", rule=may("step.perform")),
    route(
        f"{THERAPY}steps/<slug:step>/correct/",
        correcting.CorrectStepView.as_view(),
        name="correct_step",
        rule=may("step.perform"),
    ),
    route(
        f"{THERAPY}pack/<slug:step>/", custody_steps.PackView.as_view(), name="shipment_pack", rule=may("step.perform")
    ),
    route(
        f"{THERAPY}hand-over/<slug:step>/",
        custody_steps.OfferView.as_view(),
        name="handoff_offer",
        rule=may("handoff.offer"),
    ),
    route(
        f"{THERAPY}take-over/<slug:step>/",
        custody_steps.AcceptView.as_view(),
        name="handoff_accept",
        rule=may("handoff.accept"),
    ),
    route(
        "hand-overs/<uuid:handoff>/refuse/",
        custody_steps.RefuseView.as_view(),
        name="handoff_refuse",
        rule=may("handoff.refuse"),
    ),
    route("exceptions/", exception_acts.exception_list, name="exceptions", rule=may("therapy.read")),
    route(
        "exceptions/<uuid:exception>/",
        exception_acts.ExceptionView.as_view(),
        name="exception",
        rule=may("therapy.read"),
    ),
    route("exceptions/<uuid:exception>/halted/", halting.halted, name="exception_halted", rule=may("therapy.read")),
    route(
        "exceptions/<uuid:exception>/supply/",
        exception_acts.OosView.as_view(),
        name="exception_oos",
        rule=may("oos.request", "oos.evaluate", "oos.accept", "oos.inform"),
    ),
]
