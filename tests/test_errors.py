"""Every error that a person can cause: one of ours, one line on stderr without a traceback, and what to do next.

Each place of bot/ that raises one of bot.errors is looked at: its message says what to do, and it is met by a row of
ERRORS here, or listed with the tests that meet it or the reason why no command does. So a new one is noticed.
"""

import ast
import fnmatch
import json
import re
import shlex
import socket
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from remedies import check, remedy
from samples import SMALL_LLM
from servers import free_port
from test_cli import ROOT, Run, data, library, run  # noqa: F401 - fixtures

from bot import errors
from bot.errors import BotError

KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, BotError)}

# -- every place that raises an error of ours --


class Site(NamedTuple):
    """`words` is the message, with \x01 where something is filled in."""

    file: str
    words: str

    def fits(self, message: str) -> bool:
        pattern = ".*".join(re.escape(" ".join(part.split())) for part in self.words.split("\x01"))
        return bool(re.fullmatch(pattern, " ".join(message.split())))


@cache
def sites() -> list[Site]:
    found = []
    for path in sorted((ROOT / "bot").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {node.targets[0].id: node.value for node in tree.body if _is_constant(node)}  # type: ignore[attr-defined]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and node.args:
                found.append(Site(str(path.relative_to(ROOT / "bot")), "".join(_words(node.args[0], named))))
    return found


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def _words(node: ast.expr, named: dict[str, ast.expr]) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield from _words(part.value if isinstance(part, ast.FormattedValue) else part, named)
    elif isinstance(node, ast.Name) and isinstance(named.get(node.id), ast.Constant | ast.JoinedStr):
        yield from _words(named[node.id], named)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        yield re.sub(r"\{.*?\}", "\x01", "".join(_words(node.func.value, named)))
    else:
        yield "\x01"


# What these places say is only the cause, to which another place adds the advice.
CAUSES = {
    "models/wheels.py": "models/fetch.py adds the model's name and what to do",
    "models/hub.py": "models/fetch.py adds the model's name and what to do",
    "models/convert.py": "models/fetch.py adds the model's name and what to do",
    "models/fetch.py": "fetch() adds the model's name and what to do",
}
# Messages that are made elsewhere, or end in a filled in remedy; what comes of them is checked where it is met.
MADE = (
    "\x01", "line \x01: \x01", "\x01, line \x01: \x01", "\x01, line \x01: \x01. \x01.",
    "No question has the id \x01. \x01",
    "\x01 cannot be read: \x01. \x01", "\x01, line \x01: \x01. \x01", "\x01 is damaged: \x01. \x01",
    "it redirects to an address that is not followed: \x01", "\x01 could not be fetched. \x01. \x01",
    "\x01 Choose another password.", "\x01 holds a run made with \x01 \x01, not \x01. \x01",
    "The server at \x01 refused (HTTP \x01): \x01 Check llm.server, llm.server_model and llm.api_key.",
    "\x01 holds no run: \x01 is missing or empty. \x01",
    "The backup's settings do not hold here: \x01 Leave them out with --without-settings.",
)  # fmt: skip


def test_there_are_sites_of_every_kind() -> None:
    assert len(sites()) > 150
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*.py"))
    for name, kind in KINDS.items():
        assert kind.exit_code != 0
        assert name == "BotError" or re.search(rf"\b{name}\(", source), f"nothing raises {name}"


@pytest.mark.parametrize("site", sites(), ids=lambda site: f"{site.file}: {site.words[:40]!a}")
def test_every_message_says_what_to_do(site: Site) -> None:
    assert site.file in CAUSES or site.words in MADE or remedy(site.words.replace("\x01", "x")), site.words


# -- commands --


class Wrong(NamedTuple):
    words: str  # {name} stands for a path in the test's own folder
    code: int
    said: str
    typed: str = ""  # on stdin


HALF = "\udcff"  # what Python makes of a byte that is no UTF-8
ERRORS = [
    # settings
    Wrong("--set llm.seed ask x", 2, "NAME=VALUE.*`bot config show`"),
    Wrong("--set llm.sed=1 ask x", 2, "llm.sed is not a setting.*Did you mean llm.seed"),
    Wrong("--set chat.port=0 config show", 2, "chat.port.*greater than or equal to 1"),
    Wrong("--config {tmp}/none.toml config show", 2, "There is no settings file.*Check --config"),
    Wrong("--config {tmp}/bad.toml config show", 2, "not valid TOML.*line 1.*Mend"),
    Wrong("ingest", 2, "Say what to ingest"),
    Wrong("ingest {tmp}/none.txt", 1, "no file or folder.*none.txt.*Check"),
    Wrong("articles show nosuch", 1, "no article 'nosuch'.*`bot articles list`"),
    Wrong("articles remove nosuch", 1, "no article 'nosuch'.*`bot articles list`"),
    Wrong("articles show [bold]x[/bold]", 1, r"no article '\[bold\]x\[/bold\]'"),
    Wrong("ask x --model nosuch", 1, "nosuch.*`bot models"),
    Wrong("ask x --model {tmp}/none.gguf", 1, "none.gguf"),
    Wrong("ask x --model {tmp}/bad.gguf", 1, "bad.gguf.*GGUF"),
    Wrong("--set embed.model={tmp}/bad.gguf articles list", 1, "bad.gguf.*GGUF"),
    Wrong("ask x --model {small} --article nosuch", 1, "no article 'nosuch'.*`bot articles list`"),
    Wrong("ask x --since 2025-02-01 --until 2025-01-01", 2, "--since 2025-02-01 is after --until 2025-01-01.*Swap"),
    Wrong("--set store.server=http://127.0.0.1:{port} articles list", 1, "Chroma server.*`chroma run`"),
    Wrong("--set llm.server=http://127.0.0.1:{port}/v1 ask ferry", 1, "No language model answers.*Start that server"),
    Wrong("--set prompts_dir={tmp}/none ask x --model {small}", 1, "no folder.*prompts_dir"),
    Wrong("--set prompts_dir={tmp}/prompts ask x --model {small}", 1, r"answer.md:1: .*`---`.*Add it"),
    Wrong("--set chunk.max_tokens=100 articles list", 1, "another way.*`bot ingest --rebuild`"),
    Wrong("feedback export --out {tmp}/new.jsonl", 1, "no feedback to export.*bot chat"),
    Wrong("models pull nosuch", 1, "nosuch.*`bot models list`"),
    Wrong("eval {tmp}/none.jsonl --corpus {tmp} --out {tmp}/out", 2, "none.jsonl"),
    Wrong(
        "eval {tmp}/none.jsonl --corpus {tmp} --out {tmp}/out --scope all",
        2,
        "--scope all is unknown. Choose open or article",
    ),
    Wrong("compare {tmp}", 2, "nothing to compare one run with.*`bot eval --out`"),
    Wrong("compare {tmp} {tmp}", 2, "holds no run: answers.jsonl is missing or empty.*`bot eval --out`"),
    Wrong("compare {tmp} {tmp} --measure f1", 2, "--measure f1: it is not 0 or 1. Take one of refused, .*accuracy"),
    Wrong("compare {tmp} {tmp} --fail-if accuracy", 2, "'accuracy' is no gate. Write"),
    Wrong("compare {tmp} {tmp} --fail-if speed<1", 2, "speed is not a measure .* Take one of hit@1, "),
    Wrong("eval {tmp}/one.jsonl --corpus {tmp} --out {tmp}/out --by kin", 2, "field 'kin'.*answerable, kind"),
    Wrong("--data-dir ~nobody-of-this-name articles list", 2, "data_dir.*home folder"),
    Wrong("--data-dir {tmp}/bad.toml articles list", 1, "bad.toml.store cannot be opened"),
    Wrong("--config {tmp} config show", 2, "no settings file"),
    Wrong("--config {tmp}/deep.toml config show", 2, "not valid TOML.*Mend"),
    Wrong("--config {tmp}/zero.toml config show", 2, "data_dir holds a zero character"),
    Wrong("--config {tmp}/misspelled.toml config show", 2, "llm.modle is not a setting.*llm.model"),
    Wrong("--set log_level=loud config show", 2, "log_level.*'debug'.*got 'loud'"),
    Wrong("--set llm.answer_tokens=4000 config show", 2, "at most half of llm.context_tokens"),
    Wrong("--set llm.threads=99999999999 ask x --model {small}", 2, "llm.threads.*512"),
    Wrong("--set llm.context_tokens=99999999999999999999 ask x", 2, "llm.context_tokens.*10000000"),
    Wrong("--set llm.seed=99999999999999999999 ask x", 2, "llm.seed"),
    Wrong("--set llm.gpu_layers=99999999999 ask x", 2, "llm.gpu_layers"),
    Wrong("chat --port 80000", 2, "chat.port.*65535"),
    # articles
    Wrong("ingest ''", 2, "Say what to ingest"),
    Wrong("ingest --samples {tmp}/none.txt", 1, "no file or folder"),
    Wrong("articles show ''", 1, "no article ''"),
    Wrong(f"articles show {HALF}", 1, r"no article '\\udcff'"),
    Wrong(f"articles remove {HALF}", 1, r"no article '\\udcff'"),
    Wrong(r"articles show '\[/bold]'", 1, r"no article '\\\\\[/bold\]'"),
    Wrong("articles show 'a\x1b[2Jb'", 1, r"no article 'a\\x1b\[2Jb'"),
    Wrong("articles show 'a\nb'", 1, r"no article 'a\\nb'"),
    Wrong("ingest 'a\nb\x1b[2J'", 1, r"no file or folder a b\\x1b\[2J"),
    Wrong("--set store.server=nonsense articles list", 1, "server nonsense cannot be used"),
    Wrong("--set 'store.server=http://[' articles list", 1, "cannot be used"),
    # questions
    Wrong("ask '' --model {small}", 1, "The question is empty. Type one."),
    Wrong(f"ask x --model {{small}} --article {HALF}", 1, "no article"),
    Wrong(f"ask '{'word ' * 5000}' --model {{small}}", 1, "does not fit.*Ask a shorter question"),
    Wrong("--set llm.server=nonsense ask ferry", 1, "No language model answers at nonsense"),
    Wrong("--set models_dir={tmp} ask x", 1, "is not here.*`bot models pull"),
    Wrong("--set prompts_dir={tmp}/odd1 ask x --model {small}", 1, "answer.md:1: the header is wrong"),
    Wrong("--set prompts_dir={tmp}/odd2 ask x --model {small}", 1, "answer.md:2: the header is not valid YAML"),
    Wrong("--set prompts_dir={tmp}/odd3 ask x --model {small}", 1, "answer.md:6: a prompt has the sections"),
    Wrong("--set prompts_dir={tmp}/odd4 ask x --model {small}", 1, "answer.md:9: .*Mend the template"),
    Wrong("--set prompts_dir={tmp}/odd5 ask x --model {small}", 1, "answer.md:9: `nosuch` is not among"),
    Wrong("--set prompts_dir={tmp}/odd6 ask x --model {small}", 1, "answer.md cannot be read"),
    Wrong("--set prompts_dir={tmp}/odd7 ask x --model {small}", 1, "answer.md:9: .*Mend the template"),
    Wrong("--set prompts_dir={tmp}/odd8 ask x --model {small}", 1, "answer.md:8: .*Mend the template"),
    # users, models, the page
    Wrong("users add ''", 1, "A name has 1 to 64"),
    Wrong("users add Bo", 1, "at least 8 characters", "short\n"),
    Wrong("users add Bo", 1, "longer than 72 bytes", "x" * 80 + "\n"),
    Wrong("users remove nosuch", 1, "no user 'nosuch'.*`bot users list`"),
    Wrong("--data-dir {tmp}/users users list", 1, "users.json is damaged"),
    Wrong("--data-dir {tmp}/users2 users add anna", 1, "a user Anna already"),
    Wrong("--data-dir {tmp}/users3 users list", 1, "users.json cannot be read"),
    Wrong("--data-dir {tmp}/bad.toml users add Bo", 1, "cannot be (written|read)", "long enough\n"),
    Wrong("models pull --from {tmp}/bad.gguf", 2, "Say which model the file is"),
    Wrong("--set models_dir={tmp} models pull {small} --from {tmp}/bad.gguf", 1, "could not be fetched"),
    Wrong("ask x --model all-minilm-l6-v2", 1, "is not an? "),
    Wrong("chat --port {busy} --model {small}", 1, "Port .* cannot be used.*--port"),
    Wrong("chat --host 0.0.0.0 --model {small}", 1, "Other machines can reach 0.0.0.0"),
    Wrong("chat --host 'no such host' --model {small}", 1, "no address|not an address of this machine"),
    Wrong("--set chat.login=true --data-dir {tmp}/new chat --model {small}", 1, "there are no users"),
    # evaluation
    Wrong("eval {tmp} --corpus {tmp} --out {tmp}/out", 2, "is a folder. Name the file"),
    Wrong("eval {tmp}/empty.jsonl --corpus {tmp} --out {tmp}/out", 2, "holds no questions"),
    Wrong("eval {tmp}/bad.gguf --corpus {tmp} --out {tmp}/out", 2, "line 1: Invalid JSON.*`bot dataset convert`"),
    Wrong("eval {tmp}/array.json --corpus {tmp} --out {tmp}/out", 2, "line 1: Input should be an object.*convert"),
    Wrong("eval {tmp}/latin.jsonl --corpus {tmp} --out {tmp}/out", 2, "line 2: not UTF-8"),
    Wrong("eval {tmp}/one.jsonl --corpus {tmp}/none --out {tmp}/out", 1, "no file or folder"),
    Wrong("eval {tmp}/one.jsonl --corpus {tmp} --out {tmp}/bad.toml", 1, "bad.toml"),
    Wrong("eval {tmp}/one.jsonl --corpus {tmp}/users3 --out {tmp}/out", 2, "users3 holds no article.*Name a"),
    Wrong("eval {tmp}/one.jsonl --corpus {tmp} --out {tmp}/out --only q9", 2, "No question has the id 'q9'"),
    Wrong("eval {tmp}/one.jsonl --corpus {tmp} --out {tmp}/out --only q1 --sample 1", 2, "Give one of them"),
    Wrong("eval {tmp}/one.jsonl --corpus {tmp} --out {tmp}/out --stage all", 2, "--stage all is unknown"),
    Wrong(
        "eval {tmp}/one.jsonl --corpus {tmp} --out {tmp}/out --stage retrieve --repeat 2", 2, "Leave one of them out"
    ),
    Wrong("eval {tmp}/one.jsonl --corpus {tmp} --out {tmp}/out --stage answer", 2, "No question has evidence"),
    Wrong("eval {tmp}/one.jsonl {tmp}/one.jsonl --corpus {tmp} --out {tmp}/out", 2, "Several question files"),
    Wrong("eval {tmp}/one.jsonl --out {tmp}/out", 2, "The articles are missing.*--corpus"),
    Wrong("dataset make --from {tmp}/none --out {tmp}/drafts.jsonl", 1, "no file or folder"),
    Wrong("bench cache {tmp}/none.jsonl --corpus {tmp} --out {tmp}/out", 2, "none.jsonl cannot be read"),
    Wrong("compare {tmp}/none {tmp}/none2", 2, "holds no run"),
    Wrong("report {tmp}", 2, "holds no run"),
    Wrong("dataset check {tmp}/none.jsonl", 2, "no file or folder"),
    # feedback
    Wrong("--data-dir {tmp}/damaged feedback list", 1, "feedback.jsonl is damaged in line 1"),
]
HEADER = "---\ntask: t\nfills: [passages, question]\nrefusal: No.\n---\n=== system\nBe brief.\n=== user\n"
PROMPTS = {
    "prompts": "no header\n",
    "odd1": "---\ntask: t\n---\n",
    "odd2": "---\ntask: [\n---\n",
    "odd3": HEADER[: HEADER.index("===")] + "words\n",
    "odd4": HEADER + "{{ passages \n",
    "odd5": HEADER + "{{ nosuch }}\n",
    "odd6": "\udcff",
    "odd7": HEADER + "{{ question / 2 }}\n",
    "odd8": HEADER + "{{ " + "(" * 3000 + "\n",
}


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    write = {
        "bad.toml": "this is no TOML\n",
        "deep.toml": "x = " + "[" * 3000,
        "zero.toml": 'data_dir = "a\\u0000b"',
        "misspelled.toml": '[llm]\nmodle = "x"\n',
        "bad.gguf": "this is no model",
        "one.jsonl": json.dumps({"id": "q1", "question": "Who?", "answerable": False, "kind": "who"}),
        "empty.jsonl": "\n",
        "array.json": '[{"id": "q1"}]',
        "latin.jsonl": '{"id": "q1", "question": "Who?", "answerable": false}\n\udce9',
        "users/users.json": "{}x",
        "users2/users.json": json.dumps({"users": [{"name": "Anna", "hash": f"$2b$12${'a' * 53}"}]}),
        "damaged/feedback.jsonl": "this is no rating\n",
        **{f"{folder}/answer.md": text for folder, text in PROMPTS.items()},
    }
    for name, text in write.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    (tmp_path / "users3" / "users.json").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def busy() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


MET: dict[Wrong, str] = {}  # what was said to the rows that ran


@pytest.mark.parametrize("wrong", ERRORS, ids=[f"{wrong.words[:80]!a}" for wrong in ERRORS])
def test_an_error_is_one_line_with_a_remedy(
    run: Run, data: Path, prepared: Path, busy: int, wrong: Wrong, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.stdin", StringIO(wrong.typed))
    words = shlex.split(wrong.words.format(tmp=prepared, port=free_port(), busy=busy, small=SMALL_LLM))
    code, _, err = run("--data-dir", data, *words)
    assert code == wrong.code, err
    lines = [line for line in err.splitlines() if line.strip() and not re.match("Measuring once|.*━", line)]
    assert len(lines) == 1, err
    assert lines[0].startswith("Error: ")
    MET[wrong] = lines[0].removeprefix("Error: ")
    assert re.search(wrong.said, MET[wrong]), MET[wrong]
    assert "\x1b" not in err
    check(MET[wrong])


# Where the errors of other rooms are met, and of commands that need more than a word to go wrong.
ELSEWHERE = {
    "backup/*": "doctor/test_backup.py",
    "cli/backup.py": "doctor/test_backup.py",
    "cli/doctor.py": "doctor/test_doctor.py",
    "doctor/*": "doctor/test_*.py",
    "articles/*": "articles/test_*.py",  # reasons for which a file or a page is skipped
    "chat.py": "test_chat.py",
    "conversations/*": "test_conversations.py",
    "datasets/*": "datasets/test_*.py",
    "evaluate/*": "evaluate/test_*.py",
    "feedback/*": "test_feedback.py",
    "late.py": "test_late.py",
    "llama.py": "llm/test_llamacpp.py",
    "llm/*": "llm/test_*.py",
    "models/*": "models/test_*.py",
    "ui/*": "ui/test_*.py",
    "store/*": "test_store.py",
    "cli/compare.py": "test_cli.py",
    "cli/feedback.py": "test_cli.py",
    "cli/warm.py": "test_cli.py",
    "cli/dataset.py": "datasets/test_dataset_command.py",
    "cli/drafts.py": "drafts/test_*.py",
    "cli/sweep.py": "evaluate/test_sweep.py",
    "drafts/*": "drafts/test_*.py",
}
# The beginning of what is said, and why no row has it.
NO_ROW = {
    "The settings file \x01 cannot be read": "a file that may not be read: tests run as root may",
    "There is no prompt": "an installation that lacks its own prompts",
    "\x01 is damaged: \x01. Fetch it anew": "models/answerable.toml comes along",
    "\x01 cannot join what it read before": "a model that cannot: tests/llm/test_joined.py",
    "A model file is damaged": "tests/models/test_files.py",
    "\x01 cannot be written: \x01. Make room there": "a full disk: tests/test_users.py",
}


@pytest.mark.parametrize("place", ELSEWHERE)
def test_errors_met_elsewhere_are_looked_for_there(place: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob(ELSEWHERE[place]))
    there = [site for site in sites() if fnmatch.fnmatch(site.file, place)]
    assert re.search(r"\w+Error\b|code == [12]|Skipped", text), ELSEWHERE[place]
    assert there, f"{place} raises nothing: leave it out"


def test_every_other_error_has_a_row() -> None:
    if len(MET) < len(ERRORS):
        pytest.skip("not all rows ran: run the whole file")
    here = [site for site in sites() if not any(fnmatch.fnmatch(site.file, place) for place in ELSEWHERE)]
    unmet = [
        site
        for site in here
        if not any(site.fits(said) for said in MET.values()) and not site.words.startswith(tuple(NO_ROW))
    ]
    assert not unmet, f"add a row to ERRORS, or a reason to NO_ROW: {unmet}"
    assert len(here) > 30
