from __future__ import annotations

from portal.access import may, route
from portal.journeys import views, worklist

urlpatterns = [
    route("therapies/", views.therapy_list, name="therapies", rule=may("therapy.read")),
    route("therapies/<uuid:therapy>/", views.journey, name="therapy", rule=may("therapy.read")),
    route("worklist/", worklist.worklist, name="worklist", rule=may("therapy.read")),
    route("scan/", views.scan, name="scan", rule=may("therapy.read")),
]
