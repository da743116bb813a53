"""What the first user needs to know, with snippets that work when pasted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from orbit.launcher.state import write_private

_FILE = "demo.json"


@dataclass(frozen=True)
class Demo:
    organization: str
    email: str
    password: str
    key: str
    model: str


def remembered(directory: Path, seeded: Mapping[str, str | None]) -> Demo | None:
    """Password and key are told only when they are made, so they are kept for later runs.

    None when they are lost: a first run may have ended between making and keeping them.
    """
    path = directory / _FILE
    known = json.loads(path.read_text()) if path.exists() else {}
    known |= {name: value for name, value in seeded.items() if value}
    try:
        demo = Demo(**{field.name: known[field.name] for field in fields(Demo)})
    except KeyError:
        return None
    write_private(path, json.dumps(asdict(demo), indent=1))
    return demo


def plain(url: str, elapsed_s: float) -> str:
    return f"\nOrbit Gateway is up after {elapsed_s:.1f} s at {url}/  Ctrl-C stops it.\n"


def with_demo(url: str, elapsed_s: float, demo: Demo) -> str:
    question = {"model": demo.model, "messages": [{"role": "user", "content": "Say hello."}]}
    return f"""
Orbit Gateway is up after {elapsed_s:.1f} s. Ctrl-C stops it.

  Page      {url}/
  Sign in   {demo.email}   {demo.password}
  Key       {demo.key}

Ask through it, in another terminal:

curl {url}/v1/chat/completions \\
  -H "Authorization: Bearer {demo.key}" \\
  -H "Content-Type: application/json" \\
  -d '{json.dumps(question)}'

Or from Python, with nothing changed but address and key:

# pip install openai
from openai import OpenAI
client = OpenAI(base_url="{url}/v1", api_key="{demo.key}")
answer = client.chat.completions.create(model="{demo.model}", messages=[{{"role": "user", "content": "Say hello."}}])
print(answer.choices[0].message.content)

Anthropic's SDK, and coding agents built on it, take ANTHROPIC_BASE_URL={url} and ANTHROPIC_AUTH_TOKEN={demo.key}
(models claude-haiku-4-5 and claude-sonnet-4-6). Any model answers on either surface.
"""
