"""Answers each line of JSON on its input with one on its output: {library, case, ...} -> {value | error, sent}.

Run from the top folder as a module, by the Python that has the libraries; each is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from typing import Any

MODULES = {
    "openai-python": "openai_python",
    "openai-python-responses": "openai_responses",
    "anthropic-python": "anthropic_python",
    "langchain-openai": "langchain_python",
    "langchain-responses": "langchain_python",
    "langchain-anthropic": "langchain_python",
    "litellm-openai": "litellm_python",
    "litellm-responses": "litellm_responses",
    "litellm-anthropic": "litellm_python",
}


class Answered(logging.Handler):
    """Counts the answers that the HTTP clients below log, so that the libraries above are used as they are."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.getMessage().startswith("HTTP Request:")


def watch(answered: Answered) -> None:
    """Again after each import, as LiteLLM silences them."""
    for name in ("httpx", "httpx2"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(answered)
        logger.propagate = False


def described(error: Exception) -> dict[str, Any]:
    return {
        "class": type(error).__name__,
        "bases": [one.__name__ for one in type(error).__mro__],
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "message": str(error),
        "body": getattr(error, "body", None),
    }


def answer(asked: dict[str, Any], answered: Answered) -> dict[str, Any]:
    before = answered.count
    try:
        module = importlib.import_module(f"tests.clients.drivers.{MODULES[asked['library']]}")
        watch(answered)
        told = {"value": getattr(module, asked["case"])(asked)}
    except Exception as error:
        told = {"error": described(error)}
    return {**told, "sent": answered.count - before}


def main() -> None:
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answered = Answered()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), answered), default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
