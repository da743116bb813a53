from __future__ import annotations

import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from dlp.names import convert, files


def _package() -> Path:
    found = util.find_spec(convert.PACKAGE)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "models" / "rampart"


def test_package_becomes_the_files_that_were_measured(tmp_path: Path) -> None:
    convert.convert(_package(), tmp_path)
    assert files.fault(tmp_path) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "LICENSE",
        "NOTICE",
        "model.onnx",
        "tokenizer.json",
    ]


def test_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model_q4.onnx").write_bytes(b"another")
    with pytest.raises(convert.ConversionError, match="another model"):
        convert.convert(tmp_path, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_changed_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    for name in files.SHA256:
        (tmp_path / name).write_bytes((files.folder() / name).read_bytes())
    assert files.fault(tmp_path) is None
    (tmp_path / files.TOKENIZER).write_text("{}")
    said = str(files.fault(tmp_path))
    assert str(tmp_path / files.TOKENIZER) in said
    assert said.endswith("Run `make names`.")
    (tmp_path / files.MODEL).unlink()
    assert "is missing" in str(files.fault(tmp_path))


def test_worker_without_its_model_says_what_to_do(tmp_path: Path) -> None:
    code = f"import sys; sys.prefix = {str(tmp_path)!r}; from dlp.names import worker; worker.main()"
    ended = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True)
    assert ended.returncode == 1
    assert b"Run `make names`." in ended.stderr
