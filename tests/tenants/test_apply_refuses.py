"""What `apply` refuses, by path and with a suggestion; and that it then changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from orbit.lib import access
from tenants import apply as apply_module
from tenants.models import Organization
from tenants.schema import load
from tenants.schema.problems import Invalid
from tests.tenants.conftest import Answer, Apply, run

DROP = "(left out)"
Where = tuple[int | str, ...]

LIMIT: Where = ("policies", 0, "limits", 0)
ACCOUNT: Where = ("provider_accounts", 0)
RAISED: Where = ("policies", 1, "limits", 1, "temporary")
ROUTE: Where = ("models", 0)
TARGETS: Where = (*ROUTE, "targets")
PLAIN_ROUTE = {"alias": "fast", "targets": [{"account": "main", "model": "gpt-4o"}]}
DRAIN: Where = ("policies", 1, "on_disconnect", "drain")


def changed(entry: dict[str, Any], where: Where, value: object) -> dict[str, Any]:
    made = deepcopy(entry)
    at: Any = made
    for part in where[:-1]:
        at = at[part]
    if value is DROP:
        del at[where[-1]]
    else:
        at[where[-1]] = value
    return made


def spelt(where: Where) -> str:
    return "organizations[0]" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in where
    )


NOT_YET: list[tuple[Where, object]] = [
    (("currency",), "EUR"),
    ((*ACCOUNT, "kind"), "gemini"),
    ((*ACCOUNT, "kind"), "azure_openai"),
    ((*ACCOUNT, "kind"), "bedrock"),
    ((*ACCOUNT, "kind"), "cohere"),
    ((*LIMIT, "soft"), 0.8),
]


@pytest.mark.parametrize(("where", "value"), NOT_YET, ids=lambda value: str(value)[:40])
def test_what_is_not_built_yet_is_refused(
    apply: Apply, entry: dict[str, Any], where: Where, value: object
) -> None:
    answer = apply(changed(entry, where, value))
    assert answer.code == 2
    path = spelt(where) + (
        f".{next(iter(value))}" if where[-1] == "audit" and isinstance(value, dict) else ""
    )
    assert answer.error_at(path)["message"] == "not supported yet"


WRONG: list[tuple[Where, object, str, str]] = [
    (("policies", 0, "audit"), {"retention_days": 60}, "must be one of 30, 90", "leave it out"),
    (("policies", 0, "audit"), {"retention_days": "30"}, "must be one of 30, 90", "leave it out"),
    (("policies", 0, "audit"), {"retention_days": True}, "must be one of 30, 90", "leave it out"),
    (("policies", 0, "audit"), {"required": "yes"}, "must be true or false", "such as true"),
    (("polices",), [], "unknown field", "did you mean 'policies'?"),
    (("projects", 0, "keyz"), [], "unknown field", "did you mean 'keys'?"),
    ((*LIMIT, "pre"), "day", "unknown field", "did you mean 'per'?"),
    (("policies", 0, "caps", "max_tokens"), 1, "unknown field", "did you mean 'max_"),
    (("slug",), "Acme Corp", "must be 1 to 63", "such as 'acme-corp'"),
    (("slug",), "-a", "must be 1 to 63", "such as 'a'"),
    (("slug",), "a" * 64, "must be 1 to 63", ""),
    (("slug",), DROP, "is missing", "add 'slug'"),
    (("slug",), 12, "must be text", "put it in quotes"),
    (("name",), "\x00", "must be 1 to 120 printable characters", ""),
    (("time_zone",), "Europe/Berlim", "'Europe/Berlim' is no time zone", "did you mean 'Europe/Berlin'?"),
    (("time_zone",), "../../etc/passwd", "is no time zone", ""),
    (("calendar", "week_starts"), "tuesday", "'tuesday' is not known", ""),
    (("calendar", "month_starts_on"), 31, "must be at most 28", ""),
    (("calendar", "year_starts_in"), 0, "must be at least 1", ""),
    (("calendar", "year_starts_in"), True, "must be a whole number", ""),
    (("policy",), "defualt", "there is no policy 'defualt'", "did you mean 'default'?"),
    (("projects", 0, "policy"), "none", "there is no policy 'none'", "there are: default, tight"),
    (("projects", 0, "keys", 1, "policy"), "tigth", "there is no policy", "did you mean 'tight'?"),
    (("projects", 0, "keys", 0, "expires_at"), "next year", "'next year' is no time", "such as 2027-01-31"),
    (("projects", 1, "slug"), "chatbot", "'chatbot' is at organizations[0].projects[0] already", ""),
    (("projects", 0, "keys", 1, "name"), "production", "'production' is at", ""),
    (("models", 0, "targets", 0, "account"), "mian", "there is no provider account", "did you mean 'main'?"),
    (("models", 0, "targets"), [], "must not be empty", ""),
    (("models",), [PLAIN_ROUTE] * 2, "'fast' is at organizations[0].models[0] already", ""),
    (("models", 0, "alias"), "*", "must be a model's name", ""),
    ((*TARGETS, 0, "weight"), -1, "must be at least 0", ""),
    ((*TARGETS, 0, "weight"), 1001, "must be at most 1000", ""),
    ((*TARGETS, 0, "weight"), "2", "must be a whole number", "write 2 without quotes"),
    ((*ROUTE, "fallbacks"), ["stedy"], "there is no model 'stedy'", "did you mean 'steady'?"),
    ((*ROUTE, "fallbacks"), ["fast"], "is the model itself", "leave it out"),
    ((*ROUTE, "fallbacks"), ["steady", "steady"], "is the same as [0]", "name it once"),
    ((*ROUTE, "fallbacks"), ["a", "b", "c", "d", "e"], "must be at most 4", ""),
    ((*ROUTE, "retries"), 6, "must be at most 5", ""),
    ((*ROUTE, "retries"), -1, "must be at least 0", ""),
    ((*ROUTE, "affinity"), "user", "'user' is not known", "did you mean 'end_user'?"),
    ((*ROUTE, "timeouts", "connect_s"), 61, "must be at most 60", ""),
    ((*ROUTE, "timeouts", "first_byte_s"), 0, "must be at least 1", ""),
    ((*ROUTE, "timeouts", "gap_s"), 3601, "must be at most 3600", ""),
    ((*ROUTE, "timeouts", "total_s"), 7201, "must be at most 7200", ""),
    ((*ROUTE, "timeouts", "first_byte"), 5, "unknown field", "did you mean 'first_byte_s'?"),
    ((*ROUTE, "context_window"), 0, "must be at least 1", ""),
    ((*ROUTE, "max_output_tokens"), 128_001, "must be at most the context window, 128000", ""),
    ((*ROUTE, "deprecated"), "two\nlines", "must be 1 to 500 printable characters", ""),
    ((*ACCOUNT, "kind"), "openia", "'openia' is not known", "did you mean 'openai'?"),
    ((*ACCOUNT, "base_url"), "http://api.openai.com/v1", "must be https", "ORBIT_PRIVATE_TARGETS"),
    ((*ACCOUNT, "base_url"), "https://10.0.0.1/v1", "is a private address", "ORBIT_PRIVATE_TARGETS"),
    ((*ACCOUNT, "credential"), {}, "must hold either ref or value", ""),
    ((*ACCOUNT, "credential"), {"ref": "env://A", "value": "sk-1"}, "must hold either ref or value", ""),
    (
        (*ACCOUNT, "credential", "ref"),
        "evn://A",
        "no reference to a secret that we know",
        "did you mean env://?",
    ),
    ((*ACCOUNT, "credential", "ref"), "env://ORBIT_MASTER_KEY", "belongs to the gateway itself", ""),
    (("provider_accounts", 1, "base_url"), DROP, "is missing", ""),
    (("provider_accounts", 1, "prices_as"), DROP, "is missing", "such as openai"),
    (("provider_accounts", 1, "name"), "main", "'main' is at", ""),
    (("policies", 0, "allow", "models"), ["fats"], "there is no model 'fats'", "did you mean 'fast'?"),
    (("policies", 0, "allow", "endpoints"), ["/v1/embeddings"], "is not known", "write 'embeddings'"),
    (
        ("policies", 0, "allow", "endpoints"),
        ["chat/completion"],
        "is not known",
        "did you mean 'chat/completions'?",
    ),
    (("policies", 0, "allow", "endpoints"), ["audio/speach"], "is not known", "did you mean 'audio/speech'?"),
    (("policies", 0, "allow", "endpoints"), ["/v1/images/*"], "is not known", "write 'images/*'"),
    (("policies", 0, "untranslatable"), "dorp", "must be refuse, drop", "did you mean 'drop'?"),
    (("policies", 0, "untranslatable"), ["seed"], "must be refuse, drop", "such as {drop: [seed]}"),
    (("policies", 0, "untranslatable"), None, "must be refuse, drop", ""),
    (("policies", 0, "untranslatable", "drop"), [], "must not be empty", ""),
    (("policies", 0, "untranslatable", "drop", 0), "messages[0].name", "field's name", "'messages.name'"),
    (("policies", 0, "untranslatable", "drop", 0), "*", "must be a field's name", "such as 'messages."),
    (("policies", 0, "untranslatable", "dorp"), ["seed"], "unknown field", "did you mean 'drop'?"),
    (("policies", 0, "allow", "ip_ranges"), ["10.0.0.1/8"], "has bits set", "did you mean '10.0.0.0/8'?"),
    (("policies", 0, "allow", "ip_ranges"), ["home"], "is no range of addresses", ""),
    (("policies", 0, "caps", "max_input_tokens"), -1, "must be at least 1", ""),
    (("policies", 0, "caps", "max_input_tokens"), 2**53, "must be at most 9007199254740991", ""),
    (("policies", 1, "name"), "default", "'default' is at", ""),
    ((*LIMIT, "meter"), "request", "'request' is not known", "did you mean 'requests'?"),
    ((*LIMIT, "per"), "minutes", "'minutes' is not known", "did you mean 'minute'?"),
    ((*LIMIT, "per"), DROP, "is missing", "one of: second"),
    ((*LIMIT, "limit"), 0, "must be at least 1", ""),
    ((*LIMIT, "limit"), -5, "must be at least 1", ""),
    ((*LIMIT, "limit"), True, "must be a whole number", ""),
    ((*LIMIT, "limit"), "600", "must be a whole number", "write 600 without quotes"),
    ((*LIMIT, "limit"), 1.5, "must be a whole number", ""),
    ((*LIMIT, "limit"), 2**53, "must be at most 9007199254740991", ""),
    ((*LIMIT, "burst"), 0, "must be at least 1", ""),
    ((*LIMIT, "burst"), 150_119_988, "must be at most 150119987 per minute", "set burst to 150119987"),
    ((*LIMIT, "of"), "each", "'each' is not known", "did you mean 'each_key'?"),
    ((*LIMIT, "models"), [], "must not be empty", ""),
    ((*LIMIT, "models"), ["slow"], "there is no model 'slow'", ""),
    (("policies", 0, "limits", 1, "name"), "rpm", "two limits are named 'rpm'", ""),
    (
        ("policies", 0, "limits", 2, "burst"),
        10,
        "only a limit per second, minute or hour has a burst",
        "leave it out",
    ),
    (("policies", 0, "limits", 3, "per"), "minute", "cost is not counted per minute", "one of: day"),
    (("policies", 0, "limits", 3, "limit"), 1.5, "must be an amount in quotes", 'write "1.50"'),
    (("policies", 0, "limits", 3, "limit"), "0", "must be more than 0", ""),
    (("policies", 0, "limits", 3, "limit"), "9007200", "must be below 9007199", ""),
    (("policies", 0, "limits", 3, "limit"), "0.0000000001", "has more than nine decimal places", ""),
    (("policies", 0, "limits", 3, "limit"), "NaN", "must be a finite amount", ""),
    (("policies", 0, "limits", 4, "per"), "day", "concurrency has no window", "leave it out"),
    (("policies", 0, "unpriced_models"), "free", "must be refuse or a price", ""),
    (("policies", 0, "unpriced_models", "input"), "0", "must be more than 0", ""),
    (("policies", 0, "unpriced_models", "out"), "1", "unknown field", "did you mean 'output'?"),
    (("policies", 0, "on_disconnect"), "cancle", "must be cancel or drain", "did you mean 'cancel'?"),
    (("policies", 0, "on_disconnect"), "drain", "must be cancel or drain", "such as {drain: {max_s: 60"),
    ((*DRAIN, "max_s"), 0, "must be at least 1", ""),
    ((*DRAIN, "max_s"), 3601, "must be at most 3600", ""),
    ((*DRAIN, "max_s"), "60", "must be a whole number", "write 60 without quotes"),
    ((*DRAIN, "max_cost"), "0", "must be more than 0", ""),
    ((*DRAIN, "max_cost"), DROP, "is missing", "add 'max_cost'"),
    ((*DRAIN, "max_costs"), "1", "unknown field", "did you mean 'max_cost'?"),
    (("policies", 0, "on_store_failure"), "open", "'open' is not known", "one of: closed, local_share"),
    (("policies", 0, "output_reserve"), "learnt", "'learnt' is not known", "did you mean 'learned'?"),
    (("policies", 0, "output_reserve"), True, "must be text", "one of: bound, learned"),
    ((*LIMIT, "shadow"), "yes", "must be true or false", ""),
    ((*RAISED, "limit"), 60, "must be more than the limit itself, 60", "a temporary limit is an increase"),
    ((*RAISED, "limit"), 59, "must be more than the limit itself, 60", ""),
    ((*RAISED, "limit"), "120", "must be a whole number", "write 120 without quotes"),
    ((*RAISED, "limit"), 2**53, "must be at most 9007199254740991", ""),
    ((*RAISED, "limit"), 900_719_928, "makes a burst of more than 150119987", "set it to at most 900719922"),
    ((*RAISED, "limit"), DROP, "is missing", "add 'limit'"),
    ((*RAISED, "until"), DROP, "is missing", "add 'until'"),
    ((*RAISED, "until"), "2031-01-01", "must be a time with its zone", "such as 2031-01-01T00:00:00Z"),
    ((*RAISED, "until"), "2031-01-01T12:00:00", "must be a time with its zone", "2031-01-01T12:00:00Z"),
    ((*RAISED, "until"), "2200-01-01T00:00:00Z", "is too far away", "before 2200"),
    ((*RAISED, "until"), "soon", "'soon' is no time", "such as 2027-01-31T00:00:00Z"),
    ((*RAISED, "til"), "soon", "unknown field", "did you mean 'until'?"),
    (("policies", 0, "limits"), {}, "must be a list", ""),
    (("policies", 0), "default", "must be a mapping", ""),
]


@pytest.mark.parametrize(
    ("where", "value", "message", "suggestion"), WRONG, ids=lambda value: str(value)[:40]
)
def test_a_mistake_is_told_by_its_path(
    apply: Apply, entry: dict[str, Any], where: Where, value: object, message: str, suggestion: str
) -> None:
    answer = apply(changed(entry, where, value))
    assert answer.code == 2
    path = spelt(where)
    found = [error for error in answer.json["errors"] if error["path"].startswith(path)]
    assert found, answer.json["errors"]
    assert message in found[0]["message"]
    assert suggestion in found[0]["suggestion"]
    assert answer.json | {"errors": []} == {
        "changed": False,
        "plan": [],
        "keys": [],
        "secrets": [],
        "errors": [],
    }


def test_two_limits_on_one_counter_are_refused(apply: Apply, entry: dict[str, Any]) -> None:
    limits = entry["policies"][0]["limits"]
    limits.append(limits[0] | {"name": "again", "limit": 5})
    assert (
        "counts the same as 'rpm'"
        in apply(entry).error_at("organizations[0].policies[0].limits[5]")["message"]
    )


def test_a_shadow_limit_may_stand_beside_a_hard_one_once(apply: Apply, entry: dict[str, Any]) -> None:
    limits = entry["policies"][0]["limits"]
    limits.append(limits[0] | {"name": "trial", "limit": 5, "shadow": True})
    assert apply(entry).code == 0
    limits.append(limits[0] | {"name": "again", "limit": 6, "shadow": True})
    assert (
        "counts the same as 'trial'"
        in apply(entry).error_at("organizations[0].policies[0].limits[6]")["message"]
    )


@pytest.mark.parametrize("raised", ["0.01", "500.00", 500])
def test_a_temporary_budget_must_be_larger(apply: Apply, entry: dict[str, Any], raised: object) -> None:
    entry = changed(
        entry,
        ("policies", 0, "limits", 3, "temporary"),
        {"limit": raised, "until": "2031-01-01T00:00:00Z"},
    )
    error = apply(entry).error_at("organizations[0].policies[0].limits[3].temporary.limit")
    assert error["message"] == "must be more than the limit itself, 500.00"


def test_all_mistakes_are_told_at_once(apply: Apply, entry: dict[str, Any]) -> None:
    entry = changed(entry, ("time_zone",), "Mars")
    entry = changed(entry, (*LIMIT, "limit"), 0)
    assert len(apply(entry).json["errors"]) == 2


def test_nothing_is_changed_when_one_organization_is_wrong(
    apply: Apply, entry: dict[str, Any], slug: str
) -> None:
    wrong = changed(entry | {"slug": f"{slug}-b"}, ("policy",), "missing")
    answer = apply(entry, wrong)
    assert answer.code == 2
    assert answer.error_at("organizations[1].policy")
    with access.operator():
        assert not Organization.objects.filter(slug__startswith=slug).exists()


def test_nothing_is_changed_when_a_service_refuses_late(
    apply: Apply, entry: dict[str, Any], slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only the database can tell, such as a name taken meanwhile, undoes what came before it."""
    apply({"slug": f"{slug}-b"})
    monkeypatch.setattr(apply_module, "_existing", lambda slugs: {})
    answer = apply(entry, {"slug": f"{slug}-b"})
    assert answer.code == 2
    assert answer.error_at("organizations[1].slug")["message"] == f"'{slug}-b' is taken"
    with access.operator():
        assert not Organization.objects.filter(slug=slug).exists()


