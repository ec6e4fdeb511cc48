from __future__ import annotations

from portal.access import may, route
from portal.oversight import views

INSPECTION = "inspections/<uuid:inspection>/"
SIDES = may("inspection.open", "audit.read")

urlpatterns = [
    route("sites/", views.sites, name="sites", rule=may("exception.read_all")),
    route("inspections/", views.inspections, name="inspections", rule=SIDES),
    route("inspections/open/", views.OpenInspectionView.as_view(), name="open_inspection", rule=may("inspection.open")),
    route(INSPECTION, views.inspection, name="inspection", rule=SIDES),
    route(
        f"{INSPECTION}close/",
        views.CloseInspectionView.as_view(),
        name="close_inspection",
        rule=may("inspection.open"),
    ),
    route(
        f"{INSPECTION}batches/<uuid:therapy>/",
        views.inspected_batch,
        name="inspected_batch",
        rule=may("inspection.open"),
    ),
    route(f"{INSPECTION}package/", views.PackageView.as_view(), name="inspection_package", rule=may("inspection.open")),
    route("reports/", views.reports, name="reports", rule=may("audit.read")),
    route("reports/<uuid:report>.<slug:form>", views.report_file, name="report_file", rule=may("audit.read")),
]
