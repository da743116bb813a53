"""What one request asks the provider to do, good or bad.

Directives are words, `name=value` or just `name`, given in one or more of (later wins):

1. the model name:            `demo-chat?tokens=200&pace_ms=50`
2. the last user message, the prompt, or the first input:   `[[orbit-demo: tokens=50 status=503]]`
3. a header:                  `x-demo: tokens=50 status=503`

(M) marks what only the Messages format has; elsewhere it changes nothing.

| directive | meaning |
| --- | --- |
| `tokens=N` | completion tokens to make, per choice (`max_tokens` still cuts it) |
| `prompt_tokens=N` | prompt tokens to count and charge |
| `cached=N` | prompt tokens to count and charge as read from the cache |
| `cache_write=N`, `cache_write_1h=N` | prompt tokens to charge as written to the cache, for 5 minutes or an hour (M) |
| `reasoning=N` | hidden reasoning tokens, made before the text, per choice |
| `redacted_thinking` | thinking that was asked for comes as a redacted block (M) |
| `tokens_per_chunk=N` | tokens in one streamed chunk (1) |
| `chunks_per_write=N` | streamed chunks handed to the socket at once (1) |
| `tool_calls=N` | number of tool calls to make when tools are offered; 0 answers with text |
| `preamble=N` | tokens of text before the tool calls (M) |
| `stop_reason=WORD` | end with this reason, such as `refusal` or `pause_turn` (M) |
| `ping_every=N` | a ping after every N content chunks (M) |
| `web_searches=N` | web searches to make when a Responses call offers the tool |
| `echo` | answer with the last user message |
| `pace_ms=N` | time between chunks; 0 is as fast as it can |
| `first_ms=N` | time before the first byte |
| `status=N` | answer with this error; with `retry_after=S`, `code=TEXT` |
| `html_error` | the error is an HTML page with a script (502 unless `status` is given) |
| `redirect=URL` | answer 307 to this address |
| `refuse_params=A,B` | answer 400 if the body has one of these fields |
| `times=N` | be faulty for the first N requests with the same `key=TEXT` only, then serve well |
| `usage=KIND` | `missing` `null` `zero` `negative` `huge` `string` `contradictory` `excessive` (ten times too much), |
| | and in streams `twice` `with_finish` `running` (on every chunk) `decreasing` (running, then less), |
| | and of a message's two reports `start_only` `end_only` (M) |
| `cut_after_bytes=N` | reset the connection (RST) after N bytes of the answer, head included |
| `cut_after_chunks=N` | reset it after N content chunks |
| `fin_after_chunks=N` | close it (FIN) after N content chunks; a plain answer stops half-way |
| `stall_after_chunks=N` | fall silent after N content chunks for `stall_s=S` seconds (3600), then go on |
| `error_after_chunks=N` | an error event in the stream; with `error_event` it is named `event: error` |
| `kill_peer_after_chunks=N` | SIGKILL the process at the other end (needs `--allow-kill`, Linux) |
| `kill_peer_after_bytes=N` | the same after N bytes of the answer, head included |
| `usage_after_ms=N` | a pause between the last content chunk and the finish and usage chunks |
| `split=HOW` | `bytes`: one byte per write; `odd`: 1, 2, 3, 5, 7... bytes per write; or a number |
| `crlf`, `cr` | lines of the stream end with CR LF, or with CR |
| `comments` | comment lines between the events |
| `bom` | the stream begins with a byte-order mark |
| `multiline` | every event has a second, blank `data:` line |
| `long_line=N` | a comment line of N bytes before the first content chunk |
| `no_done` | no `data: [DONE]`; streams that have none end without their last event |
| `after_done` | one more content event after the last, which counts for nothing |
| `obfuscation` | random padding in every chunk |
| `stamp` | `sent_us` in every chunk of a chat completion: when it was sent, by the machine's monotonic clock in microseconds |
| `content_length_off[=N]` | a plain answer announces N bytes too many (1); negative: too few |
| `gzip_bomb=N` | a plain answer is N MiB of spaces and the JSON, gzipped |
| `evil_headers` | Set-Cookie, an organization id and a long header in the answer |
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from .refusals import Refusal

_IN_TEXT = re.compile(r"\[\[orbit-demo:(.*?)\]\]", re.DOTALL)
_LARGEST = 1 << 40

USAGE_KINDS = frozenset(
    [
        "normal",
        "missing",
        "null",
        "zero",
        "negative",
        "huge",
        "string",
        "contradictory",
        "excessive",
        "twice",
        "with_finish",
        "running",
        "decreasing",
        "start_only",
        "end_only",
    ]
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The directives of one request; None where the request did not say."""

    tokens: int | None = None
    prompt_tokens: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int = 0
    redacted_thinking: bool = False
    tokens_per_chunk: int = 1
    chunks_per_write: int = 1
    tool_calls: int | None = None
    preamble: int = 0
    stop_reason: str = ""
    ping_every: int = 0
    web_searches: int = 0
    echo: bool = False
    pace_ms: int | None = None
    first_ms: int | None = None
    status: int | None = None
    retry_after: str = ""
    code: str = ""
    html_error: bool = False
    redirect: str = ""
    refuse_params: str = ""
    times: int | None = None
    key: str = ""
    usage: str = "normal"
    usage_after_ms: int = 0
    cut_after_bytes: int | None = None
    cut_after_chunks: int | None = None
    fin_after_chunks: int | None = None
    stall_after_chunks: int | None = None
    stall_s: int = 3600
    error_after_chunks: int | None = None
    error_event: bool = False
    kill_peer_after_chunks: int | None = None
    kill_peer_after_bytes: int | None = None
    split: str = ""
    crlf: bool = False
    cr: bool = False
    comments: bool = False
    bom: bool = False
    multiline: bool = False
    long_line: int | None = None
    no_done: bool = False
    after_done: bool = False
    obfuscation: bool = False
    stamp: bool = False
    content_length_off: int = 0
    gzip_bomb: int | None = None
    evil_headers: bool = False

    @property
    def refuses(self) -> bool:
        return self.status is not None or self.html_error or bool(self.redirect)

    @property
    def end_of_line(self) -> bytes:
        return b"\r\n" if self.crlf else b"\r" if self.cr else b"\n"

    def without_faults(self) -> "Behaviour":
        return replace(WELL_BEHAVED, **{name: getattr(self, name) for name in _HARMLESS})