def test_words_go_to_stderr_without_json(apply: Apply, entry: dict[str, Any]) -> None:
    answer = apply(changed(entry, ("time_zone",), "Mars"), options=())
    assert (answer.code, answer.out) == (2, "")
    assert "organizations[0].time_zone: 'Mars' is no time zone" in answer.err
    assert "Nothing was changed." in answer.err


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("version: 1\norganizations: []\nversion: 1\n", "version", "appears twice, again in line 3"),
        ("version: 1\norganizations:\n- {slug: a, slug: b}\n", "organizations[0].slug", "appears twice"),
        ('{"version": 1, "organizations": [], "version": 1}', "version", "appears twice"),
        ('{"version": NaN, "organizations": []}', "", "NaN is no number"),
        ("version: [", "", "not readable as YAML in line"),
        ("version: !!python/object/apply:os.system [id]\n", "", "not readable as YAML"),
        ("version: 2\norganizations: []\n", "version", "2 is not known"),
        ("", "", "must be a mapping"),
        ("- 1\n", "", "must be a mapping"),
        ("version: 1\n", "organizations", "is missing"),
        ("a: &a [*a]\n", "", ""),
        ("version: 1\norganizations: []\n---\nversion: 1\n", "", "not readable as YAML"),
        ("version: " + "9" * 5_000, "", "not readable as YAML"),
        ("[" * 500 + "]" * 500, "", "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_without_guessing(
    apply_raw: Callable[[str], Answer], text: str, path: str, message: str
) -> None:
    answer = apply_raw(text)
    assert answer.code == 2
    error = answer.json["errors"][0]
    assert error["path"].startswith(path)
    assert message in error["message"]


def test_endless_aliases_are_refused(apply_raw: Callable[[str], Answer]) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert apply_raw("\n".join(["l0: &l0 [x]", *levels])).code == 2


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(Invalid, match="larger than"):
        load(b"#" * 10_000_001)


def test_a_missing_file_is_bad_input() -> None:
    answer = run("apply", "-f", "/nowhere/at/all.yaml", "--json")
    assert answer.code == 2
    assert "cannot be read" in answer.json["errors"][0]["message"]


def test_an_unreachable_database_has_its_own_exit_code(
    apply: Apply, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(slugs: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(apply_module, "_existing", unreachable)
    answer = apply(entry)
    assert answer.code == 3
    assert "The database is not reachable: connection refused" in answer.err
    assert answer.error_at("")["message"].startswith("The database is not reachable")


def test_no_installation_has_its_own_exit_code(
    apply: Apply, entry: dict[str, Any], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DATABASE_URL = ""
    answer = apply(entry)
    assert answer.code == 3
    assert "There is no installation here" in answer.err
    assert "There is no installation here" in capsys.readouterr().out
