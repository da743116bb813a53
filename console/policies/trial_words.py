"""What a trial found, as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.policies.trials import Trial
from console.templatetags.figures import money, share
from proxy.simulation.tally import REASONS

_RULES = {
    "model_not_found": "models that it does not allow",
    "endpoint_not_allowed": "endpoints that it does not allow",
    "ip_not_allowed": "addresses that it does not allow",
    "context_length_exceeded": "more input than its cap",
    "no_policy": "no policy on the key’s way",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """What one limit or rule would have refused."""

    what: str
    calls: int
    tokens: int
    cost: str
    note: str
    keys: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Told:
    headline: str
    allowed: str
    refused: list[Refused]
    reported: list[Refused]
    passages: list[str]
    shortened: str
    not_judged: int
    reasons: list[tuple[str, int]]


def told(trial: Trial, currency: str) -> Told | None:
    found = trial.answer
    if found is None:
        return None
    calls, refused = found["calls"], found["refused"]
    if not calls and found["not_judged"]["calls"]:
        headline = f"No call of the last {_days(trial.days)} could be judged."
    elif not calls:
        headline = f"There were no calls in the last {_days(trial.days)}, so there is nothing to try it on."
    elif calls == 1:
        would = "have been refused" if refused["calls"] else "not have been refused"
        headline = f"The one call of the last {_days(trial.days)} would {would}."
    elif not refused["calls"]:
        headline = f"None of the {_calls(calls)} of the last {_days(trial.days)} would have been refused."
    else:
        headline = (
            f"{refused['calls']:,} of the {_calls(calls)} of the last {_days(trial.days)} would have been refused, "
            f"{share(refused['calls'], calls)}. They cost {money(refused['cost_nano'], currency)}."
        )
    let_through = sum(one["let_through"]["calls"] for one in found["let_through"])
    allowed = (
        f"{_calls(let_through)} that a limit refused then would have been let through." if let_through else ""
    )
    shortened = found["shortened"]["calls"]
    return Told(
        headline,
        allowed,
        [_limit(one, currency) for one in found["limits"] if one["refused"]["calls"]]
        + [_rule(one, currency) for one in found["rules"] if one["refused"]["calls"]],
        [_limit(one, currency) for one in found["shadow_limits"] if one["refused"]["calls"]],
        [_passage(one) for one in found["let_through"]],
        f"{_answers(shortened)} would have ended at the cap on output." if shortened else "",
        found["not_judged"]["calls"],
        [(REASONS.get(reason, reason), count) for reason, count in found["not_judged"]["reasons"].items()],
    )


def _limit(one: Mapping[str, Any], currency: str) -> Refused:
    window = " in total" if one["per"] == "total" else f" per {one['per']}" if one["per"] else ""
    models = f" of {', '.join(one['models'])}" if one["models"] else ""
    user = " by end user" if one["each_end_user"] else ""
    what = f"{one['limit']}: {one['meter'].replace('_', ' ')}{window}{models}{user} ({one['policy']}, {one['level']})"
    note = f"{one['fitting']:,} had room for what they used in the end" if one["fitting"] else ""
    return _sum(what, one["refused"], currency, note)


def _rule(one: Mapping[str, Any], currency: str) -> Refused:
    return _sum(_RULES.get(one["code"], one["code"]).capitalize(), one["refused"], currency)


def _sum(what: str, figures: Mapping[str, Any], currency: str, note: str = "") -> Refused:
    keys = [(key["name"], key["calls"]) for key in figures["largest"]["key"]]
    cost = money(figures["cost_nano"], currency)
    return Refused(what, figures["calls"], figures["tokens"], cost, note, keys)


def _passage(one: Mapping[str, Any]) -> str:
    return (
        f"Of {_calls(one['refused_then'])} that {one['limit']} refused then, {one['let_through']['calls']:,} would be let "
        f"through now, {one['refused_again']:,} refused again, and {one['not_judged']:,} cannot be judged."
    )


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _answers(count: int) -> str:
    return f"{count:,} answer{'' if count == 1 else 's'}"


def _days(days: int) -> str:
    return "day" if days == 1 else f"{days} days"
