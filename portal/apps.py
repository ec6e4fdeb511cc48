from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from ledger.log import triggers
        from portal import checks  # noqa: F401  registers them
        from portal.accounts import alarms  # noqa: F401  registers the handlers of their outbox jobs
        from portal.audit.models import AuditEvent
        from portal.disclosures import tasks as disclosures  # noqa: F401  registers the handler of its outbox job
        from portal.divergence import tasks  # noqa: F401  registers the handlers of their outbox jobs
        from portal.emergency import tasks as emergency  # noqa: F401  registers the handler of its outbox job

        triggers.also((AuditEvent._meta.db_table,))
