from __future__ import annotations

from portal.access import may, route
from portal.contacts import views

urlpatterns = [
    route("duty-number/", views.DutyNumberView.as_view(), name="duty_number", rule=may("members.manage")),
]
