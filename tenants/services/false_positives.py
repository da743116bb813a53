"""What a person says of a finding: that it is none. The policy spares the value from its next revision on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from dlp.detectors.custom import allowed_digest
from orbit.lib.errors import InputError
from tenants.allowing import allow_key
from tenants.models import Policy
from tenants.rights import Right
from tenants.schema import policy_document
from tenants.schema.personal_data import MOST_ALLOWED
from tenants.services.policies import check_current, document_in_force, find_policy, revise
from tenants.services.saved import Actor, Saved, changing

FALSE_POSITIVE = "policy.false_positive"


def sparing(document: dict[str, Any], *, organization_id: UUID, kind: str, value: str) -> dict[str, Any]:
    """The document with the value in the allow-list of its rules, by its digest, for one type.

    InputError when there are no rules to be spared from, or no room.
    """
    said = document.get("dlp")
    if not said or not said["rules"]:
        raise InputError("policy", "has no rule about personal data", "add one, and try the text again")
    entry = {"digest": allowed_digest(value, allow_key(organization_id)), "type": kind}
    if entry in said["allow"]:
        return document
    if len(said["allow"]) >= MOST_ALLOWED:
        raise InputError("policy", f"spares {MOST_ALLOWED} values, which are the most", "take some out")
    return policy_document({**document, "dlp": {**said, "allow": [*said["allow"], entry]}})


def mark_false_positive(
    *, organization_id: UUID, name: str, kind: str, value: str, actor: Actor, based_on: int
) -> Saved[Policy]:
    """Puts a revision in force whose rules spare the value as this type. The value itself is kept nowhere.

    `based_on` is the revision that found it: Outdated when another is in force by now. InputError as `sparing` says.
    """
    with changing(organization_id, actor, Right.POLICIES_WRITE) as change:
        policy = find_policy(name)
        assert policy is not None
        check_current(policy, name, based_on)
        before = document_in_force(policy)
        wanted = sparing(before, organization_id=organization_id, kind=kind, value=value)
        saved = revise(change, policy, wanted, f"false positive: {kind}")
        if saved.changed:
            change.act(FALSE_POSITIVE, policy.name, None, {"type": kind, "revision": policy.revision})
        return saved
