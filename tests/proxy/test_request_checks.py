"""What is wrong with a request is said before anything is reserved or sent."""

from __future__ import annotations

import json
import time
from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib.body import decode
from orbit.lib.errors import OrbitError
from tests.conftest import MakeTenant
from tests.proxy.conftest import HELLO, LIMITS, Api, ApiOf, Untouched, code_of

ODD_STREAMS: list[Any] = ["true", "false", 1, 0, [], {}]
ODD_MAXIMA: list[Any] = [-1, 0, 1_000_000_000, 2**31 + 1, 2**53, "100", True, False, 1.5, 1e9, [], {}, ""]
ODD_CHOICES: list[Any] = [0, -1, 1_000_000, 129, "2", True, 1.5, []]
FIGURES: list[tuple[str, Any]] = [
    *(("stream", value) for value in ODD_STREAMS),
    *(("max_tokens", value) for value in ODD_MAXIMA),
    *(("max_completion_tokens", value) for value in ODD_MAXIMA),
    *(("n", value) for value in ODD_CHOICES),
    ("stream_options", "yes"),
    ("stream_options", {"include_usage": True}),  # without stream
    ("messages", []),
    ("messages", None),
    ("messages", "hello"),
    ("messages", {"role": "user"}),
    ("messages", ["hello"]),
    ("messages", [None]),
    ("model", None),
    ("model", ""),
    ("model", 7),
    ("model", ["gpt-4o"]),
    ("model", {}),
    ("user", 7),
    ("user", ["a"]),
    ("safety_identifier", {}),
]
STEERING = [
    "api_base",
    "api_key",
    "api_type",
    "api_version",
    "base_url",
    "credentials",
    "custom_llm_provider",
    "deployment_id",
    "extra_body",
    "extra_headers",
    "fallbacks",
    "headers",
    "model_list",
    "organization",
    "project",
    "provider",
    "vertex_credentials",
]


@pytest.fixture
def untouched(provider: ProviderHandle, make_tenant: MakeTenant, api_of: ApiOf) -> Untouched:
    tenant = make_tenant(limits=LIMITS)
    return Untouched(provider, api_of(tenant), tenant)


def test_odd_figures_are_refused_by_name(untouched: Untouched) -> None:
    wrong = {}
    for field, value in FIGURES:
        answer = untouched.api.chat(**{field: value})
        if code_of(answer) != (400, "invalid_request") or answer.json()["error"]["param"] != field:
            wrong[f"{field}={value!r}"] = answer.text
    assert wrong == {}
    untouched.check()


def test_two_names_for_one_thing_are_refused(untouched: Untouched) -> None:
    answer = untouched.api.chat(max_tokens=10, max_completion_tokens=20)
    assert code_of(answer) == (400, "invalid_request")
    answer = untouched.api.chat(stream=True, stream_options={"include_usage": "false"})
    assert code_of(answer) == (400, "invalid_request")
    untouched.check()


def test_null_stands_for_absent(api: Api) -> None:
    answer = api.chat(
        stream=None, max_tokens=None, max_completion_tokens=None, n=None, stream_options=None, user=None
    )
    assert answer.status_code == 200, answer.text


def test_fields_that_could_choose_destination_or_credential_are_refused(untouched: Untouched) -> None:
    fields: dict[str, Any]
    for field in STEERING:
        for fields in ({field: "http://169.254.169.254/"}, {field: {"a": "b"}}, {field: None}):
            answer = untouched.api.chat(**fields)
            assert (code_of(answer), answer.json()["error"]["param"]) == ((400, "invalid_request"), field)
    untouched.check()


def body(more: str) -> bytes:
    return f'{{"model":"gpt-4o-mini","messages":{json.dumps(HELLO)}{more}}}'.encode()


BODIES: dict[str, bytes] = {
    "empty": b"",
    "space": b"  \n ",
    "null": b"null",
    "text": b'"hello"',
    "number": b"42",
    "list": b"[]",
    "list of a body": b"[" + body("") + b"]",
    "unfinished": body("")[:-1],
    "trailing garbage": body("") + b"x",
    "two values": body("") + body(""),
    "two values on lines": body("") + b"\n" + body(""),
    "byte-order mark": b"\xef\xbb\xbf" + body(""),
    "comment": body(',/* */"n":1'),
    "trailing comma": body(","),
    "single quotes": b"{'model':'gpt-4o-mini'}",
    "model twice": body(',"model":"gpt-4o"'),
    "model twice, once escaped": body(',"\\u006dodel":"gpt-4o"'),
    "limit twice": body(',"max_tokens":1,"max_tokens":100000'),
    "key twice, deep down": body(',"metadata":{"a":"1","a":"2"}'),
    "NaN": body(',"temperature":NaN'),
    "Infinity": body(',"temperature":Infinity'),
    "-Infinity": body(',"temperature":-Infinity'),
    "1e400": body(',"temperature":1e400'),
    "-1e999": body(',"temperature":-1e999'),
    "5000 digits": body(',"seed":' + "9" * 5000),
    "20 digits": body(',"seed":' + "9" * 20),
    "-20 digits": body(',"seed":-' + "9" * 20),
    "limit of NaN": body(',"max_tokens":NaN'),
    "limit in hexadecimal": body(',"max_tokens":0x10'),
    "limit with a leading zero": body(',"max_tokens":010'),
    "65 lists": body(',"x":' + "[" * 64 + "]" * 64),
    "100000 lists": body(',"x":' + "[" * 100_000 + "]" * 100_000),
    "100000 lists, open": b"[" * 100_000,
    "100000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep tool arguments": body(
        ',"tools":[{"function":{"parameters":' + '{"a":' * 100 + "1" + "}" * 100 + "}}]"
    ),
    "NUL": body(',"user":"a\x00b"'),
    "escaped NUL": body(',"user":"a\\u0000b"'),
    "NUL in a key": body(',"a\\u0000b":1'),
    "lone high surrogate": body(',"user":"\\ud800"'),
    "lone low surrogate": body(',"user":"\\udc00x"'),
    "reversed surrogates": body(',"user":"\\udc00\\ud800"'),
    "surrogate in a key": body(',"\\ud800":1'),
    "surrogate in UTF-8": body(',"user":"').removesuffix(b"}") + b'\xed\xa0\x80"}',
    "overlong UTF-8": body(',"user":"').removesuffix(b"}") + b'\xc0\xaf"}',
    "cut UTF-8": body(',"user":"').removesuffix(b"}") + b'\xe2\x82"}',
    "latin-1": body(',"user":"').removesuffix(b"}") + b'\xe9"}',
    "UTF-16": body("").decode().encode("utf-16"),
    "newline in a string": body(',"user":"a\nb"'),
}


