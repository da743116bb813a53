from django.apps import AppConfig


class GrafanaConfig(AppConfig):
    """Stands last among the apps, as it must hear of changes after those that calls depend on."""

    name = "orbit.grafana"
    verbose_name = "Grafana"

    def ready(self) -> None:
        from orbit.grafana import receivers

        assert receivers  # connected by being imported
