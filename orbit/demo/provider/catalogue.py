"""The models served and what they cost. The provider's own list, on purpose not the gateway's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["chat", "completion", "embedding", "image", "moderation", "speech", "transcription"]

_WEB_SEARCH_NANO = 10_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """Prices are nano-USD per million tokens, so that USD 0.15 per million is 150_000_000.

    `unit_nano` is nano-USD for each of what is charged beside tokens.
    """

    id: str
    served_as: str
    kind: Kind
    input_price: int
    cached_price: int
    output_price: int
    context_tokens: int
    max_output_tokens: int
    created: int
    dimensions: int = 0
    cache_write_5m_price: int = 0
    cache_write_1h_price: int = 0
    reasons: bool = False
    unit_nano: Mapping[str, int] = field(default_factory=dict)

    def cost_nano(
        self,
        *,
        prompt: int,
        cached: int,
        completion: int,
        units: Mapping[str, int],
        written_5m: int = 0,
        written_1h: int = 0,
    ) -> int:
        """What one call costs in nano-USD, rounded up once per call. `prompt` includes the cache's part."""
        millionths = (
            (prompt - cached - written_5m - written_1h) * self.input_price
            + cached * self.cached_price
            + written_5m * self.cache_write_5m_price
            + written_1h * self.cache_write_1h_price
            + completion * self.output_price
        )
        beside = sum(count * self.unit_nano.get(unit, 0) for unit, count in units.items())
        return -(-millionths // 1_000_000) + beside


def _chat(
    name: str,
    served_as: str,
    prices: tuple[int, int, int],
    *,
    room: tuple[int, int] = (128_000, 16_384),
    reasons: bool = False,
) -> Model:
    return Model(
        name,
        served_as,
        "chat",
        *prices,
        *room,
        created=1_715_367_049,
        reasons=reasons,
        unit_nano={"web_searches": _WEB_SEARCH_NANO},
    )


def _embedding(name: str, price: int, dimensions: int) -> Model:
    return Model(name, name, "embedding", price, price, 0, 8_192, 0, 1_705_948_997, dimensions)


def _other(
    name: str,
    kind: Kind,
    prices: tuple[int, int],
    *,
    room: tuple[int, int] = (128_000, 0),
    unit_nano: Mapping[str, int] | None = None,
) -> Model:
    taken, made = prices
    return Model(
        name, name, kind, taken, taken, made, *room, created=1_715_367_049, unit_nano=unit_nano or {}
    )


_MINI_PRICES = (150_000_000, 75_000_000, 600_000_000)

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        _chat("gpt-4o-mini", "gpt-4o-mini-2024-07-18", _MINI_PRICES),
        _chat(
            "gpt-4o",
            "gpt-4o-2024-08-06",
            (2_500_000_000, 1_250_000_000, 10_000_000_000),
        ),
        _chat("demo-chat", "demo-chat", _MINI_PRICES, room=(10_000_000, 1_000_000)),
        _chat(
            "gpt-5",
            "gpt-5-2025-08-07",
            (1_250_000_000, 125_000_000, 10_000_000_000),
            room=(400_000, 128_000),
            reasons=True,
        ),
        _chat(
            "o4-mini",
            "o4-mini-2025-04-16",
            (1_100_000_000, 275_000_000, 4_400_000_000),
            room=(200_000, 100_000),
            reasons=True,
        ),
        _other("gpt-3.5-turbo-instruct", "completion", (1_500_000_000, 2_000_000_000), room=(4_096, 4_096)),
        _other("omni-moderation-latest", "moderation", (0, 0)),
        # Image tokens taken in cost more than text: the difference stands beside.
        _other(
            "gpt-image-1",
            "image",
            (5_000_000_000, 40_000_000_000),
            unit_nano={"image_input_tokens": 5_000},
        ),
        _other(
            "gpt-image-1-mini",
            "image",
            (2_000_000_000, 8_000_000_000),
            unit_nano={"image_input_tokens": 500},
        ),
        _other(
            "dall-e-3",
            "image",
            (0, 0),
            unit_nano={"images": 40_000_000, "image_price_steps": 40_000_000},
        ),
        _other(
            "dall-e-2",
            "image",
            (0, 0),
            unit_nano={"images": 16_000_000, "image_price_steps": 2_000_000},
        ),
        _other("tts-1", "speech", (0, 0), unit_nano={"characters": 15_000}),
        _other("tts-1-hd", "speech", (0, 0), unit_nano={"characters": 30_000}),
        _other("gpt-4o-mini-tts", "speech", (600_000_000, 12_000_000_000)),
        _other("whisper-1", "transcription", (0, 0), unit_nano={"seconds": 100_000}),
        # So do audio tokens.
        _other(
            "gpt-4o-transcribe",
            "transcription",
            (2_500_000_000, 10_000_000_000),
            unit_nano={"audio_input_tokens": 3_500},
        ),
        _other(
            "gpt-4o-mini-transcribe",
            "transcription",
            (1_250_000_000, 5_000_000_000),
            unit_nano={"audio_input_tokens": 1_750},
        ),
        _embedding("text-embedding-3-small", 20_000_000, 1_536),
        _embedding("text-embedding-3-large", 130_000_000, 3_072),
    )
}

_BY_NAME: dict[str, Model] = MODELS | {model.served_as: model for model in MODELS.values()}


def find_model(name: str) -> Model | None:
    """A model by its own name or by the dated name that its answers carry."""
    return _BY_NAME.get(name)
