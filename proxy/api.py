"""The management API's endpoints that ask the data plane: a request explained, a draft of a policy tried out."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.http import Http404
from rest_framework import serializers

from proxy.explanation import Question, explain, principal_named
from proxy.routes import TABLE
from proxy.simulation import simulate
from quotas.api.limits import LimitShown
from tenants.api.fields import Document, Strict, Text, Whole
from tenants.api.problems import ProblemError
from tenants.api.resources import Acting
from tenants.models import Policy
from tenants.rights import Right

ENDPOINTS = sorted({route.endpoint for route in TABLE if route.method == "POST"})
MOST_TOKENS = 10**9
MOST_DAYS = 31
MOST_EVENTS = 20_000
MOST_S = 10.0
SIMULATION_LOCK = 0x0B1A  # first half of an advisory lock; the second is the organization's


class QuestionBody(Strict):
    key = Text(max_length=127, help_text="PROJECT/NAME or its id")
    model = Text(max_length=120)
    endpoint = serializers.ChoiceField(ENDPOINTS, default="chat/completions")
    input_tokens = Whole(min_value=0, max_value=MOST_TOKENS, default=0)
    max_output_tokens = Whole(
        min_value=1,
        max_value=MOST_TOKENS,
        allow_null=True,
        default=None,
        help_text="null: what would be reserved",
    )
    end_user = Text(max_length=256, allow_null=True, default=None, help_text="null: the request names none")


class ReservedShown(serializers.Serializer[Any]):
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_nano = serializers.IntegerField()


class ExplanationShown(serializers.Serializer[Any]):
    key = serializers.CharField()
    model = serializers.CharField()
    end_user = serializers.CharField(allow_null=True)
    decision = serializers.ChoiceField(["admit", "refuse"])
    code = serializers.CharField(allow_null=True, help_text="of docs/errors.md, where it would be refused")
    message = serializers.CharField()
    refused_by = serializers.CharField(allow_null=True, help_text="the limit")
    retry_at = serializers.CharField(
        allow_null=True, help_text="when there is room again, where waiting helps"
    )
    reserved = ReservedShown(allow_null=True)
    reports = serializers.ListField(child=serializers.CharField(), help_text="of shadow limits without room")
    limits = LimitShown(many=True)

    def to_representation(self, instance: Any) -> Any:
        return instance


class ExplainLimits(Acting):
    """What a request of a key would meet now, and the figures of every limit on its way. Nothing is reserved or counted."""

    scopes = {"POST": Right.USAGE_READ}
    body, shown = QuestionBody, ExplanationShown

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        key = wanted.pop("key")
        question = Question(**wanted)
        found = explain(principal_named(self.organization.pk, key), question)
        return {"key": key, "model": question.model, "end_user": question.end_user, **found.as_json()}


class DraftBody(Strict):
    document = Document(help_text="a policy as docs/apply.md describes it, without its name")
    days = Whole(min_value=1, max_value=MOST_DAYS, help_text="how far back")


class UsedShown(serializers.Serializer[Any]):
    calls = serializers.IntegerField()
    tokens = serializers.IntegerField()
    cost_nano = serializers.IntegerField()


class NamedShown(UsedShown):
    name = serializers.CharField()


class LargestShown(serializers.Serializer[Any]):
    project = NamedShown(many=True)
    key = NamedShown(many=True)
    model = NamedShown(many=True)


class SumShown(UsedShown):
    largest = LargestShown()


class LimitSumShown(serializers.Serializer[Any]):
    policy = serializers.CharField()
    limit = serializers.CharField()
    level = serializers.CharField()
    each_end_user = serializers.BooleanField()
    meter = serializers.CharField()
    per = serializers.CharField(allow_null=True)
    models = serializers.ListField(child=serializers.CharField(), allow_null=True)
    refused = SumShown()
    fitting = serializers.IntegerField(help_text="of the refused: had room for what they used in the end")


class RuleSumShown(serializers.Serializer[Any]):
    code = serializers.CharField()
    refused = SumShown()


class PassageShown(serializers.Serializer[Any]):
    limit = serializers.CharField()
    refused_then = serializers.IntegerField()
    let_through = SumShown()
    refused_again = serializers.IntegerField()
    not_judged = serializers.IntegerField()


class NotJudgedShown(serializers.Serializer[Any]):
    calls = serializers.IntegerField()
    reasons = serializers.DictField(
        child=serializers.IntegerField(), help_text="calls by reason of docs/policies.md"
    )


class SimulationShown(serializers.Serializer[Any]):
    """As docs/policies.md explains it."""

    organization = serializers.CharField()
    policy = serializers.CharField()
    since = serializers.CharField()
    until = serializers.CharField()
    events = serializers.IntegerField()
    calls = serializers.IntegerField()
    refused = SumShown(help_text="of the calls that were admitted")
    limits = LimitSumShown(many=True)
    shadow_limits = LimitSumShown(many=True)
    rules = RuleSumShown(many=True)
    shortened = SumShown()
    let_through = PassageShown(many=True)
    not_judged = NotJudgedShown()
    took_s = serializers.FloatField()
    events_per_s = serializers.IntegerField(allow_null=True)

    def to_representation(self, instance: Any) -> Any:
        return instance


class SimulatePolicy(Acting):
    """Tries a draft in the policy's place on what was recorded: what it would have refused, and let through. Nothing is changed.

    At most 20,000 events and 10 seconds, and one at a time of an organization; `manage.py policy simulate` has no such bounds.
    """

    scopes = {"POST": Right.POLICIES_WRITE}
    body, shown = DraftBody, SimulationShown

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        policy = self.kwargs["policy"]
        if not Policy.objects.filter(name=policy).exists():
            raise Http404
        self._only()
        found = simulate(
            organization_id=self.organization.pk,
            policy=policy,
            draft=wanted["document"],
            days=wanted["days"],
            most_events=MOST_EVENTS,
            most_s=MOST_S,
        )
        return found.as_json()

    def _only(self) -> None:
        """Until the transaction ends: a simulation costs this process seconds of its CPU."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))",
                [SIMULATION_LOCK, str(self.organization.pk)],
            )
            if not cursor.fetchone()[0]:
                raise ProblemError(
                    "rate_limited", "A simulation of this organization runs already. Wait for it."
                )
