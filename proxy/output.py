"""What a stream has written so far, in tokens: counted where that must be known, else bounded by its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

from quotas import tokens

KEPT = 1_000_000  # characters that are kept to be counted
PIECES = 512  # texts that lie apart before they are joined: many small ones take ten times their room
MOST_CALLS = 1_000  # tool calls that are told apart
IDENTITY = 64  # characters by which
TOOL_CALL_TOKENS = 16  # what surrounds a tool call's name and arguments


@dataclass(slots=True)
class Output:
    """`said` is the provider's own running figure; the rest is about what was written since it was said.

    `padding` is the model's own where one was measured.
    """

    model: str
    padding: float | None = None
    said: int = 0
    counted: int = 0  # tokens of the texts that were counted and let go
    counting: str = ""  # the text that is being counted off the loop
    texts: list[str] = field(default_factory=list)
    kept: int = 0  # characters of `texts`
    dropped: int = 0  # characters beyond KEPT
    size: int = 0  # bytes of all that was ever written
    known_at: int = 0  # `size` up to which the tokens are known
    calls: set[tuple[str, ...]] = field(default_factory=set)  # tool calls, by choice and number
    counted_ahead: int = 0  # bytes that come yet, and were counted while they waited

    def waits(self, came: str, freed: int) -> None:
        """What was written and is held back on its way here counts from now on, as it was written; the `freed` bytes that come next in the place
        of such, however long they became, do not."""
        if came:
            ahead, self.counted_ahead = self.counted_ahead, 0
            self.add(came)
            self.counted_ahead = ahead
        self.counted_ahead += freed

    def add(self, text: str) -> None:
        if self.counted_ahead > 0:
            text = self._uncounted(text)
        self.size += len(text) if text.isascii() else tokens.size_of(text)
        if self.kept >= KEPT:
            self.dropped += len(text)
            return
        self.texts.append(text)
        self.kept += len(text)
        if len(self.texts) > PIECES:
            self.texts = ["".join(self.texts)]

    def _uncounted(self, text: str) -> str:
        data = text.encode("utf-8", "replace")
        counted = min(len(data), self.counted_ahead)
        self.counted_ahead -= counted
        return data[counted:].decode("utf-8", "ignore")

    def call(self, *identity: object) -> None:
        """A tool call was written, known by what the provider calls it."""
        if len(self.calls) < MOST_CALLS:
            self.calls.add(tuple(str(one)[:IDENTITY] for one in identity))

    def believe(self, said: int) -> None:
        """The provider's running figure. It only grows; one that does not says nothing of what came since."""
        if said > self.said:
            self.said, self.counted, self.counting, self.dropped = said, 0, "", 0
            self.known_at = self.size
            self._take()

    @property
    def unknown(self) -> int:
        """Bytes whose tokens are not known."""
        return self.size - self.known_at

    @property
    def bound(self) -> int:
        """No fewer tokens than were written: a byte-level tokenizer makes at most one of each byte."""
        return self.said + self.counted + self.unknown + TOOL_CALL_TOKENS * len(self.calls)

    async def count(self) -> None:
        """Makes known what was written so far; what is written meanwhile stays unknown. One at a time."""
        self.counting, size, said = self._take(), self.size, self.said
        made = await self._count(self.counting)
        if self.said == said:
            self.counted, self.known_at, self.counting = self.counted + made, size, ""

    async def tokens(self) -> int:
        """The best estimate of all that was written."""
        known = self.said + self.counted + self.dropped // 3
        return known + await self._count(self.counting + "".join(self.texts))

    async def _count(self, text: str) -> int:
        return await tokens.count_off_loop(text, self.model, self.padding)

    def _take(self) -> str:
        text = "".join(self.texts)
        self.texts, self.kept = [], 0
        return text
