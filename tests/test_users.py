"""users: names and passwords in a file, how often a password may be tried, and the commands."""

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest
from anything import damaged, texts
from hypothesis import given
from remedies import told

from bot.errors import UserError
from bot.users import Users, folder_name, key
from bot.users.attempts import IN_ALL, PER_NAME, WINDOW_S
from bot.users.known import LONGEST_NAME, SHORTEST_PASSWORD

ROOT = Path(__file__).resolve().parent.parent
GOOD = "correct horse"
QUICK = 4  # rounds


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(tmp_path: Path, clock: Clock) -> Users:
    users = Users(tmp_path / "data", clock, rounds=QUICK)
    users.add("Anna", GOOD)
    return users


# -- names and passwords --


@pytest.mark.parametrize(
    ("name", "password", "right"),
    [
        ("Anna", GOOD, True),
        ("  aNNA ", GOOD, True),
        ("Anna", GOOD.upper(), False),
        ("Anna", GOOD + " ", False),
        ("Anna", "", False),
        ("Anna", GOOD + "x" * 72, False),
        ("Bo", GOOD, False),
        ("", GOOD, False),
        ("Anna\n", "\0", False),
    ],
)
def test_who_gets_in(users: Users, name: str, password: str, right: bool) -> None:
    assert users.check(name, password) is right


@pytest.mark.parametrize(
    ("name", "other"),
    [("Anna", "ANNA"), ("Straße", "STRASSE"), ("Zoë", "Zoe\u0308"), ("ﬁnn", "FINN"), (" Bo", "bo ")],
)
def test_one_user_in_all_ways_to_write_the_name(tmp_path: Path, name: str, other: str) -> None:
    users = Users(tmp_path, rounds=QUICK)
    users.add(name, GOOD)
    assert users.check(other, GOOD)
    assert key(name) == key(other)
    assert folder_name(name) == folder_name(other)
    with pytest.raises(UserError, match=r"There is a user .* already.*`bot users remove"):
        users.add(other, GOOD)


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * (LONGEST_NAME + 1), "a\nb", "a\tb", "a\x1b[1mb", "a\u202eb", "a\ud800"]
)
def test_names_that_will_not_do(users: Users, name: str) -> None:
    with pytest.raises(UserError, match=r"1 to 64 .*Choose another name\."):
        users.add(name, GOOD)
    assert users.names() == ["Anna"]


@pytest.mark.parametrize("name", ["x", "x" * LONGEST_NAME, "Ann Lee", "李雷", "../../etc", "a@b.example", "<b>"])
def test_names_that_will_do(users: Users, name: str) -> None:
    users.add(name, GOOD)
    assert users.check(name, GOOD)
    assert set(folder_name(name)) <= set("0123456789abcdef")
    assert folder_name(name) != folder_name("Anna")


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("", "at least 8 characters"),
        ("x" * (SHORTEST_PASSWORD - 1), "at least 8 characters"),
        ("x" * 73, "longer than 72 bytes"),
        ("ö" * 37, "longer than 72 bytes"),
        ("pass\0word", "no control characters"),
        ("pass\nword", "no control characters"),
    ],
)
def test_passwords_that_will_not_do(users: Users, password: str, fault: str) -> None:
    with pytest.raises(UserError, match=f"{fault}.*Choose another password"):
        users.add("Bo", password)
    assert not users.check("Bo", password)


@pytest.mark.parametrize("password", ["x" * SHORTEST_PASSWORD, "x" * 72, "ö" * 36, "with spaces and ünicode"])
def test_passwords_that_will_do(users: Users, password: str) -> None:
    users.add("Bo", password)
    assert users.check("Bo", password)
    assert not users.check("Bo", password[:-1])


def test_accents_are_the_same_from_any_keyboard(users: Users) -> None:
    users.add("Bo", "cafe\u0301 au lait")
    assert users.check("Bo", "caf\u00e9 au lait")


# -- the file --


def test_the_file_holds_hashes_and_only_we_may_read_it(users: Users) -> None:
    before = os.umask(0)
    try:
        users.add("Bo", "another good one")
    finally:
        os.umask(before)
    assert users.path.stat().st_mode & 0o777 == 0o600
    text = users.path.read_text(encoding="utf-8")
    assert GOOD not in text
    stored = {one["name"]: one["hash"] for one in json.loads(text)["users"]}
    assert bcrypt.checkpw(GOOD.encode(), stored["Anna"].encode())
    assert sorted(path.name for path in users.path.parent.iterdir()) == ["users.json", "users.lock"]


