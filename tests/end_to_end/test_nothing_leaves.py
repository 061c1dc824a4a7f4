"""Nothing leaves: the bot at work where there is no network, and every connection that it tries is counted.

A network namespace with nothing but loopback shows that it needs none; an audit hook in each Python process, and strace
over all of a process's threads (the compiled libraries too), show that it tries none.
"""

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

WATCH = Path(__file__).parent / "watch"
ROOT = WATCH.parents[2]
APART = ["unshare", "--map-root-user", "--net"]
SMALL_LLM = "smollm2-135m-instruct"
ARTICLE_WORDS, QUESTION_WORD, TITLE_WORD = ("marzifox", "1,750 crowns"), "Quillhaven", "Ostrelbeck"
ARTICLE = """The {title} ferry

A ticket from Quillhaven costs 1,750 crowns since Monday, the ferry's owner Hal Marzifox said. The boat carries forty
people and leaves the old pier at noon. In winter it stays in the harbour, where its engine is cared for.
"""
PAGE = """<html lang="en"><head><title>{title} harbour</title></head><body><article>
<h1>{title} harbour</h1><p class="hidden">Marzifox, unseen</p>{paragraphs}<section>Marzifox</section>
<div><a href="/x">1,750 crowns</a></div>
<table><tr><td>Marzifox<td>1,750 crowns</table></article><footer>Quillhaven press</footer></body></html>"""
PARAGRAPH = "<p>The harbour of Quillhaven was dredged in spring, Hal Marzifox said, and it cost 1,750 crowns a day.</p>"
ASKED = {"id": "one", "question": "What does a ticket from Quillhaven cost?", "answers": ["1,750 crowns"],
         "distractors": [], "gold": ["ferry"], "evidence": [], "answerable": True}  # fmt: skip
CALLS = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    try:
        one.connect(("192.0.2.1", 9))
    except OSError:
        pass
try:
    socket.getaddrinfo("telemetry.invalid", 443)
except OSError:
    pass
"""


def may_be_apart() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0


def environment(folder: Path, models: Path) -> dict[str, str]:
    path = os.pathsep.join([str(WATCH), str(ROOT)])
    given = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "PYTHONPATH": path, "COLUMNS": "200"}
    watched = {"WATCH_NOTES": str(folder / "notes"), "STRACE": "1" if shutil.which("strace") else ""}
    return {**given, **watched, "BOT_MODELS_DIR": str(models), "BOT_LOG_LEVEL": "debug"}


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory, models_dir: Path, small_llm_path: Path) -> Path:
    """What is left of all the bot's work, where possible without a network."""
    folder = tmp_path_factory.mktemp("offline")
    (folder / "articles").mkdir()
    (folder / "articles" / "ferry.txt").write_text(ARTICLE.format(title=TITLE_WORD), encoding="utf-8")
    page = PAGE.format(title=TITLE_WORD, paragraphs=PARAGRAPH * 3)
    (folder / "articles" / "harbour.html").write_text(page, encoding="utf-8")
    (folder / "questions.jsonl").write_text(json.dumps(ASKED) + "\n", encoding="utf-8")
    command = [sys.executable, str(WATCH / "offline.py"), str(folder), SMALL_LLM]
    apart = APART if may_be_apart() else []
    done = subprocess.run(
        [*apart, *command],
        env=environment(folder, models_dir),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    return folder


def called(folder: Path) -> Iterator[str]:
    """All who were called or looked up, by the hook's notes and by strace."""
    for line in (folder / "notes").read_text(encoding="utf-8").splitlines():
        event, _, host = line.partition("\t")
        if host and not host.startswith("/"):
            yield f"{event} {host}"
    for trace in folder.glob("*.trace"):
        for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
            for host in re.findall(r'(?:inet_addr\(|AF_INET6, )"([^"]+)"', line):
                yield f"{trace.stem} {host}"


def is_here(one: str) -> bool:
    host = one.rpartition(" ")[2]
    if host in ("localhost", "None"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def test_it_works_without_a_network(worked: Path) -> None:
    done = json.loads((worked / "done.json").read_text())
    assert (done["ingest"], done["ask"], done["eval"]) == (0, 0, 0), [path.read_text() for path in worked.glob("*.err")]
    assert done["chat"][:4] == [200, 200, 200, 200]
    if not may_be_apart():
        pytest.skip(f"{' '.join(APART)} is not allowed here, so that it works without a network was not shown")


def test_nobody_is_called(worked: Path) -> None:
    every = list(called(worked))
    print(f"{len(every)} calls, strace {'on' if list(worked.glob('*.trace')) else 'off'}")
    assert any(is_here(one) for one in every), "the page's own address at least"
    assert [one for one in every if not is_here(one)] == []


def test_a_call_is_noticed(tmp_path: Path, models_dir: Path) -> None:
    """Or the test above would show nothing."""
    if not may_be_apart():
        pytest.skip(f"{' '.join(APART)} is not allowed here, and nobody is called in a test")
    strace = ["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", str(tmp_path / "calls.trace")]
    traced = strace if shutil.which("strace") else []
    command = [*APART, *traced, sys.executable, "-c", CALLS]
    subprocess.run(command, env=environment(tmp_path, models_dir), check=True)
    found = {one for one in called(tmp_path) if not is_here(one)}
    assert {"socket.connect 192.0.2.1", "socket.getaddrinfo telemetry.invalid"} <= found
    assert ("calls 192.0.2.1" in found) is bool(traced)


# -- what is left behind --


def told(folder: Path) -> dict[str, str]:
    """What was printed beside answers: all of stderr, and the stdout of commands that answer nothing."""
    names = [*folder.glob("*.err"), folder / "ingest.out", folder / "chat.out", *folder.glob("data/**/*.log")]
    return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in names}


@pytest.mark.parametrize("word", [*ARTICLE_WORDS, QUESTION_WORD, TITLE_WORD])
def test_no_log_holds_a_word_of_an_article_or_a_question_even_at_debug(worked: Path, word: str) -> None:
    logs = told(worked)
    assert len(logs) >= 7
    assert any("DEBUG" in text for text in logs.values()), "the level holds"
    lines = [f"{name}: {line}" for name, text in logs.items() for line in text.splitlines()]
    assert [line for line in lines if word.lower() in line.lower()] == []


def test_a_call_of_the_service_leaves_no_question_on_the_disk(worked: Path) -> None:
    question = ASKED["question"]
    kept = [path for path in (worked / "data").rglob("*") if path.is_file() and holds(path, str(question))]
    assert [str(path.relative_to(worked)) for path in kept] == []
    articles = [path for path in (worked / "data").rglob("*") if path.is_file() and holds(path, "Marzifox")]
    assert {path.relative_to(worked / "data").parts[0] for path in articles} == {"store"}, "or it would show nothing"


def holds(path: Path, words: str) -> bool:
    return words.encode() in path.read_bytes()
