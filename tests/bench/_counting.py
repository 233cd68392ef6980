"""A TCP proxy that counts what a client's line costs: every byte below TLS, both ways, and every packet.

    with CountingProxy(broker_port) as proxy:
        proxy.port; proxy.cut(); proxy.settle(); proxy.bytes, proxy.packets, proxy.connections

Bytes are those that pass. Packets are counted by the kernel (TCP_INFO, both ways, with handshakes and acknowledgements)
on the client's side, whose segments are kept to 1,360 bytes as on a mobile network.
"""

import contextlib
import select
import socket
import struct
import threading
from typing import Final, NamedTuple, Self

SEGMENT: Final = 1360
_SEGMENTS: Final = struct.Struct("=II")
_SEGMENTS_AT: Final = 136
_FAREWELL_PACKETS: Final = 2
"""What comes after the last look: the other side's FIN and its acknowledgement."""


class Cost(NamedTuple):
    """What a line has cost so far."""

    bytes: int
    packets: int
    connections: int

    def on_the_wire(self, header: int = 40) -> int:
        """With so many bytes of headers for each packet."""
        return self.bytes + self.packets * header


class CountingProxy:
    """See the module."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.socket()
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(8)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._cost = Cost(0, 0, 0)
        self._open: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    @property
    def cost(self) -> Cost:
        """Of all connections, with the packets of those that are closed."""
        with self._lock:
            return self._cost

    def cut(self) -> None:
        """Close every connection and wait until it is counted."""
        with self._lock:
            lines, threads = list(self._open), list(self._threads)
        for pair in lines:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            pair = (client, socket.create_connection(("127.0.0.1", self._upstream)))
            for one in pair:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._relay, args=pair, daemon=True)
            with self._lock:
                self._open.append(pair)
                self._threads.append(thread)
            thread.start()

    def _relay(self, client: socket.socket, broker: socket.socket) -> None:
        passed = 0
        towards = {client: broker, broker: client}
        packets = 0
        with contextlib.suppress(OSError):
            while True:
                readable, _, _ = select.select(list(towards), [], [])
                packets = _packets(client)
                ended = False
                for one in readable:
                    data = one.recv(65_536)
                    ended = ended or not data
                    towards[one].sendall(data)
                    passed += len(data)
                    with self._lock:
                        self._cost = self._cost._replace(bytes=self._cost.bytes + len(data))
                if ended:
                    break
        packets = _packets(client) or packets
        client.close()
        broker.close()
        with self._lock:
            before = self._cost
            self._cost = before._replace(
                packets=before.packets + packets + _FAREWELL_PACKETS, connections=before.connections + 1
            )
            self._open.remove((client, broker))


def _packets(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    return sum(_SEGMENTS.unpack_from(info, _SEGMENTS_AT))
