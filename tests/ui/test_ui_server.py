import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import served
from fake_bot import FakeBot

from bot.config import ChatSettings
from bot.errors import UIError
from bot.ui import serve
from bot.ui.server import listen, trusted_hosts

HERE = Path(__file__).parent
SERVE = """
import sys
from pathlib import Path
from fake_bot import FakeBot
from bot.config import ChatSettings
from bot.ui import serve

serve(FakeBot(), ChatSettings(port=int(sys.argv[1])), Path(sys.argv[2]), ready=lambda url: print(url, flush=True))
print("tidied up")
"""


def free_port() -> int:
    with listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("127.0.0.1", "Port {port} on 127.0.0.1 cannot be used: Address already in use. Choose another with --port."),
        ("192.0.2.1", "Port {port} on 192.0.2.1 cannot be used: Cannot assign requested address."),
        ("no such host", "no such host is not an address of this machine. Choose another with --host."),
    ],
)
def test_an_address_that_cannot_be_had_is_one_clear_line(tmp_path: Path, host: str, message: str) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UIError) as caught:
            serve(FakeBot(), ChatSettings(host=host, port=port, open_to_network=True), tmp_path)
    assert str(caught.value).startswith(message.format(port=port))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_port_is_free_again_at_once() -> None:
    port = free_port()
    with listen("127.0.0.1", port) as listener, socket.create_connection(("127.0.0.1", port)) as visitor:
        accepted, _ = listener.accept()
        accepted.close()
        visitor.recv(1)
    listen("127.0.0.1", port).close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", SERVE, str(free_port()), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent.parent)])}
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_with_a_page_open(
    program: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    process, address = program
    with httpx.stream("GET", f"{address}/gradio_api/heartbeat/abc", timeout=10) as heartbeat:
        assert next(heartbeat.iter_text()).startswith("data: ALIVE")
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)  # it would wait for the page without end
    assert (output, errors, process.returncode) == ("tidied up\n", "", 0)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(FakeBot(), tmp_path_factory.mktemp("data")) as address:
        yield address


@pytest.mark.parametrize("path", ["/", "/config", "/theme.css", "/nowhere"])
def test_every_response_forbids_calls_to_other_hosts(address: str, path: str) -> None:
    headers = httpx.get(address + path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "connect-src 'self';" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/monitoring"])
def test_what_the_page_does_not_need_is_not_served(address: str, path: str) -> None:
    assert httpx.get(address + path).status_code in {403, 404}


def test_files_of_this_machine_are_not_served(address: str) -> None:
    for path in [Path("/etc/passwd"), Path(__file__), HERE.parent.parent / "pyproject.toml"]:
        assert httpx.get(f"{address}/gradio_api/file={path}").status_code in {403, 404}


def test_the_theme_names_no_outside_host(address: str) -> None:
    assert "http" not in httpx.get(f"{address}/theme.css").text.replace("http://www.w3.org/2000/svg", "")
    assert "fonts.g" not in httpx.get(address).text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7860", 200),
        ("LOCALHOST:7860", 200),
        ("[::1]:7860", 200),
        ("evil.example", 400),
        ("evil.example:7860", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost.evil.example", 400),
        ("192.168.1.5", 400),
        ("", 400),
    ],
)
def test_only_requests_to_our_own_name_are_answered(address: str, host: str, status: int) -> None:
    for path in ["/", "/config", "/gradio_api/upload"]:
        response = httpx.get(address + path, headers={"Host": host})
        assert response.status_code in ({status, 405} if status == 200 else {status})
        assert response.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("host", "bound", "more"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("news-box", "192.168.1.5", "news-box"),
        ("fd00:0::5", "fd00::5", "[fd00::5]"),
    ],
)
def test_the_name_asked_for_is_trusted(host: str, bound: str, more: str) -> None:
    assert trusted_hosts(host, bound) == ["127.0.0.1", "localhost", "[::1]", more]


def test_leftover_uploads_go_at_the_next_start(tmp_path: Path) -> None:
    left = tmp_path / "uploads" / "abc" / "secret.txt"
    left.parent.mkdir(parents=True)
    left.write_text("left by a run that was killed")
    with served(FakeBot(), tmp_path):
        assert not left.exists()
