"""The network of ``reader.py`` as it is taught, in torch, and how it is written for use."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import nn
from torch.nn import functional

from analysis.classify.e5_file import SPECIAL
from analysis.classify.reader import BEGIN, END, HEADS, READ, padded, sequences, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from analysis.classify.e5_file import Encoder
    from analysis.classify.reader import Texts

LONGEST = 2 + sum(opening + closing + 1 for opening, closing in READ)
NAMES = {"begin": BEGIN, "end": END, "pad": "<pad>", "unknown": "<unk>"}
MASKED = -1e4
"""Added to the attention to what isn't there."""

LINEAR = {"q": "q", "k": "k", "v": "v", "out": "ao", "wide": "fi", "narrow": "fo"}
NORMS = {"norm": "aln", "last_norm": "oln"}
"""Parts of a layer, and what they are called in the encoder's file."""


class Layer(nn.Module):
    """A layer of the encoder, that of BERT: attention, then a network for each piece."""

    def __init__(self, size: int, inner: int, heads: int) -> None:
        """Make a layer of so many dimensions, inner dimensions and heads of attention."""
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(size, size) for _ in range(4))
        self.wide, self.narrow = nn.Linear(size, inner), nn.Linear(inner, size)
        self.norm, self.last_norm = (nn.LayerNorm(size, 1e-12) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """From (n, pieces, dimensions) to the same; the mask is added to the attention."""
        n, pieces, size = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(n, pieces, self.heads, size // self.heads).transpose(1, 2)

        q = split(self.q(x)) * (size // self.heads) ** -0.5
        near = q @ split(self.k(x)).transpose(2, 3) + mask
        # without dtype, autocast would make it slow
        seen = torch.softmax(near, -1, dtype=q.dtype) @ split(self.v(x))
        x = self.norm(x + self.out(seen.transpose(1, 2).reshape(n, pieces, size)))
        return cast("Tensor", self.last_norm(x + self.narrow(functional.gelu(self.wide(x)))))


class Body(nn.Module):
    """What is computed for every answer: layers, the mean of what comes out, and the heads."""

    def __init__(self, encoder: Encoder, layers: int) -> None:
        """Take the first layers of the encoder."""
        super().__init__()
        size, inner, heads = (encoder.sizes[name] for name in ("dimensions", "inner", "heads"))
        self.norm = nn.LayerNorm(size, 1e-12)
        _copy(encoder, self.norm, "emb.ln")
        self.layers = nn.ModuleList(Layer(size, inner, heads) for _ in range(layers))
        for place, layer in enumerate(self.layers):
            for name, stored in LINEAR.items():
                _copy(encoder, getattr(layer, name), f"l{place}.{stored}")
            for name, stored in NORMS.items():
                _copy(encoder, getattr(layer, name), f"l{place}.{stored}")
        self.pool = nn.Linear(size, size)
        self.heads = nn.Linear(size, sum(HEADS.values()))

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Scores (n, classes) from vectors (n, pieces, dimensions) and a mask (n, pieces)."""
        x = self.norm(vectors)
        added = ((1 - mask) * MASKED)[:, None, None, :].to(x.dtype)
        for layer in self.layers:
            x = layer(x, added)
        seen = mask[:, :, None]
        pooled = x[:, 0] + (x * seen).sum(1) / seen.sum(1)
        return cast("Tensor", self.heads(torch.tanh(self.pool(pooled))))


class Network(nn.Module):
    """The body, and what the vectors it is given are made of."""

    def __init__(self, encoder: Encoder, kept: NDArray[np.intp], layers: int) -> None:
        """Take some of the encoder's word pieces, whose vectors stay as they are."""
        super().__init__()
        words = encoder.tensors["emb.word"].reshape(encoder.sizes["pieces"], -1)[kept]
        self.codes, self.scales = words["codes"], words["scale"].astype(np.float16)
        self.vectors = torch.tensor(unpacked(self.codes, self.scales))
        places = _plain(encoder.tensors["emb.pos"]).reshape(encoder.sizes["places"], -1)
        self.places = nn.Parameter(
            torch.tensor(
                (places + _plain(encoder.tensors["emb.type"])[: places.shape[1]])[:LONGEST]
            )
        )
        self.parts = nn.Parameter(torch.zeros(len(READ), places.shape[1]))
        self.body = Body(encoder, layers)

    def forward(self, ids: Tensor, parts: Tensor, mask: Tensor) -> Tensor:
        """Scores (n, classes) from what ``reader.padded`` gives."""
        return cast("Tensor", self.body(self.given(ids, parts), mask))

    def given(self, ids: Tensor, parts: Tensor) -> Tensor:
        """What the body is given: vectors of pieces, of their places and of their text."""
        return self.vectors[ids] + self.places[: ids.shape[1]] + self.parts[parts]


def _copy(encoder: Encoder, module: nn.Linear | nn.LayerNorm, name: str) -> None:
    for target, part in ((module.weight, "w"), (module.bias, "b")):
        values = _plain(encoder.tensors[f"{name}.{part}"])
        target.data = torch.tensor(values.reshape(tuple(target.shape)))


def _plain(tensor: NDArray[Any]) -> NDArray[np.float32]:
    if tensor.dtype.names is None:
        return np.array(tensor, np.float32)
    return unpacked(tensor["codes"][:, None], tensor["scale"].astype(np.float16)[:, None]).ravel()


def restored(encoder: Encoder, vectors: Path, layers: Path) -> tuple[Network, Tokenizer]:
    """A network that ``write`` wrote, and its tokenizer, to be taught on.

    Args:
        encoder: that it began as.
        vectors, layers: the files. Weights come back as exact as 8 bits are.
    """
    with np.load(vectors, allow_pickle=False) as stored:
        pieces = Tokenizer.from_str(bytes(stored["pieces"]).decode())
        own = {name: torch.tensor(stored[name].astype(np.float32)) for name in ("places", "parts")}
    at = {piece: place for place, piece in enumerate(encoder.pieces)}
    at |= {NAMES[name]: encoder.special[name] for name in SPECIAL}
    own_pieces = sorted(pieces.get_vocab().items(), key=lambda pair: pair[1])
    kept = np.array([at[piece] for piece, _ in own_pieces])
    body = _body_weights(onnx.load(layers).graph)
    depth = len({name.split(".")[1] for name in body if name.startswith("layers.")})
    network = Network(encoder, kept, depth)
    network.load_state_dict(own | {f"body.{name}": values for name, values in body.items()})
    return network, pieces


def _body_weights(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """The weights of ``Body`` from the layers as they are written, by their names in torch."""
    stored = {one.name: numpy_helper.to_array(one).astype(np.float32) for one in graph.initializer}
    for node in graph.node:  # what is the same is written once
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    codes = {
        node.output[0]: [stored[name] for name in node.input]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in stored
    }
    found = {}
    for node in graph.node:
        module = node.name.strip("/").rpartition("/")[0].replace("/", ".")
        if node.op_type in {"LayerNormalization", "Gemm"}:
            found[f"{module}.weight"], found[f"{module}.bias"] = (
                stored[name] for name in node.input[1:]
            )
        elif node.op_type == "MatMul" and node.input[1] in codes:
            code, scale, zero = codes[node.input[1]]
            found[f"{module}.weight"] = ((code - zero) * scale).T
        elif node.op_type == "Add" and node.input[0] in stored:
            found[f"{module}.bias"] = stored[node.input[0]]
    return {name: torch.tensor(values) for name, values in found.items()}


def tokenizer(encoder: Encoder, kept: NDArray[np.intp]) -> Tokenizer:
    """Cuts texts into some of the encoder's word pieces; their ids are their places."""
    names = {encoder.special[name]: NAMES[name] for name in SPECIAL}
    pieces = [(names.get(at, encoder.pieces[at]), float(encoder.scores[at])) for at in kept]
    unknown = [name for name, _ in pieces].index(NAMES["unknown"])
    found = Tokenizer(models.Unigram(pieces, unknown))
    found.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace("\n", " "), normalizers.Strip()]
    )
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    return found


class _Examples(CalibrationDataReader):  # type: ignore[misc]  # the library has no types
    """What the layers are given for some texts, a text at a time."""

    def __init__(self, network: Network, pieces: Tokenizer, texts: Sequence[Texts]) -> None:
        self._network, self._rest = network, iter(sequences(pieces, texts))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        one = next(self._rest, None)
        if one is None:
            return None
        ids, parts, mask = padded([one])
        with torch.no_grad():
            given = self._network.given(torch.from_numpy(ids), torch.from_numpy(parts))
        return {"vectors": given.numpy(), "mask": mask}


def write(
    network: Network, pieces: Tokenizer, texts: Sequence[Texts], vectors: Path, layers: Path
) -> None:
    """Write a network as ``reader.load`` reads it.

    Args:
        network: as taught.
        pieces: its tokenizer.
        texts: some hundreds, from which the ranges of what is computed are taken. They are fixed
            then, so that what is said of an answer doesn't depend on the others in its batch.
        vectors, layers: the files.
    """
    np.savez_compressed(
        vectors,
        pieces=np.frombuffer(pieces.to_str().encode(), np.uint8),
        codes=network.codes,
        scales=network.scales,
        places=network.places.detach().numpy().astype(np.float16),
        parts=network.parts.detach().numpy().astype(np.float16),
    )
    example = torch.zeros(2, 9, network.places.shape[1]), torch.ones(2, 9)
    free = {0: "answers", 1: "pieces"}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says of its exporter that there is a newer one
        whole = Path(folder) / "whole.onnx"
        torch.onnx.export(
            network.body.eval(),
            example,
            str(whole),
            input_names=["vectors", "mask"],
            output_names=["scores"],
            dynamic_axes={"vectors": free, "mask": free, "scores": {0: "answers"}},
            dynamo=False,
        )
        quantize_static(
            whole,
            layers,
            _Examples(network, pieces, texts),
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=_without_weights(whole),
            per_channel=True,
            reduce_range=True,  # with 8 bits, processors without VNNI instructions overflow
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
        )


def _without_weights(path: Path) -> list[str]:
    """Names of the products of two computed things: attention, which stays as exact as it is."""
    graph = onnx.load(path).graph
    weights = {one.name for one in graph.initializer}
    products = (node for node in graph.node if node.op_type == "MatMul")
    return [node.name for node in products if not weights & set(node.input)]
