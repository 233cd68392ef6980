"""The API as the collector starts it: it waits for the database, listens on loopback only, ends on SIGTERM."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from roundsman_collector.store import Deed, Office, Store
from roundsman_collector.web.__main__ import CONFIG_ERROR, main
from tests.collector.api import world

PATIENCE_S = 30


@contextmanager
def started(folder: Path, port: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "roundsman_collector.web", "--data", str(folder), "--port", str(port), *more]
    child = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stderr is not None
        child.stderr.close()


def status(port: int, path: str, host: str = "127.0.0.1", **headers: str) -> int | None:
    """The status of an answer; None while nobody listens."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_it_waits_for_the_database_then_serves_and_ends_when_told(tmp_path: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    with started(tmp_path, port) as child:
        assert child.stderr is not None
        assert "waiting up to 30 s for the collector" in child.stderr.readline()
        with Store.open(tmp_path / "roundsman.sqlite3"), Office.open(tmp_path / "roundsman.sqlite3") as office:
            office.add_token(world.TOKEN, name="first", role="administrator", deed=Deed(who="roundsman", at_ms=1))
        until(lambda: status(port, "/api/v1/health") == 200)

        assert status(port, "/api/v1/devices", Authorization=f"Bearer {world.TOKEN}") == 200
        assert status(port, "/devices", Authorization=f"Bearer {world.TOKEN}") == 200
        assert status(port, "/api/v1/devices") == 401
        assert status(port, "/api/v1/health", Host="evil.example") == 421
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) in (0, -signal.SIGTERM)


def test_it_ends_when_told_while_it_waits(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with started(tmp_path, free_port()) as child:
        assert child.stderr is not None
        child.stderr.readline()
        child.send_signal(signal.SIGTERM)

        assert child.wait(10) == -signal.SIGTERM
    assert os.listdir(tmp_path) == []


def test_a_configuration_that_cannot_be_used_ends_it_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "roundsman.toml").write_text("[api]\nport = 'x'\n")

    code = main(["--data", str(tmp_path), "--config", str(tmp_path / "roundsman.toml")])

    assert code == CONFIG_ERROR
    assert "[api] port" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--port", port])

    assert "expected a TCP port" in capsys.readouterr().err
