"""The same screens in a browser, for one person on this machine: loopback only, a secret path, nothing foreign.

Whoever asks must name our host (another name for 127.0.0.1 could be somebody's page), know the path, and not come from
another page. The page loads nothing from elsewhere, and the screens in it write neither notes nor files.
"""

import asyncio
import contextlib
import html
import logging
import secrets
import shlex
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import textual_serve.server
from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService

from recourse_tui.actions import VIEWS

__all__ = ["WebServer", "serve", "show"]

_USAGE: Final = 2

TABS: Final = 4
_LEAVING_S: Final = 5.0
_LONGEST_MESSAGE: Final = 1 << 20
_MOST_CELLS: Final = 500
_LOOPBACK: Final = "127.0.0.1"
_STARTED: Final = "import sys; from recourse_tui.web import show; sys.exit(show(*sys.argv[1:]))"
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{static}css/xterm.css">
<style>
@font-face {{ font-family: "Roboto Mono"; src: url("{static}fonts/RobotoMono-VariableFont_wght.ttf"); }}
body {{ background: #0F1317; color: #E4E7EB; font-family: "Roboto Mono", monospace; margin: 0; }}
.closed {{ display: none; padding: 2em; }}
body.-closed .closed {{ display: block; }}
body.-closed #terminal {{ display: none; }}
</style>
<script src="{static}js/textual.js"></script>
<script src="{home}keys.js"></script>
</head>
<body>
<div class="closed intro-dialog closed-dialog">The session has ended; reload the page for another one.</div>
<div id="terminal" class="textual-terminal" data-session-websocket-url="{socket}" data-font-size="{size}"></div>
</body>
</html>
"""
_KEYS: Final = """\
// The terminal has the keys as soon as it is there, without a click.
const wait = setInterval(() => {
  const keys = document.querySelector("#terminal textarea");
  if (keys) { keys.focus(); clearInterval(wait); }
}, 50);
window.addEventListener("focus", () => document.querySelector("#terminal textarea")?.focus());
"""
_FONT_SIZES: Final = range(8, 41)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Tab(AppService):
    """The process behind one tab: started without a shell, and gone when the tab is."""

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *shlex.split(self.command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._build_environment(width=width, height=height),
        )
        self._stdin = self._process.stdin
        return self._process

    async def stop(self) -> None:
        """Ask it to leave; make it leave."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING_S):
                await super().stop()
                if self._process is not None:
                    await self._process.wait()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class WebServer(textual_serve.server.Server):
    """Serves one archive's screens, a process for each tab.

    Args:
        command: What each tab runs.
        port: Where to listen on the loopback.
        title: What the page is called.
    """

    def __init__(self, command: str, port: int, title: str) -> None:
        super().__init__(command, host=_LOOPBACK, port=port, title=title)
        self.token = secrets.token_urlsafe(24)
        self.home = f"{_LOOPBACK}:{port}"
        self._tabs = 0

    @property
    def link(self) -> str:
        """Where the page is; whoever knows it may see the archive."""
        return f"http://{self.home}/{self.token}/"

    @property
    def policy(self) -> str:
        """What the page may load: our own files and our own socket."""
        return (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data:; font-src 'self' data:; "
            f"connect-src 'self' ws://{self.home}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )

    async def make_app(self) -> web.Application:
        """Everything under the secret path, behind the gate."""
        inner = web.Application()
        inner.add_routes(
            [
                web.get("/", self.handle_page),
                web.get("/keys.js", self.handle_keys),
                web.get("/ws", self.handle_websocket),
                web.static("/static", self.statics_path),
            ]
        )
        outer = web.Application(middlewares=[self._gate])
        outer.add_subapp(f"/{self.token}/", inner)
        return outer

    async def handle_page(self, request: web.Request) -> web.Response:
        """The page with the terminal."""
        wanted = request.query.get("fontsize", "")
        size = int(wanted) if wanted.isdecimal() and int(wanted) in _FONT_SIZES else 16
        page = _PAGE.format(
            title=html.escape(self.title),
            static=f"{self.link}static/",
            home=self.link,
            socket=f"ws://{self.home}/{self.token}/ws",
            size=size,
        )
        return web.Response(text=page, content_type="text/html")

    async def handle_keys(self, request: web.Request) -> web.Response:
        """What gives the terminal the keys."""
        del request
        return web.Response(text=_KEYS, content_type="text/javascript")

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One tab; no more than a few at once, because each is a process."""
        if self._tabs >= TABS:
            raise web.HTTPServiceUnavailable(text=f"there are {TABS} tabs already; close one")
        self._tabs += 1
        channel = web.WebSocketResponse(heartbeat=15, max_msg_size=_LONGEST_MESSAGE)
        await channel.prepare(request)

        async def close() -> None:
            await channel.close()

        tab = Tab(
            self.command, write_bytes=channel.send_bytes, write_str=channel.send_str,
            close=close, download_manager=self.download_manager,
        )  # fmt: skip
        try:
            await tab.start(_cells(request, "width", 80), _cells(request, "height", 24))
            await self._hear(channel, tab)
        finally:
            self._tabs -= 1
            await tab.stop()
        return channel

    async def _hear(self, channel: web.WebSocketResponse, tab: Tab) -> None:
        """Pass on what a page may say; anything else ends its session."""
        async for message in channel:
            if message.type != WSMsgType.TEXT:
                return
            try:
                match message.json():
                    case ["stdin", str(keys)]:
                        await tab.send_bytes(keys.encode("utf-8", "replace"))
                    case ["resize", {"width": int(width), "height": int(height)}]:
                        await tab.set_terminal_size(_within(width), _within(height))
                    case ["ping", sent]:
                        await channel.send_json(["pong", sent])
                    case ["blur", *_]:
                        await tab.blur()
                    case ["focus", *_]:
                        await tab.focus()
                    case _:
                        return
            except ValueError:
                return

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        known = request.path.split("/")[1].encode("utf-8", "surrogateescape")
        if request.host != self.home:
            raise web.HTTPForbidden(text="this server answers to its own name only")
        if not secrets.compare_digest(known, self.token.encode()):
            raise web.HTTPNotFound(text="give the whole link that recourse web printed")
        is_socket = request.path.endswith("/ws")
        if origin != f"http://{self.home}" and (origin is not None or is_socket):
            raise web.HTTPForbidden(text="this page does not talk to other pages")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(
                {
                    "Content-Security-Policy": self.policy,
                    "Referrer-Policy": "no-referrer",
                    "X-Content-Type-Options": "nosniff",
                    "Cross-Origin-Opener-Policy": "same-origin",
                    "Cross-Origin-Resource-Policy": "same-origin",
                    "Cache-Control": "no-store",
                }
            )
        return response


def serve(
    archive_path: str, *, port: int = 0, screen: str | None = None, trusted: bool = False
) -> int:
    """Serve an archive's screens on the loopback until interrupted.

    Args:
        archive_path: A directory, one Parquet file, or a pattern.
        port: Where to listen; any free port when left out.
        screen: The screen to begin with.
        trusted: The archive is our own: read it in the processes of the screens.

    Returns:
        The exit code: 2 for a screen that is not there.

    Raises:
        OSError: The port is taken.
    """
    if screen is not None and screen not in VIEWS:
        sys.stderr.write(
            f"recourse: screen {screen!r} is not there; use one of {', '.join(VIEWS)}\n"
        )
        return _USAGE
    logging.getLogger("textual-serve").setLevel(logging.CRITICAL)
    listener = socket.create_server((_LOOPBACK, port))
    argv = (archive_path, screen or "triage", "trusted" if trusted else "")
    command = shlex.join([sys.executable, "-c", _STARTED, *argv])
    title = f"recourse {Path(archive_path).name}"
    server = WebServer(command, listener.getsockname()[1], title)
    asyncio.run(_run(server, listener))
    return 0


def show(archive_path: str, screen: str, trusted: str = "") -> int:
    """What each tab runs: the screens, only for looking."""
    from recourse_tui.app import RecourseApp

    app = RecourseApp(archive_path, screen=screen, is_read_only=True, trusted=bool(trusted))
    app.run()
    return app.return_code or 0


def _cells(request: web.Request, side: str, otherwise: int) -> int:
    text = request.query.get(side, "")
    return _within(int(text)) if text.isdecimal() else otherwise


def _within(cells: int) -> int:
    return max(1, min(_MOST_CELLS, cells))


async def _run(server: WebServer, listener: socket.socket) -> None:
    runner = web.AppRunner(await server.make_app(), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    sys.stderr.write(
        f"recourse: open {server.link}\n"
        "recourse: whoever has this link sees the archive; ctrl+c ends it\n"
    )
    sys.stderr.flush()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, over.set)
    try:
        await over.wait()
    finally:
        await runner.cleanup()
