"""Values that stand for a value: `<your key>`, `${TOKEN}`, `changeme`, `os.environ["KEY"]`, our own placeholders."""

from __future__ import annotations

import re

_FORMS = re.compile(
    r"""[<\[{(].*[>\]})]?              # <password>, [redacted], {{ token }}
    | [$%@&].*                         # $TOKEN, ${TOKEN}, %s, @secret
    | .*[<{$]{1,2}[\w ._-]+[>}].*      # Bearer ${TOKEN}
    | [xX*.•#_=?~-]{3,}.*              # xxxx, ****, ----
    | .*(?:\*{3,}|\.{3,}|…|x{5,}|X{5,}).*
    | (?:\w+\.)+\w+(?:\[.*|\(.*)?      # os.environ["X"], process.env.X, config.password
    | \w+(?:\(.*|\[.*|->.*)            # getenv("X"), secrets["x"]
    """,
    re.VERBOSE | re.DOTALL,
)
_LONGEST = 200  # what stands for a value is short; the forms above try many beginnings
_WORDS = re.compile(
    r"(?i)your|placeholder|example|sample|dummy|redacted|change[-_ ]?me|replace|insert|\bhere\b|todo|fixme|"
    r"^(?:null|none|nil|true|false|undefined|string|str|text|value|test|password\d?|passwort|secret|token|apikey|api[-_]key|foobar|"
    r"required|optional|empty|missing|invalid|unknown|hidden|masked|set|unset|get|env|yes|no|n/a|str|bytes|int|bool|"
    r"reset|expired|incorrect|wrong|changed|forgotten|policy|field|hash|hashed|manager|protected|input|type|is|was|must|should|self)$"
)


def is_placeholder(value: str) -> bool:
    bare = value[:_LONGEST].strip().strip("\"'`")
    return not bare or _FORMS.fullmatch(bare) is not None or _WORDS.search(bare) is not None
