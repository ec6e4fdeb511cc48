from __future__ import annotations

from portal.access import may, route
from portal.journeys import views

urlpatterns = [
    route("therapies/", views.therapy_list, name="therapies", rule=may("therapy.read")),
    route("therapies/<uuid:therapy>/", views.journey, name="therapy", rule=may("therapy.read")),
    route("scan/", views.scan, name="scan", rule=may("therapy.read")),
]
