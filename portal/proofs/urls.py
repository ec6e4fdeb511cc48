from __future__ import annotations

from portal.access import may, route
from portal.proofs import views

urlpatterns = [
    route("proofs/", views.proof_list, name="proofs", rule=may("proof.verify")),
    route("proofs/index.json", views.index, name="proofs_index", rule=may("proof.verify")),
    route("proofs/shared.json", views.shared, name="proofs_shared", rule=may("proof.verify")),
    route("therapies/<uuid:therapy>/proofs/", views.therapy_proofs, name="therapy_proofs", rule=may("therapy.read")),
    route("therapies/<uuid:therapy>/evidence.json", views.pack, name="proofs_evidence", rule=may("proof.verify")),
    route("api/v1/proofs/<uuid:proof>", views.api_proof, name="api_proof", rule=may("proof.verify")),
]
