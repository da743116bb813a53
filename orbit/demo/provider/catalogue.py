"""The models served and what they cost. The provider's own list, on purpose not the gateway's."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Model:
    """Prices are nano-USD per million tokens, so that USD 0.15 per million is 150_000_000."""

    id: str
    served_as: str
    kind: Literal["chat", "embedding"]
    input_price: int
    cached_price: int
    output_price: int
    context_tokens: int
    max_output_tokens: int
    created: int
    dimensions: int = 0
    cache_write_5m_price: int = 0
    cache_write_1h_price: int = 0

    def cost_nano(
        self, *, prompt: int, cached: int, completion: int, written_5m: int = 0, written_1h: int = 0
    ) -> int:
        """What one call costs in nano-USD, rounded up once per call. `prompt` includes the cache's part."""
        millionths = (
            (prompt - cached - written_5m - written_1h) * self.input_price
            + cached * self.cached_price
            + written_5m * self.cache_write_5m_price
            + written_1h * self.cache_write_1h_price
            + completion * self.output_price
        )
        return -(-millionths // 1_000_000)


def _chat(name: str, served_as: str, prices: tuple[int, int, int], *, roomy: bool = False) -> Model:
    context, output = (10_000_000, 1_000_000) if roomy else (128_000, 16_384)
    return Model(name, served_as, "chat", *prices, context, output, created=1_715_367_049)


def _embedding(name: str, price: int, dimensions: int) -> Model:
    return Model(name, name, "embedding", price, price, 0, 8_192, 0, 1_705_948_997, dimensions)


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
        _chat("demo-chat", "demo-chat", _MINI_PRICES, roomy=True),
        _embedding("text-embedding-3-small", 20_000_000, 1_536),
        _embedding("text-embedding-3-large", 130_000_000, 3_072),
    )
}

_BY_NAME: dict[str, Model] = MODELS | {model.served_as: model for model in MODELS.values()}


def find_model(name: str) -> Model | None:
    """A model by its own name or by the dated name that its answers carry."""
    return _BY_NAME.get(name)
