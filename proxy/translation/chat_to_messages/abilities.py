"""What a model served in Anthropic's format takes, by its name; the API refuses what it does not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from quotas.families import CLAUDE, family_of

# Other vendors' models behind this format are taken for those of this version: no newer demands, no newer offers.
OTHERS = (4, 5)


@dataclass(frozen=True, slots=True)
class Abilities:
    thinks: bool  # at all
    adapts: bool  # takes thinking "adaptive" and an effort; older ones a budget
    knows_xhigh: bool
    off: (
        str | None
    )  # the type of `thinking` that turns it off; "" where it is off unless asked for, None where never
    samples: bool  # takes temperature and top_p
    samples_by_both: bool  # in one request
    structures: bool  # has structured outputs and strict tools
    continues: bool  # goes on from an assistant message at the end
    takes_system_turns: bool  # in the middle of a conversation


@lru_cache(maxsize=1024)
def abilities_of(model: str) -> Abilities:
    family = family_of(model)
    version = family.version if family.vendor == CLAUDE else OTHERS
    return Abilities(
        thinks=version >= (3, 7),
        adapts=version >= (4, 6),
        knows_xhigh=version >= (4, 7),
        off=_off(family.name, version),
        samples=version < (4, 7),
        samples_by_both=version < (4, 1),
        structures=version >= (4, 5),
        continues=version < (4, 6),
        takes_system_turns=version >= (4, 8),
    )


def _off(name: str, version: tuple[int, int]) -> str | None:
    if "mythos" in name or "fable" in name or ("opus" in name and version >= (5, 5)):
        return None
    if version < (5, 0):
        return ""
    return "between_tools" if "sonnet" in name and version >= (5, 5) else "disabled"
