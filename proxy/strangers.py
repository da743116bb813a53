"""How many end users an organization may have counted: a limit on each of them makes a counter in the store for every name."""

from __future__ import annotations

from dataclasses import dataclass, field

from orbit.lib.errors import Code, OrbitError

HOUR_US = 3_600_000_000


class TooManyUsers(OrbitError):
    """Refused before the store was asked, which then has not counted it."""


@dataclass(slots=True)
class EndUsers:
    """One worker's, of the hour; at most `most` for each organization. Those that it knows go on."""

    most: int
    hour: int = 0
    known: dict[str, set[int]] = field(default_factory=dict)  # hashes of names, by organization

    def check(self, organization_id: str, end_user: str | None, now_us: int) -> None:
        """TooManyUsers for one too many."""
        hour = now_us // HOUR_US
        if hour != self.hour:
            self.hour, self.known = hour, {}
        users, one = self.known.setdefault(organization_id, set()), hash(end_user)
        if one in users:
            return
        if len(users) >= self.most:
            raise TooManyUsers(
                Code.RATE_LIMITED,
                f"Limits on each end user apply, and this worker has counted {self.most} of your organization's within the "
                "hour. Name users, not requests.",
                param="user",
                retry_after_s=((hour + 1) * HOUR_US - now_us) / 1_000_000,
            )
        users.add(one)
