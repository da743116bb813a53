"""Forms with files (multipart/form-data): read strictly, once, and written anew. What was checked is what is sent.

Django's parser is no stand-in: it cuts a file where the boundary stands in the middle of a line, leaves out parts that
it cannot read, and changes names. Here anything that two parsers could take differently is refused.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from orbit.lib.errors import Code, OrbitError
from proxy.providers.base import Prepared
from quotas.media import HEAD
from quotas.needs import File

TYPE = "multipart/form-data"
MOST_PARTS = 64
MOST_HEAD = 2_000  # bytes of one part's headers
MOST_TEXT = 4_000_000  # bytes of one text: a sample of a speaker's voice comes as one
MOST_NAME = 200  # characters of a file's name
# Endpoints that take forms: the fields that hold files, and whether there may be more than one.
FILES: Mapping[str, Mapping[str, bool]] = {
    "images/edits": {"image": True, "mask": False, "markup": False},
    "images/variations": {"image": False},
    "audio/transcriptions": {"file": False},
    "audio/translations": {"file": False},
}
ALSO_JSON = frozenset({"images/edits"})

_BOUNDARY = re.compile(
    rb"""multipart/form-data; ?(?:charset="?utf-8"?; ?)?boundary=(?:([\w'+./:=?()-]{1,70})|"([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])")(?:; ?charset="?utf-8"?)?""",
    re.IGNORECASE | re.ASCII,
)
_NAME = re.compile(r"([A-Za-z][\w-]{0,63})(\[[\w-]{0,64}\])?", re.ASCII)
_PARAMETER = re.compile(
    r"""; ?([a-z*]{1,20})=(?:"([^"\\]*)"|([!#$%&'*+.^_`|~\w-]+))""", re.ASCII | re.IGNORECASE
)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:; ?[\w-]+=(?:[\w.,+-]+|\"[\w.,+ -]+\"))*", re.ASCII)
_ENCODINGS = ("binary", "8bit", "7bit")


@dataclass(frozen=True, slots=True)
class Upload(File):
    """A file of a form as it goes on."""

    content: memoryview
    filename: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Form:
    """Texts in their order, under the names that they came with; `body` is the same as a request's body."""

    texts: tuple[tuple[str, str], ...]
    files: tuple[Upload, ...]
    body: dict[str, Any]


def is_form(content_type: bytes) -> bool:
    return content_type.lower().startswith(TYPE.encode())


def decode(raw: bytes, content_type: bytes, fields: Mapping[str, bool]) -> Form:
    """The form of a body. INVALID_REQUEST for whatever is not plainly one, naming the field where there is one.

    `fields` are those that hold files, as in FILES.
    """
    texts: list[tuple[str, str]] = []
    files: list[Upload] = []
    for head, content in _parts(raw, _boundary(content_type)):
        name, filename, media_type = _headers(head, len(content))
        if filename is None:
            texts.append((name, _text(name, content, fields)))
        else:
            files.append(_upload(name, filename, media_type, content, fields))
    body = _body(texts, files)
    _check_files(files, fields)
    return Form(tuple(texts), tuple(files), body)


def encode(form: Form, changes: Mapping[str, Any]) -> tuple[str, bytes]:
    """The content type, and the form with some of its texts changed or added."""
    boundary = secrets.token_hex(24)
    pieces: list[bytes | memoryview] = []
    known = dict(form.texts)
    for name, value in [*form.texts, *((name, "") for name in changes if name not in known)]:
        text = str(changes.get(name, value))
        pieces.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        )
    for one in form.files:
        pieces.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{one.field}"; filename="{one.filename}"\r\n'
            f"Content-Type: {one.media_type}\r\n\r\n".encode()
        )
        pieces += [one.content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return f"{TYPE}; boundary={boundary}", b"".join(pieces)


def sent(prepared: Prepared, form: Form, changes: Mapping[str, Any]) -> Prepared:
    """A prepared request with the form in place of its fields."""
    content_type, body = encode(form, changes)
    headers = [(name, value) for name, value in prepared.headers if name != "content-type"]
    return Prepared(prepared.url, [("content-type", content_type), *headers], body)


def _invalid(what: str, param: str | None = None) -> OrbitError:
    subject = f"{param!r}" if param else "The form"
    return OrbitError(Code.INVALID_REQUEST, f"{subject} {what}.", param=param)


def _boundary(content_type: bytes) -> bytes:
    found = _BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        raise _invalid("must name its boundary, and nothing else, in Content-Type")
    return found[1] or found[2]


def _parts(raw: bytes, boundary: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Head and content of each part. Nothing stands before the first boundary, nor after the last."""
    mark, whole = b"--" + boundary, memoryview(raw)
    if not raw.startswith(mark + b"\r\n"):
        raise _invalid("must begin with its boundary")
    at, between = len(mark) + 2, b"\r\n" + mark
    for _ in range(MOST_PARTS):
        end = raw.find(between, at)
        blank = at - 2 if raw.startswith(b"\r\n", at) else raw.find(b"\r\n\r\n", at, at + MOST_HEAD)
        if end < 0:
            raise _invalid("must end with its boundary")
        if not at <= blank <= end - 4:
            raise _invalid("has a part whose headers do not end, or are too long")
        yield raw[at:blank], whole[blank + 4 : end]
        at = end + len(between) + 2
        after = raw[at - 2 : at]
        if after == b"--":
            if raw[at:] not in (b"", b"\r\n"):
                raise _invalid("goes on after its end")
            return
        if after != b"\r\n":
            raise _invalid("has its boundary inside a part")
    raise _invalid(f"has more than {MOST_PARTS} parts")


def _headers(head: bytes, size: int) -> tuple[str, str | None, str]:
    """Name, file name and media type of a part."""
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        raise _invalid("has headers that are not UTF-8") from None
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if not colon or name in found or not value.isprintable():
            raise _invalid("has a part with headers that cannot be read")
        found[name] = value
    odd = found.keys() - {
        "content-disposition",
        "content-type",
        "content-length",
        "content-transfer-encoding",
    }
    if odd:
        raise _invalid("has a part with headers that no form needs")
    if found.get("content-length", str(size)) != str(size):
        raise _invalid("has a part that is not as long as it says")
    if found.get("content-transfer-encoding", "binary").lower() not in _ENCODINGS:
        raise _invalid("has a part in a transfer encoding")
    return *_disposition(found.get("content-disposition", "")), found.get("content-type", "")


def _disposition(value: str) -> tuple[str, str | None]:
    kind, parameters = value[:9], value[9:]
    if kind.lower() != "form-data":
        raise _invalid("has a part that is no form-data")
    found: dict[str, str] = {}
    at = 0
    while at < len(parameters):
        one = _PARAMETER.match(parameters, at)
        if one is None or one[1].lower() in found:
            raise _invalid("has a Content-Disposition that cannot be read")
        found[one[1].lower()] = one[3] if one[2] is None else one[2]
        at = one.end()
    name, filename, extended = (
        found.pop("name", ""),
        found.pop("filename", None),
        found.pop("filename*", None),
    )
    if found or not _NAME.fullmatch(name):
        raise _invalid("has a part without a plain name")
    if extended is not None and (filename is None or _extended(extended) != filename):
        raise _invalid("has two names for a file", name)
    return name, filename


def _extended(value: str) -> str | None:
    charset, _, rest = value.partition("'")
    try:
        return unquote(rest.partition("'")[2], errors="strict") if charset.lower() == "utf-8" else None
    except UnicodeDecodeError:
        return None


def _text(name: str, content: memoryview, fields: Mapping[str, bool]) -> str:
    if _base(name) in fields:
        raise _invalid("must be a file, with a file name", _base(name))
    if len(content) > MOST_TEXT:
        raise _invalid(f"is longer than {MOST_TEXT} bytes", name)
    try:
        text = bytes(content).decode()
    except UnicodeDecodeError:
        raise _invalid("is not valid UTF-8", name) from None
    if "\x00" in text:
        raise _invalid("contains a NUL character", name)
    return text


def _upload(
    name: str, filename: str, media_type: str, content: memoryview, fields: Mapping[str, bool]
) -> Upload:
    if _base(name) not in fields or (name != _base(name) and name != f"{_base(name)}[]"):
        raise _invalid("takes no file", name)
    if not 0 < len(filename) <= MOST_NAME:
        raise _invalid(f"must have a file name of 1 to {MOST_NAME} characters", _base(name))
    if media_type and not _MEDIA_TYPE.fullmatch(media_type):
        raise _invalid("has a Content-Type that cannot be read", _base(name))
    return Upload(
        name, bytes(content[:HEAD]), len(content), content, filename, media_type or "application/octet-stream"
    )


def _base(name: str) -> str:
    return name.partition("[")[0]


def _body(texts: list[tuple[str, str]], files: list[Upload]) -> dict[str, Any]:
    """Lists of what ends in `[]`, objects of what has a name in brackets."""
    body: dict[str, Any] = {}
    for name, value in texts:
        base, bracket = _base(name), name.partition("[")[2][:-1]
        if base == name:
            if base in body:
                raise _invalid("was sent twice", base)
            body[base] = value
            continue
        held = body.setdefault(base, {} if bracket else [])
        if isinstance(held, list) and not bracket:
            held.append(value)
        elif isinstance(held, dict) and bracket and bracket not in held:
            held[bracket] = value
        else:
            raise _invalid("was sent twice", base)
    return body


def _check_files(files: list[Upload], fields: Mapping[str, bool]) -> None:
    seen: dict[str, str] = {}
    for one in files:
        base = _base(one.field)
        if base in seen and not (fields[base] and seen[base] == one.field == f"{base}[]"):
            raise _invalid(
                "was sent twice" + (f": name each of several {base}[]" if fields[base] else ""), base
            )
        seen[base] = one.field
    needed = next(iter(fields))
    if needed not in seen:
        raise _invalid("is required: a file", needed)
