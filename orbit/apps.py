from django.apps import AppConfig


class OrbitConfig(AppConfig):
    name = "orbit"
    verbose_name = "Orbit"

    def ready(self) -> None:
        from orbit import celery  # noqa: F401  (tasks are sent by it; settings are not ready before)
