"""Places in UTF-8 as places in the text."""

from __future__ import annotations

_CONTINUATION = bytes(range(0x80, 0xC0))
_STEP = 512


class Offsets:
    """Counts characters by steps, so that a place costs a look at one step whatever the length of the text."""

    def __init__(self, data: bytes, ascii_only: bool) -> None:
        self._data = data
        self._counts: list[int] = []
        if ascii_only:
            return
        count = 0
        for start in range(0, len(data) + 1, _STEP):
            self._counts.append(count)
            count += len(data[start : start + _STEP].translate(None, _CONTINUATION))

    def characters(self, place: int) -> int:
        if not self._counts:
            return place
        step = place // _STEP
        return self._counts[step] + len(self._data[step * _STEP : place].translate(None, _CONTINUATION))
