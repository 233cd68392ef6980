"""RTSP against a server that we did not write: Debian's rtsp-server-perl, to which a source announces its stream.

It knows no passwords: Digest is tried against our own server, which checks it by RFC 2617 and 2069 (rtsp_server.py).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from roundsman_agent.probe import Answer, complete
from roundsman_agent.probes import rtsp
from tests.agent.probes.rtsp_server import SOUND, VIDEO

PROGRAM = shutil.which("rtsp-server-perl")


class Server(NamedTuple):
    """Where viewers come in, and where sources do."""

    port: int
    source_port: int


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if PROGRAM is None:
        pytest.skip("rtsp-server-perl is not installed")
    log: Path = tmp_path_factory.mktemp("rtsp") / "log"
    here, process = started(log)
    try:
        yield here
    finally:
        process.terminate()
        process.wait(10)


def started(log: Path) -> tuple[Server, subprocess.Popen[bytes]]:
    """A server that listens; a port that somebody else took meanwhile costs a try."""
    assert PROGRAM is not None
    why = AssertionError("not tried")
    for _ in range(5):
        here = Server(free_port(), free_port())
        command = [PROGRAM, f"--clientport={here.port}", f"--serverport={here.source_port}"]
        command += ["--client_listen_address=127.0.0.1", "--source_listen_address=127.0.0.1"]
        with log.open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            for port in here:
                connected(port, process, log).close()
            return here, process
        except AssertionError as error:
            process.kill()
            process.wait(10)
            why = error
    raise why


def connected(port: int, process: subprocess.Popen[bytes], log: Path) -> socket.socket:
    """A connection, as soon as the server listens."""
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}: {log.read_text('utf-8', 'replace')[-2000:]}")


def announced(server: Server, path: str, description: str) -> socket.socket:
    """A source that offers a stream as long as the connection stands."""
    source = socket.create_connection(("127.0.0.1", server.source_port), timeout=5)
    source.sendall(
        f"ANNOUNCE rtsp://127.0.0.1:{server.source_port}{path} RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(description)}\r\n\r\n{description}".encode()
    )
    assert source.recv(1000).startswith(b"RTSP/1.0 200 OK")
    return source


def visited(server: Server, **more: object) -> Answer:
    given = complete(rtsp.probe, {"host": "127.0.0.1", "port": server.port, "timeout_s": 10.0, **more})
    return rtsp.parse(rtsp.fetch(given), given)


def test_streams_of_a_real_server_are_seen_as_they_are(server: Server) -> None:
    with announced(server, "/cam/1", VIDEO), announced(server, "/cam/2", SOUND):
        answer = visited(server, path="/cam/{channel}", channels=["1-3"])

    assert answer.readings == {"channel[1].state": "online", "channel[2].state": "no_stream", "channel[3].state": None}
    assert answer.failed["channel[3].state"] == ("absent", "404 Not Found: no such channel")


def test_a_camera_beside_a_real_server_is_offline_when_it_is_gone(server: Server) -> None:
    urls = [f"here=rtsp://127.0.0.1:{server.port}/cam/9", f"gone=rtsp://127.0.0.1:{free_port()}/cam/9"]

    answer = visited(server, host="", urls=urls)

    assert answer.readings == {"channel[here].state": None, "channel[gone].state": "offline"}
