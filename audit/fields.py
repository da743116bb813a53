"""The fields of an event, version 1: name, kinds, meaning, and what a value may be.

The JSON Schema (`audit/schema.py`) is made of this table, and docs/events.md is compared with it. A new field of the long
tail is a further line here; what a field means does not change within a version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

KINDS = ("call", "correction", "adjustment", "refusal", "act")
CALLS = ("call", "correction", "adjustment")
COUNTED = (*CALLS, "refusal")
LATER = ("correction", "adjustment")
ADJUSTMENT, REFUSAL, ACT = ("adjustment",), ("refusal",), ("act",)

STATUSES = ("settled", "provider_failed", "client_gone", "lease_expired")
SOURCES = ("provider", "partial", "estimated", "lease_expired", "unknown")

BOOLEAN: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
POSITIVE: Schema = {"type": "integer", "minimum": 1}
ID: Schema = {"type": "string", "format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
TIME: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
}
HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
HTTP_STATUS: Schema = {"type": "integer", "minimum": 100, "maximum": 999}
# In a correction or adjustment a difference, which may be negative.
DIFFERENCE: Schema = {"type": "integer"}


def text(longest: int) -> Schema:
    return {"type": "string", "maxLength": longest}


def closed(properties: Schema) -> Schema:
    """An object that has these properties at most."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


SLUG = text(63)
RESERVED = closed({"input_tokens": COUNT, "output_tokens": COUNT, "cost_nano": COUNT})
PART = closed({"hmac_sha256": HASH, "bytes": COUNT})
CONTENT = closed(
    {
        "mode": {"enum": ["redacted", "full"]},
        "key": POSITIVE,
        "until": TIME,
        "request": PART,
        "answer": PART,
        "missing": {"const": True},
    }
)
FINDING = closed(
    {
        "type": TEXT,
        "direction": {"enum": ["request", "answer"]},
        "place": TEXT,
        "action": {"enum": ["log", "tokenize", "hash", "mask", "block"]},
        "count": POSITIVE,
        "shadow": {"const": True},
    }
)
MISSED = closed(
    {"direction": {"enum": ["request", "answer"]}, "reason": TEXT, "what": {"const": "names"}, "by": text(63)}
)
INSPECTED = closed(
    {
        "name": text(63),
        "direction": {"enum": ["request", "answer"]},
        **dict.fromkeys(("texts", "remembered", "requests", "bytes", "ms", "cost_nano"), COUNT),
    }
)
PERSONAL = closed(
    {
        "findings": {"type": "array", "items": FINDING},
        "uninspected": {"type": "array", "items": MISSED},
        "inspectors": {"type": "array", "items": INSPECTED},
    }
)
TRY = closed(
    {
        "account": TEXT,
        "model": TEXT,
        "http_status": HTTP_STATUS,
        "error": TEXT,
        "duration_ms": COUNT,
        "cost_nano": COUNT,
        "upstream_request_id": text(200),
    }
)
ATTEMPTS: Schema = {"type": "array", "items": TRY}
TAGS: Schema = {"type": "object", "additionalProperties": TEXT}
WORDS: Schema = {"type": "array", "items": TEXT}


@dataclass(frozen=True)
class Field:
    """One row of the page. `names` share kinds and meaning; `schema` is of each of them, or by name."""

    names: str
    kinds: tuple[str, ...]
    meaning: str
    schema: Schema

    def schemas(self) -> dict[str, Schema]:
        names = self.names.split()
        return self.schema if set(names) == set(self.schema) else dict.fromkeys(names, self.schema)


