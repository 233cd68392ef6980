"""A cable that can be cut: TCP connections to a broker through a port of its own, all of them broken on demand.

with cabled(mosquitto_broker)(folder) as broker:       a broker of tests/brokers.py behind a cable
    broker.cable.cut()                                 whoever was connected is not, and nobody gets through
    broker.cable.mend()
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.brokers import GROUP, Broker

_TURN_S = 0.02


class Cable:
    """One thread that carries bytes both ways."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._is_cut = False
        self._is_over = False
        self._ends: dict[socket.socket, socket.socket] = {}
        self._eyes = selectors.DefaultSelector()
        self._eyes.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        self._is_cut = True

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self._is_over = True
        self._thread.join(5)

    def _carry(self) -> None:
        while not self._is_over:
            for key, _ in self._eyes.select(_TURN_S):
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if end is self._listener:
                    self._join()
                elif end in self._ends:
                    self._pass(end)
            if self._is_cut:
                for end in list(self._ends):
                    self._part(end)
        for end in list(self._ends):
            self._part(end)
        self._listener.close()
        self._eyes.close()

    def _join(self) -> None:
        near, _ = self._listener.accept()
        try:
            if self._is_cut:
                raise ConnectionRefusedError
            far = socket.create_connection(("127.0.0.1", self._to), timeout=1)
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            one.settimeout(1.0)
            self._ends[one] = other
            self._eyes.register(one, selectors.EVENT_READ)

    def _pass(self, end: socket.socket) -> None:
        try:
            data = end.recv(65_536)
            if not data:
                raise ConnectionResetError
            self._ends[end].sendall(data)
        except OSError:
            self._part(end)

    def _part(self, end: socket.socket) -> None:
        other = self._ends.pop(end, None)
        if other is None:
            return
        self._ends.pop(other, None)
        for one in (end, other):
            self._eyes.unregister(one)
            one.close()


class Cabled:
    """A broker behind a cable: the same but for its port."""

    name = "cabled"
    host = "127.0.0.1"

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.cable = Cable(broker.port)
        self.port = self.cable.port
        self.collector = broker.collector

    def user_for(self, agent: str, group: str = GROUP) -> tuple[str, str]:
        return self._broker.user_for(agent, group)

    def kill9(self) -> None:
        self._broker.kill9()

    def restart(self) -> None:
        self._broker.restart()


def cabled(
    started: Callable[[Path], contextlib.AbstractContextManager[Broker]],
) -> Callable[[Path], contextlib.AbstractContextManager[Cabled]]:
    """The same kind of broker, behind a cable."""

    @contextlib.contextmanager
    def start(folder: Path) -> Iterator[Cabled]:
        with started(folder) as broker:
            behind = Cabled(broker)
            try:
                yield behind
            finally:
                behind.cable.close()

    return start
