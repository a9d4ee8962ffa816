"""The screens in a browser: who may see them, what the page may load, and that keys are answered."""

import asyncio
import base64
import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from anyio.lowlevel import checkpoint

from recourse_tui.web import TABS, WebServer, serve

PathOf: TypeAlias = Callable[[str], str]
# What a tab runs: it says that it is ready, and leaves at the first word.
SILENT = """sh -c "printf '__GANGLION__\\\\n'; exec head -c 1" """
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_BINARY = 2
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def serving(command: str) -> AsyncIterator[WebServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = WebServer(command, listener.getsockname()[1], "recourse <b>x</b>")
    runner = web.AppRunner(await server.make_app(), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield server
    finally:
        await runner.cleanup()


async def status(server: WebServer, path: str, **headers: str) -> int:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://{server.home}{path}", headers=headers) as answer,
    ):
        return answer.status


async def test_only_who_knows_the_link_and_comes_from_no_other_page_is_let_in() -> None:
    async with serving(SILENT) as server:
        page = f"/{server.token}/"
        home = f"http://{server.home}"
        asked = {
            "own": await status(server, page),
            "own origin": await status(server, page, Origin=home),
            "no token": await status(server, "/"),
            "wrong token": await status(server, "/" + "x" * len(server.token) + "/"),
            "token of another script": await status(server, "/t\u00f6ken/"),
            "foreign host": await status(server, page, Host="evil.example"),
            "another name of ours": await status(server, page, Host=f"localhost:{server.port}"),
            "foreign origin": await status(server, page, Origin="http://evil.example"),
            "opaque origin": await status(server, page, Origin="null"),
            "socket of a foreign origin": await status(server, f"{page}ws", Origin="http://evil.example"),
            "socket without origin": await status(server, f"{page}ws"),
            "no list of files": await status(server, f"{page}static/"),
            "no way up": await status(server, f"{page}static/..%2f..%2fserver.py"),
            "no downloads": await status(server, f"{page}download/x"),
        }  # fmt: skip

    assert {name: code for name, code in asked.items() if code != 200} == {
        "no token": 404,
        "wrong token": 404,
        "token of another script": 404,
        "foreign host": 403,
        "another name of ours": 403,
        "foreign origin": 403,
        "opaque origin": 403,
        "socket of a foreign origin": 403,
        "socket without origin": 403,
        "no list of files": 403,
        "no way up": 404,
        "no downloads": 404,
    }


async def test_the_page_loads_our_own_files_only() -> None:
    async with (
        serving(SILENT) as server,
        aiohttp.ClientSession() as client,
        client.get(f"{server.link}?fontsize=20") as answer,
    ):
        text = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        keys = await status(server, f"/{server.token}/keys.js")
        big = await (await client.get(f"{server.link}?fontsize=9999")).text()

    assert keys == 200
    addresses = re.findall(r"(?:http|ws)s?://[^\s\"')]+", text)
    assert addresses
    assert {urlsplit(address).netloc for address in addresses} == {server.home}
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert 'data-font-size="20"' in text
    assert 'data-font-size="16"' in big
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert "default-src 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.slow
async def test_a_tab_too_many_is_refused_until_one_is_closed() -> None:
    async with serving(SILENT) as server, aiohttp.ClientSession() as client:
        link = f"ws://{server.home}/{server.token}/ws"
        headers = {"Origin": f"http://{server.home}"}
        tabs = [await client.ws_connect(link, headers=headers) for _ in range(TABS)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(link, headers=headers)
        for tab in tabs:
            await tab.close()
        while server._tabs:
            await checkpoint()
        for word in ("no json", "{}", '["unknown"]'):
            again = await client.ws_connect(f"{link}?width=9999&height=x", headers=headers)
            for known in ('["ping", 7]', '["blur"]', '["resize", {"width": -1, "height": 9999}]'):
                await again.send_str(known)
            assert await again.receive_json() == ["pong", 7]
            await again.send_str(word)
            assert (await again.receive()).type in {
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSED,
            }
            await again.close()

    assert refused.value.status == 503


class Browser:
    """A page in Chromium, by its debugging protocol."""

    def __init__(self, tab: aiohttp.ClientWebSocketResponse) -> None:
        self._tab = tab
        self._number = 0
        self.asked: set[str] = set()
        self.shown = ""

    async def do(self, method: str, **params: Any) -> Any:
        self._number += 1
        number = self._number
        await self._tab.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._tab.receive_json()
            if message.get("id") == number:
                return message.get("result", message)
            self._hear(message)

    async def wait_for(self, words: str) -> str:
        async with asyncio.timeout(20):
            while words not in self.shown:
                self._hear(await self._tab.receive_json())
        return self.shown

    def _hear(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.add(params["request"]["url"])
        if message.get("method") == "Network.webSocketCreated":
            self.asked.add(params["url"])
        if message.get("method") == "Network.webSocketFrameReceived":
            frame = params["response"]
            if frame["opcode"] == _BINARY:
                data = base64.b64decode(frame["payloadData"])
                self.shown += ESCAPE.sub("", data.decode("utf-8", "replace"))


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Browser]:
    assert CHROMIUM is not None
    argv = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
    ]  # fmt: skip
    program = await asyncio.create_subprocess_exec(
        *argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        assert program.stderr is not None
        link = ""
        async with asyncio.timeout(20):
            while "DevTools listening on " not in link:
                link = (await program.stderr.readline()).decode()
        address = urlsplit(link.rpartition(" ")[2].strip()).netloc
        async with aiohttp.ClientSession() as client:
            tabs = await (await client.get(f"http://{address}/json")).json()
            page = next(tab for tab in tabs if tab["type"] == "page")
            async with client.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as tab:
                yield Browser(tab)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        await program.wait()
        program._transport.close()  # type: ignore[attr-defined]  # its pipe outlives it otherwise


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_a_browser_shows_the_screens_answers_keys_and_asks_nobody_else(
    archive_path: PathOf, tmp_path: Path
) -> None:
    code = "import sys; from recourse_tui.web import show; sys.exit(show(*sys.argv[1:]))"
    command = shlex.join([sys.executable, "-c", code, archive_path("one-row"), "triage", "trusted"])
    async with serving(command) as server, browser(tmp_path) as page:
        await page.do("Network.enable")
        await page.do("Page.enable")
        await page.do("Page.navigate", url=server.link)
        await page.wait_for("payments.Charge")
        page.shown = ""
        for key in ("2", "b"):
            await page.do("Input.dispatchKeyEvent", type="keyDown", text=key, key=key)
            await page.do("Input.dispatchKeyEvent", type="keyUp", key=key)
        # The key reached the screens although nobody clicked; and what they would write is refused.
        await page.wait_for("notes are off here")
        stopped = await page.do(
            "Runtime.evaluate",
            expression="fetch('http://127.0.0.1:9/').then(() => 'sent', e => 'stopped')",
            awaitPromise=True,
        )

    assert "NO INCIDENT" in page.shown
    assert stopped["result"]["value"] == "stopped"
    hosts = {urlsplit(link).netloc for link in page.asked if not link.startswith("data:")}
    assert hosts <= {server.home, "127.0.0.1:9"}


def test_a_screen_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve("nowhere", screen="radar") == 2
    assert "recourse: screen 'radar' is not there" in capsys.readouterr().err


@pytest.mark.slow
async def test_the_command_prints_the_link_and_ends_when_interrupted(archive_path: PathOf) -> None:
    code = "import sys; from recourse_observe.cli import main; sys.exit(main(sys.argv[1:]))"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, "web", archive_path("one-row"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert program.stderr is not None
    line = (await program.stderr.readline()).decode()
    link = line.split()[2]
    async with aiohttp.ClientSession() as client, client.get(link) as answer:
        assert answer.status == 200
    program.send_signal(signal.SIGINT)
    out, _ = await program.communicate()

    assert line.startswith("recourse: open http://127.0.0.1:")
    assert out == b""
    assert program.returncode == 0
