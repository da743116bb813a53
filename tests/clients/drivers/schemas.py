"""What all clients ask for alike."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Trip(BaseModel):
    city: str
    nights: int


WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "location": {"type": "string"},
        "unit": {"type": "string", "enum": ["fahrenheit", "celsius"]},
    },
    "required": ["location", "unit"],
}
FUNCTION: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather at a place", "parameters": WEATHER},
}
