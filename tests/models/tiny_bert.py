"""A BERT with random weights, small enough to convert in a moment."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from bot.models import convert

Array = npt.NDArray[np.float32]

HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 64, 96, 2, 4, 32
VOCAB = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "mat", "é"]
CONFIG = {
    "vocab_size": len(VOCAB),
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "max_position_embeddings": POSITIONS,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "model_type": "bert",
}


def random_bert() -> dict[str, Array]:
    """Weights in Hugging Face's names; spread so that every tensor matters to the outcome."""
    random = np.random.default_rng(7)

    def draw(*shape: int) -> Array:
        return random.normal(0, 0.3, shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": draw(len(VOCAB), HIDDEN),
        "embeddings.token_type_embeddings.weight": draw(2, HIDDEN),
        "embeddings.position_embeddings.weight": draw(POSITIONS, HIDDEN),
        "embeddings.LayerNorm.weight": 1 + draw(HIDDEN),
        "embeddings.LayerNorm.bias": draw(HIDDEN),
    }
    shapes = {"intermediate.dense": (INNER, HIDDEN), "output.dense": (HIDDEN, INNER)}
    for layer in range(LAYERS):
        for name in convert.LAYER:
            norm = name.endswith("LayerNorm")
            out, into = shapes.get(name, (HIDDEN, HIDDEN))
            weights[f"encoder.layer.{layer}.{name}.weight"] = 1 + draw(HIDDEN) if norm else draw(out, into)
            weights[f"encoder.layer.{layer}.{name}.bias"] = draw(out)
    return weights


def write_bert(folder: Path, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    save_file(changes.get("weights", random_bert()), folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(changes.get("vocab", VOCAB)) + "\n", encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes.get("config", {})}), encoding="utf-8")
