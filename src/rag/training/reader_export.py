"""The trained network as the files that `rag.answering.reader` opens.

Trained layers are stored as 8-bit integers with a scale a column, the layers that stayed as they
were and the table of pieces as 4-bit integers with a scale for 32 numbers, as the base model has
them (so nothing is lost there). 8 bits are used as 7: processors without VNNI add pairs of
products in 16 bits, which would overflow.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from rag.answering.reader import EMBEDDINGS, FORMAT, NETWORK, VOCABULARY
from rag.training.reader_network import EPSILON, Layer, Network

Array = NDArray[np.float32]
BLOCK = 32
_TOP = 63.0  # 7 bits
_CONTRIB = "com.microsoft"


def quarters(rows: Array) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """Rows of numbers as 4-bit integers around 8, and the scale of each block of 32.

    Shapes `(rows, blocks, 16)`, two numbers a byte, and `(rows, blocks)`. Exact for numbers that
    were packed this way before.
    """
    blocks = rows.reshape(len(rows), -1, BLOCK)
    at = np.abs(blocks).argmax(axis=2)[..., None]
    extreme = np.take_along_axis(blocks, at, axis=2)[..., 0]
    scales = (extreme / -8.0).astype(np.float16)
    safe = np.where(scales == 0, 1, scales).astype(np.float32)
    whole = np.clip(np.rint(blocks / safe[..., None]) + 8, 0, 15).astype(np.uint8)
    half = BLOCK // 2
    return whole[..., :half] | (whole[..., half:] << 4), scales


def export(network: Network, vocabulary: str, folder: Path, *, longest: int) -> None:
    """Write the folder; `vocabulary` is the tokenizer as JSON, `longest` how many pieces fit."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VOCABULARY).write_text(vocabulary, encoding="utf-8")
    packed, scales = quarters(_array(network.pieces.weight))
    np.savez(
        folder / EMBEDDINGS,
        pieces=packed,
        scales=scales,
        positions=_array(network.positions.weight)[:longest].astype(np.float16),
    )
    onnx.save(_Graph(network).model(), str(folder / NETWORK))
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in (NETWORK, EMBEDDINGS, VOCABULARY)
    }
    about = {"format": FORMAT, "longest": longest, "sha256": hashes}
    (folder / "reader.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().numpy(), dtype=np.float32)


class _Graph:
    """Builds the graph node by node; every method returns the name of its output."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def model(self) -> onnx.ModelProto:
        network = self._network
        x = self._norm("embedded", network.norm, "norm")
        for i, layer in enumerate(network.layers):
            assert isinstance(layer, Layer)
            if i == network.frozen:
                x = self._add(x, self._lookup("levels", _array(network.levels.weight)), "levelled")
                x = self._add(x, self._lookup("sides", _array(network.sides.weight)), "sided")
            x = self._layer(x, layer, f"layer{i}", whole=i < network.frozen)
        weight = self._constant("head.weight", _array(network.head.weight).T.copy())
        raw = self._node("MatMul", [x, weight], "head.raw")
        bias = self._constant("head.bias", _array(network.head.bias))
        self._node("Add", [raw, bias], "logits")
        width = network.pieces.weight.shape[1]
        inputs = [
            helper.make_tensor_value_info("embedded", TensorProto.FLOAT, [1, "length", width]),
            helper.make_tensor_value_info("levels", TensorProto.INT64, [1, "length"]),
            helper.make_tensor_value_info("sides", TensorProto.INT64, [1, "length"]),
        ]
        outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "length", 2])]
        graph = helper.make_graph(self._nodes, "reader", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def _layer(self, x: str, layer: Layer, name: str, *, whole: bool) -> str:
        """One encoder layer (Vaswani et al. 2017, normalised after each half)."""
        width = layer.out.weight.shape[0]
        joined = _array(layer.joined.weight)
        biases = _array(layer.joined.bias)
        parts = [
            self._linear(
                x,
                joined[i * width : (i + 1) * width],
                biases[i * width : (i + 1) * width],
                f"{name}.{part}",
                whole=whole,
            )
            for i, part in enumerate(("query", "key", "value"))
        ]
        seen = self._node(
            "MultiHeadAttention", parts, f"{name}.seen", _CONTRIB,
            num_heads=layer.heads,
        )  # fmt: skip
        out = self._module(seen, layer.out, f"{name}.out", whole=whole)
        x = self._norm(self._add(x, out, f"{name}.sum1"), layer.norm1, f"{name}.norm1")
        up = self._module(x, layer.up, f"{name}.up", whole=whole)
        bent = self._node("Gelu", [up], f"{name}.bent", _CONTRIB)
        down = self._module(bent, layer.down, f"{name}.down", whole=whole)
        return self._norm(self._add(x, down, f"{name}.sum2"), layer.norm2, f"{name}.norm2")

    def _module(self, x: str, module: nn.Linear, name: str, *, whole: bool) -> str:
        weight, bias = _array(module.weight), _array(module.bias)
        return self._linear(x, weight, bias, name, whole=whole)

    def _linear(self, x: str, weight: Array, bias: Array, name: str, *, whole: bool) -> str:
        """`x` times the transpose of `weight`, shape `(outputs, inputs)`, in integers."""
        scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / _TOP
        scales = self._constant(f"{name}.scale", scale.astype(np.float32))
        if whole:
            integers = self._unpacked(weight, scales, name)
        else:
            rounded = np.rint(weight / scale[:, None]).astype(np.int8)
            integers = self._constant(f"{name}.weight", rounded.T.copy())
        zero = self._constant(f"{name}.zero", np.zeros(len(weight), dtype=np.int8))
        biases = self._constant(f"{name}.bias", bias)
        return self._node(
            "DynamicQuantizeMatMul", [x, integers, scales, zero, biases], name, _CONTRIB
        )

    def _unpacked(self, weight: Array, scales: str, name: str) -> str:
        """4-bit weights as 8-bit ones, shape `(inputs, outputs)`: done once, when it is opened."""
        packed, blocks = quarters(weight)
        node, constant = self._node, self._constant
        data = constant(f"{name}.packed", packed)
        low = node(
            "BitwiseAnd",
            [data, constant(f"{name}.mask", np.array([15], dtype=np.uint8))],
            f"{name}.low",
        )
        four = constant(f"{name}.four", np.array([4], dtype=np.uint8))
        high = node("BitShift", [data, four], f"{name}.high", direction="RIGHT")
        both = node("Concat", [low, high], f"{name}.both", axis=2)
        number = node("Cast", [both], f"{name}.number", to=TensorProto.FLOAT)
        centred = node(
            "Sub",
            [number, constant(f"{name}.eight", np.array([8], dtype=np.float32))],
            f"{name}.centred",
        )
        by_block = constant(f"{name}.blocks", blocks.astype(np.float32)[:, :, None])
        scaled = node("Mul", [centred, by_block], f"{name}.scaled")
        shape = constant(f"{name}.shape", np.array(weight.shape, dtype=np.int64))
        rows = node("Reshape", [scaled, shape], f"{name}.rows")
        columns = node("Transpose", [rows], f"{name}.columns", perm=[1, 0])
        divided = node("Div", [columns, scales], f"{name}.divided")
        rounded = node("Round", [divided], f"{name}.rounded")
        return node("Cast", [rounded], f"{name}.integers", to=TensorProto.INT8)

    def _norm(self, x: str, module: nn.LayerNorm, name: str) -> str:
        weight = self._constant(f"{name}.weight", _array(module.weight))
        bias = self._constant(f"{name}.bias", _array(module.bias))
        return self._node("LayerNormalization", [x, weight, bias], name, axis=-1, epsilon=EPSILON)

    def _lookup(self, index: str, table: Array) -> str:
        return self._node(
            "Gather", [self._constant(f"{index}.table", table), index], f"{index}.rows"
        )

    def _add(self, a: str, b: str, name: str) -> str:
        return self._node("Add", [a, b], name)

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _node(
        self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: object
    ) -> str:
        self._nodes.append(
            helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output


__all__ = ["export", "quarters"]
