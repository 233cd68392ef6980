"""The line that can be cut: what goes in comes out, a cut breaks it, mended it carries again."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roundsman_collector.demo.fakes.cable import switch


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says back what it hears; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        done = threading.Event()

        def answer(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):  # a cut line is an error here, and meant
                while data := connection.recv(65_536):
                    connection.sendall(data)

        def accept() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                connection.settimeout(None)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        done.set()
        thread.join(5)


@pytest.fixture
def cable(tmp_path: Path, echo: int) -> Iterator[int]:
    """A cable to the echo as the demo starts it; its port."""
    command = [sys.executable, "-m", "roundsman_collector.demo.fakes", "cable", "--to", str(echo)]
    process = subprocess.Popen([*command, "--control", str(tmp_path / "mode"), "--link", str(tmp_path / "port")])
    try:
        end = time.monotonic() + 20
        while not (tmp_path / "port").exists():
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.02)
        yield int((tmp_path / "port").read_text())
    finally:
        process.terminate()
        process.wait(10)


def said_back(port: int, data: bytes = b"hello") -> bytes:
    """What comes back through the line; nothing when it breaks."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(data)
            back = b""
            while len(back) < len(data) and (more := line.recv(65_536)):
                back += more
            return back
    except ConnectionError:
        return b""


def until(question: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not question():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_whole_line_carries_everything(cable: int) -> None:
    data = bytes(range(256)) * 4000

    assert said_back(cable, data) == data


def test_a_cut_breaks_the_connections_there_are_and_every_new_one(cable: int, tmp_path: Path) -> None:
    with socket.create_connection(("127.0.0.1", cable), timeout=5) as line:
        line.sendall(b"hello")
        assert line.recv(5) == b"hello"

        switch(tmp_path / "mode", "cut")

        with pytest.raises(ConnectionError):
            while line.recv(1):
                pass
            raise ConnectionError("closed")
    assert said_back(cable) == b""


def test_a_mended_line_carries_again_on_the_same_port(cable: int, tmp_path: Path) -> None:
    switch(tmp_path / "mode", "cut")
    until(lambda: said_back(cable) == b"")

    switch(tmp_path / "mode", "whole")

    until(lambda: said_back(cable) == b"hello")
