from django.apps import AppConfig


class QuotasConfig(AppConfig):
    name = "quotas"
    verbose_name = "Limits"

    def ready(self) -> None:
        from audit.projections import Projection, registry
        from quotas import receivers, rollups

        registry.register(Projection("rollups", rollups.apply, rollups.failed))
        assert receivers  # connected by being imported
