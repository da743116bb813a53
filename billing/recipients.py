"""Who is written to: members, by the addresses that they sign in with. Figures go to nobody else."""

from __future__ import annotations

from collections.abc import Sequence

from orbit.lib.errors import InputError
from tenants.models import Membership
from tenants.rights import Right, may

MOST = 20


def checked(addresses: Sequence[str], *, needed: bool) -> list[str]:
    """Those of the organization in scope, in lower case and each once. InputError where one is no member who may see figures."""
    wanted = list(dict.fromkeys(address.strip().lower() for address in addresses if address.strip()))
    if needed and not wanted:
        raise InputError("recipients", "is empty", "name a member's address")
    if len(wanted) > MOST:
        raise InputError("recipients", f"must not be more than {MOST}")
    able = {address.lower() for address in present(wanted)}
    for address in wanted:
        if address not in able:
            raise InputError(
                "recipients",
                f"{address!r} is no member who may see figures",
                "mail goes to members with the right usage.read",
            )
    return wanted


def present(addresses: Sequence[str]) -> list[str]:
    """Those of the addresses that are members' who may see figures, now."""
    members = Membership.objects.select_related("person", "custom_role").filter(
        person__is_active=True, person__email__in=addresses
    )
    return [one.person.email for one in members.order_by("pk") if may(one, Right.USAGE_READ)]


def choices() -> list[str]:
    """Everybody who may be written to."""
    members = Membership.objects.select_related("person", "custom_role").filter(person__is_active=True)
    return sorted(one.person.email for one in members if may(one, Right.USAGE_READ))
