"""The admin's pages for keys that must end: those that were ticked, and one that turned up somewhere."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ApiKey

MOST = 500  # keys that are revoked from one page


class FindForm(forms.Form):
    """The key is never shown again, by a page that failed neither."""

    key = forms.CharField(
        max_length=500,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "off", "placeholder": "orb_…"}, render_value=False),
        help_text="It is sent in the body of the request, stored nowhere, and shown nowhere.",
    )
    reason = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget({"placeholder": "seen in a public repository"}),
        help_text="Stands in the ledger when the key is revoked.",
    )


def revoke(site: Any, request: HttpRequest, rows: QuerySet[ApiKey]) -> HttpResponse | None:
    """Asks first. What is confirmed is what was ticked, not what a filter says by then."""
    ticked = list(rows[: MOST + 1])
    if len(ticked) > MOST or request.POST.get("select_across") == "1":
        site.message_user(request, f"Nothing was revoked: tick at most {MOST} keys.", messages.ERROR)
        return None
    reason = request.POST.get("reason", "").strip()
    if request.POST.get("confirmed") != "yes" or not reason:
        return _ask(site, request, ticked)
    _revoke_all(site, request, ticked, reason)
    return None


def _ask(site: Any, request: HttpRequest, ticked: list[ApiKey]) -> HttpResponse:
    shown = {
        **site.admin_site.each_context(request),
        "title": "Revoke keys",
        "opts": site.opts,
        "keys": [key for key in ticked if key.revoked_at is None],
        "ended": [key for key in ticked if key.revoked_at is not None],
        "lacks_reason": request.POST.get("confirmed") == "yes",
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/tenants/apikey/revoke.html", shown)


def _revoke_all(site: Any, request: HttpRequest, ticked: list[ApiKey], reason: str) -> None:
    """One transaction with its act for each key, so that one that fails does not keep the others."""
    done, refused = 0, []
    for key in ticked:
        if key.revoked_at is not None:
            continue
        try:
            services.revoke_key(
                organization_id=key.organization_id,
                key_id=key.pk,
                actor=request.user.get_username(),
                reason=reason,
            )
            done += 1
        except InputError as error:  # purged meanwhile
            refused.append(f"{key}: {error.message}")
    site.message_user(request, f"{done} revoked.", messages.SUCCESS)
    for text in refused:
        site.message_user(request, text, messages.WARNING)


@sensitive_variables("form", "text")
@sensitive_post_parameters("key")
def find(request: HttpRequest, site: Any) -> HttpResponse:
    """Whose a key is, for who may look at keys; with the right to revoke, its end too."""
    if not site.has_view_permission(request):
        raise PermissionDenied
    may_revoke = site.has_revoke_permission(request)
    form, owner, problem = FindForm(request.POST or None), None, ""
    if request.method == "POST" and form.is_valid():
        text, end = form.cleaned_data["key"], "revoke" in request.POST
        if end and not may_revoke:
            raise PermissionDenied
        try:
            owner = services.look_up_key(
                text, actor=request.user.get_username(), end=end, reason=form.cleaned_data["reason"]
            )
            problem = "" if owner else "No organization has or had this key."
        except InputError as error:
            problem = f"This {error.message}."
    shown = {
        **site.admin_site.each_context(request),
        "title": "Find a leaked key",
        "opts": site.opts,
        "form": form,
        "owner": owner,
        "problem": problem,
        "may_revoke": may_revoke,
    }
    return TemplateResponse(request, "admin/tenants/apikey/find.html", shown)