def test_body_that_two_parsers_could_read_differently_is_refused(untouched: Untouched) -> None:
    wrong = {}
    for name, content in BODIES.items():
        answer = untouched.api.send("POST", "chat/completions", content)
        if code_of(answer) != (400, "invalid_request"):
            wrong[name] = (answer.status_code, answer.text[:200])
    assert wrong == {}
    untouched.check()


def test_hostile_body_takes_no_time() -> None:
    """A megabyte of each, in seconds of CPU. 50 ms is the aim; the rest is for slow machines."""
    million = 1_000_000
    bodies = [
        b"[" * million,
        b'{"a":' * (million // 5),
        b"[" + b"[]," * (million // 10) + b"]",
        b'"\\' * (million // 2),
        b'{"a":"' + b'\\"' * (million // 2),
        b'{"a":' + b"9" * million + b"}",
        b"[" * 65 + b'"' + b"x" * million,
    ]
    for content in bodies:
        began = time.process_time()
        with pytest.raises(OrbitError):
            decode(content)
        assert time.process_time() - began < 0.3, content[:20]


def test_brackets_in_text_are_no_nesting() -> None:
    content = b'{"a":["' + b"[{" * 500 + b'\\"' + b"[" * 500 + b'"]}'
    assert decode(content)["a"][0].count("[") == 1000
    assert decode(b'{"x":' + b"[" * 63 + b"]" * 63 + b"}")
    assert decode(b"{" + b",".join(b'"%d":[{}]' % number for number in range(500)) + b"}")


def test_odd_but_valid_text_is_served_as_it_is(api: Api, provider: ProviderHandle) -> None:
    """What was checked is what is sent: the provider has the same fields, re-made or untouched."""
    seen = provider.summary()["requests"]
    for text in ("é ü ß", "\u212a K", "\u202eabc", "a\u200bb", "😀", '"[{[{[{"' * 40, "\\", "\u2028"):
        for escaped in (False, True):
            fields: dict[str, Any] = {
                "model": "gpt-4o-mini",
                "messages": [{"role": "user", "content": text}],
                "max_tokens": 3,
                "temperature": 0.25,
                "seed": 2**53 + 1,
            }
            content = json.dumps(fields, ensure_ascii=escaped).encode()
            assert api.send("POST", "chat/completions", content).status_code == 200
            assert provider.requests()[-1]["fields"] == fields
    assert provider.summary()["requests"] == seen + 16


def test_body_goes_unchanged_when_nothing_has_to_change(api: Api, provider: ProviderHandle) -> None:
    content = (
        b'{ "max_tokens" : 3,\n "model":"gpt-4o-mini", "messages":[{"role":"user","content":"\\u00e9"}] }'
    )
    assert api.send("POST", "chat/completions", content).status_code == 200
    assert provider.requests()[-1]["body_bytes"] == len(content)


def test_embeddings_without_input_are_refused(untouched: Untouched) -> None:
    odd: list[Any] = [None, "", [], {}, 7, True]
    for given in odd:
        fields = {"model": "text-embedding-3-small", "input": given}
        answer = untouched.api.send("POST", "embeddings", orjson.dumps(fields))
        assert (code_of(answer), answer.json()["error"]["param"]) == ((400, "invalid_request"), "input")
    untouched.check()


def test_tags_that_do_not_read_as_tags_are_refused(untouched: Untouched) -> None:
    for tags in ("team", "team=", "=a", "team=a;b", "a=" + "x" * 65, ",".join(f"t{i}=1" for i in range(17))):
        answer = untouched.api.chat(with_headers={"x-orbit-tags": tags})
        assert (code_of(answer), answer.json()["error"]["param"]) == (
            (400, "invalid_request"),
            "x-orbit-tags",
        )
    untouched.check()
