from __future__ import annotations

from portal.access import may, route
from portal.actions.publishing import PublishView
from portal.batches import steps, views

BATCH = "batches/<uuid:therapy>/"
MAKERS = may("batch.review", "batch.release", "slots.publish", "step.perform")

urlpatterns = [
    route("batches/", views.board, name="batches", rule=MAKERS),
    route(BATCH, views.record, name="batch", rule=MAKERS),
    route("capacity/", views.capacity, name="capacity", rule=may("slots.publish", "step.perform")),
    route("capacity/publish/", PublishView.as_view(), name="capacity_publish", rule=may("slots.publish")),
    route(f"{BATCH}bench/<slug:step>/", steps.BenchView.as_view(), name="batch_step", rule=may("step.perform")),
    route(f"{BATCH}intake/<slug:step>/", steps.IntakeView.as_view(), name="material_intake", rule=may("step.perform")),
    route(
        f"{BATCH}sign-off/<slug:step>/", steps.SignOffView.as_view(), name="batch_sign_off", rule=may("step.perform")
    ),
]
