"""A real web process, a real browser, and somebody who has signed in.

Screenshots of every page go to the folder that ROUNDSMAN_SHOTS names: look at them.
"""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from roundsman_collector.store import Deed, Office
from tests.browser import town
from tests.collector.api import world

CHROMIUM = "/usr/bin/chromium"
PATIENCE_S = 30
WIDTHS = {"wide": (1440, 900), "phone": (390, 844)}


class Running(NamedTuple):
    """A web process and its database."""

    database: Path
    port: int
    key: str
    """Of a one-time link."""
    code: str
    """Of the label of kiosk-7."""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The site over the town's database."""
    database = town.made(tmp_path_factory.mktemp("town") / "roundsman.sqlite3")
    key, code = town.invited(database), town.labelled(database)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    child = subprocess.Popen([sys.executable, "-m", "tests.browser.serve", str(database), str(port)])
    try:
        until(lambda: answers(port))
        yield Running(database, port, key, code)
    finally:
        child.terminate()
        child.wait(10)


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v1/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Not longer than a module: while it is there, nobody else in this process can use asyncio."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"no {CHROMIUM}: apt install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        # The sandbox wants rights that a container does not give; the only pages it opens are our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


Visit = Callable[..., Page]


class Heard(NamedTuple):
    """What a browser complained about: console errors, CSP violations, uncaught exceptions, answers that failed."""

    errors: list[str]


@pytest.fixture
def heard() -> Heard:
    return Heard([])


@pytest.fixture
def visit(console: Running, chromium: Browser, heard: Heard) -> Iterator[Visit]:
    """A function that opens a browser of somebody, in a language and at a width, and gives an empty page."""
    opened: list[BrowserContext] = []

    def open_browser(*, who: str = world.ADMIN, lang: str = "zh", width: str = "wide", theme: str = "light") -> Page:
        context = _context(console, chromium, Reader(who, lang, width, theme))
        opened.append(context)
        return _page(context, heard)

    yield open_browser
    for context in opened:
        context.close()


class Reader(NamedTuple):
    """Who looks, in which language, how wide and how light."""

    who: str
    lang: str
    width: str
    theme: str = "light"


@pytest.fixture(scope="module")
def browsers(console: Running, chromium: Browser) -> Iterator[Callable[[Reader], BrowserContext]]:
    """A function that gives the browser of a reader: the same one again and again, for what is only looked at."""
    opened: dict[Reader, BrowserContext] = {}

    def open_browser(reader: Reader) -> BrowserContext:
        if reader not in opened:
            opened[reader] = _context(console, chromium, reader)
        return opened[reader]

    yield open_browser
    for context in opened.values():
        context.close()


@pytest.fixture
def look(browsers: Callable[[Reader], BrowserContext], heard: Heard) -> Iterator[Callable[[Reader], Page]]:
    """A function that gives an empty page in the browser of a reader."""
    opened: list[Page] = []

    def open_page(reader: Reader) -> Page:
        opened.append(_page(browsers(reader), heard))
        return opened[-1]

    yield open_page
    for page in opened:
        page.close()


Look = Callable[[Reader], Page]


def _context(console: Running, chromium: Browser, reader: Reader) -> BrowserContext:
    across, down = WIDTHS[reader.width]
    context = chromium.new_context(
        viewport={"width": across, "height": down},
        locale="zh-CN" if reader.lang == "zh" else "en-GB",
        timezone_id="Asia/Shanghai",
        color_scheme="dark" if reader.theme == "dark" else "light",
        is_mobile=reader.width == "phone",
        has_touch=reader.width == "phone",
    )
    context.add_cookies([{"name": "roundsman_language", "value": reader.lang, "url": console.origin}])
    if reader.who:
        key = _session(console, reader.who)
        context.add_cookies([{"name": f"roundsman_{console.port}", "value": key, "url": console.origin}])
    return context


def _page(context: BrowserContext, heard: Heard) -> Page:
    page = context.new_page()
    page.on("console", lambda said: heard.errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: heard.errors.append(str(error)))
    return page


def _session(console: Running, who: str) -> str:
    with Office.open(console.database) as office:
        deed = Deed(who=who, at_ms=world.NOW, address="192.0.2.7")
        return office.begin_session(who, expires_ms=world.NOW + world.HOUR, browser="a test", deed=deed)


@pytest.fixture
def shots() -> Callable[[Page, str], None]:
    """Takes a screenshot of the whole page where ROUNDSMAN_SHOTS is set."""
    folder = os.environ.get("ROUNDSMAN_SHOTS")

    def shoot(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            # caret="initial": to hide the caret it would add a style of its own, of which our policy complains.
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, caret="initial")

    return shoot
