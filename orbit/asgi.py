"""The ASGI application: the proxy's paths to its thin entry, health to itself, the rest to Django."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
os.environ.setdefault("ORBIT_PROCESS", "web")

from django.conf import settings
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from orbit import health, startup  # noqa: E402
from orbit.metrics import endpoint as metrics  # noqa: E402
from orbit.metrics.scrape import Scrapes  # noqa: E402
from orbit.traces import pages  # noqa: E402
from orbit.turns import MOST_BYTES, Gate, Turns  # noqa: E402
from proxy import entry, runtime  # noqa: E402
from proxy.room import Share  # noqa: E402

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Application:
    """One worker's. Its shared clients live from lifespan start-up to shutdown."""

    def __init__(self) -> None:
        self.runtime: runtime.Runtime | None = None
        self.scrapes: Scrapes | None = None
        body_bytes = max(settings.ORBIT_WORKER_BODY_BYTES // 4, 2 * MOST_BYTES)
        self.gate = Gate(django_application, Share(body_bytes), Turns(settings.ORBIT_PAGES))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            return
        elif scope["path"].startswith("/v1/") and self.runtime is not None:
            await entry.serve(self.runtime, scope, receive, send)
        elif scope["path"] in health.PATHS:
            await health.answer(self.runtime, scope["path"], send)
        elif scope["path"] == metrics.PATH:
            await metrics.answer(self.scrapes, scope, send)
        else:
            tracer = self.runtime.tracer if self.runtime is not None else None
            await pages.served(tracer, self.gate.serve, scope, receive, send)

    def drain(self) -> None:
        """Called in the event loop when this process was told to stop: calls may end for a while, such as still come too."""
        if self.runtime is not None:
            self.runtime.supervisor.begin_drain(settings.ORBIT_DRAIN_S)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        found = await asyncio.to_thread(startup.examined)
        if found.problems:
            await send({"type": "lifespan.startup.failed", "message": " ".join(found.problems)})
            return
        for one in found.warnings:
            logger.warning("%s", one)
        self.runtime = runtime.start()
        self.scrapes = Scrapes(self.runtime.telling, self.runtime.measures.names)
        # what start-up made stays; collecting it again and again would only cost
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await runtime.stop(self.runtime)
        await send({"type": "lifespan.shutdown.complete"})


application = Application()
