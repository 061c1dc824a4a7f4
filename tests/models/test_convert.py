"""The conversion, checked by reading it back, and by llama.cpp against a BERT written out in numpy."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from llama_cpp import Llama

from bot.config import default_models_dir
from bot.errors import FetchError
from bot.models import catalogue, convert, files

from .tiny_bert import HEADS, HIDDEN, INNER, LAYERS, POSITIONS, VOCAB, Array, random_bert, write_bert


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    write_bert(folder)
    convert.bert(folder, folder / "bert.gguf", "tiny")
    return folder / "bert.gguf"


def fields(path: Path) -> dict[str, Any]:
    return {name: entry.contents() for name, entry in gguf.GGUFReader(path).fields.items()}


def test_the_metadata_is_what_llama_cpp_needs(converted: Path) -> None:
    found = fields(converted)
    expected = {
        "general.architecture": "bert",
        "general.name": "tiny",
        "general.file_type": int(gguf.LlamaFileType.MOSTLY_Q8_0),
        "bert.context_length": POSITIONS,
        "bert.embedding_length": HIDDEN,
        "bert.feed_forward_length": INNER,
        "bert.block_count": LAYERS,
        "bert.attention.head_count": HEADS,
        "bert.attention.causal": False,
        "bert.pooling_type": int(gguf.PoolingType.MEAN),
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.tokens": [*VOCAB[:6], "▁the", "▁cat", "▁sat", "s", "▁mat", "▁é"],
        "tokenizer.ggml.token_type": [3] * 6 + [1] * 6,
        "tokenizer.ggml.bos_token_id": 3,
        "tokenizer.ggml.eos_token_id": 4,
        "tokenizer.ggml.unknown_token_id": 2,
    }
    assert {key: found[key] for key in expected} == expected


def test_every_tensor_is_there_in_its_form(converted: Path) -> None:
    weights, names = random_bert(), dict(convert.OUTER)
    for layer in range(LAYERS):
        for source, target in convert.LAYER.items():
            for end in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{source}.{end}"] = f"blk.{layer}.{target}.{end}"
    read = {tensor.name: tensor for tensor in gguf.GGUFReader(converted).tensors}
    assert set(read) == set(names.values())
    for source, target in names.items():
        tensor, original = read[target], weights[source]
        assert tuple(reversed(tensor.shape.tolist())) == original.shape
        exact = original.ndim == 1 or target in convert.KEPT_FLOAT
        kind = gguf.GGMLQuantizationType
        assert tensor.tensor_type == (kind.F32 if exact else kind.Q8_0), target
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        # Q8_0 rounds to 1/127 of the largest of 32 weights, half of that up or down, and its scale to 11 bits.
        slack = 0.0 if exact else np.abs(original).max() * (0.5 / 127 + 2**-11)
        assert np.abs(values - original).max() <= slack, target


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, converted: Path) -> None:
    write_bert(tmp_path, weights=dict(reversed(random_bert().items())))
    steps = list[tuple[int, int]]()
    convert.bert(tmp_path, tmp_path / "bert.gguf", "tiny", lambda done, total: steps.append((done, total)))
    assert (tmp_path / "bert.gguf").read_bytes() == converted.read_bytes()
    assert steps[-1][0] == steps[-1][1]
    assert steps == sorted(steps)


def without(name: str) -> dict[str, Array]:
    return {key: value for key, value in random_bert().items() if key != name}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights": without("embeddings.LayerNorm.bias")}, "lacks embeddings.LayerNorm.bias"),
        ({"config": {"hidden_size": 32}}, r"has the shape \(12, 64\), not \(12, 32\)"),
        ({"config": {"hidden_size": 33}}, "broken"),
        ({"config": {"layer_norm_eps": "none"}}, "broken"),
        ({"vocab": VOCAB[:-1]}, "does not hold 12 tokens"),
        ({"vocab": ["x" if token == "[CLS]" else token for token in VOCAB]}, "does not hold"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(tmp_path: Path, changes: Mapping[str, Any], says: str) -> None:
    write_bert(tmp_path, **changes)
    with pytest.raises(FetchError, match=says):
        convert.bert(tmp_path, tmp_path / "bert.gguf", "tiny")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt"])
def test_a_file_of_noise_is_refused(tmp_path: Path, name: str) -> None:
    write_bert(tmp_path)
    (tmp_path / name).write_bytes(b"\xff\xfe noise")
    with pytest.raises(FetchError, match="broken") as caught:
        convert.bert(tmp_path, tmp_path / "bert.gguf", "tiny")
    assert "\n" not in str(caught.value)


def norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    result: Array = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias
    return result


def gelu(x: Array) -> Array:
    result: Array = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return result


def numpy_bert(get: Callable[[str], Array], tokens: list[int], layers: int, heads: int, eps: float) -> Array:
    """Mean of the last layer (Devlin et al. 2019), by GGUF names; unit length."""

    def dense(x: Array, name: str) -> Array:
        return x @ get(f"{name}.weight").T + get(f"{name}.bias")

    def normed(x: Array, name: str) -> Array:
        return norm(x, get(f"{name}.weight"), get(f"{name}.bias"), eps)

    x = get("token_embd.weight")[tokens] + get("token_types.weight")[0] + get("position_embd.weight")[: len(tokens)]
    x = normed(x, "token_embd_norm")
    for layer in range(layers):
        block = f"blk.{layer}."
        q, k, v = (dense(x, f"{block}attn_{part}").reshape(len(tokens), heads, -1).transpose(1, 0, 2) for part in "qkv")
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(tokens), -1)
        x = normed(x + dense(mixed, f"{block}attn_output"), f"{block}attn_output_norm")
        x = normed(x + dense(gelu(dense(x, f"{block}ffn_up")), f"{block}ffn_down"), f"{block}layer_output_norm")
    mean: Array = x.mean(0)
    return mean / np.linalg.norm(mean)


def cosine_to_llama(path: Path, get: Callable[[str], Array], text: str) -> float:
    found = fields(path)
    vocab = found["tokenizer.ggml.tokens"]
    tokens = [vocab.index(token) for token in ("[CLS]", *(f"▁{word}" for word in text.lower().split()), "[SEP]")]
    model = Llama(str(path), embedding=True, n_ctx=32, n_threads=1, verbose=False)
    try:
        embedding = np.asarray(model.embed(text), dtype=np.float32)
    finally:
        model.close()
    layers, heads = found["bert.block_count"], found["bert.attention.head_count"]
    expected = numpy_bert(get, tokens, layers, heads, found["bert.attention.layer_norm_epsilon"])
    return float(embedding @ expected / np.linalg.norm(embedding))


def test_llama_cpp_computes_the_original(converted: Path) -> None:
    weights = {target: random_bert()[source] for source, target in convert.OUTER.items()}
    for layer in range(LAYERS):
        for source, target in convert.LAYER.items():
            for end in ("weight", "bias"):
                weights[f"blk.{layer}.{target}.{end}"] = random_bert()[f"encoder.layer.{layer}.{source}.{end}"]
    assert cosine_to_llama(converted, weights.__getitem__, "The cat sat the mat") > 0.999


def test_the_real_embedder_computes_what_its_weights_say() -> None:
    entry = catalogue.load().get("all-minilm-l6-v2")
    path = default_models_dir() / entry.file
    if not path.is_file():
        pytest.skip("the embedder is not here; `bot models pull` fetches it")
    path = files.resolve(entry.name, path.parent, "embedder").path
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}

    def get(name: str) -> Array:
        values: Array = gguf.quants.dequantize(tensors[name].data, tensors[name].tensor_type)
        return values

    assert cosine_to_llama(path, get, "The president met his guest in the old town") > 0.999
