from __future__ import annotations

from portal.access import may, route
from portal.audit import views

urlpatterns = [
    route("audit/", views.trail, name="audit", rule=may("audit.read")),
    route("audit/trail.csv", views.export, name="audit_export", rule=may("audit.read")),
    route("audit/records/<uuid:record>/", views.entry, name="audit_entry", rule=may("audit.read")),
]
