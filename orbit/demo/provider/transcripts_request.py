"""A request to write down speech, as the vendor reads it: strictly."""

from dataclasses import dataclass
from typing import Any

from . import tokens
from .catalogue import Model
from .chat_request import read_model
from .multipart import Form
from .refusals import bad_request
from .sounds import seconds_of

_SHARED = frozenset({"file", "model", "prompt", "response_format", "temperature"})
_TRANSCRIPTION = _SHARED | {
    "chunking_strategy",
    "include",
    "language",
    "stream",
    "timestamp_granularities",
}
_FORMS = ("json", "text", "srt", "verbose_json", "vtt")
_TOKENS_PER_SECOND = 10
_ENDINGS = frozenset({"flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"})


@dataclass(frozen=True, slots=True)
class TranscriptRequest:
    model: Model
    content: bytes
    seconds: float
    prompt: str
    language: str
    form: str
    stream: bool
    with_words: bool

    @property
    def by_seconds(self) -> bool:
        return "seconds" in self.model.unit_nano

    @property
    def text_tokens(self) -> int:
        return tokens.count(self.prompt)

    @property
    def audio_tokens(self) -> int:
        return max(1, round(self.seconds * _TOKENS_PER_SECOND))


def read_transcript_request(form: Form, *, translate: bool) -> TranscriptRequest:
    for name in (*form.fields, *form.files):
        if name not in (_SHARED if translate else _TRANSCRIPTION):
            raise bad_request(f"Unrecognized request argument supplied: {name}", param=name)
    fields, file = form.fields, form.file("file")
    model = read_model(fields, "transcription")
    by_seconds = "seconds" in model.unit_nano
    if translate and not by_seconds:
        raise bad_request(f"{model.id} does not translate.", param="model", code="invalid_value")
    if file.name.rpartition(".")[2].lower() not in _ENDINGS or not file.content:
        message = f"Invalid file format. Supported formats: {sorted(_ENDINGS)}"
        raise bad_request(message, param="file")
    return TranscriptRequest(
        model=model,
        content=file.content,
        seconds=seconds_of(file.content),
        prompt=str(fields.get("prompt") or ""),
        language="english" if translate else str(fields.get("language") or "english"),
        form=_form(fields, by_seconds=by_seconds),
        # As with the vendor, whisper-1 takes no notice of it.
        stream=fields.get("stream") == "true" and not by_seconds,
        with_words="word" in (fields.get("timestamp_granularities") or []),
    )


def _form(fields: dict[str, Any], *, by_seconds: bool) -> str:
    form = fields.get("response_format") or "json"
    known = _FORMS if by_seconds else ("json",)
    if form not in known:
        message = (
            f"response_format '{form}' is not compatible with this model. Use {' or '.join(known)} instead."
        )
        raise bad_request(message, param="response_format", code="unsupported_value")
    return str(form)
