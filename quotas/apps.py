from django.apps import AppConfig


class QuotasConfig(AppConfig):
    name = "quotas"
    verbose_name = "Limits"

    def ready(self) -> None:
        from audit.projections import Projection, registry
        from quotas import adjusting, receivers, rollups
        from quotas.file import PRICES
        from quotas.findings import rollup as findings
        from tenants.sections import registry as sections

        registry.register(Projection("rollups", rollups.apply, rollups.failed))
        registry.register(Projection("findings", findings.apply, rollups.failed))
        registry.register(Projection("adjusted counters", adjusting.note, adjusting.not_noted))
        sections.register(PRICES)
        assert receivers  # connected by being imported
