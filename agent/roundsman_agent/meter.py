"""What a connection costs on the line: its bytes below TLS, both ways, and 40 for each packet's TCP and IP headers.

    meter = Meter(sock); meter.more() -> bytes since it was asked last

Linux counts them itself (TCP_INFO): handshakes, acknowledgements and what was sent twice are in it. Elsewhere it is an
estimate from what passes through us. Not seen: name look-ups, a connection that never came to be (FAILED_BYTES for each
try), and the last packets after a close (CLOSING_BYTES).
"""

import socket
import struct
from typing import Any, Final

PACKET_BYTES: Final = 40
FAILED_BYTES: Final = 4 * 60
CLOSING_BYTES: Final = 4 * PACKET_BYTES + 2 * 24
_INFO_BYTES: Final = 232
_HANDSHAKE_BYTES: Final = 4_500
"""An estimate for TLS, where nobody counts."""
_CALL_BYTES: Final = 22 + 2 * PACKET_BYTES
"""TLS's frame, a packet and its acknowledgement."""
# struct tcp_info of linux/tcp.h: bytes_acked, bytes_received, segs_out, segs_in; bytes_sent since 4.19
_COUNTS: Final = struct.Struct("=QQII")
_COUNTS_AT: Final = 120
_SENT: Final = struct.Struct("=Q")
_SENT_AT: Final = 200


class Meter:
    """See the module. `passed` is what the caller saw pass, in bytes and calls: where the system does not count."""

    def __init__(self, sock: Any, *, is_tls: bool) -> None:
        self._sock = sock
        self._told = 0
        self._is_tls = is_tls

    def more(self, passed: tuple[int, int] = (0, 0)) -> int:
        """Bytes on the line since the last time."""
        total = _counted(self._sock)
        if total is None:
            data, calls = passed
            total = data + calls * _CALL_BYTES + (_HANDSHAKE_BYTES if self._is_tls else 0)
        new, self._told = max(total - self._told, 0), max(total, self._told)
        return new


def _counted(sock: Any) -> int | None:
    """What the system has counted for a connection; None where it does not."""
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, option, _INFO_BYTES)
    except (OSError, AttributeError):
        return None
    return parsed(info)


def parsed(info: bytes) -> int | None:
    """The bytes that a tcp_info tells of; None for a kernel too old to tell."""
    if len(info) < _COUNTS_AT + _COUNTS.size:
        return None
    acknowledged, received, packets_out, packets_in = _COUNTS.unpack_from(info, _COUNTS_AT)
    sent = acknowledged
    if len(info) >= _SENT_AT + _SENT.size:
        (sent,) = _SENT.unpack_from(info, _SENT_AT)
    return int(sent + received + (packets_out + packets_in) * PACKET_BYTES)
