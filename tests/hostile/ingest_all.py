"""Ingests a folder into a store under a limit of memory, and prints what became of each file and how long it took.

    python ingest_all.py FOLDER DATA MEMORY_BYTES SECONDS_A_FILE

Seconds are those of work in this process; others on the machine do not count.
"""

import json
import resource
import sys
import time
from pathlib import Path

from fakes import FakeEmbedder
from samples import signature_of

from bot.articles import Apart
from bot.ingest import Ingester
from bot.schema import Progress
from bot.store import Store


def main(folder: Path, data: Path, memory: int, seconds: float) -> None:
    embedder = FakeEmbedder()
    store = Store(data, signature_of(embedder))
    # What Chroma's threads reserve and never touch counts, too: the limit is on what comes on top of it.
    reserved = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (reserved + memory, resource.RLIM_INFINITY))
    steps: list[tuple[str, float]] = []

    def report(step: Progress) -> None:
        steps.append((step.current, time.process_time()))

    ingester = Ingester(store, embedder, 100, lambda: Apart(seconds, memory))
    summary = ingester.ingest([folder], report)
    took = {name: after - began for (name, began), (_, after) in zip(steps, steps[1:], strict=False)}
    infos = store.infos()
    results = [
        {**one._asdict(), "origin": infos[one.article].origin if one.article in infos else one.article}
        for one in summary.results
    ]
    # Not ru_maxrss, which begins with what the process that forked this one had.
    (peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    store.close()
    print(json.dumps({"results": results, "took": took, "peak": int(peak) * 1024}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
