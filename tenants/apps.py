from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Tenants"

    def ready(self) -> None:
        from audit.projections import Projection, registry
        from tenants import checks, key_use

        registry.register(Projection("last use of keys", key_use.apply, key_use.failed))
        assert checks  # registered by being imported
