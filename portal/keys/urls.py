from __future__ import annotations

from portal.access import MEMBER, may, route
from portal.keys import views

urlpatterns = [
    route("keys/", views.keys, name="keys", rule=MEMBER),
    route("keys/rotate/", views.RotateView.as_view(), name="rotate_key", rule=may("keys.manage")),
    route("keys/spare/", views.SpareView.as_view(), name="add_spare_key", rule=may("keys.manage")),
    route("keys/<slug:key_id>/revoke/", views.RevokeView.as_view(), name="revoke_key", rule=may("keys.manage")),
    route("keys/<uuid:party>/reissue/", views.ReissueView.as_view(), name="reissue_key", rule=may("party.enrol")),
]
