from __future__ import annotations

from portal.access import may, route
from portal.transport import devices, problems, transfers, views

urlpatterns = [
    route("jobs/<uuid:therapy>/", views.job, name="job", rule=may("therapy.read")),
    route(
        "jobs/<uuid:therapy>/transfer/",
        transfers.TransferView.as_view(),
        name="job_transfer",
        rule=may("handoff.offer"),
    ),
    route(
        "hand-overs/<uuid:handoff>/take/",
        transfers.TakeTransferView.as_view(),
        name="transfer_take",
        rule=may("handoff.accept"),
    ),
    route(
        "hand-overs/<uuid:handoff>/keep/", transfers.KeepView.as_view(), name="transfer_keep", rule=may("handoff.offer")
    ),
    route(
        "jobs/<uuid:therapy>/problem/", problems.ProblemView.as_view(), name="job_problem", rule=may("exception.open")
    ),
    route("shipments/", views.shipments, name="shipments", rule=may("therapy.read")),
    route("loggers/new/", devices.RegisterView.as_view(), name="logger_new", rule=may("device.register")),
    route("loggers/<uuid:device>/key/", devices.RenewView.as_view(), name="logger_rekey", rule=may("device.register")),
    route("loggers/", views.loggers, name="loggers", rule=may("device.register")),
    route(
        "therapies/<uuid:therapy>/readings/<slug:leg>/upload/",
        views.UploadView.as_view(),
        name="readings_upload",
        rule=may("readings.upload"),
    ),
]
