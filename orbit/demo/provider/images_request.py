"""An image request as the vendor reads it: strictly, and by the family of its model."""

from dataclasses import dataclass
from typing import Any

from . import tokens
from .catalogue import Model
from .chat_request import read_model, refuse_unknown
from .refusals import bad_request

_SHARED = frozenset({"model", "n", "prompt", "size", "user"})
_OF_GPT = _SHARED | {
    "background",
    "moderation",
    "output_compression",
    "output_format",
    "partial_images",
    "quality",
    "safety_identifier",
    "stream",
}
_OF_DALL_E = _SHARED | {"quality", "response_format", "style"}
_ONLY_IN_EDITS = frozenset({"image", "input_fidelity", "mask"})
_SIZES = {
    "gpt-image": ("1024x1024", "1024x1536", "1536x1024"),
    "dall-e-3": ("1024x1024", "1024x1792", "1792x1024"),
    "dall-e-2": ("1024x1024", "256x256", "512x512"),
}
_QUALITIES = {
    "gpt-image": ("low", "medium", "high"),
    "dall-e-3": ("standard", "hd"),
    "dall-e-2": ("standard",),
}
# Output tokens of a square, a tall and a wide picture.
_TOKENS = {"low": (272, 408, 400), "medium": (1_056, 1_584, 1_568), "high": (4_160, 6_240, 6_208)}
_TOKENS_PER_PARTIAL = 100
_TOKENS_PER_INPUT = {"low": 323, "high": 4_483}
_MOST_IMAGES = 10
_MOST_PARTIAL = 3


@dataclass(frozen=True, slots=True)
class ImageRequest:
    model: Model
    prompt: str
    count: int
    size: str
    quality: str
    background: str
    as_url: bool
    stream: bool
    partial_images: int
    input_images: int
    input_fidelity: str

    @property
    def is_gpt(self) -> bool:
        return family_of(self.model) == "gpt-image"

    @property
    def width_and_height(self) -> tuple[int, int]:
        width, height = self.size.split("x")
        return int(width), int(height)

    @property
    def text_tokens(self) -> int:
        return tokens.count(self.prompt)

    @property
    def image_tokens(self) -> int:
        return self.input_images * _TOKENS_PER_INPUT[self.input_fidelity]

    @property
    def tokens_per_image(self) -> int:
        """Without those of partial images; none where a picture has a price of its own."""
        if not self.is_gpt:
            return 0
        return _TOKENS[self.quality][_SIZES["gpt-image"].index(self.size)]

    @property
    def tokens_per_partial(self) -> int:
        return _TOKENS_PER_PARTIAL

    @property
    def units(self) -> dict[str, int]:
        """Pictures, and the steps in price that a better or other size of one takes."""
        steps = 0
        if family_of(self.model) == "dall-e-3":
            steps = (self.quality == "hd") + (self.size != "1024x1024")
        elif family_of(self.model) == "dall-e-2":
            steps = {"256x256": 0, "512x512": 1, "1024x1024": 2}[self.size]
        return {"images": self.count} | ({"image_price_steps": steps * self.count} if steps else {})


def family_of(model: Model) -> str:
    return "gpt-image" if model.id.startswith("gpt-image") else model.id


def read_image_request(
    fields: dict[str, Any], *, input_images: int = 0, needs_prompt: bool = True
) -> ImageRequest:
    fields = {"model": "dall-e-2"} | fields
    model = read_model(fields, "image")
    family = family_of(model)
    known = _OF_GPT if family == "gpt-image" else _OF_DALL_E
    refuse_unknown(fields, known | (_ONLY_IN_EDITS if input_images else frozenset()))
    _check_format(fields)
    if input_images and family == "dall-e-3":
        raise bad_request("This model edits no images.", param="model", code="invalid_value")
    prompt = fields.get("prompt")
    if needs_prompt and (not isinstance(prompt, str) or not prompt):
        raise bad_request(
            "Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter"
        )
    return ImageRequest(
        model=model,
        prompt=prompt if isinstance(prompt, str) else "",
        count=_number(fields, "n", 1, lowest=1, highest=1 if family == "dall-e-3" else _MOST_IMAGES),
        size=_one_of(fields, "size", _SIZES[family]),
        quality=_quality(fields, family),
        background="transparent" if fields.get("background") == "transparent" else "opaque",
        as_url=family != "gpt-image" and fields.get("response_format") != "b64_json",
        stream=_truth(fields.get("stream")),
        partial_images=_number(fields, "partial_images", 0, lowest=0, highest=_MOST_PARTIAL),
        input_images=input_images,
        input_fidelity="high" if fields.get("input_fidelity") == "high" else "low",
    )


def _quality(fields: dict[str, Any], family: str) -> str:
    """`auto` is the middle one."""
    known = _QUALITIES[family]
    usual = known[1] if family == "gpt-image" else known[0]
    return _one_of(fields, "quality", (usual, *known))


def _one_of(fields: dict[str, Any], name: str, known: tuple[str, ...]) -> str:
    """The first is the usual one."""
    value = fields.get(name)
    if value in (None, "auto"):
        return known[0]
    if value not in known:
        message = (
            f"Invalid value: '{value}'. Supported values are: {', '.join(sorted(set(known)))}, and auto."
        )
        raise bad_request(message, param=name, code="invalid_value")
    return str(value)


def _check_format(fields: dict[str, Any]) -> None:
    if fields.get("output_format") not in (None, "png"):
        raise bad_request("The demo provider makes only 'png'.", param="output_format", code="invalid_value")


def _truth(value: Any) -> bool:
    """In a form it is a word."""
    return value is True or value == "true"


def _number(fields: dict[str, Any], name: str, default: int, *, lowest: int, highest: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        message = f"Invalid '{name}': expected an integer from {lowest} to {highest}."
        raise bad_request(message, param=name, code="invalid_value")
    return value
