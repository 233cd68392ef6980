"""A visit to an RTSP server (RFC 2326, 7826): OPTIONS and DESCRIBE over one connection, with one deadline.

    with RtspVisit("nvr-2", 554, deadline=…, login=Login(user=…, password=…)) as visit:
        visit.options("rtsp://nvr-2:554/Streaming/Channels/101") -> Reply(status, reason, headers, body)
        visit.describe("rtsp://nvr-2:554/Streaming/Channels/101")

There is no SETUP and no PLAY in here: nothing is streamed, nothing counts against the streams that a recorder gives.

    DESCRIBE rtsp://192.168.1.64:554/Streaming/Channels/101 RTSP/1.0
    CSeq: 2
    Accept: application/sdp

* A server may send other things on the same connection: interleaved frames (`$`, channel, two bytes of length),
  requests of its own, answers to what was asked before. They are passed over, as far as all that is received stays
  within `HEARD_LIMIT`.
* Digest as in HTTP (digest.py), with the whole address as `uri`. A password that was refused is not sent again for a
  while (lockout.py).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, NamedTuple, Self

from roundsman_agent.dial import dialled, left, network_error
from roundsman_agent.login import Door, Login
from roundsman_agent.probe import ProbeError

__all__ = ["Reply", "RtspVisit"]

LINE_LIMIT: Final = 4096
LINES_LIMIT: Final = 64
BODY_LIMIT: Final = 65_536
HEARD_LIMIT: Final = 2_000_000
"""Bytes of one answer with all that comes before it."""
SILENCE_S: Final = 1.0
"""How long to wait for more of a description whose length is not told."""

_STATUS = re.compile(rb"RTSP/[0-9]\.[0-9][ \t]+([1-9][0-9]{2})(?:[ \t]+(.*))?", re.DOTALL)
_SPACE = b" \t\r\n\0"


class Reply(NamedTuple):
    """What a server answered. Names of headers in small letters, each with all its values."""

    status: int
    reason: str
    headers: Mapping[str, tuple[str, ...]]
    body: bytes = b""


class RtspVisit:
    """See the module. ProbeError when there is no answer that could be read, and for a refused password."""

    def __init__(self, host: str, port: int, *, deadline: float, login: Login | None = None) -> None:
        self._host, self._port = host, port
        self.deadline = deadline
        """It may be set anew between two questions."""
        self._where = f"{host}:{port}"
        self._door = Door(self._where, login or Login())
        self._line: socket.socket | None = None
        self._heard = bytearray()
        self._count = 0
        """Bytes of this answer and of what came before it."""
        self._cseq = 0
        self.bytes_moved = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._hang_up()

    def options(self, uri: str) -> Reply:
        """Whether anybody is there."""
        return self._asked("OPTIONS", uri)

    def describe(self, uri: str) -> Reply:
        """Whether the stream is there, and what it is."""
        return self._asked("DESCRIBE", uri)

    def _asked(self, method: str, uri: str) -> Reply:
        return self._door.asked(method, uri, lambda proof: self._exchanged(method, uri, proof))

    # --- one exchange -------------------------------------------------------------------------------------------------

    def _exchanged(self, method: str, uri: str, proof: str) -> Reply:
        """Send a request and receive its answer; a connection that the server had closed meanwhile is made anew."""
        is_used = self._line is not None
        try:
            return self._sent(method, uri, proof)
        except _HungUp as error:
            self._hang_up()
            if not is_used:
                raise ProbeError("bad_answer", str(error)) from error
        except BaseException:
            self._hang_up()
            raise
        try:
            return self._sent(method, uri, proof)
        except _HungUp as error:
            self._hang_up()
            raise ProbeError("bad_answer", str(error)) from error
        except BaseException:
            self._hang_up()
            raise

    def _sent(self, method: str, uri: str, proof: str) -> Reply:
        line = self._line = self._line or dialled(self._host, self._port, deadline=self.deadline)
        self._cseq += 1
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self._cseq}", "User-Agent: Roundsman"]
        if method == "DESCRIBE":
            lines.append("Accept: application/sdp")
        if proof:
            lines.append(f"Authorization: {proof}")
        if any("\r" in one or "\n" in one or "\0" in one for one in lines):
            raise self._bad("a line break within a header")
        request = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        try:
            line.settimeout(left(self.deadline, self._where))
            line.sendall(request)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _HungUp(f"{self._where}: hung up") from error
        except OSError as error:
            raise network_error(self._where, error) from error
        self.bytes_moved += len(request)
        return self._received()

    def _received(self) -> Reply:
        """The answer to the last request; what else comes is passed over."""
        self._count = len(self._heard)
        while True:
            first = self._first_line()
            match = _STATUS.fullmatch(first)
            if match is None and not first.rstrip().upper().endswith((b"RTSP/1.0", b"RTSP/2.0")):
                raise self._bad(f"does not speak RTSP: {first[:40]!r}")
            headers = self._headers()
            is_description = match is not None and match[1] == b"200" and bool(headers.get("content-type"))
            body = self._body(headers, is_description)
            if match is not None and match[1] != b"100" and self._is_mine(headers):
                reason = (match[2] or b"").decode("utf-8", "replace").strip()
                if "close" in (value.strip().lower() for value in headers.get("connection", ())):
                    self._hang_up()
                return Reply(int(match[1]), reason[:80], headers, body)

    def _is_mine(self, headers: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether an answer is to the last request; one that bears no number is."""
        said = headers.get("cseq", ("",))[0]
        return not said.isascii() or not said.isdigit() or len(said) > 9 or int(said) == self._cseq

    def _first_line(self) -> bytes:
        """The next line that is not empty, behind interleaved frames."""
        while True:
            while not self._heard:
                self._more(_HungUp(f"{self._where}: hung up without an answer"))
            if self._heard[0] in _SPACE:
                del self._heard[0]
            elif self._heard[:1] == b"$":
                self._need(4)
                size = 4 + int.from_bytes(self._heard[2:4], "big")
                self._need(size)
                del self._heard[:size]
            else:
                return self._text_line()

    def _headers(self) -> dict[str, tuple[str, ...]]:
        headers: dict[str, tuple[str, ...]] = {}
        for _ in range(LINES_LIMIT):
            text = self._text_line()
            if not text:
                return headers
            name, colon, value = text.decode("utf-8", "surrogateescape").partition(":")
            name = name.strip(" \t").lower()
            if colon and name:
                headers[name] = (*headers.get(name, ()), value.strip(" \t"))
        raise self._bad(f"more than {LINES_LIMIT} headers")

    def _body(self, headers: Mapping[str, tuple[str, ...]], is_description: bool) -> bytes:
        sizes = headers.get("content-length", ())
        if not sizes:
            return self._until_silence() if is_description else b""
        text = sizes[0]
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise self._bad(f"a length that is none: {text[:40]!r}")
        if int(text) > BODY_LIMIT:
            raise self._bad(f"a description of {text} bytes, expected at most {BODY_LIMIT}")
        self._need(int(text))
        body = bytes(self._heard[: int(text)])
        del self._heard[: int(text)]
        return body

    def _until_silence(self) -> bytes:
        """A description whose length is not told: what comes until the server hangs up, or says nothing more."""
        until = min(self.deadline, time.monotonic() + SILENCE_S)
        while len(self._heard) <= BODY_LIMIT:
            try:
                self._more(_HungUp(""), until)
            except (_HungUp, ProbeError):
                break
        body = bytes(self._heard[:BODY_LIMIT])
        self._hang_up()
        return body

    # --- the line -----------------------------------------------------------------------------------------------------

    def _text_line(self) -> bytes:
        begin = 0
        while (end := self._heard.find(b"\n", begin)) < 0 and len(self._heard) <= LINE_LIMIT:
            begin = len(self._heard)
            self._more(self._bad("hung up in the middle of a line"))
        if not 0 <= end <= LINE_LIMIT:
            raise self._bad(f"a line of more than {LINE_LIMIT} bytes")
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return line.removesuffix(b"\r")

    def _need(self, size: int) -> None:
        while len(self._heard) < size:
            self._more(self._bad(f"hung up {size - len(self._heard)} bytes too early"))

    def _more(self, at_end: Exception, until: float | None = None) -> None:
        """Receive what is there, or wait for it; at the end of all the given exception is raised."""
        if self._line is None:
            raise at_end
        if self._count > HEARD_LIMIT:
            raise self._bad(f"sends {HEARD_LIMIT} bytes and no answer")
        try:
            self._line.settimeout(left(self.deadline if until is None else until, self._where))
            data = self._line.recv(16_384)
        except ConnectionResetError as error:
            raise at_end from error
        except OSError as error:
            raise network_error(self._where, error) from error
        if not data:
            raise at_end
        self._heard += data
        self._count += len(data)
        self.bytes_moved += len(data)

    def _bad(self, what: str) -> ProbeError:
        return ProbeError("bad_answer", f"{self._where}: {what}")

    def _hang_up(self) -> None:
        self._heard.clear()
        if self._line is not None:
            self._line.close()
            self._line = None


class _HungUp(Exception):
    """The server closed the connection before it said a word."""