FIELDS = (
    Field(
        "v",
        KINDS,
        "Version of this format: 1. Fields of the long tail may be added without a new one; what a field means does not change within one.",
        {"const": 1},
    ),
    Field("event_id", KINDS, "Its own id, a UUID. Of a call it is the request's.", ID),
    Field("kind", KINDS, "What it is an event of, see the kinds above.", {"enum": list(KINDS)}),
    Field(
        "organization organization_id",
        KINDS,
        "Whose event it is: slug and id.",
        {"organization": SLUG, "organization_id": ID},
    ),
    Field("seq", KINDS, "Its number in the organization's ledger, without gaps.", POSITIVE),
    Field("request_id", CALLS, "The `x-orbit-request-id` of the answer.", ID),
    Field(
        "corrects",
        LATER,
        "The `event_id` of the event that it corrects. Absent from an adjustment of a whole day, or of a call that the ledger does not have.",
        ID,
    ),
    Field(
        "admitted_at",
        KINDS,
        "When the call was admitted, by the limiter's clock. It decides the window that is charged. Of a refusal the beginning of its minute, of an act the time of the change.",
        TIME,
    ),
    Field("settled_at", CALLS, "When the end was reported, by the same clock.", TIME),
    Field("recorded_at", KINDS, "When the ledger took it in, by the database's clock.", TIME),
    Field("project project_id", COUNTED, "The key's project.", {"project": text(63), "project_id": ID}),
    Field(
        "key key_id",
        COUNTED,
        "The issued key: its name and id, never its text.",
        {"key": text(63), "key_id": ID},
    ),
    Field("account account_id", CALLS, "The provider account.", {"account": text(63), "account_id": ID}),
    Field(
        "end_user",
        CALLS,
        "The client's word for who asked: `safety_identifier`, `user`, Anthropic's `metadata.user_id`, or `x-orbit-user`.",
        text(256),
    ),
    Field("surface", CALLS, "The client's wire format: `openai` or `anthropic`.", text(16)),
    Field("endpoint", CALLS, "The path without `/v1/`: `chat/completions`.", text(63)),
    Field("stream", CALLS, "Whether the client's answer was streamed.", BOOLEAN),
    Field(
        "model",
        COUNTED,
        "The alias that served the call, and under whose limits it counts: what the client named, unless a fallback served it.",
        text(120),
    ),
    Field("upstream_model", CALLS, "The model that the provider was asked for.", text(200)),
    Field("status", CALLS, "How the call ended, see above.", {"enum": list(STATUSES)}),
    Field(
        "code",
        COUNTED,
        "Why it did not end well: a code of [errors](errors.md), or the provider's own.",
        text(40),
    ),
    Field("http_status", CALLS, "The provider's status.", HTTP_STATUS),
    Field(
        "finish_reason",
        CALLS,
        "The provider's word for why the model stopped; `length` where a limit ended it.",
        text(40),
    ),
    Field("usage_source", CALLS, "Where the counts come from, see above.", {"enum": list(SOURCES)}),
    Field("input_tokens", CALLS, "Tokens of the input, cached ones included.", DIFFERENCE),
    Field("cached_input_tokens", CALLS, "Of these, read from the provider's cache.", DIFFERENCE),
    Field("cache_write_tokens", CALLS, "Of these, written to the provider's cache.", DIFFERENCE),
    Field("output_tokens", CALLS, "Tokens of the output of all choices, reasoning included.", DIFFERENCE),
    Field("reasoning_tokens", CALLS, "Of these, reasoning.", DIFFERENCE),
    Field(
        "cost_nano",
        CALLS,
        "Billionths of `currency`, rounded up once per call. Absent for a model without a price.",
        DIFFERENCE,
    ),
    Field(
        "currency",
        CALLS,
        "The organization's, as ISO 4217 writes it.",
        {"type": "string", "pattern": "^[A-Z]{3}$"},
    ),
    Field(
        "price_version",
        CALLS,
        "The row of the price book (`genai-prices 0.2.3#12`), of the contract (`contract#7+genai-prices 0.2.3#12`), or `policy-ceiling`; see [prices](prices.md).",
        text(80),
    ),
    Field(
        "policy_version", CALLS, "The policies in force, organization first: `default@3,tight@1`.", text(200)
    ),
    Field("duration_ms", CALLS, "From the request's body to its end.", COUNT),
    Field("first_token_ms", CALLS, "To the first byte of a stream.", COUNT),
    Field("count", REFUSAL, "How many requests were refused.", POSITIVE),
    Field(
        "limit",
        REFUSAL,
        "The limit that refused; absent where the policy refused what the request holds.",
        text(120),
    ),
    Field("prev_hash", KINDS, "The `hash` of the organization's event before it.", HASH),
    Field(
        "hash",
        KINDS,
        "SHA-256 of this event without `hash`, as JSON with sorted keys, without spaces, in UTF-8.",
        HASH,
    ),
    Field(
        "reserved",
        CALLS,
        "What was set aside: `input_tokens`, `output_tokens`, `cost_nano`; at admission, and on top of it what a stream was given as it grew.",
        RESERVED,
    ),
    Field(
        "requested_model",
        CALLS,
        "What the client named, where a [fallback](routing.md) served the call.",
        TEXT,
    ),
    Field(
        "attempts",
        CALLS,
        "Each try at a provider: `account`, `model`, `http_status`, `error`, `duration_ms`, `cost_nano`, `upstream_request_id`. Only the last one can have cost anything.",
        ATTEMPTS,
    ),
    Field(
        "key_hint",
        CALLS,
        "How the secret that the call came with begins and ends, as lists of keys show it.",
        TEXT,
    ),
    Field(
        "former_secret",
        CALLS,
        "The id of that secret, where a [rotation](keys.md#rotation) had replaced it already. Absent: it was the key's own of then.",
        ID,
    ),
    Field(
        "content",
        CALLS,
        "Where the policy has [prompts and answers stored](contents.md): `mode` (`redacted` or `full`), `key` (the data key's generation), `until`, and of `request` and `answer` the keyed digest `hmac_sha256` and the size in `bytes`. `missing: true` where they could not be kept. Never the content itself.",
        CONTENT,
    ),
    Field(
        "dlp",
        COUNTED,
        "Where the policy has [personal data and secrets](personal-data.md) looked for and there is something to tell. `findings`: how often a `type` was found, in which `direction` (`request` or `answer`) and `place`, and the `action` that was taken, or with `shadow: true` would have been. `uninspected`: in which `direction` something was not looked at although the policy says so, and the `reason` (`deadline`, `cap` or `format`); with `what: names`, rules looked and the [model that finds names](personal-data.md#names-and-addresses-by-a-model) did not (`deadline`, `full`, `away`, `cap` or `failed`); with `by`, an inspector outside of that name did not, and [its reasons](inspectors.md#failures). `inspectors`: what each [inspector outside](inspectors.md) was asked: `texts`, of which `remembered` were not sent again, `requests`, `bytes`, `ms`, and what it costs at its price, which is no part of `cost_nano` of the call. Of a refusal what each of its requests was refused for, each `type` and `place` once. Never what was found.",
        PERSONAL,
    ),
    Field("tags", CALLS, "The client's own, from `x-orbit-tags` or `metadata`.", TAGS),
    Field("client_ip", CALLS, "The caller's address, as far as trusted proxies vouch for it.", TEXT),
    Field("user_agent", CALLS, "The client's, its first 200 characters.", text(200)),
    Field(
        "input_audio_tokens input_image_tokens input_video_tokens input_tool_tokens",
        CALLS,
        "Of the input that was not cached, what was sound, pictures, film or what the provider's tools brought in, where the provider says.",
        COUNT,
    ),
    Field("cached_audio_tokens cached_image_tokens", CALLS, "The same of the cached input.", COUNT),
    Field(
        "cache_write_5m_tokens cache_write_30m_tokens cache_write_1h_tokens cache_write_12h_tokens",
        CALLS,
        "Of the tokens written to the cache, those for that long.",
        DIFFERENCE,
    ),
    Field(
        "output_audio_tokens output_image_tokens output_video_tokens",
        CALLS,
        "Of the output, what was sound, pictures or film.",
        COUNT,
    ),
    Field(
        "requests web_searches file_searches code_executions search_units pages images seconds characters",
        CALLS,
        "What the provider charges for beside tokens: requests, searches on the web and in files, runs of code, searches and pages as it counts them, pictures, seconds of sound, characters.",
        COUNT,
    ),
    Field(
        "unpriced_units", CALLS, "Which of these have no price, so that `cost_nano` leaves them out.", WORDS
    ),
    Field(
        "service_tier",
        CALLS,
        "How the provider says that it served the call: `default`, `flex`, `priority`. It decides the price.",
        TEXT,
    ),
    Field("usage", CALLS, "The provider's usage object as it came, up to 4 KB.", OBJECT),
    Field("usage_bytes", CALLS, "Its size, where it was larger and is left out.", COUNT),
    Field(
        "usage_anomaly",
        CALLS,
        "What was wrong with it and was put right, `more input than was sent` and `more output than was allowed` among others. `more output than was reserved` was charged: the provider counted more than its stream had shown.",
        TEXT,
    ),
    Field("reason", LATER, "Why it was written.", TEXT),
    Field(
        "calls",
        ADJUSTMENT,
        "How many calls more, or fewer, the provider counts: a call that is not in the ledger, or was counted twice.",
        DIFFERENCE,
    ),
    Field(
        "cause exception",
        ADJUSTMENT,
        "Of one that [reconciliation](reconciliation.md) led to: the cause of the difference, and the id of the exception that was approved.",
        {"cause": text(16), "exception": ID},
    ),
    Field("approved_by", ADJUSTMENT, "Who approved it.", TEXT),
    Field(
        "repriced",
        ADJUSTMENT,
        "`true`: the difference to what another price makes of the call.",
        {"const": True},
    ),
    Field("since until", REFUSAL, "The minute that was counted.", TIME),
    Field(
        "shadow",
        REFUSAL,
        "`true` where a shadow limit would have refused; the calls were admitted.",
        {"const": True},
    ),
    Field(
        "actor action target before after",
        ACT,
        "Who changed what, of what, from what, to what. Secrets are left out.",
        {"actor": TEXT, "action": TEXT, "target": TEXT, "before": OBJECT, "after": OBJECT},
    ),
)
