"""How a command ends when it does not end well: an exit code, what is wrong, and what to do."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILED = 1  # `doctor` found something that fails
    BAD_INPUT = 2
    UNREACHABLE = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    INTERRUPTED = 130


class Failure(Exception):
    def __init__(self, message: str, remedy: str = "", code: Exit = Exit.BAD_INPUT) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code

    def lines(self) -> list[str]:
        return [f"error: {self.message}", *([f"  {self.remedy}"] if self.remedy else [])]

    def as_dict(self) -> dict[str, object]:
        made: dict[str, object] = {"error": self.message}
        return made | ({"remedy": self.remedy} if self.remedy else {})


class Problem(Failure):
    """What the gateway refused, as its problem details say it (RFC 9457)."""

    def __init__(self, status: int, details: dict[str, object]) -> None:
        self.details = details
        self.faults = [one for one in _list(details.get("errors")) if isinstance(one, dict)]
        message = str(details.get("detail") or details.get("title") or f"the gateway answered {status}")
        super().__init__(message, _remedy(details), _exit_of(status))

    def lines(self) -> list[str]:
        if not self.faults:
            return super().lines()
        made = ["error: " + str(self.details.get("title", "the request is not valid"))]
        for fault in self.faults:
            hint = f" ({fault['remedy']})" if fault.get("remedy") else ""
            made.append(f"  {fault.get('field') or 'request'}: {fault.get('detail')}{hint}")
        return made

    def as_dict(self) -> dict[str, object]:
        return self.details or super().as_dict()


def _exit_of(status: int) -> Exit:
    if status in (401, 403):
        return Exit.NOT_ALLOWED
    if status == 404:
        return Exit.NOT_FOUND
    return Exit.UNREACHABLE if status == 429 or status >= 500 else Exit.BAD_INPUT


def _remedy(details: dict[str, object]) -> str:
    code, number = details.get("code"), details.get("request_id")
    if code == "unauthenticated":
        return (
            "`orbit login` stores another key. This one is unknown, revoked, expired, or of another gateway."
        )
    if code == "internal_error":
        return f"Name the request {number} to your operator."
    return ""


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