def test_another_process_sees_what_was_changed(users: Users) -> None:
    other = Users(users.path.parent, rounds=QUICK)
    mark = other.mark("anna")
    users.add("bo", GOOD)
    assert other.names() == ["Anna", "bo"]
    assert users.remove("ANNA") == "Anna"
    assert other.names() == ["bo"]
    assert not other.check("Anna", GOOD)
    assert other.mark("Anna") == ""
    users.add("Anna", GOOD)
    assert other.mark("Anna") not in {"", mark}, "the same password, and yet it was given anew"


def test_many_at_once_lose_nobody(users: Users) -> None:
    names = [f"user {number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: Users(users.path.parent, rounds=QUICK).add(name, GOOD), names))
    assert users.names() == ["Anna", *sorted(names)]


def test_who_is_not_there_cannot_be_removed(users: Users) -> None:
    with pytest.raises(UserError, match=r"no user 'Bo'.*`bot users list`"):
        users.remove("Bo")


HASH = "$2b$04$" + "x" * 53
DAMAGED = [
    "",
    "[]",
    "{}}",
    '{"form": 2, "users": []}',
    '{"form": 1, "users": [{"name": "Anna"}]}',
    '{"form": 1, "users": [{"name": "Anna", "hash": ""}]}',
    '{"form": 1, "users": [{"name": "Anna", "hash": "secret"}]}',
    '{"form": 1, "users": [], "open": true}',
    f'{{"form": 1, "users": [{{"name": "Anna", "hash": "{HASH}"}}, {{"name": "ANNA", "hash": "{HASH}"}}]}}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_lets_nobody_in_and_is_told(users: Users, text: str) -> None:
    users.path.write_text(text, encoding="utf-8")
    for doing in (
        lambda: users.check("Anna", GOOD), lambda: users.mark("Anna"), users.names, users.require_some,
        lambda: users.add("Bo", GOOD), lambda: users.remove("Anna"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=r"damaged.*nobody can log in\. Mend it, or move it away.*`bot users add"):
            doing()
    assert users.path.read_text(encoding="utf-8") == text, "it may yet be mended"


def test_without_a_file_nobody_gets_in(tmp_path: Path) -> None:
    users = Users(tmp_path / "none", rounds=QUICK)
    assert users.names() == []
    assert not users.check("Anna", GOOD)
    with pytest.raises(UserError, match=r"no users\. Add one with `bot users add NAME`"):
        users.require_some()
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot be (read|written): .*[Cc]heck its permissions"):
        Users(tmp_path / "file", rounds=QUICK).add("Anna", GOOD)


# -- how often --


def wrong(users: Users, name: str, times: int) -> None:
    assert not any(users.check(name, f"wrong password {number}") for number in range(times))


@pytest.mark.parametrize(
    ("times", "later", "right"),
    [
        (PER_NAME - 1, 0, True),
        (PER_NAME, 0, False),
        (PER_NAME, WINDOW_S - 1, False),
        (PER_NAME, WINDOW_S, True),
        (PER_NAME * 2, WINDOW_S, True),
    ],
)
def test_wrong_passwords_of_one_name(users: Users, clock: Clock, times: int, later: float, right: bool) -> None:
    users.add("Bo", GOOD)
    wrong(users, "ANNA", times)
    assert users.check("Bo", GOOD), "another name is not concerned"
    clock.now += later
    assert users.check("Anna", GOOD) is right


@pytest.mark.parametrize(
    ("times", "later", "right"), [(IN_ALL - 1, 0, True), (IN_ALL, 0, False), (IN_ALL, WINDOW_S, True)]
)
def test_wrong_passwords_of_all_names(users: Users, clock: Clock, times: int, later: float, right: bool) -> None:
    for number in range(times):
        wrong(users, f"guess {number}", 1)
    clock.now += later
    assert users.check("Anna", GOOD) is right


def test_right_passwords_do_not_count(users: Users) -> None:
    assert all(users.check("Anna", GOOD) for _ in range(IN_ALL + 1))


def test_tries_at_the_same_time_are_no_way_around(tmp_path: Path, clock: Clock) -> None:
    users = Users(tmp_path, clock, rounds=10)
    users.add("Anna", GOOD)
    mark = users.mark("Anna")
    started = time.process_time()
    bcrypt.hashpw(b"x", mark.encode())
    one = time.process_time() - started
    with ThreadPoolExecutor(20) as pool:
        started = time.process_time()
        assert not any(pool.map(lambda number: users.check("Anna", f"wrong {number}"), range(100)))
        spent = time.process_time() - started
    assert spent < one * PER_NAME * 5, "no more than five were compared"
    assert not users.check("Anna", GOOD)


def test_unknown_names_take_as_long(tmp_path: Path, clock: Clock) -> None:
    users = Users(tmp_path, clock, rounds=10)
    users.add("Anna", GOOD)

    def seconds(name: str, password: str) -> float:
        times = []
        for _ in range(5):
            clock.now += WINDOW_S
            started = time.process_time()
            users.check(name, password)
            times.append(time.process_time() - started)
        return sorted(times)[2]

    known = seconds("Anna", "wrong password")
    for name, password in [("Bo", "wrong password"), ("\n", "wrong password"), ("Anna", ""), ("Bo", "x" * 100)]:
        assert 0.5 < seconds(name, password) / known < 2, (name, password)


# -- the commands --


def bot(data: Path, *words: str, typed: str = "") -> tuple[int, str, str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "--data-dir", str(data), *words],
        cwd=ROOT, env=environment, input=typed, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_commands(tmp_path: Path) -> None:
    assert bot(tmp_path, "users", "list") == (0, "", "")
    code, out, err = bot(tmp_path, "users", "add", "Anna [b]", typed=f"{GOOD}\n")
    assert (code, err) == (0, "")
    assert out.startswith("Added Anna [b].\n")
    assert "chat.login" in out
    assert Users(tmp_path).check("anna [b]", GOOD)
    assert bot(tmp_path, "users", "list") == (0, "Anna [b]\n", "")
    (tmp_path / "conversations" / "users" / folder_name("anna [B]")).mkdir(parents=True)
    code, out, _ = bot(tmp_path, "users", "remove", "anna [B]")
    assert code == 0
    assert out.startswith("Removed Anna [b].\nTheir conversations stay in ")
    assert folder_name("Anna [b]") in out
    assert Users(tmp_path).names() == []


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        ("users add Bo", "short\n", "at least 8 characters. Choose another password."),
        ("users add Bo", "", "at least 8 characters. Choose another password."),
        ("users add ANNA", f"{GOOD}\n", "There is a user Anna already."),
        ("users remove Bo", "", "no user 'Bo'. `bot users list` shows those there are."),
        ("--set chat.login=true --data-dir {tmp}/none chat", "", "no users. Add one with `bot users add NAME`."),
        ("chat --host 0.0.0.0", "", "Set chat.login and add users with `bot users add NAME`, or set chat.open_to_netw"),
    ],
)
def test_what_goes_wrong_is_one_line(users: Users, tmp_path: Path, words: str, typed: str, said: str) -> None:
    code, out, err = bot(users.path.parent, *words.format(tmp=tmp_path).split(), typed=typed)
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert said in err
    assert users.names() == ["Anna"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(terminal: tuple[int, int], tmp_path: Path) -> None:
    ours, theirs = terminal
    command = [sys.executable, "-m", "bot", "--data-dir", str(tmp_path), "users", "add", "Anna"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = b""
        for answer in (GOOD, GOOD):
            asked = seen.count(b": ")
            while seen.count(b": ") == asked:
                seen += os.read(ours, 1000)
            time.sleep(0.2)  # the echo is turned off after the words are written
            os.write(ours, f"{answer}\n".encode())
        while b"Added" not in seen:
            seen += os.read(ours, 1000)
        assert process.wait(20) == 0
    assert GOOD.encode() not in seen
    assert Users(tmp_path).check("Anna", GOOD)


# -- whatever is typed, or stands in the file --

HASHED = bcrypt.hashpw(GOOD.encode(), bcrypt.gensalt(QUICK)).decode()
FILE = json.dumps({"form": 1, "users": [{"name": "Anna", "hash": HASHED}, {"name": "Bo", "hash": HASHED}]}).encode()


@given(texts(3), texts(3), damaged(FILE))
def test_any_name_password_and_file(name: str, password: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        users = Users(Path(folder), rounds=QUICK)
        users.path.write_bytes(data)
        with told(UserError):
            assert not users.check("Anna", "wrong password")
            assert isinstance(users.check(name, password), bool)
            known = users.names()
            assert len({key(one) for one in known}) == len(known)
            assert re.fullmatch("[0-9a-f]{32}", folder_name(name))
            users.add(name, password)
            assert users.check(name.swapcase() if key(name) == key(name.swapcase()) else name, password)


@pytest.mark.parametrize("cost", ["00", "03", "31", "99"])
def test_a_hash_that_would_take_hours_is_damage(tmp_path: Path, cost: str) -> None:
    """bcrypt of cost 31 takes more than a day; a page would stand still."""
    users = Users(tmp_path)
    users.path.write_bytes(FILE.replace(f"$2b${QUICK:02}$".encode(), f"$2b${cost}$".encode()))
    with pytest.raises(UserError, match="is damaged"):
        users.check("Anna", GOOD)
