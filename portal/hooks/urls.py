from __future__ import annotations

from portal.access import may, route
from portal.hooks import views

MAY = may("members.manage")

urlpatterns = [
    route("web-hooks/", views.hooks, name="web_hooks", rule=MAY),
    route("web-hooks/<uuid:hook>/remove/", views.remove, name="web_hook_remove", rule=MAY),
    route("web-hooks/<uuid:hook>/test/", views.test, name="web_hook_test", rule=MAY),
]
