"""Forms that two parsers could read differently are refused; what is taken is sent as it was read."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbit.demo.provider.connection import Request
from orbit.demo.provider.multipart import read_form
from orbit.demo.provider.process import ProviderHandle
from orbit.lib.errors import Code, OrbitError
from proxy import forms
from tests.clients.books import calls, served
from tests.conftest import MakeTenant, Tenant
from tests.gateway import running_gateway
from tests.proxy.conftest import Api, ApiOf, Untouched, code_of
from tests.proxy.media import BOUNDARY, FORM, POLICY, PRICED, form, heard, part, wav

TYPE = FORM["content-type"].encode()
FIELDS = forms.FILES["audio/transcriptions"]
SOUND = wav(1)
MODEL = part("model", b"whisper-1")
FILE = part("file", SOUND, "a.wav", "audio/wav")
MARK = f"--{BOUNDARY}".encode()


def disposed(value: str, content: bytes = b"x", more: str = "") -> bytes:
    return f"Content-Disposition: {value}{more}\r\n\r\n".encode() + content


HOSTILE = {
    "empty": b"",
    "only a boundary": MARK,
    "no end": form(MODEL, FILE)[: -len(MARK) - 4],
    "half an end": form(MODEL, FILE)[:-4],
    "preamble": b"hello\r\n" + form(MODEL, FILE),
    "blank line first": b"\r\n" + form(MODEL, FILE),
    "epilogue": form(MODEL, FILE) + b"--more",
    "second form": form(MODEL, FILE) + form(MODEL, FILE),
    "line feeds alone": form(MODEL, FILE).replace(b"\r\n", b"\n"),
    "space after a boundary": form(MODEL, FILE).replace(MARK + b"\r\n", MARK + b" \r\n"),
    "longer boundary inside": form(MODEL, part("prompt", b"a\r\n" + MARK + b"x\r\nb"), FILE),
    "no file": form(MODEL),
    "file as a text": form(MODEL, part("file", SOUND)),
    "two files": form(MODEL, FILE, FILE),
    "file under a list": form(MODEL, FILE, part("file[]", SOUND, "b.wav")),
    "file in another field": form(MODEL, FILE, part("extra", SOUND, "b.wav")),
    "model as a file": form(part("model", b"whisper-1", "m"), FILE),
    "model twice": form(MODEL, MODEL, FILE),
    "model twice, once as a list": form(MODEL, part("model[]", b"tts-1"), FILE),
    "model twice, once with a key": form(MODEL, part("model[x]", b"tts-1"), FILE),
    "same key twice": form(MODEL, part("a[b]", b"1"), part("a[b]", b"2"), FILE),
    "nested keys": form(MODEL, part("a[b][c]", b"1"), FILE),
    "no name": form(MODEL, disposed("form-data"), FILE),
    "empty name": form(MODEL, part("", b"x"), FILE),
    "two names": form(MODEL, disposed('form-data; name="a"; name="model"'), FILE),
    "name in capitals too": form(MODEL, disposed('form-data; name="a"; NAME="model"'), FILE),
    "two dispositions": form(MODEL, part("a", b"x").replace(b"\r\n\r\n", b"\r\nContent-Disposition: form-data\r\n\r\n", 1), FILE),
    "attachment": form(MODEL, disposed('attachment; name="a"'), FILE),
    "quoted pair": form(MODEL, disposed('form-data; name="mod\\"el"'), FILE),
    "backslash in a file name": form(MODEL, part("file", SOUND, "C:\\a.wav")),
    "quote left open": form(MODEL, disposed('form-data; name="a'), FILE),
    "unknown parameter": form(MODEL, disposed('form-data; name="a"; size=3'), FILE),
    "extended name": form(MODEL, disposed("form-data; name*=utf-8''model"), FILE),
    "two file names": form(MODEL, disposed("form-data; name=\"file\"; filename=\"a.wav\"; filename*=utf-8''b.wav", SOUND)),
    "empty file name": form(MODEL, part("file", SOUND, "")),
    "endless file name": form(MODEL, part("file", SOUND, "a" * 300)),
    "control character in a file name": form(MODEL, part("file", SOUND, "a\x01.wav")),
    "folded header": form(MODEL, disposed('form-data;\r\n name="a"'), FILE),
    "unknown header": form(MODEL, disposed('form-data; name="a"', more="\r\nX-Name: model"), FILE),
    "wrong length": form(MODEL, disposed('form-data; name="a"', more="\r\nContent-Length: 9"), FILE),
    "base64": form(MODEL, disposed('form-data; name="a"', b"eA==", "\r\nContent-Transfer-Encoding: base64"), FILE),
    "endless headers": form(MODEL, disposed('form-data; name="a"', more="\r\nContent-Type: " + "a" * 5_000), FILE),
    "content type that is none": form(MODEL, part("file", SOUND, "a.wav", "<script>")),
    "charset of the form": form(MODEL, part("_charset_", b"utf-7"), FILE),
    "not UTF-8": form(MODEL, part("prompt", b"\xff\xfe"), FILE),
    "NUL": form(MODEL, part("prompt", b"a\x00b"), FILE),
    "too many parts": form(MODEL, FILE, *(part(f"a{number}", b"") for number in range(80))),
    "steering": form(MODEL, part("base_url", b"http://elsewhere"), FILE),
    "steering in a list": form(MODEL, part("extra_headers[authorization]", b"x"), FILE),
    "stream that is no word": form(MODEL, part("stream", b"1"), FILE),
    "no model": form(FILE),
}  # fmt: skip


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(entry=dict(PRICED), **POLICY)


def send(api: Api, body: bytes, content_type: str = FORM["content-type"]) -> Any:
    return api.send("POST", "audio/transcriptions", body, {"content-type": content_type})


def test_hostile_forms_are_refused_before_anything_happens(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    untouched = Untouched(provider, api, tenant)
    for name, body in HOSTILE.items():
        answer = send(api, body)
        assert code_of(answer) == (400, "invalid_request"), name
    untouched.check()


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        f"multipart/form-data; boundary={BOUNDARY}; boundary*=utf-8''x",
        f'multipart/form-data; boundary="{BOUNDARY}\\""',
        f"multipart/form-data; charset=utf-7; boundary={BOUNDARY}",
        f"multipart/form-data, multipart/form-data; boundary={BOUNDARY}",
        f"multipart/mixed; boundary={BOUNDARY}",
        "multipart/form-data; boundary=" + "a" * 71,
    ],
)
def test_odd_content_types_are_refused(api: Api, tenant: Tenant, content_type: str) -> None:
    assert code_of(send(api, heard(), content_type)) == (400, "invalid_request")


@pytest.mark.parametrize(
    "file",
    [
        FILE,
        disposed("form-data; name=file; filename=a.wav", SOUND),
        disposed("form-data; name=file; filename=a.wav; filename*=utf-8''a.wav", SOUND),
        disposed('form-data; name="file"; filename="a.wav"', SOUND, f"\r\nContent-Length: {len(SOUND)}"),
        disposed('form-data; name="file"; filename="a.wav"', SOUND, "\r\nContent-Transfer-Encoding: binary"),
        disposed(
            'form-data; name="file"; filename="größe.wav"', SOUND, "\r\ncontent-type: audio/wav;codecs=1"
        ),
    ],
    ids=["usual", "tokens", "both names", "length", "binary", "umlaut"],
)
def test_forms_as_clients_write_them_go_through(
    api: Api, tenant: Tenant, provider: ProviderHandle, file: bytes
) -> None:
    answer = send(api, form(MODEL, part("timestamp_granularities[]", b"word"), file))
    assert answer.status_code == 200, answer.text
    [event] = calls(tenant)
    assert served(provider, event)["units"] == {"seconds": 1}


def read_or_refused(raw: bytes) -> forms.Form | None:
    """Any other error than a refusal is the test's."""
    try:
        return forms.decode(raw, TYPE, FIELDS)
    except OrbitError as error:
        if error.code is not Code.INVALID_REQUEST:
            raise
        return None


