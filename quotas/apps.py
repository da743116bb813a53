from django.apps import AppConfig


class QuotasConfig(AppConfig):
    name = "quotas"
    verbose_name = "Limits"

    def ready(self) -> None:
        from audit.projections import Projection, registry
        from quotas import receivers, rollups
        from quotas.file import PRICES
        from tenants.sections import registry as sections

        registry.register(Projection("rollups", rollups.apply, rollups.failed))
        sections.register(PRICES)
        assert receivers  # connected by being imported
