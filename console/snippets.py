"""How applications reach the gateway, filled in to be copied."""

from __future__ import annotations

import json
import pprint
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLACEHOLDER = "YOUR_KEY"


@dataclass(frozen=True, slots=True)
class Snippet:
    name: str
    title: str
    text: str


def snippets(public_url: str, key: str, model: str) -> list[Snippet]:
    """`key` empty: a word stands in its place."""
    given = {"URL": public_url, "KEY": key or PLACEHOLDER, "MODEL": model}
    made = []
    for name, title, text in _TEXTS:
        for word, value in given.items():
            text = text.replace(f"[[{word}]]", value)
        made.append(Snippet(name, title, text.strip()))
    return made


def as_code(public_url: str, body: Mapping[str, Any]) -> list[Snippet]:
    """One chat completion with these parameters, the key left out: it is read from the environment."""
    plain = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    curl = shlex.quote(json.dumps(plain, indent=2, ensure_ascii=False))
    python = "".join(
        f"    {name}={_python(value)},\n" for name, value in plain.items() if name.isidentifier()
    )
    script = json.dumps(plain, indent=2, ensure_ascii=False)
    return [
        Snippet(
            "curl",
            "curl",
            f'curl {public_url}/v1/chat/completions \\\n  -H "Authorization: Bearer $ORBIT_API_KEY" \\\n'
            f'  -H "Content-Type: application/json" \\\n  -d {curl}',
        ),
        Snippet(
            "python",
            "OpenAI, Python",
            f"# pip install openai\nimport os\n\nfrom openai import OpenAI\n\n"
            f'client = OpenAI(base_url="{public_url}/v1", api_key=os.environ["ORBIT_API_KEY"])\n'
            f"answer = client.chat.completions.create(\n{python})\nprint(answer.choices[0].message.content)",
        ),
        Snippet(
            "javascript",
            "OpenAI, JavaScript",
            f'// npm install openai\nimport OpenAI from "openai";\n\n'
            f'const client = new OpenAI({{ baseURL: "{public_url}/v1", apiKey: process.env.ORBIT_API_KEY }});\n'
            f"const answer = await client.chat.completions.create({script});\n"
            "console.log(answer.choices[0].message.content);",
        ),
    ]


def _python(value: Any) -> str:
    return pprint.pformat(value, width=90, sort_dicts=False).replace("\n", "\n    ")


_TEXTS = (
    (
        "curl",
        "curl",
        """
curl [[URL]]/v1/chat/completions \\
  -H "Authorization: Bearer [[KEY]]" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "[[MODEL]]", "messages": [{"role": "user", "content": "Hello"}]}'
""",
    ),
    (
        "openai-python",
        "OpenAI, Python",
        """
# pip install openai
from openai import OpenAI

client = OpenAI(base_url="[[URL]]/v1", api_key="[[KEY]]")
answer = client.chat.completions.create(
    model="[[MODEL]]",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)
""",
    ),
    (
        "openai-javascript",
        "OpenAI, JavaScript",
        """
// npm install openai
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "[[URL]]/v1", apiKey: "[[KEY]]" });
const answer = await client.chat.completions.create({
  model: "[[MODEL]]",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.choices[0].message.content);
""",
    ),
    (
        "anthropic",
        "Anthropic, Python",
        """
# pip install anthropic
from anthropic import Anthropic

client = Anthropic(base_url="[[URL]]", auth_token="[[KEY]]")
answer = client.messages.create(
    model="[[MODEL]]",
    max_tokens=500,
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.content[0].text)
""",
    ),
    (
        "vercel",
        "Vercel AI SDK",
        """
// npm install ai @ai-sdk/openai-compatible
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";

const orbit = createOpenAICompatible({ name: "orbit", baseURL: "[[URL]]/v1", apiKey: "[[KEY]]" });
const { text } = await generateText({ model: orbit("[[MODEL]]"), prompt: "Hello" });
console.log(text);
""",
    ),
    (
        "langchain",
        "LangChain",
        """
# pip install langchain-openai
from langchain_openai import ChatOpenAI

model = ChatOpenAI(base_url="[[URL]]/v1", api_key="[[KEY]]", model="[[MODEL]]")
print(model.invoke("Hello").content)
""",
    ),
    (
        "claude-code",
        "Claude Code",
        """
export ANTHROPIC_BASE_URL="[[URL]]"
export ANTHROPIC_AUTH_TOKEN="[[KEY]]"
export ANTHROPIC_MODEL="[[MODEL]]"
""",
    ),
    (
        "codex",
        "Codex",
        """
# ~/.codex/config.toml; then: export ORBIT_API_KEY="[[KEY]]"
model = "[[MODEL]]"
model_provider = "orbit"

[model_providers.orbit]
name = "Orbit"
base_url = "[[URL]]/v1"
env_key = "ORBIT_API_KEY"
wire_api = "responses"
""",
    ),
)
