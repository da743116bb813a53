"""Operators' roles: groups of Django's own permissions, for staff of the installation who are no superusers."""

from __future__ import annotations

from fnmatch import fnmatchcase

from django.contrib.auth.models import Group, Permission

MEANINGS = {
    "operator": "runs the installation: sees everything, suspends and resumes, revokes keys, changes people and schedules, ends sessions, replays dead letters",
    "support": "sees everything, changes nothing",
    "billing": "sees organizations, figures, prices and events",
}
# Patterns of `app.codename`.
ROLES: dict[str, tuple[str, ...]] = {
    "operator": (
        "*.view_*",
        "tenants.add_person",
        "tenants.change_person",
        "tenants.suspend_organization",
        "tenants.revoke_apikey",
        "tenants.revoke_operatorkey",
        "audit.replay_deadletter",
        "mfa.delete_authenticator",
        "usersessions.delete_usersession",
        "django_celery_beat.*",
    ),
    "support": ("*.view_*",),
    "billing": (
        "tenants.view_organization",
        "tenants.view_project",
        "tenants.view_apikey",
        "quotas.view_*",
        "audit.view_event",
    ),
}


def ensure_groups() -> None:
    """The groups with exactly these permissions; runs after each migration, which may bring new ones."""
    permissions = list(Permission.objects.select_related("content_type"))
    for name, patterns in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(one for one in permissions if _given(one, patterns))


def _given(permission: Permission, patterns: tuple[str, ...]) -> bool:
    word = f"{permission.content_type.app_label}.{permission.codename}"
    return any(fnmatchcase(word, pattern) for pattern in patterns)


def table() -> str:
    """As docs/permissions.md prints it."""
    lines = ["| role | what it is for | permissions |", "| --- | --- | --- |"]
    for name, patterns in ROLES.items():
        lines.append(f"| `{name}` | {MEANINGS[name]} | {', '.join(f'`{one}`' for one in patterns)} |")
    return "\n".join(lines)
