"""A text completion request as the vendor reads it: strictly."""

from dataclasses import dataclass
from typing import Any

from . import tokens
from .catalogue import Model
from .chat_request import ChatRequest, read_model, read_stops, refuse_unknown
from .refusals import bad_request

_FIELDS = frozenset(
    [
        "best_of",
        "echo",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "model",
        "n",
        "presence_penalty",
        "prompt",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "suffix",
        "temperature",
        "top_p",
        "user",
    ]
)
_USUAL_TOKENS = 16
_MOST_CHOICES = 128
_MOST_PROMPTS = 2_048

Prompt = str | list[int]


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    model: Model
    prompts: list[Prompt]
    choices: int
    best_of: int
    max_tokens: int
    echo: bool
    suffix: str
    stops: tuple[str, ...]
    stream: bool
    include_usage: bool

    @property
    def prompt_tokens(self) -> int:
        return sum(_length(prompt) for prompt in self.prompts) + tokens.count(self.suffix)

    def as_chats(self) -> list[ChatRequest]:
        """One for each prompt, so that the same words are put together in the same way."""
        return [
            ChatRequest(
                model=self.model,
                messages=[{"role": "user", "content": prompt if isinstance(prompt, str) else str(prompt)}],
                choices=self.best_of,
                max_tokens=self.max_tokens,
                stream=self.stream,
                include_usage=self.include_usage,
                tools=[],
                forced_tool="",
                answer_schema=None,
                stops=self.stops,
                service_tier="default",
            )
            for prompt in self.prompts
        ]


def read_completion_request(fields: dict[str, Any]) -> CompletionRequest:
    refuse_unknown(fields, _FIELDS)
    model = read_model(fields, "completion")
    stream, options = bool(fields.get("stream")), fields.get("stream_options")
    if options is not None and not stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise bad_request(message, param="stream_options")
    if fields.get("logprobs") is not None:
        message = "The demo provider does not imitate 'logprobs'."
        raise bad_request(message, param="logprobs", code="unsupported_parameter")
    choices = _number(fields, "n", 1, lowest=1)
    best_of = _number(fields, "best_of", choices, lowest=1)
    _check_best_of(choices, best_of, stream=stream)
    prompts, echo = _prompts(fields.get("prompt")), bool(fields.get("echo"))
    if echo and not all(isinstance(prompt, str) for prompt in prompts):
        raise bad_request("The demo provider cannot echo a prompt of token ids.", param="echo")
    return CompletionRequest(
        model=model,
        prompts=prompts,
        choices=choices,
        best_of=best_of,
        max_tokens=_number(fields, "max_tokens", _USUAL_TOKENS, lowest=0, highest=model.max_output_tokens),
        echo=echo,
        suffix=str(fields.get("suffix") or ""),
        stops=read_stops(fields.get("stop")),
        stream=stream,
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
    )


def text_for_directives(prompt: Any) -> str:
    first = prompt[0] if isinstance(prompt, list) and prompt else prompt
    return first if isinstance(first, str) else ""


def _check_best_of(choices: int, best_of: int, *, stream: bool) -> None:
    if best_of < choices:
        message = (
            f"You requested that the server return more choices than it will generate: {choices} > {best_of}."
        )
        raise bad_request(message, param="best_of")
    if stream and best_of > choices:
        message = "You requested that the server stream back partial progress and the best of several."
        raise bad_request(message, param="best_of")


def _prompts(value: Any) -> list[Prompt]:
    if value is None:
        return ["<|endoftext|>"]
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and 0 < len(value) <= _MOST_PROMPTS:
        if _is_ids(value):
            return [value]
        if all(isinstance(each, str) or _is_ids(each) for each in value):
            return value
    raise bad_request("'$.prompt' is invalid. Please check the API reference.", param="prompt")


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(each) is int for each in value)


def _length(prompt: Prompt) -> int:
    return tokens.count(prompt) if isinstance(prompt, str) else len(prompt)


def _number(
    fields: dict[str, Any], name: str, default: int, *, lowest: int, highest: int = _MOST_CHOICES
) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        message = f"Invalid '{name}': expected an integer from {lowest} to {highest}."
        raise bad_request(message, param=name)
    return value
