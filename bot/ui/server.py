"""Serves the page: theme and style, what stands before it, port and clean stop."""

import asyncio
import importlib
import ipaddress
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
import gradio.routes
import uvicorn
from fastapi import Depends, FastAPI, Request
from pydantic import JsonValue
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount

from bot.config import ChatSettings
from bot.conversations import Conversations, as_json, as_markdown, folder_of
from bot.errors import ConversationError, UIError
from bot.feedback import Kept
from bot.ui import arriving
from bot.ui.app import Page
from bot.ui.connection import LONGEST_HEAD, MOST, Connection
from bot.ui.door import GREETING, Door, Guard, user_of
from bot.ui.gate import LOCAL_HOSTS, Gate, in_address, trusted_hosts
from bot.ui.headers import Headers
from bot.ui.pace import Pace
from bot.ui.parts import VISITORS, Bot
from bot.ui.sessions import Sessions
from bot.ui.uploads import Folder
from bot.users import Users, folder_name

MCP = "mcp>=1.21,<2"  # as in pyproject.toml
THREADS = 3 * VISITORS + 40  # typed questions, those asked again and the API's; and as many as Gradio has for all else
LARGEST_UPLOAD = "100mb"  # per file


class Served(Protocol):
    """A page, as far as the server knows it."""

    blocks: gr.Blocks

    def stop_all(self) -> None:
        """End what is in work, as the program ends."""


