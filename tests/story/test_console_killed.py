"""The console is a process of its own: `kill -9` of it, again and again under load, costs no report and no ticket."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.brokers import until
from tests.story.site import PATIENCE_S, Site

pytestmark = pytest.mark.slow

KILLS = 3
MODULE = "roundsman_collector.web"


def console_of(site: Site) -> int | None:
    """The process of the console, found among the collector's children."""
    for child in psutil.Process(site.collector.pid).children():
        try:
            if MODULE in child.cmdline():
                return child.pid
        except psutil.Error:
            continue
    return None


def test_a_console_killed_again_and_again_loses_no_report_and_comes_back(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port, killed = free_port(), set[int]()
    with Site.on("nats", tmp_path) as site:
        file = tmp_path / "collector.toml"
        file.write_text(file.read_text().replace("port = 0", f"port = {port}"))
        site.start()

        def answers() -> bool:
            try:
                return httpx2.get(f"http://127.0.0.1:{port}/api/v1/health", timeout=5, trust_env=False).is_success
            except httpx2.HTTPError:
                return False

        for _ in range(KILLS):
            site.until(answers, "the console answers")
            console = console_of(site)
            assert console is not None
            assert console not in killed, "it is another process each time"
            os.kill(console, signal.SIGKILL)
            killed.add(console)
            site.await_records(20)
        until(answers, "the console is back after the last kill", PATIENCE_S)
        site.settle()

        site.account().assert_whole()
