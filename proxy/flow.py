"""An answer of bare bytes, passed on as it comes: sound, in which neither usage nor an error can be told."""

from __future__ import annotations

from dataclasses import dataclass

from orbit.lib.errors import OrbitError
from proxy.formats.media import Media
from proxy.relay import End, Relay
from quotas.media import HEAD


@dataclass
class Flow(Relay):
    head: bytes = b""

    async def run(self) -> End:
        end = await super().run()
        if isinstance(self.heard, Media):
            content_type = self.answer.header("content-type") or ""
            self.progress.made = self.heard.flowed(self.head, self.received, content_type)
        return end

    async def _read(self) -> None:
        """Passes on all but the last byte: that follows once the call is settled."""
        kept, channel = b"", self.channel
        while piece := await self._piece():
            self._keep_head(piece)
            if channel is not None:
                await channel.put(kept + piece[:-1])
            kept = piece[-1:]
        self.last, self.progress.done = kept, True

    def _tell(self, error: OrbitError) -> None:
        if self.channel is not None:
            self.channel.broken = True
            self.channel.end()

    async def _go_on_alone(self) -> None:
        """Reading on for a client who left would tell nothing: such an answer brings no usage."""
        self.task = None
        async for piece in self.answer.hang_up():
            self._keep_head(piece)
            self.received += len(piece)

    def _keep_head(self, piece: bytes) -> None:
        if len(self.head) < HEAD:
            self.head += piece[: HEAD - len(self.head)]
