"""The declarative file and the policy document: strict, with every mistake told by its path."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tenants.schema.document import Document
from tenants.schema.loading import load
from tenants.schema.policy import allow_document, models_named, policy_document
from tenants.schema.problems import Invalid, Problem, problems_of
from tenants.schema.references import Known, check

__all__ = [
    "Document",
    "Invalid",
    "Known",
    "Problem",
    "allow_document",
    "check",
    "load",
    "models_named",
    "parse",
    "policy_document",
]


def parse(content: Any) -> Document:
    """The document in plain values as `load` returns them. Whether its names stand for something is for `check`."""
    try:
        return Document.model_validate(content)
    except ValidationError as error:
        raise Invalid(problems_of(error, Document)) from None
