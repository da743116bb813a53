from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Tenants"

    def ready(self) -> None:
        from audit.projections import Projection, registry
        from tenants import checks, key_use
        from tenants.inspectors_file import INSPECTORS
        from tenants.sections import registry as sections

        registry.register(Projection("last use of keys", key_use.apply, key_use.failed))
        sections.register(INSPECTORS)
        assert checks  # registered by being imported
