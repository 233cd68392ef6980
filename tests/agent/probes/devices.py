"""Real things made small: a serial device on a pseudo-terminal, a UDP port that answers what a test says."""

from __future__ import annotations

import os
import select
import socket
import threading
import tty
from collections.abc import Callable
from typing import TypeAlias

Reply: TypeAlias = Callable[[bytes], bytes | None]
"""What a serial device says to what it heard; None pulls the cable."""

Datagrams: TypeAlias = Callable[[bytes], list[bytes]]
"""The datagrams with which a UDP device answers one."""


class Line:
    """A serial device on a pseudo-terminal: what comes in goes to `reply`, what that gives back goes out. None
    pulls the cable.

    The far side keeps its own end of the pseudo-terminal closed, as a real device does: only a program that opens
    `port` holds it.
    """

    def __init__(self, reply: Reply) -> None:
        self.asked = bytearray()
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._reply = reply
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._stop_r, self._master], [], [], 1)
            if self._stop_r in ready:
                return
            try:
                data = os.read(self._master, 4096)
            except OSError:  # EIO: nobody has the port open; look again soon
                if select.select([self._stop_r], [], [], 0.005)[0]:
                    return
                continue
            self.asked += data
            answer = self._reply(data)
            if answer is None:
                os.close(self._master)
                self._master = -1
                return
            self.say(answer)

    def say(self, data: bytes) -> None:
        """Send what fits; a device does not wait for a reader."""
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                return

    def close(self) -> None:
        if self._thread.is_alive():
            os.write(self._stop_w, b"x")
            self._thread.join(5)
        for fd in (self._master, self._stop_r, self._stop_w):
            if fd >= 0:
                os.close(fd)
        self._master = self._stop_r = self._stop_w = -1


class Udp:
    """A UDP port on loopback that answers each datagram with what `reply` makes of it (a list: several datagrams)."""

    def __init__(self, reply: Datagrams) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port: int = self._socket.getsockname()[1]
        self._reply, self._open, self.asked = reply, True, 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._open:
            try:
                data, peer = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            self.asked += 1
            for answer in self._reply(data):
                self._socket.sendto(answer, peer)

    def close(self) -> None:
        self._open = False
        self._thread.join(5)
        self._socket.close()


Lines: TypeAlias = Callable[[Reply], Line]
Ports: TypeAlias = Callable[[Datagrams], Udp]
