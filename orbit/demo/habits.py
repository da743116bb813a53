"""Who in the demo organization calls what, when and how much: the plan that its history is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from orbit.demo.organization import ASSISTANT, KEY, MODEL, PROJECT, RESEARCH

DAYS = 60

# How busy each hour of a UTC day is.
PEOPLE = (2, 1, 1, 1, 1, 2, 4, 7, 11, 14, 15, 14, 12, 13, 15, 15, 14, 12, 11, 10, 9, 7, 5, 3)
OFFICE = (0, 0, 0, 0, 0, 0, 1, 4, 10, 13, 12, 10, 6, 10, 13, 12, 9, 5, 2, 1, 1, 0, 0, 0)
NIGHT = (6, 14, 20, 18, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)


@dataclass(frozen=True, slots=True)
class Habit:
    """How one key is used. Tokens are medians; `per_day` is of the last working days."""

    project: str
    key: str
    per_day: float
    hours: tuple[int, ...]
    models: tuple[tuple[str, int], ...]  # with weights
    input_tokens: int
    output_tokens: int
    weekend: float = 0.3  # of a working day
    grows_from: float = 0.5  # of `per_day`, on the first day
    first_day: int = 0
    last_day: int = DAYS + 1
    users: int = 0  # end users that its application names
    streamed: float = 0.0
    client: str = "OpenAI/Python 2.8.1"
    network: str = "198.51.100"
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()


HABITS = (
    Habit(
        PROJECT, KEY, 190, PEOPLE, ((MODEL, 12), ("gpt-4o", 4), (ASSISTANT, 4)), 850, 190, weekend=0.55,
        users=90, streamed=0.85, client="OpenAI/JS 6.9.1", network="203.0.113",
        tags=(("feature", ("answer", "summary", "handover")), ("channel", ("web", "app", "mail"))),
    ),
    Habit(PROJECT, "staging", 14, OFFICE, ((MODEL, 3), (ASSISTANT, 1)), 600, 120, weekend=0.05, users=4, streamed=0.6),
    Habit(
        "search", KEY, 96, PEOPLE, (("text-embedding-3-small", 8), (MODEL, 3)), 140, 60, weekend=0.6,
        network="203.0.113", tags=(("feature", ("query", "rerank")),),
    ),
    Habit("search", "indexer", 46, NIGHT, (("text-embedding-3-small", 1),), 5200, 0, weekend=1.0, grows_from=0.8, tags=(("job", ("nightly",)),)),
    Habit(
        RESEARCH, "notebooks", 44, OFFICE, (("gpt-5", 4), ("claude-sonnet-4-6", 4), ("gpt-4o", 2)), 2100, 620, weekend=0.1,
        grows_from=0.4, first_day=9, streamed=0.5, client="python-httpx/0.28.1", tags=(("team", ("papers", "pricing")),),
    ),
    Habit(
        RESEARCH, "evaluation", 34, NIGHT, (("claude-sonnet-4-6", 1), ("gpt-5", 1)), 900, 260, weekend=0.2,
        first_day=20, last_day=DAYS - 6, client="Anthropic/Python 0.84.0",
    ),
)  # fmt: skip

# The afternoon on which the account of the OpenAI models was in trouble: days before the end, first and last hour.
TROUBLE = (12, 13, 15)

# Calls that limits turned away: days before the end, hour, minutes, of whom, code, limit, about how many a minute.
TURNED_AWAY = (
    (34, 10, 6, (PROJECT, "staging"), "rate_limited", "rpm", 220),
    (21, 2, 9, (RESEARCH, "evaluation"), "rate_limited", "key-rate", 40),
    (8, 3, 12, (RESEARCH, "evaluation"), "rate_limited", "key-rate", 55),
    (3, 14, 3, (RESEARCH, "notebooks"), "rate_limited", "key-rate", 12),
    (1, 11, 4, (RESEARCH, "notebooks"), "insufficient_quota", "budget", 2),
    (0, 9, 2, (RESEARCH, "notebooks"), "insufficient_quota", "budget", 1),
)
