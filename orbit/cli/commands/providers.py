"""Provider accounts, models and prices."""

from __future__ import annotations

from typing import Any

from orbit.cli import rows, values
from orbit.cli.client import segment
from orbit.cli.command import AnyCommand, Command, Option, Special
from orbit.cli.commands.policies import FILE
from orbit.cli.failures import Failure
from orbit.cli.secrets import secret_asked
from orbit.cli.session import Session

_ACCOUNTS = "organizations/{organization}/provider-accounts"
_ACCOUNT = _ACCOUNTS + "/{account}"
_MODELS = "organizations/{organization}/models"
_CONTRACTS = "organizations/{organization}/contract-prices"


def save_account(session: Session, given: dict[str, Any]) -> None:
    """The credential's text comes by standard input alone."""
    account, reference = given.pop("account"), given.pop("ref", None)
    if given.pop("credential_stdin", False):
        if reference:
            raise Failure(
                "a credential is either given or referred to", "Leave out --ref or --credential-stdin."
            )
        given["credential"] = {"value": secret_asked("Credential: ")}
    elif reference:
        given["credential"] = {"ref": reference}
    usage, without = given.pop("usage_ref", None), given.pop("without_usage", False)
    if usage and without:
        raise Failure(
            "a usage credential is either referred to or taken away",
            "Leave out --usage-ref or --without-usage.",
        )
    if usage or without:
        given["usage_credential"] = {"ref": usage} if usage else None
    path = f"organizations/{segment(session.organization)}/provider-accounts/{segment(account)}"
    rows.show(session, session.client.ask("PUT", path, body=given).content)


def save_model(session: Session, given: dict[str, Any]) -> None:
    alias, targets = given.pop("alias"), given.pop("target", [])
    body = rows.body_of(given) | ({"targets": targets} if targets else {})
    path = f"organizations/{segment(session.organization)}/models/{segment(alias)}"
    rows.show(session, session.client.ask("PUT", path, body=body).content)


def targets(given: str) -> list[dict[str, Any]]:
    """ACCOUNT/MODEL, or several with a weight each: main/gpt-4o=3,spare/gpt-4o=1."""
    made = []
    for one in values.words(given):
        named, _, weight = one.partition("=")
        account, slash, model = named.partition("/")
        if not slash or not account or not model:
            raise Failure(f"{one!r} is no target; write ACCOUNT/MODEL or ACCOUNT/MODEL=WEIGHT")
        made.append(
            {"account": account, "model": model, **({"weight": values.whole(weight)} if weight else {})}
        )
    return made


COMMANDS: tuple[AnyCommand, ...] = (
    Command(
        "accounts list", "accounts at providers", "GET", _ACCOUNTS, (Option("kind", "only of this kind"),),
        ("name", "kind", "base_url", "prices_as", "credential"),
    ),
    Command("accounts show", "one of them, never its credential", "GET", _ACCOUNT),
    Special(
        "accounts save", "make it, or make it be so", save_account, ("account",),
        (
            Option("kind", "openai, anthropic, openai_compatible, …", required=True),
            Option("base_url", "left out: the kind's own"),
            Option("prices_as", "whose prices apply; left out: the kind's own"),
            Option("ref", "where its credential is kept, such as vault://…"),
            Option("usage_ref", "where the credential is kept that reads its usage and costs"),
            Option("without_usage", "take that credential away", switch=True),
            Option("credential_stdin", "its credential is the first line of standard input", switch=True),
        ),
        of_organization=True,
    ),
    Command("accounts test", "whether its credential can be had; no provider is asked", "POST", _ACCOUNT + "/test"),
    Command(
        "accounts delete", "one that no model uses", "DELETE", _ACCOUNT, said="deleted", asks="Delete the account {account}?",
    ),
    Command(
        "models list", "models as applications name them", "GET", _MODELS, (Option("account", "only with a target there"),),
        ("alias", "targets", "fallbacks", "deprecated"),
    ),
    Command("models show", "one of them with its route", "GET", _MODELS + "/{alias}"),
    Special(
        "models save", "make it, or make it be so; what is left out is as for a new one", save_model, ("alias",),
        (
            Option(rows.WHOLE, "the whole route in YAML or JSON", values.document, flags=FILE, metavar="FILE"),
            Option("target", "instead of a file: ACCOUNT/MODEL, or several as ACCOUNT/MODEL=WEIGHT,…", targets),
            Option("fallbacks", "a comma list of aliases", values.words),
            Option("deprecated", "a line for those who still use it", values.or_none(values.text)),
        ),
        of_organization=True,
    ),
    Command("models delete", "one that nothing names", "DELETE", _MODELS + "/{alias}", said="deleted", asks="Delete the model {alias}?"),
    Command(
        "prices list", "the price book of the installation", "GET", "prices",
        (
            Option("provider", "only of this one"),
            Option("model", "only of this one, by its provider's name"),
            Option("at", "only what is in force then", values.ago),
        ),
        ("provider", "model", "currency", "rates", "version"),
    ),
    Command(
        "contracts list", "prices that the organization agreed", "GET", _CONTRACTS,
        (
            Option("provider", "only of this one"),
            Option("withdrawn", "yes: only withdrawn ones; no: only the others", values.yes_or_no),
        ),
        ("id", "provider", "model", "account", "rates", "discount_percent", "free", "from", "until"),
    ),
    Command(
        "contracts agree", "put a price in force", "POST", _CONTRACTS,
        (
            Option(rows.WHOLE, "the price in YAML or JSON", values.document, flags=FILE, metavar="FILE"),
            Option("provider", "whose prices it replaces"),
            Option("model", "by its provider's name; may end in *"),
            Option("account", "only for calls of this account"),
            Option("discount_percent", "off the book's"),
            Option("free", "it costs nothing", switch=True),
            Option("source", "where it is agreed"),
        ),
    ),
    Command(
        "contracts withdraw", "end one; what was charged stays", "DELETE", _CONTRACTS + "/{price}",
        said="withdrawn", asks="Withdraw the price {price}?",
    ),
)  # fmt: skip