WELL_BEHAVED = Behaviour()

_HARMLESS = [
    "tokens",
    "prompt_tokens",
    "cached",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "redacted_thinking",
    "tokens_per_chunk",
    "chunks_per_write",
    "tool_calls",
    "preamble",
    "stop_reason",
    "ping_every",
    "web_searches",
    "echo",
    "pace_ms",
    "first_ms",
]
_FLAGS = frozenset(field.name for field in fields(Behaviour) if field.type is bool)
_TEXTS = frozenset(field.name for field in fields(Behaviour) if field.type is str)
_NAMES = frozenset(field.name for field in fields(Behaviour))
_AT_LEAST_ONE = frozenset({"tokens_per_chunk", "chunks_per_write", "times"})


def parse_behaviour(*, model_suffix: str = "", text: str = "", header: str = "") -> Behaviour:
    """Refuses an unknown or malformed directive, so that a misspelt test cannot pass."""
    words = [word for word in model_suffix.split("&") if word]
    if "[[orbit-demo:" in text:
        for found in _IN_TEXT.findall(text):
            words += found.split()
    words += header.split()
    return _read_words(words) if words else WELL_BEHAVED


def strip_directives(text: str) -> str:
    return _IN_TEXT.sub("", text).strip() if "[[orbit-demo:" in text else text


def _read_words(words: Iterable[str]) -> Behaviour:
    values: dict[str, Any] = {}
    for word in words:
        name, has_value, value = word.partition("=")
        if name not in _NAMES:
            raise _bad(word, "there is no such directive")
        values[name] = _read_value(name, value if has_value else None)
    return Behaviour(**values)


def _read_value(name: str, value: str | None) -> int | str | bool:
    if name in _FLAGS:
        if value not in (None, "0", "1"):
            raise _bad(f"{name}={value}", "it is on (1) or off (0)")
        return value != "0"
    if name in _TEXTS:
        if not value:
            raise _bad(name, "it needs a value")
        _check_text(name, value)
        return value
    if value is None and name == "content_length_off":
        return 1
    return _read_number(name, value or "")


def _check_text(name: str, value: str) -> None:
    if name == "usage" and value not in USAGE_KINDS:
        raise _bad(f"{name}={value}", f"one of {', '.join(sorted(USAGE_KINDS))}")
    if name == "split" and value not in ("bytes", "odd") and not (value.isdigit() and int(value) > 0):
        raise _bad(f"{name}={value}", "bytes, odd or a number above 0")


def _read_number(name: str, value: str) -> int:
    lowest = -_LARGEST if name == "content_length_off" else 1 if name in _AT_LEAST_ONE else 0
    if name == "status":
        lowest = 300
    highest = 599 if name == "status" else _LARGEST
    if not re.fullmatch(r"-?\d{1,13}", value) or not lowest <= int(value) <= highest:
        raise _bad(f"{name}={value}", f"a number from {lowest} to {highest}")
    return int(value)


def _bad(word: str, why: str) -> Refusal:
    return Refusal(
        400,
        f"Demo directive {word!r} not understood: {why}.",
        code="demo_directive_invalid",
    )
