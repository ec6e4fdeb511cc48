from django.apps import AppConfig


class ManufacturingConfig(AppConfig):
    name = "manufacturing"

    def ready(self) -> None:
        from ledger.log import projections
        from manufacturing import contract
        from manufacturing.batches.projection import PROJECTION

        contract.register()
        projections.register(PROJECTION)