def serve(
    bot: Bot,
    settings: ChatSettings,
    data_dir: Path,
    samples: Path | None = None,
    all_settings: Mapping[str, JsonValue] | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serves the page until Ctrl-C or SIGTERM; call from the main thread.

    Uploads pass through `data_dir`/uploads and are removed after they are read. `ready` gets the page's address once
    the port is ours. Raises UIError if it cannot be had, or other machines could use it without a log-in, and UserError
    if a log-in is asked for and nobody has one.
    """
    listener, users = prepare(settings, data_dir)
    with listener, _signals_end_quietly():
        bound = listener.getsockname()[0]
        hosts = trusted_hosts(settings.host, bound, (settings.names or "").split(), settings.login)
        server = make_server(bot, data_dir, settings, hosts, samples, all_settings, users)
        ready(f"http://{in_address(settings.host)}:{settings.port}")
        server.run(sockets=[listener])


def serve_here(make_page: Callable[[], Served], port: int, folder: Path, ready: Callable[[str], None]) -> None:
    """Serves a page to this machine only, until Ctrl-C or SIGTERM; otherwise as `serve`.

    What the browser sends passes through `folder`. Raises UIError if the port cannot be had.
    """
    with listen(LOCAL_HOSTS[0], port) as listener, _signals_end_quietly():
        server = make_small_server(make_page, folder)
        ready(f"http://{LOCAL_HOSTS[0]}:{listener.getsockname()[1]}")
        server.run(sockets=[listener])


def make_small_server(make_page: Callable[[], Served], folder: Path) -> uvicorn.Server:
    """A page without conversations, log-in or service, to be served to this machine; see `make_server`."""
    uploads = Folder(folder)
    _configure_gradio(uploads.path)
    return asyncio.run(_assemble(make_page, uploads, LOCAL_HOSTS, None, None, ChatSettings()))


def prepare(settings: ChatSettings, data_dir: Path) -> tuple[socket.socket, Users | None]:
    """The socket to serve on, and who may log in, None for everyone without; errors as of `serve`."""
    users = Users(data_dir) if settings.login else None
    if users:
        users.require_some()
    elif not settings.open_to_network:
        _refuse_network(settings.host)
    return listen(settings.host, settings.port), users


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 means any free one. Raises UIError if the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except PermissionError:
        raise UIError(f"Port {port} needs more rights on this machine. Choose one over 1023 with --port.") from None
    except socket.gaierror:
        raise UIError(f"{host} is not an address of this machine. Choose another with --host.") from None
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UIError(f"Port {port} on {host} cannot be used: {why}. Choose another with --port.") from None


def _refuse_network(host: str) -> None:
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except socket.gaierror:
        return  # `listen` says so
    if not all(ipaddress.ip_address(address).is_loopback for address in addresses):
        raise UIError(
            f"Other machines can reach {host}, and the page would ask nobody who they are. Set chat.login and add "
            "users with `bot users add NAME`, or set chat.open_to_network if all who can reach it may use it."
        )


def need_mcp() -> None:
    """Raises UIError where the package that an MCP server needs is missing."""
    try:
        importlib.import_module("mcp")
    except ImportError:
        raise UIError(
            f'chat.mcp needs the package mcp, which is missing. Install it: {sys.executable} -m pip install "{MCP}"'
        ) from None


def make_server(
    bot: Bot,
    data_dir: Path,
    settings: ChatSettings = ChatSettings(),  # noqa: B008 - frozen
    hosts: Sequence[str] = LOCAL_HOSTS,
    samples: Path | None = None,
    all_settings: Mapping[str, JsonValue] | None = None,
    users: Users | None = None,
) -> uvicorn.Server:
    """The page as a server without a socket yet: `run(sockets=[…])` serves it, `should_exit = True` ends it.

    It answers requests to `hosts` only, "*" means all; what is kept is kept in `data_dir`. With `users`, only they get
    in, and each has conversations of their own. `samples` is the folder of the sample articles, `all_settings` go along
    with feedback. Call it where no event loop runs. Raises UIError where the MCP server lacks its package.
    """
    if settings.mcp:
        need_mcp()
    uploads = Folder(data_dir / "uploads")
    _configure_gradio(uploads.path)

    def conversations(user: str) -> Conversations:
        return Conversations(folder_of(data_dir, folder_name(user) if users else ""))

    kept = conversations if settings.keep_conversations else None

    def make_page() -> Page:
        feedback = Kept(data_dir / "feedback.jsonl")
        return Page(bot, kept, feedback, all_settings or {}, samples=samples, by_url=settings.add_by_url)

    return asyncio.run(_assemble(make_page, uploads, hosts, kept, Door(users) if users else None, settings))


async def _assemble(
    make_page: Callable[[], Served],
    uploads: Folder,
    hosts: Sequence[str],
    kept: Callable[[str], Conversations] | None,
    door: Door | None,
    settings: ChatSettings,
) -> uvicorn.Server:
    # A coroutine because Gradio, built where no event loop runs, makes several and never closes them.
    page = make_page()
    page.blocks.max_threads = THREADS
    page.blocks.queue().create_limiter()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Pace, uploads=uploads, per_second=settings.requests_per_second, upload_mb=settings.upload_mb)
    app.add_middleware(Gate, hosts=hosts)
    if door:
        app.add_middleware(Guard, door=door)
    app.add_middleware(Headers)  # the last comes first
    if kept:

        def export(request: Request, name: str) -> Response:
            return _exported(kept(user_of(request)), name)

        app.get("/conversations/{name}")(export)
    session = [Depends(door.own_session)] if door else []
    gr.mount_gradio_app(
        app, page.blocks, "/", theme=_theme(), css_paths=[Path(__file__).parent / "page.css"], footer_links=[],
        run_history=False, enable_monitoring=False, pwa=False, mcp_server=settings.mcp, ssr_mode=False,
        show_error=False, max_file_size=LARGEST_UPLOAD, app_kwargs={"openapi_url": None, "dependencies": session},
        auth=door.log_in if door else None, auth_message=GREETING,
    )  # fmt: skip
    if settings.mcp:
        _answer_in_json(page.blocks)
    gradio_app: Any = next(route.app for route in app.routes if isinstance(route, Mount))
    gradio_app.state_holder = Sessions(page.blocks)
    if door:
        door.gradio = gradio_app
    return _Server(app, page, uploads, gradio_app)


def _answer_in_json(blocks: Any) -> None:
    """Gradio's MCP server writes what a function returns as Python does, with None and True; clients read JSON."""
    server = blocks.mcp_server_obj
    if server is None:  # Gradio only notes it
        raise UIError(f"The MCP server cannot start: {blocks.mcp_error}. Set chat.mcp to false to go on without it.")
    server.postprocess_output_data = lambda results, root_url: [
        server.types.TextContent(type="text", text=json.dumps(result, ensure_ascii=False)) for result in results
    ]


def _exported(kept: Conversations, name: str) -> Response:
    """A conversation as a file: its id with .md or .json."""
    talk, _, form = name.partition(".")
    forms = {"md": (as_markdown, "text/markdown"), "json": (as_json, "application/json")}
    if form not in forms:
        return PlainTextResponse("There is no such file. Choose .md or .json.", 404)
    try:
        said = kept.read(talk)
    except ConversationError as error:
        return PlainTextResponse(str(error), 404)
    write, media = forms[form]
    attached = {"Content-Disposition": f'attachment; filename="conversation-{talk}.{form}"'}
    return Response(write(said), media_type=f"{media}; charset=utf-8", headers=attached)


def _configure_gradio(uploads: Path) -> None:
    """What Gradio takes from the environment only; it reads the folder again at each request."""
    arriving.install()
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # It sums up all events with pandas after each one, for a monitoring page that we do not serve.
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(2**62)
    # What they were summed up from, ten thousand of them.
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    # Read at import; it makes a folder there, by default in /tmp, where on a shared machine it may be another user's.
    gradio.routes.DEFAULT_TEMP_DIR = str(uploads)  # type: ignore[attr-defined]


def _theme() -> gr.themes.Base:
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
    theme = gr.themes.Default(
        primary_hue="blue", neutral_hue="slate", font=fonts, font_mono=["ui-monospace", "Consolas", "monospace"]
    )
    return theme.set(  # Gradio's own greys have too little contrast to read
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400",
        input_placeholder_color="*neutral_500", input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600", button_primary_background_fill_hover="*primary_700",
        button_cancel_background_fill="*neutral_700", button_cancel_background_fill_hover="*neutral_800",
    )  # fmt: skip


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, page: Served, uploads: Folder, gradio_app: Any) -> None:
        config = uvicorn.Config(
            app, log_level="critical", timeout_graceful_shutdown=2, http=Connection, ws="none", server_header=False,
            access_log=False, limit_concurrency=MOST, h11_max_incomplete_event_size=LONGEST_HEAD,
        )  # fmt: skip
        super().__init__(config)
        self._page = page
        self._uploads = uploads  # ours as long as it is held
        self._gradio = gradio_app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Else the stop would wait for the answers in work and for each open page.
        self._page.stop_all()
        self._gradio.stop_event.set()
        await super().shutdown(sockets)
        self._uploads.close()


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Uvicorn stops on a signal and then raises it again, which would kill the program before it has tidied up."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
