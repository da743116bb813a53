"""Forms with files (multipart/form-data), read strictly."""

import re
from dataclasses import dataclass, field
from typing import Any

from .connection import Request
from .refusals import bad_request

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_MOST_PARTS = 200


@dataclass(frozen=True, slots=True)
class Upload:
    name: str
    content: bytes


@dataclass(slots=True)
class Form:
    """A name that ends in `[]`, or comes twice, has a list of values."""

    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)

    def file(self, name: str) -> Upload:
        found = self.files.get(name)
        if not found:
            message = f"Missing required parameter: '{name}'."
            raise bad_request(message, param=name, code="missing_required_parameter")
        return found[0]

    def outline(self) -> dict[str, Any]:
        """For the books: the fields, and of the files only their names and sizes."""
        sizes = {
            name: [{"filename": file.name, "bytes": len(file.content)} for file in files]
            for name, files in self.files.items()
        }
        return self.fields | sizes


def read_form(request: Request) -> Form:
    content_type = request.header(b"content-type")
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or not found:
        raise bad_request("The request must be multipart/form-data with a boundary.")
    boundary = b"--" + (found[1] or found[2]).encode("latin-1")
    opening, *parts = (b"\r\n" + request.body).split(b"\r\n" + boundary)
    if opening.strip() or len(parts) < 2 or len(parts) > _MOST_PARTS or parts[-1].strip() != b"--":
        raise _unreadable()
    form = Form()
    for part in parts[:-1]:
        _read_part(part, form)
    return form


def _read_part(part: bytes, form: Form) -> None:
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n"):
        raise _unreadable()
    disposition = next(
        (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition:")), b""
    ).decode("utf-8", "replace")
    parameters = {name.lower(): value for name, value in _PARAMETER.findall(disposition)}
    if "form-data" not in disposition or not parameters.get("name"):
        raise _unreadable()
    name, listed = parameters["name"].removesuffix("[]"), parameters["name"].endswith("[]")
    if "filename" in parameters:
        form.files.setdefault(name, []).append(Upload(parameters["filename"], content))
    else:
        _add_field(form.fields, name, _text(content, name), listed=listed)


def _add_field(fields: dict[str, Any], name: str, value: str, *, listed: bool) -> None:
    if listed or name in fields:
        before = fields.get(name, [])
        fields[name] = [*(before if isinstance(before, list) else [before]), value]
    else:
        fields[name] = value


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise bad_request(f"Invalid '{name}': not UTF-8.", param=name) from None


def _unreadable() -> Exception:
    return bad_request("We could not parse the multipart body of your request.")
