"""A BERT sentence embedder (safetensors, vocab.txt, config.json) → one GGUF file that llama.cpp runs.

Matrices become Q8_0 (blocks of 32 weights with a half-precision scale), all else stays float32; pooling is the mean.
The bytes depend on the inputs alone: fixed order of keys and tensors, no version, no date. Names of the source's
tensors follow Hugging Face's BertModel, those of the target llama.cpp's `bert` architecture.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open

from bot.errors import FetchError

WORD_START = "\u2581"  # llama.cpp marks where words start; BERT's vocabulary marks with ## where they go on
Q8_0 = gguf.GGMLQuantizationType.Q8_0
SPECIAL = ("[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]")

OUTER = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
KEPT_FLOAT = ("token_types.weight", "position_embd.weight")  # small, and added to every token


class _Config(BaseModel):
    """The fields of config.json that the GGUF needs."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    vocab_size: int = Field(gt=0)
    hidden_size: int = Field(gt=0, multiple_of=32)
    intermediate_size: int = Field(gt=0, multiple_of=32)
    num_hidden_layers: int = Field(gt=0)
    num_attention_heads: int = Field(gt=0)
    max_position_embeddings: int = Field(gt=0)
    type_vocab_size: int = Field(gt=0)
    layer_norm_eps: float = Field(gt=0)


class _Tensor(NamedTuple):
    source: str
    target: str
    shape: tuple[int, ...]
    quantized: bool

    @property
    def nbytes(self) -> int:
        elements = int(np.prod(self.shape))
        block, size = gguf.GGML_QUANT_SIZES[Q8_0]
        return elements // block * size if self.quantized else elements * 4


def bert(folder: Path, target: Path, name: str, tick: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Write the GGUF for the BERT in `folder` to `target`; `tick` gets the bytes of tensors written and their total.

    Raises FetchError, without advice, if the inputs do not fit together.
    """
    try:
        config = _Config.model_validate(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        vocab = (folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        if len(vocab) != config.vocab_size or not set(SPECIAL) <= set(vocab):
            raise FetchError(f"vocab.txt does not hold {config.vocab_size} tokens with {' '.join(SPECIAL)}")
        with safe_open(folder / "model.safetensors", framework="numpy") as weights:
            tensors = list(_tensors(config))
            _check_shapes(weights, tensors)
            _write(target, name, config, vocab, tensors, weights, tick)
    except (ValueError, ValidationError, SafetensorError) as error:
        raise FetchError(f"the files to convert are broken: {str(error).splitlines()[0]}") from None


def _tensors(config: _Config) -> Iterator[_Tensor]:
    hidden, inner = config.hidden_size, config.intermediate_size
    outer = {
        "token_embd.weight": (config.vocab_size, hidden),
        "token_types.weight": (config.type_vocab_size, hidden),
        "position_embd.weight": (config.max_position_embeddings, hidden),
    }
    for source, target in OUTER.items():
        yield _tensor(source, target, outer.get(target, (hidden,)))
    matrices = {"ffn_up": (inner, hidden), "ffn_down": (hidden, inner)}
    for layer in range(config.num_hidden_layers):
        for source, target in LAYER.items():
            norm = target.endswith("_norm")
            shape = (hidden,) if norm else matrices.get(target, (hidden, hidden))
            prefix = f"encoder.layer.{layer}.{source}"
            yield _tensor(f"{prefix}.weight", f"blk.{layer}.{target}.weight", shape)
            yield _tensor(f"{prefix}.bias", f"blk.{layer}.{target}.bias", shape[:1])


def _tensor(source: str, target: str, shape: tuple[int, ...]) -> _Tensor:
    return _Tensor(source, target, shape, len(shape) == 2 and target not in KEPT_FLOAT)


def _check_shapes(weights: Any, tensors: list[_Tensor]) -> None:
    present = set(weights.keys())
    for tensor in tensors:
        if tensor.source not in present:
            raise FetchError(f"model.safetensors lacks {tensor.source}")
        shape = tuple(weights.get_slice(tensor.source).get_shape())
        if shape != tensor.shape:
            raise FetchError(f"{tensor.source} has the shape {shape}, not {tensor.shape}")


def _write(
    target: Path,
    name: str,
    config: _Config,
    vocab: list[str],
    tensors: list[_Tensor],
    weights: Any,
    tick: Callable[[int, int], None],
) -> None:
    writer = gguf.GGUFWriter(target, "bert")
    try:
        _add_metadata(writer, name, config)
        _add_vocabulary(writer, vocab, config)
        for tensor in tensors:
            raw = Q8_0 if tensor.quantized else None
            writer.add_tensor_info(tensor.target, tensor.shape, np.dtype(np.float32), tensor.nbytes, raw_dtype=raw)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        done, total = 0, sum(tensor.nbytes for tensor in tensors)
        for tensor in tensors:
            writer.write_tensor_data(_data(tensor, weights))
            done += tensor.nbytes
            tick(done, total)
    finally:
        writer.close()


def _data(tensor: _Tensor, weights: Any) -> npt.NDArray[Any]:
    values: npt.NDArray[np.float32] = np.ascontiguousarray(weights.get_tensor(tensor.source), dtype=np.float32)
    if not tensor.quantized:
        return values
    quantized: npt.NDArray[np.uint8] = gguf.quants.quantize(values, Q8_0)
    return quantized


def _add_metadata(writer: Any, name: str, config: _Config) -> None:
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _add_vocabulary(writer: Any, vocab: list[str], config: _Config) -> None:
    special = [token.startswith("[") and token.endswith("]") for token in vocab]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(config.type_vocab_size)
    writer.add_token_list([_spelled(token, kept) for token, kept in zip(vocab, special, strict=True)])
    types = {True: int(gguf.TokenType.CONTROL), False: int(gguf.TokenType.NORMAL)}
    writer.add_token_types([types[kept] for kept in special])
    number = {token: vocab.index(token) for token in SPECIAL}
    writer.add_bos_token_id(number["[CLS]"])
    writer.add_eos_token_id(number["[SEP]"])
    writer.add_sep_token_id(number["[SEP]"])
    writer.add_unk_token_id(number["[UNK]"])
    writer.add_pad_token_id(number["[PAD]"])
    writer.add_mask_token_id(number["[MASK]"])


def _spelled(token: str, special: bool) -> str:
    if special:
        return token
    return token[2:] if token.startswith("##") else WORD_START + token
