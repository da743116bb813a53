"""Which client libraries are put before which kinds of account, and how a test asks them all alike."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.driver import Answer, Driver, running_driver
from tests.clients.installed import BIN, NODE, install_node_clients, install_python_clients

if TYPE_CHECKING:  # the table of what works is made without Django
    from tests.conftest import Tenant

OPENAI, RESPONSES, ANTHROPIC = "OpenAI chat", "OpenAI Responses", "Anthropic Messages"
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5", "openai_compatible": "gpt-4o-mini"}
COMPATIBLE = ("openai-python", "openai-python-responses", "vercel-compatible")
SERVE = ["-m", "tests.clients.drivers.serve"]


@dataclass(frozen=True)
class Library:
    name: str  # in a test's id
    title: str
    surface: str
    driver: str
    obeys: bool = True  # x-should-retry
    retries: bool = True  # by itself, when asked to


LIBRARIES = (
    Library("openai-python", "OpenAI Python", OPENAI, "own"),
    Library("anthropic-python", "Anthropic Python", ANTHROPIC, "own"),
    Library("openai-node", "OpenAI Node", OPENAI, "node"),
    Library("anthropic-node", "Anthropic Node", ANTHROPIC, "node"),
    Library("vercel-openai", "Vercel AI (openai)", OPENAI, "node", obeys=False),
    Library("vercel-anthropic", "Vercel AI (anthropic)", ANTHROPIC, "node", obeys=False),
    Library("vercel-compatible", "Vercel AI (openai-compatible)", OPENAI, "node", obeys=False),
    Library("langchain-openai", "LangChain (openai)", OPENAI, "clients"),
    Library("langchain-anthropic", "LangChain (anthropic)", ANTHROPIC, "clients"),
    Library("litellm-openai", "LiteLLM (openai)", OPENAI, "clients"),
    Library("litellm-anthropic", "LiteLLM (anthropic)", ANTHROPIC, "clients", retries=False),
    Library("openai-python-responses", "OpenAI Python", RESPONSES, "own"),
    Library("openai-node-responses", "OpenAI Node", RESPONSES, "node"),
    Library("vercel-responses", "Vercel AI (openai)", RESPONSES, "node", obeys=False),
    Library("langchain-responses", "LangChain (openai)", RESPONSES, "clients"),
    Library("litellm-responses", "LiteLLM (openai)", RESPONSES, "clients", retries=False),
)


@dataclass(frozen=True)
class Use:
    library: Library
    kind: str

    @property
    def id(self) -> str:
        return f"{self.library.name}-before-{self.kind}"

    @property
    def model(self) -> str:
        return MODELS[self.kind]

    @property
    def has_responses(self) -> bool:
        """Whether they are the provider's own, and so kept by it; before the others we translate."""
        return self.library.surface == RESPONSES and self.kind == "openai"

    def entry(self, base_url: str, **model: Any) -> dict[str, Any]:
        """An organization whose one model has one target, an account of this kind."""
        account = {
            "name": "demo",
            "kind": self.kind,
            "base_url": base_url,
            "prices_as": "anthropic" if self.kind == "anthropic" else "openai",
            "credential": {"value": "sk-demo-clients"},
        }
        route = {"alias": self.model, "targets": [{"account": "demo", "model": self.model}], **model}
        return {"provider_accounts": [account], "models": [route]}


def kinds(library: Library) -> tuple[str, ...]:
    """Both vendors; and the other servers where a library has something of its own for them."""
    own = ("openai_compatible",) if library.name in COMPATIBLE else ()
    return ("openai", "anthropic", *own)


USES = tuple(Use(library, kind) for library in LIBRARIES for kind in kinds(library))


