"""The program as users start it: seconds from the command to the first word, and the memory it takes."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.config import Settings
from bot.models.files import resolve
from measures.measure import Measure, middle, seconds

QUESTION = "Which mayor switched off a chatbot?"
OTHER_MEMORY = 500 << 20  # bytes that a program may take beside its models and what it keeps
LOADING = """
import sys, llama_cpp
llama_cpp.llama_backend_init()
model = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), llama_cpp.llama_model_default_params())
params = llama_cpp.llama_context_default_params()
params.n_ctx = 4096
assert llama_cpp.llama_init_from_model(model, params)
"""
ASKING = """
import json, sys
from threading import Event
from bot.cli.compose import open_chat, open_embedder, open_store
from bot.config import load
settings = load({"data_dir": sys.argv[1], **json.loads(sys.argv[2])}).settings
embedder = open_embedder(settings)
chat = open_chat(settings, embedder, open_store(settings, embedder))
chat.read_beginnings()
for article in chat.articles():
    chat.read_article(article.id, Event())
for question in sys.argv[3:]:
    list(chat.ask(question))
print(next(line.split()[1] for line in open("/proc/self/smaps_rollup") if line.startswith("Pss:")))
"""


def starting(settings: Settings, data: Path, rounds: int, changed: Sequence[str]) -> Measure:
    """`bot ask` of samples that are warm, up to the first word; against a bare script that loads the model.

    `changed` are settings as NAME=VALUE.
    """
    path = resolve(settings.llm.model, settings.models_dir, "llm").path
    words = [word for one in (f"data_dir={data}", *changed) for word in ("--set", one)]
    bot(*words, "ingest", "--samples")
    bot(*words, "warm")
    pairs = [(first_word(words), seconds(lambda: run(sys.executable, "-c", LOADING, path))) for _ in range(rounds)]
    return Measure("`bot ask`, from the command to the first word", *middle(pairs), "bare llama.cpp loading the model")


def first_word(words: Sequence[str]) -> float:
    said: list[str] = []
    whole = seconds(lambda: said.append(bot(*words, "ask", "--json", QUESTION)))
    timings = json.loads(said[0])["timings"]
    return float(whole - timings["total_s"] + timings["first_token_s"])


def memory(settings: Settings, data: Path, changed: Sequence[str]) -> list[Measure]:
    """Of a process that read all samples and answered: its proportional set size, which Linux tells. Nothing elsewhere.

    Pages that other processes have, too, count in part only, so no other should run the model meanwhile.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return []
    bot("--data-dir", data, "ingest", "--samples")
    files = [
        resolve(settings.llm.model, settings.models_dir, "llm"),
        resolve(settings.embed.model, settings.models_dir, "embedder"),
    ]
    allowed = sum(file.path.stat().st_size for file in files) + (settings.cache.memory_mb << 20) + OTHER_MEMORY
    found = []
    for name, spare in (("memory", "false"), ("memory, weights in one form (llm.spare_memory)", "true")):
        chosen = json.dumps(dict(one.split("=", 1) for one in (*changed, f"llm.spare_memory={spare}")))
        asked = ASKING, data, chosen, QUESTION, "How much is a ferry ticket?"
        taken = int(run(sys.executable, "-c", *asked)) << 10
        found.append(Measure(name, taken, allowed, "models, what may be kept, and 500 MB", "MB"))
    return found


def bot(*words: object) -> str:
    return run(sys.executable, "-m", "bot", *words)


def run(*words: object) -> str:
    command: Sequence[str] = [str(word) for word in words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
