"""Celery's connections to its broker, which look for one that was away more often than Celery would."""

from __future__ import annotations

from typing import Any, Self

from celery.app.amqp import AMQP
from kombu import Connection

FIRST_S, MORE_S, MOST_S = 0.5, 0.5, 2.0


class Patient(Connection):
    """Celery's own rests grow to half a minute, in which no ledger is written though the store is back."""

    def ensure_connection(self, *args: Any, **named: Any) -> Self:
        rests = {"interval_start": FIRST_S, "interval_step": MORE_S, "interval_max": MOST_S}
        super().ensure_connection(*args, **{**rests, **named})
        return self


class Amqp(AMQP):
    Connection = Patient