# What only these libraries have, and only a provider that keeps responses.
KEPT = {
    "previous_response_id": tuple(one.name for one in LIBRARIES if one.surface == RESPONSES),
    "references to items": ("vercel-responses",),
    "stored": ("openai-python-responses", "openai-node-responses", "litellm-responses"),
    "count of the input": ("openai-python-responses", "openai-node-responses"),
    "background": ("openai-python-responses", "openai-node-responses"),
}


# These are waited for, and `make test` has no time to do so with all.
TROUBLES = frozenset({"errors", "errors of the provider", "broken streams", "retries", "time-outs"})
SOME = frozenset(
    {
        "openai-python-before-openai",
        "openai-python-responses-before-anthropic",
        "anthropic-python-before-openai",
        "anthropic-node-before-anthropic",
        "vercel-openai-before-anthropic",
        "litellm-openai-before-openai",
    }
)


def uses_of(feature: str) -> tuple[Use, ...]:
    if feature not in KEPT:
        return USES
    return tuple(use for use in USES if use.has_responses and use.library.name in KEPT[feature])


def each_use(feature: str) -> pytest.MarkDecorator:
    """Runs a test with each library that has the feature before each kind of account, and notes what it shows."""
    return pytest.mark.parametrize("use", [_noted(use, feature) for use in uses_of(feature)])


def each_retrying_use() -> pytest.MarkDecorator:
    """The same with those libraries that try again by themselves; for LiteLLM before Anthropic's surface nobody does."""
    return pytest.mark.parametrize("use", [_noted(use, "retries") for use in USES if use.library.retries])


def _noted(use: Use, feature: str) -> Any:
    cell = pytest.mark.cell(
        surface=use.library.surface, provider=use.kind, feature=feature, client=use.library.title
    )
    marks = [pytest.mark.xdist_group(use.library.driver), cell]
    if feature in TROUBLES and use.id not in SOME:
        marks.append(pytest.mark.full)
    return pytest.param(use, id=use.id, marks=marks)


@dataclass(frozen=True)
class Caller:
    """One library as an application has it: with the gateway's address and a key of its own."""

    driver: Driver
    use: Use
    address: str
    tenant: Tenant

    def ask(
        self, case: str, *directives: str, text: str = "Hello there, how are you?", **fields: Any
    ) -> Answer:
        wanted = f" [[orbit-demo: {' '.join(directives)}]]" if directives else ""
        asked = {
            "address": self.address,
            "key": self.tenant.key,
            "model": self.use.model,
            "stores": self.use.has_responses,
            "text": text + wanted,
            "max_tokens": 200,
            "max_retries": 0,
            "timeout_s": 30,
            **fields,
        }
        return self.driver.ask(self.use.library.name, case, **asked)

    def told(self, case: str, *directives: str, **fields: Any) -> dict[str, Any]:
        """What came, where all should be well."""
        answer = self.ask(case, *directives, **fields)
        assert not answer.error, answer.error
        return answer.value

    def refused(self, case: str = "plain", *directives: str, **fields: Any) -> Answer:
        """What was raised, where it should be."""
        answer = self.ask(case, *directives, **fields)
        assert answer.error, answer.value
        return answer


@dataclass
class Drivers:
    """One process for all libraries of a place, started when the first of them is asked for."""

    stack: ExitStack
    running: dict[str, Driver] = field(default_factory=dict)

    def of(self, library: Library) -> Driver:
        if library.driver not in self.running:
            command = COMMANDS[library.driver]()
            self.running[library.driver] = self.stack.enter_context(running_driver(command))
        return self.running[library.driver]


@contextmanager
def no_drivers_yet() -> Iterator[Drivers]:
    with ExitStack() as stack:
        yield Drivers(stack)


def _node() -> list[str]:
    install_node_clients()
    return [str(BIN / "node"), str(NODE / "serve.mjs")]


def _clients() -> list[str]:
    install_python_clients()
    return [str(BIN / "python"), *SERVE]


COMMANDS = {"own": lambda: [sys.executable, *SERVE], "node": _node, "clients": _clients}
