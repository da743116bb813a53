from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = "Console"

    def ready(self) -> None:
        from console import alarms, checks, receivers  # noqa: F401  (register themselves; settings are not ready before)
        from console.installation import all_panels

        all_panels.register()
