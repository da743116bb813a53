"""Admin pages of the packages that we use, in the same look; and of the ledger, searched by what tenants know."""

from __future__ import annotations

from typing import Any

from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_celery_beat.admin import ClockedScheduleAdmin as BeatClockedScheduleAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as BeatCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BeatPeriodicTaskAdmin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin

from audit.admin import EventAdmin as LedgersEventAdmin
from audit.models import Event
from console.devices import device
from orbit.lib.admin import as_id
from quotas.admin import UsageBucketAdmin as RollupsBucketAdmin
from quotas.models import UsageBucket
from tenants.models import ApiKey, Organization, Project, ProviderAccount
from tenants.people import end_sessions

for _model in (
    Event,
    UsageBucket,
    EmailAddress,
    Authenticator,
    UserSession,
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
    # Providers are organizations' own (tenants.admin), tokens are not kept here, and links make no sense by themselves.
    SocialAccount,
    SocialApp,
    SocialToken,
):
    admin.site.unregister(_model)


@admin.register(Event)
class EventAdmin(LedgersEventAdmin):
    search_help_text = "An organization's slug, an event id or a request id"
    readonly_fields = (*LedgersEventAdmin.readonly_fields, "became")  # type: ignore[assignment]  # of any length

    @admin.display(description="In a sentence")
    def became(self, event: Event) -> SafeString | None:
        """Of a call."""
        if event.kind != Event.Kind.CALL:
            return None
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}?request_id={}">What became of it</a>',
            reverse("operator_why"),
            event.event_id,
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """The ledger has an index of organizations' ids, not of their slugs."""
        term = search_term.strip()
        if not term or as_id(term) is not None:
            return super().get_search_results(request, queryset, term)
        whose = Organization.objects.filter(slug=term).values_list("pk", flat=True)
        return queryset.filter(organization_id__in=list(whose)), False


@admin.register(UsageBucket)
class UsageBucketAdmin(RollupsBucketAdmin):
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UsageBucket], search_term: str
    ) -> tuple[QuerySet[UsageBucket], bool]:
        """Buckets are found through their organization: an index for each id would cost every call."""
        wanted = as_id(search_term)
        if wanted is None:
            return super().get_search_results(request, queryset, search_term)
        parts: tuple[tuple[str, Any], ...] = (
            ("project_id", Project),
            ("key_id", ApiKey),
            ("account_id", ProviderAccount),
        )
        for field, model in parts:
            whose = model.objects.filter(pk=wanted).values_list("organization_id", flat=True).first()
            if whose is not None:
                return queryset.filter(organization_id=whose, **{field: wanted}), False
        return queryset.filter(organization_id=wanted), False


@admin.register(EmailAddress)
class EmailAddressAdmin(AllauthEmailAddressAdmin, ModelAdmin):  # type: ignore[misc]
    """Whoever may write an address into an account may reset its password: that is for superusers."""

    list_select_related = ("user",)
    list_display = ("email", "user", "primary", "verified")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)


class OfPersonAdmin(ModelAdmin):  # type: ignore[misc]
    """What a person signs in with: looked at, and taken away. Of staff only a superuser takes it."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        of_staff = obj is not None and (obj.user.is_staff or obj.user.is_superuser)
        above = of_staff and not request.user.is_superuser
        return not above and bool(super().has_delete_permission(request, obj))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


@admin.register(Authenticator)
class AuthenticatorAdmin(OfPersonAdmin):
    """A second factor: that there is one, never its secret. Deleting it lets its owner back in without."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("type",)
    search_fields = ("user__email",)
    fields = ("user", "type", "created_at", "last_used_at")

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        super().delete_model(request, obj)
        end_sessions(obj.user)


@admin.register(UserSession)
class UserSessionAdmin(OfPersonAdmin):
    """Where somebody is signed in, never by which cookie. Deleting it signs them out there."""

    list_display = ("user", "device", "ip", "created_at", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "ip")
    fields = ("user", "device", "user_agent", "ip", "created_at", "last_seen_at")
    readonly_fields = ("device",)

    @admin.display(description="Device")
    def device(self, session: UserSession) -> str:
        return device(session.user_agent)

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        obj.end()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BeatPeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]
    change_form_template = None  # the package's own adds an inline script, which our content policy stops


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(BeatCrontabScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    pass


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(BeatClockedScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    pass


@admin.register(IntervalSchedule, SolarSchedule)
class ScheduleAdmin(ModelAdmin):  # type: ignore[misc]
    pass
