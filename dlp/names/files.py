"""The files of the model, and by which digests they are known."""

from __future__ import annotations

import hashlib
import sys
from importlib import util
from pathlib import Path

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
# As the package has it, and as `convert` makes it. A new version of either is a decision, and is measured first.
SOURCE_SHA256 = "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5"
SHA256 = {
    MODEL: "988b27b6edf988e84a9576f5092cae9235558d866b00f3e736fceeacea8440ba",
    TOKENIZER: "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
}
REMEDY = "Run `make names`."


def folder() -> Path:
    """Beside the packages that made it, so that whoever has the one has the other."""
    return Path(sys.prefix) / "share" / "orbit-names"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fault(where: Path) -> str | None:
    """In words, what keeps the model from running; None when nothing does."""
    lacking = [name for name in ("numpy", "onnxruntime", "tokenizers") if util.find_spec(name) is None]
    if lacking:
        return f"The model that finds names needs {', '.join(lacking)}. {REMEDY}"
    for name, wanted in SHA256.items():
        path = where / name
        if not path.is_file():
            return f"The model that finds names is not there: {path} is missing. {REMEDY}"
        if sha256(path) != wanted:
            return f"The model that finds names is not the one that was measured: {path} differs. {REMEDY}"
    return None
