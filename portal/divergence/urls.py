from __future__ import annotations

from portal.access import MEMBER, may, route
from portal.divergence import views

urlpatterns = [
    route("divergences/", views.divergences, name="divergences", rule=MEMBER),
    route("divergences/bar/", views.bar, name="divergence_bar", rule=MEMBER),
    route("divergences/<uuid:divergence>/", views.divergence, name="divergence", rule=MEMBER),
    route("divergences/<uuid:divergence>/evidence.zip", views.evidence_file, name="divergence_evidence", rule=MEMBER),
    route(
        "divergences/<uuid:divergence>/seen/",
        views.acknowledge,
        name="divergence_acknowledge",
        rule=may("divergence.acknowledge"),
    ),
    route(
        "divergences/<uuid:divergence>/settled/",
        views.settle,
        name="divergence_settle",
        rule=may("divergence.resolve"),
    ),
]
