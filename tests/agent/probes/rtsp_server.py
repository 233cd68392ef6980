"""An RTSP server made small: OPTIONS and DESCRIBE as RFC 2326 has them, Digest as RFC 2617 has it, checked strictly.

There is no camera here: this fake speaks the documents (RFC 2326, 2617, 2069, 4566), and what recorders are known to
add (junk before an answer, frames in between, answers without a length). Anything but OPTIONS and DESCRIBE is kept in
`refused` and answered 405: a probe that sets something up or plays it would be seen.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

VIDEO = (
    "v=0\r\no=- 1109162014219182 1109162014219192 IN IP4 0.0.0.0\r\ns=Media Presentation\r\nt=0 0\r\n"
    "a=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"
    "m=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\n"
)
SOUND = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=Sound\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n"
READS = frozenset({"OPTIONS", "DESCRIBE"})


@dataclass(kw_only=True)
class Manner:
    """How the server speaks."""

    user: str = ""
    password: str = ""
    realm: str = "IP Camera(12345)"
    qop: bool = False
    """With it RFC 2617, without it RFC 2069, which most cameras have."""
    stale: int = 0
    """How many proofs in a row are called stale."""
    before: bytes = b""
    """What is sent before each answer."""
    drip_s: float = 0.0
    """How long each byte of an answer takes."""
    has_length: bool = True
    answers: bool = True
    raw: bytes | None = None
    """Sent in place of each answer."""
    hang_up_after: int = 0
    """The connection is closed after so many answers."""
    header: str = ""
    """One more header."""


@dataclass(kw_only=True)
class Seen:
    """What the server was asked."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    connections: int = 0


class RtspServer:
    """`streams`: path with its query -> status, or a description (then 200). What is not there is 404."""

    def __init__(self, streams: Mapping[str, int | str], manner: Manner | None = None, host: str = "127.0.0.1") -> None:
        self.streams, self.manner, self.seen = dict(streams), manner or Manner(), Seen()
        self._nonce = "4e6f6e6365"
        self._open = True
        self._socket = socket.create_server((host, 0))
        self._socket.settimeout(0.05)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._lines: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._open = False
        for one in self._threads:
            one.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while self._open:
            try:
                line, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.seen.connections += 1
            self._threads.append(threading.Thread(target=self._talk, args=(line,), daemon=True))
            self._threads[-1].start()

    def _talk(self, line: socket.socket) -> None:
        heard, answers = b"", 0
        line.settimeout(0.05)
        with line:
            while self._open:
                try:
                    data = line.recv(4096)
                except TimeoutError:
                    continue
                except OSError:
                    return
                if not data:
                    return
                heard += data
                while b"\r\n\r\n" in heard:
                    request, _, heard = heard.partition(b"\r\n\r\n")
                    try:
                        self._answer(line, request.decode())
                    except OSError:
                        return
                    answers += 1
                    if answers == self.manner.hang_up_after:
                        return

    def _answer(self, line: socket.socket, request: str) -> None:
        first, *rest = request.split("\r\n")
        method, uri, version = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
        self.seen.asked.append((method, uri))
        if method not in READS:
            self.seen.refused.append(method)
        if not self.manner.answers:
            return
        if self.manner.raw is not None:
            line.sendall(self.manner.raw)
            return
        status, body, more = self._said(method, uri, version, headers)
        lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}", *more]
        if self.manner.header:
            lines.append(self.manner.header)
        if body:
            lines.append("Content-Type: application/sdp")
            if self.manner.has_length:
                lines.append(f"Content-Length: {len(body)}")
        self._send(line, self.manner.before + "\r\n".join([*lines, "", ""]).encode() + body)

    def _send(self, line: socket.socket, data: bytes) -> None:
        if not self.manner.drip_s:
            line.sendall(data)
            return
        for byte in data:
            if not self._open:
                return
            line.sendall(bytes((byte,)))
            time.sleep(self.manner.drip_s)

    def _said(
        self, method: str, uri: str, version: str, headers: Mapping[str, str]
    ) -> tuple[str, bytes, Sequence[str]]:
        if version != "RTSP/1.0" or not headers.get("cseq", "").isdigit():
            return "400 Bad Request", b"", ()
        if method not in READS:
            return "405 Method Not Allowed", b"", ("Allow: OPTIONS, DESCRIBE",)
        if method == "OPTIONS":
            return "200 OK", b"", ("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN",)
        if self.manner.user:
            is_proved = self._is_proved(method, uri, headers.get("authorization", ""))
            if not is_proved or self.manner.stale > 0:
                challenge = self._challenge(is_stale=is_proved)
                self.manner.stale -= is_proved
                return "401 Unauthorized", b"", (challenge,)
        path = re.sub(r"^rtsp://[^/]+", "", uri)
        found = self.streams.get(path, 404)
        if isinstance(found, int):
            return f"{found} Not This Time", b"", ()
        return "200 OK", found.encode(), ()

    def _challenge(self, *, is_stale: bool) -> str:
        qop = ', qop="auth"' if self.manner.qop else ""
        stale = ', stale="TRUE"' if is_stale else ""
        self._nonce = hashlib.sha256(self._nonce.encode()).hexdigest()[:32]
        return f'WWW-Authenticate: Digest realm="{self.manner.realm}", nonce="{self._nonce}"{qop}{stale}'

    def _is_proved(self, method: str, uri: str, proof: str) -> bool:
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', proof.removeprefix("Digest ")))
        if not proof.startswith("Digest ") or said.get("uri") != uri or said.get("nonce") != self._nonce:
            return False
        if said.get("username") != self.manner.user or said.get("realm") != self.manner.realm:
            return False
        secret = _md5(f"{self.manner.user}:{self.manner.realm}:{self.manner.password}")
        act = _md5(f"{method}:{uri}")
        if self.manner.qop:
            expected = _md5(f"{secret}:{self._nonce}:{said.get('nc')}:{said.get('cnonce')}:auth:{act}")
        else:
            expected = _md5(f"{secret}:{self._nonce}:{act}")
        return said.get("response") == expected


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
