from __future__ import annotations

from portal.access import DEVICE, LOG, MEMBER, PUBLIC, may, route
from portal.evidence import log, views

urlpatterns = [
    route("ledger/", views.ledger, name="ledger", rule=MEMBER),
    # A member's own log, where each has one (NEEDLEPOINT_LOGS); first, so that a member may be called TILE.
    route("log/<slug:log>/checkpoint", log.checkpoint, name="member_log_checkpoint", rule=LOG),
    route("log/<slug:log>/checkpoint/pending", log.pending, name="member_log_pending", rule=LOG),
    route("log/<slug:log>/tile/<path:path>", log.tile, name="member_log_tile", rule=LOG),
    route("log/<slug:log>/cosignatures", log.cosignatures, name="member_log_cosignatures", rule=DEVICE),
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
