"""What mkdocs.yml cannot say. Runs in the environment of the documentation, without the gateway's packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """A folder in the navigation stands for its pages, by their names."""
    config["nav"] = [_filled(one, Path(config["docs_dir"])) for one in config["nav"]]
    return config


def _filled(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    [(title, place)] = entry.items()
    if not isinstance(place, str) or not place.endswith("/"):
        return entry
    return {title: [{_title(page): f"{place}{page.name}"} for page in sorted((folder / place).glob("*.md"))]}


def _title(page: Path) -> str:
    with page.open(encoding="utf-8") as lines:
        return next(lines).removeprefix("# ").strip()
