"""What the clients send."""

from __future__ import annotations

import json

PROMPT_BYTES = 1000
SENTENCE = "Summarise the minutes of the meeting and name who has to do what until when. "
# As the OpenAI SDK for Python sends them: headers cost something to read.
SDK_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "OpenAI/Python 3.0.0",
    "x-stainless-arch": "x64",
    "x-stainless-async": "false",
    "x-stainless-lang": "python",
    "x-stainless-os": "Linux",
    "x-stainless-package-version": "3.0.0",
    "x-stainless-read-timeout": "600",
    "x-stainless-retry-count": "0",
    "x-stainless-runtime": "CPython",
    "x-stainless-runtime-version": "3.11.0",
}


def chat(key: str, *, tokens: int, stream: bool = False, pace_ms: int = 0) -> str:
    """One request, head and body. The directive tells the demo provider how long to answer, and how fast."""
    prompt = (SENTENCE * (PROMPT_BYTES // len(SENTENCE) + 1))[:PROMPT_BYTES]
    directive = f"[[orbit-demo: tokens={tokens} pace_ms={pace_ms}]]"
    body = {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": f"{prompt} {directive}"},
        ],
        "max_tokens": tokens,
        "temperature": 0.7,
        **({"stream": True} if stream else {}),
    }
    content = json.dumps(body)
    headers = {
        "host": "gateway.example",
        "authorization": f"Bearer {key}",
        **SDK_HEADERS,
        "content-length": str(len(content)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v1/chat/completions HTTP/1.1\r\n{lines}\r\n{content}"
