"""Calls whose answers the provider keeps: their ids have an owner before the client has them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from proxy import headers as response_headers
from proxy import objects
from proxy.admission import Admission
from proxy.background import Background
from proxy.call import Call
from proxy.channel import Channel
from proxy.context import Reply
from proxy.endings import Endings
from proxy.formats.base import Format, Progress, Unreadable, parsed_object
from proxy.formats.responses import ids_in, is_working, response_id_in
from proxy.objects import Withheld
from proxy.relay import End
from proxy.snapshot import Snapshots


@dataclass
class Stored:
    snapshots: Snapshots
    endings: Endings
    background: Background

    async def plain(self, admission: Admission, spoken: Format, content: bytes, content_type: str) -> Reply:
        """The reply to a plain answer, once it is written down whose it is."""
        answer = parsed_object(content)
        if answer is None or answer.get("object") != "response":
            return await self.endings.plain(admission, spoken, content, content_type)
        withheld = None
        try:
            ids = ids_in(answer)
            response_id = response_id_in(ids)
            await self._keep(admission, response_id, ids)
        except Unreadable:
            return self.endings.unreadable(admission)
        except Withheld as refused:
            withheld = refused.error
        if not (outlives(admission.call) and is_working(answer) and response_id):
            return await self.endings.plain(admission, spoken, content, content_type, withheld)
        self.background.follow(admission, response_id, cancel=withheld is not None)
        if withheld is not None:
            return self.endings.failed(admission, withheld)
        return Reply(200, response_headers.answered(admission, content_type), content)

    def keeper(
        self, admission: Admission, progress: Progress, ready: Callable[[], None]
    ) -> Callable[[], Awaitable[None]]:
        """What a stream waits for before anything of it leaves; `ready` is told each time."""

        async def keep() -> None:
            if progress.unkept:
                await self._keep(admission, response_id_in(progress.named), progress.unkept)
                progress.unkept.clear()
            ready()

        return keep

    def left_behind(self, admission: Admission, end: End, channel: Channel) -> bool:
        """Whether a stream ended before its response did, so that the call is settled by what becomes of that."""
        response_id = response_id_in(end.progress.named)
        if not outlives(admission.call) or end.progress.done or response_id is None:
            return False
        if self.endings.settler.supervisor.stopping:
            return False
        self.background.follow(admission, response_id, cancel=bool(end.progress.unkept))
        self.endings.told(admission, end, channel)
        return True

    async def _keep(self, admission: Admission, response_id: str | None, ids: Mapping[str, str]) -> None:
        if response_id is None:
            return  # items of nothing: no id opens them
        call = admission.call
        await objects.keep(
            self.snapshots, call.principal, call.target.account.id, call.model, response_id, ids
        )


def outlives(call: Call) -> bool:
    """Whether the provider works on it whether or not anybody listens."""
    return objects.keeps(call) and call.body.get("background") is True
