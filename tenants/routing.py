"""How far a route may go. The database holds the same bounds as constraints."""

from __future__ import annotations

MOST_TARGETS = 8
MOST_FALLBACKS = 4
MOST_WEIGHT = 1000
MOST_RETRIES = 5
# Seconds that a route may wait for each; those of the settings where it sets none, and no total.
MOST_S = {"connect_s": 60, "first_byte_s": 3600, "gap_s": 3600, "total_s": 7200}
