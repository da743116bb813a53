"""A person's sessions: the list, and how they end."""

from __future__ import annotations

from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from tenants.models import Person
from tenants.people import end_sessions

_EVERY = timedelta(minutes=1)
MOST = 20


def note(request: HttpRequest) -> None:
    """Keeps when and from where the session was last seen, to the minute."""
    key = request.session.session_key
    recently = UserSession.objects.filter(session_key=key, last_seen_at__gt=timezone.now() - _EVERY)
    if not recently.exists():
        UserSession.objects.create_from_request(request)


def end_surplus(person: Person) -> None:
    """Makes room for one more: at each sign-in the package looks at every session of the person."""
    for session in UserSession.objects.filter(user=person).order_by("-last_seen_at")[MOST - 1 :]:
        session.end()


def keep_only(request: HttpRequest, person: Person) -> None:
    """Ends all sessions of the person but this one, which goes on under a new id."""
    end_sessions(person)
    person.refresh_from_db(fields=["session_generation"])
    update_session_auth_hash(request, person)
    UserSession.objects.create_from_request(request)


@require_POST
@login_required
def end_others(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, Person)
    keep_only(request, request.user)
    messages.success(request, "All other sessions have ended.")
    return redirect("usersessions_list")


@require_POST
@login_required
def end_one(request: HttpRequest, session_id: int) -> HttpResponse:
    session = get_object_or_404(UserSession, pk=session_id, user=request.user)
    session.end()
    messages.success(request, "The session has ended.")
    return redirect("usersessions_list")