FRAGMENTS = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b"--", MARK, MARK + b"--", b'"', b"\\", b";", b"=", b"\x00", b"\xff", b" "),
        *(
            b"Content-Disposition: form-data; name=",
            b"filename=",
            b"model",
            b"file",
            b"[",
            b"]",
            MODEL,
            FILE[:90],
        ),
    ]
)


@given(st.lists(FRAGMENTS, max_size=30).map(b"".join), st.booleans())
@settings(max_examples=400, deadline=None)
def test_whatever_comes_is_refused_or_a_form_that_reads_the_same_again(raw: bytes, framed: bool) -> None:
    read = read_or_refused(form(raw, FILE) if framed else raw)
    if read is not None:
        assert [one.field for one in read.files] == ["file"]
        content_type, sent = forms.encode(read, {})
        assert forms.decode(sent, content_type.encode(), FIELDS) == read


@given(st.integers(0, len(form(MODEL, FILE)) - 1), st.binary(max_size=4), st.integers(0, 4))
@settings(max_examples=400, deadline=None)
def test_form_that_was_tampered_with_is_read_by_others_as_by_us(at: int, more: bytes, fewer: int) -> None:
    """What we send says to a stranger's parser what it said to us."""
    whole = form(MODEL, FILE)
    raw = whole[:at] + more + whole[at + fewer :]
    read = read_or_refused(raw)
    if read is None:
        return
    content_type, sent = forms.encode(read, {"model": "gpt-4o-transcribe"})
    seen = read_form(Request("POST", "/", "", [(b"content-type", content_type.encode())], sent, True, True))
    assert seen.fields == {**read.body, "model": "gpt-4o-transcribe"}
    assert [one.content for one in seen.files["file"]] == [bytes(one.content) for one in read.files]


@given(st.binary(max_size=500))
@settings(max_examples=100, deadline=None)
def test_file_is_sent_byte_by_byte(content: bytes) -> None:
    """Even with a boundary in the middle of a line, where Django's parser would cut it."""
    content += b" " + MARK + b" "
    read = forms.decode(form(MODEL, part("file", content, "a.wav")), TYPE, FIELDS)
    _, sent = forms.encode(read, {})
    assert sent.count(b"\r\n\r\n" + content + b"\r\n--") == 1


def test_body_beyond_the_policy_is_refused(api_of: ApiOf, make_tenant: MakeTenant) -> None:
    body = heard()
    for most, status in ((len(body) - 1, 413), (len(body), 200)):
        api = api_of(make_tenant(entry=dict(PRICED), caps={"max_body_bytes": most}, **POLICY))
        assert send(api, body).status_code == status


def test_body_beyond_what_the_gateway_takes_is_refused(tenant: Tenant) -> None:
    with (
        running_gateway(environment={"ORBIT_MAX_BODY_BYTES": "40000"}) as gateway,
        httpx2.Client(base_url=gateway.base_url + "/", timeout=20, trust_env=False, verify=False) as http,
    ):
        api = Api(http, tenant.key)
        assert code_of(send(api, heard(sound=wav(3)))) == (413, "body_too_large")
        assert send(api, heard(sound=wav(1))).status_code == 200
