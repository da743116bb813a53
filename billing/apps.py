from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = "Billing"

    def ready(self) -> None:
        from billing import checks, receivers
        from billing.alerts.file import ALERTS
        from tenants.sections import registry

        registry.register(ALERTS)
        assert checks  # both register by being imported
        assert receivers
