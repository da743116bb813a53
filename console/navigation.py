"""The operator's sidebar: by what one looks for, not by which package a table comes from."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

GROUPS = {
    "Tenants": (
        ("Organizations", "tenants.organization", "domain"),
        ("Memberships", "tenants.membership", "badge"),
        ("Custom roles", "tenants.customrole", "admin_panel_settings"),
        ("Invitations", "tenants.invitation", "mail"),
        ("Identity providers", "tenants.identityprovider", "login"),
        ("Domains", "tenants.domain", "dns"),
        ("Projects", "tenants.project", "folder"),
        ("API keys", "tenants.apikey", "key"),
        ("Service accounts", "tenants.serviceaccount", "smart_toy"),
        ("Management keys", "tenants.managementkey", "vpn_key"),
        ("OAuth clients", "tenants.oauthclient", "token"),
        ("Policies", "tenants.policy", "policy"),
        ("Policy revisions", "tenants.policyrevision", "history"),
        ("Policy requests", "tenants.policyrequest", "approval"),
        ("Provider accounts", "tenants.provideraccount", "cloud"),
        ("Inspectors", "tenants.inspector", "search_insights"),
        ("Model aliases", "tenants.modelalias", "alt_route"),
    ),
    "Ledger": (
        ("Events", "audit.event", "receipt_long"),
        ("Usage buckets", "quotas.usagebucket", "bar_chart"),
        ("Prices", "quotas.price", "sell"),
        ("Model facts", "quotas.modelfacts", "menu_book"),
        ("Paddings", "quotas.tokenpadding", "straighten"),
        ("Contract prices", "quotas.contractprice", "handshake"),
        ("Outbox entries", "audit.outboxentry", "outbox"),
        ("Shard positions", "audit.shardposition", "linear_scale"),
        ("Chain heads", "audit.chainhead", "link"),
        ("Dead letters", "audit.deadletter", "report"),
        ("Sinks", "audit.sink", "output"),
        ("Sinks’ dead letters", "audit.sinkdeadletter", "unsubscribe"),
        ("Changes of sinks", "audit.sinkchange", "edit_note"),
        ("Incidents", "audit.incident", "warning"),
        ("Dropped months", "audit.droppedmonth", "delete_sweep"),
        ("Skeletons", "audit.skeleton", "data_array"),
        ("Dirty buckets", "quotas.dirtybucket", "cleaning_services"),
    ),
    "Bills": (
        ("Exceptions", "billing.billexception", "rule"),
        ("Comparisons", "billing.comparison", "balance"),
        ("Runs", "billing.run", "play_circle"),
        ("Rows of reports", "billing.billedrow", "table_rows"),
        ("Sources", "billing.billsource", "settings"),
    ),
    "People": (
        ("People", "tenants.person", "person"),
        ("Groups", "auth.group", "group"),
        ("Email addresses", "account.emailaddress", "mail"),
        ("Second factors", "mfa.authenticator", "phonelink_lock"),
        ("Sessions", "usersessions.usersession", "devices"),
        ("Operator keys", "tenants.operatorkey", "vpn_key"),
        ("Operators’ OAuth clients", "tenants.operatorclient", "token"),
    ),
    "Schedule": (
        ("Periodic tasks", "django_celery_beat.periodictask", "schedule"),
        ("Intervals", "django_celery_beat.intervalschedule", "timelapse"),
        ("Crontabs", "django_celery_beat.crontabschedule", "calendar_month"),
        ("Clocked", "django_celery_beat.clockedschedule", "alarm"),
        ("Solar events", "django_celery_beat.solarschedule", "wb_sunny"),
    ),
}
CONSOLE = (
    ("Installation", "operator", "monitor_heart", "tenants.view_organization"),
    ("Organizations", "operator_organizations", "domain", "tenants.view_organization"),
    ("Why was it refused?", "operator_why", "help", "audit.view_event"),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """What the signed-in member of staff may look at."""
    groups = [
        {
            "title": title,
            "items": [
                {"title": name, "icon": icon, "link": reverse(f"admin:{label.replace('.', '_')}_changelist")}
                for name, label, icon in items
                if admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)
            ],
        }
        for title, items in GROUPS.items()
    ]
    console = [
        {"title": title, "icon": icon, "link": reverse(name)}
        for title, name, icon, permission in CONSOLE
        if request.user.has_perm(permission)
    ]
    return [group for group in ({"title": "Operator console", "items": console}, *groups) if group["items"]]
