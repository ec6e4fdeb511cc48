from __future__ import annotations

from portal.access import DEVICE, LOG, MEMBER, PUBLIC, may, route
from portal.evidence import log, views

urlpatterns = [
    route("ledger/", views.ledger, name="ledger", rule=MEMBER),
    route("log/checkpoint", log.checkpoint, name="log_checkpoint", rule=LOG),
    route("log/checkpoint/pending", log.pending, name="log_pending", rule=LOG),
    route("log/tile/<path:path>", log.tile, name="log_tile", rule=LOG),
    route("log/cosignatures", log.cosignatures, name="log_cosignatures", rule=DEVICE),
    route("records/<uuid:record>.tlog-proof", views.record_proof, name="record_proof", rule=MEMBER),
    route("records/<uuid:record>.dsse.json", views.record_envelope, name="record_envelope", rule=MEMBER),
    route(
        "therapies/<uuid:therapy>/evidence.zip",
        views.therapy_evidence,
        name="therapy_evidence",
        rule=may("therapy.read"),
    ),
    route("help/", views.help_page, name="help", rule=PUBLIC),
    route("privacy/", views.privacy_page, name="privacy", rule=PUBLIC),
]
