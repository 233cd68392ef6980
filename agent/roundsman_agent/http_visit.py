"""A visit to a web server: GET and HEAD with one deadline over everything, and a bound on all that is read.

    with HttpVisit(url("https://nvr-2/ISAPI/System/status"), deadline=…, login=Login(user=…, password=…)) as visit:
        visit.get("/ISAPI/System/status") -> Reply(status, headers, body, is_cut)
        visit.head("/")
        visit.post_to_read("/ISAPI/ContentMgmt/search", body, kind="application/xml")

There is no verb in here that changes anything. `post_to_read` is for questions that some makers only take as POST;
who calls it stands in a list in tests/agent/test_http_visit.py, each with the documents that say that it only reads.

* The deadline (time.monotonic) holds over look-up, connecting, TLS, sending and every single byte that is received: a
  server that says one letter a second is left at the deadline, like one that says nothing.
* Bounds: 8 KiB a line, 64 KiB and 128 lines before the body, `most_bytes` of the body; what is more is cut
  (`is_cut`) and not received. Compressed answers are not asked for.
* Redirects are answers, and not followed here. Proxies of the environment are not used.
* TLS is verified unless `Trust(verify=False)`; then the server may be as old as cameras are.
* Digest with `Login`, Basic only where it is named (`scheme`): a device that asks for Basic could read the password.
  A password that was refused is not sent again for `wait_s` (login.py, lockout.py).

Written on a socket: http.client would do, but brings 2.4 MB into an agent of 22 (it imports ssl, whoever needs it or
not), and waits anew for each byte.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import quote, urljoin, urlsplit

from roundsman_agent.dial import dialled, left, network_error
from roundsman_agent.login import Door, Login
from roundsman_agent.probe import ProbeError

if TYPE_CHECKING:
    import ssl

__all__ = ["HttpVisit", "Reply", "Trust", "Untrusted", "Url", "certificate", "redirected", "url"]

LINE_LIMIT: Final = 8192
HEAD_LIMIT: Final = 65_536
LINES_LIMIT: Final = 128
BODY_LIMIT: Final = 65_536
REFUSAL_LIMIT: Final = 16_384
URL_LIMIT: Final = 2000
CONTEXTS_LIMIT: Final = 8
INTERIM_LIMIT: Final = 4
"""Answers of the kind `100 Continue` before the one that counts."""

_PORTS = {"http": 80, "https": 443}
_STATUS = re.compile(rb"HTTP/1\.[0-9][ \t]+([1-9][0-9]{2})(?:[ \t].*)?", re.DOTALL)
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?", re.DOTALL)
_PATH_SAFE = "!#$%&'()*+,/:;=?@[]~"

# X509_V_ERR_* of openssl/x509_vfy.h -> what is wrong with the certificate
_WRONG = {
    9: "is not valid yet (or this machine's clock is wrong)",
    10: "has expired (or this machine's clock is wrong)",
    **dict.fromkeys((2, 18, 19, 20, 21), "is signed by nobody who is trusted here (`ca`)"),
    **dict.fromkeys((62, 64), "is for another host"),
}


class Url(NamedTuple):
    """An address taken apart: `path` with its query, as it is sent."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


class Reply(NamedTuple):
    """What a server answered. Names of headers in small letters; a name that came twice is a list of both."""

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes = b""
    is_cut: bool = False
    """There was more than `most_bytes`."""

    def header(self, name: str) -> str:
        """The first of that name; "" when there is none."""
        return self.headers.get(name, ("",))[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """Whose word for a certificate counts: `ca` (a PEM file), without it the system's; nobody's without `verify`."""

    ca: str = ""
    verify: bool = True


class Untrusted(ProbeError):
    """The server's certificate was refused; nothing was asked."""


def url(text: str) -> Url:
    """An address of http or https; ProbeError bad_setting says what is wrong with anything else."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError as error:  # UnicodeError is one
        raise ProbeError("bad_setting", f"url {text[:200]!r}: {error}") from error
    if parts.scheme not in _PORTS or not host or port == 0 or len(text) > URL_LIMIT:
        raise ProbeError("bad_setting", f"url {text[:200]!r}: expected http://HOST[:PORT]/PATH or https://…")
    if parts.username is not None or parts.password is not None:
        raise ProbeError("bad_setting", f"url of {host}: user and password have settings of their own")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme, host, port or _PORTS[parts.scheme], quote(path, safe=_PATH_SAFE))


def redirected(here: Url, reply: Reply) -> Url | None:
    """Where an answer sends us, if that is on the same host and not from https back to http; None otherwise."""
    place = reply.header("location")
    if reply.status not in (301, 302, 303, 307, 308) or not place:
        return None
    host = f"[{here.host}]" if ":" in here.host else here.host
    try:
        there = url(urljoin(f"{here.scheme}://{host}:{here.port}{here.path}", place))
    except (ProbeError, ValueError):
        return None
    if there.host != here.host or (here.scheme == "https" and there.scheme != "https"):
        return None
    return there


class HttpVisit:
    """A conversation with the server of one address, over one connection as long as the server keeps it."""

    def __init__(
        self, at: Url, *, deadline: float, login: Login | None = None, trust: Trust | None = None,
        most_bytes: int = BODY_LIMIT,
    ) -> None:  # fmt: skip
        self._at, self._deadline, self._most = at, deadline, most_bytes
        self._door, self._trust = Door(at.where, login or Login()), trust or Trust()
        self._line: _Line | None = None
        self.bytes_moved = 0
        """What went over the line both ways, without what TLS adds."""
        self.certificate = b""
        """The server's, as DER; empty without TLS."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    # --- verbs --------------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Reply:
        return self._asked("GET", path, b"", "")

    def head(self, path: str) -> Reply:
        return self._asked("HEAD", path, b"", "")

    def post_to_read(self, path: str, body: bytes, *, kind: str) -> Reply:
        """A question that does not fit into an address. Never for anything that is not a pure read: see the module."""
        return self._asked("POST", path, body, kind)

    def _asked(self, method: str, path: str, body: bytes, kind: str) -> Reply:
        return self._door.asked(method, path, lambda proof: self._exchanged(method, path, body, kind, proof))

    # --- one exchange -------------------------------------------------------------------------------------------------

    def _exchanged(self, method: str, path: str, body: bytes, kind: str, proof: str) -> Reply:
        """Send a request and receive its answer; a connection that the server had closed meanwhile is made anew."""
        request = self._request(method, path, body, kind, proof)
        is_used = self._line is not None
        try:
            return self._received(method, request)
        except _HungUp as error:
            self._hang_up()
            if not is_used:
                raise ProbeError("bad_answer", str(error)) from error
        except BaseException:
            self._hang_up()
            raise
        try:
            return self._received(method, request)
        except _HungUp as error:
            self._hang_up()
            raise ProbeError("bad_answer", str(error)) from error
        except BaseException:
            self._hang_up()
            raise

    def _request(self, method: str, path: str, body: bytes, kind: str, proof: str) -> bytes:
        at = self._at
        host = f"[{at.host}]" if ":" in at.host else at.host
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host}" + ("" if at.port == _PORTS[at.scheme] else f":{at.port}"),
            "User-Agent: Roundsman",
            "Accept: */*",
            "Accept-Encoding: identity",
        ]
        if proof:
            lines.append(f"Authorization: {proof}")
        if body:
            lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        if any("\r" in line or "\n" in line or "\0" in line for line in lines):
            raise ProbeError("bad_answer", f"{at.where}: a line break within a header")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body

    def _received(self, method: str, request: bytes) -> Reply:
        line = self._line = self._line or self._dialled()
        moved = line.moved
        try:
            line.send(request)
            status, headers = _head(line)
            # What stands under a 401 is read, whoever wants a body or not: the answer to it goes over the same line.
            most = max(self._most, REFUSAL_LIMIT) if status == 401 else self._most
            body, is_cut, can_go_on = _body(line, method, status, headers, most)
        finally:
            self.bytes_moved += line.moved - moved
        if is_cut or not can_go_on or "close" in _words(headers, "connection"):
            self._hang_up()
        return Reply(status, headers, body, is_cut)

    def _dialled(self) -> _Line:
        at = self._at
        plain = dialled(at.host, at.port, deadline=self._deadline)
        if at.scheme == "http":
            return _Line(plain, at.where, self._deadline)
        try:
            secured = _secured(plain, at, self._trust, self._deadline)
        except BaseException:
            plain.close()
            raise
        self.certificate = secured.getpeercert(binary_form=True) or b""
        return _Line(secured, at.where, self._deadline)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def certificate(at: Url, *, deadline: float) -> bytes:
    """The certificate of a server as DER, whoever signed it. Nothing is asked, nothing is told."""
    plain = dialled(at.host, at.port, deadline=deadline)
    try:
        with _secured(plain, at, Trust(verify=False), deadline) as secured:
            return secured.getpeercert(binary_form=True) or b""
    finally:
        plain.close()


# --- the answer -------------------------------------------------------------------------------------------------------


class _HungUp(Exception):
    """The server closed the connection before it said a word."""


class _Line:
    """A connection that is read in lines and pieces until one deadline."""

    def __init__(self, line: socket.socket, where: str, deadline: float) -> None:
        self._line, self._where, self._deadline = line, where, deadline
        self._heard = bytearray()
        self._is_at_end = False
        self.moved = 0

    def close(self) -> None:
        self._line.close()

    def bad(self, what: str) -> ProbeError:
        return ProbeError("bad_answer", f"{self._where}: {what}")

    def send(self, data: bytes) -> None:
        try:
            self._line.settimeout(left(self._deadline, self._where))
            self._line.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _HungUp(f"{self._where}: hung up") from error
        except OSError as error:
            raise network_error(self._where, error) from error
        self.moved += len(data)

    def _more(self) -> bool:
        """Receive what is there, or wait for it; False at the end of all."""
        if self._is_at_end:
            return False
        try:
            self._line.settimeout(left(self._deadline, self._where))
            data = self._line.recv(16_384)
        except ConnectionResetError as error:
            if not self._heard:
                raise _HungUp(f"{self._where}: hung up") from error
            raise network_error(self._where, error) from error
        except OSError as error:
            raise network_error(self._where, error) from error
        self._heard += data
        self.moved += len(data)
        self._is_at_end = not data
        return bool(data)

    def line(self) -> bytes:
        """Up to the next line feed, without it and without the carriage return before it."""
        begin = 0
        while (end := self._heard.find(b"\n", begin)) < 0:
            begin = len(self._heard)
            if begin > LINE_LIMIT:
                break
            if not self._more():
                if not self._heard:
                    raise _HungUp(f"{self._where}: hung up without an answer")
                raise self.bad("hung up in the middle of a line")
        if not 0 <= end <= LINE_LIMIT:
            raise self.bad(f"a line of more than {LINE_LIMIT} bytes")
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return line.removesuffix(b"\r")

    def exactly(self, size: int) -> bytes:
        while len(self._heard) < size:
            if not self._more():
                raise self.bad(f"hung up {size - len(self._heard)} bytes too early")
        return self._cut(size)

    def up_to(self, size: int) -> bytes:
        """What comes until the end, at most that much and one byte."""
        while len(self._heard) <= size and self._more():
            pass
        return self._cut(size + 1)

    def _cut(self, size: int) -> bytes:
        data = bytes(self._heard[:size])
        del self._heard[:size]
        return data


def _head(line: _Line) -> tuple[int, dict[str, tuple[str, ...]]]:
    """The status and the headers of the answer that counts."""
    for _ in range(INTERIM_LIMIT):
        status, headers = _one_head(line)
        if status >= 200:
            return status, headers
    raise line.bad("says over and over that it will answer")


def _one_head(line: _Line) -> tuple[int, dict[str, tuple[str, ...]]]:
    first = line.line()
    match = _STATUS.fullmatch(first)
    if match is None:
        hint = "; is it https?" if first[:1] == b"\x15" else ""
        raise line.bad(f"does not speak HTTP: {first[:40]!r}{hint}")
    headers: dict[str, tuple[str, ...]] = {}
    size = 0
    for _ in range(LINES_LIMIT):
        try:
            text = line.line()
        except _HungUp as error:
            raise line.bad("hung up in the middle of the headers") from error
        size += len(text)
        if not text:
            return int(match[1]), headers
        if size > HEAD_LIMIT:
            break
        name, colon, value = text.decode("utf-8", "surrogateescape").partition(":")
        name = name.rstrip(" \t").lower()
        if colon and _NAME.fullmatch(name):  # what is no header (a folded line, noise) is passed over
            headers[name] = (*headers.get(name, ()), value.strip(" \t"))
    raise line.bad(f"more than {LINES_LIMIT} headers, or {HEAD_LIMIT} bytes of them")


def _body(
    line: _Line, method: str, status: int, headers: Mapping[str, tuple[str, ...]], most: int
) -> tuple[bytes, bool, bool]:
    """The body; whether there was more of it; whether the connection can be used for another request."""
    if method == "HEAD" or status in (204, 304):
        return b"", False, True
    if "chunked" in _words(headers, "transfer-encoding"):
        return _chunked(line, most)
    sizes = set(headers.get("content-length", ()))
    if sizes:
        text = sizes.pop()
        if sizes or not (text.isascii() and text.isdigit()) or len(text) > 12:
            raise line.bad(f"a length that is none: {text[:40]!r}")
        size = int(text)
        return (line.exactly(min(size, most)) if most else b""), size > most, size <= most
    if most == 0:
        return b"", True, False
    body = line.up_to(most)
    return body[:most], len(body) > most, False


def _chunked(line: _Line, most: int) -> tuple[bytes, bool, bool]:
    body = bytearray()
    while len(body) <= most:
        if most == 0:
            break
        try:
            said = line.line()
            match = _SIZE.fullmatch(said)
            if match is None:
                raise line.bad(f"a chunk without a size: {said[:40]!r}")
            size = int(match[1], 16)
            if size == 0:
                return bytes(body), False, _is_over(line)
            body += line.exactly(min(size, most + 1 - len(body)))
            if len(body) <= most and line.line():
                raise line.bad("a chunk that does not end where it says")
        except _HungUp as error:
            raise line.bad("hung up between two chunks") from error
    return bytes(body[:most]), True, False


def _is_over(line: _Line) -> bool:
    """Whether the trailer of a chunked body ends as it should."""
    return any(not line.line() for _ in range(LINES_LIMIT))


def _words(headers: Mapping[str, tuple[str, ...]], name: str) -> set[str]:
    return {word.strip().lower() for value in headers.get(name, ()) for word in value.split(",")}


# --- TLS --------------------------------------------------------------------------------------------------------------

_contexts: dict[tuple[object, ...], Any] = {}
_lock = threading.Lock()


def _secured(plain: socket.socket, at: Url, trust: Trust, deadline: float) -> ssl.SSLSocket:
    """TLS over a connected socket; Untrusted when the certificate is refused."""
    found = _context(trust)
    try:
        secured = found.wrap_socket(plain, server_hostname=at.host, do_handshake_on_connect=False)
    except ValueError as error:
        raise ProbeError("bad_setting", f"{at.where}: no name for TLS ({error})") from error
    try:
        secured.settimeout(left(deadline, at.where))
        secured.do_handshake()
    except BaseException as error:
        secured.close()
        if isinstance(error, OSError):
            raise _tls_error(at.where, error) from error
        raise
    return secured


def _tls_error(where: str, error: OSError) -> ProbeError:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        wrong = _WRONG.get(error.verify_code) or f"was refused: {error.verify_message}"
        return Untrusted("bad_answer", f"{where}: its certificate {wrong}")
    return network_error(where, error)


def _context(trust: Trust) -> ssl.SSLContext:
    """How servers are known: made once, and anew when the file of `ca` is another one."""
    try:
        written = os.stat(trust.ca).st_mtime_ns if trust.ca else 0
    except (OSError, ValueError) as error:
        raise ProbeError("bad_setting", f"ca {trust.ca}: {getattr(error, 'strerror', None) or error}") from error
    key = (trust.verify, trust.ca, written)
    with _lock:
        if key not in _contexts:
            while len(_contexts) >= CONTEXTS_LIMIT:
                del _contexts[next(iter(_contexts))]
            _contexts[key] = _new_context(trust)
        found: ssl.SSLContext = _contexts[key]
        return found


def _new_context(trust: Trust) -> ssl.SSLContext:
    import ssl

    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    if not trust.verify:
        # Cameras and recorders of ten years ago: TLS 1.0, short keys, old renegotiation. Nobody is believed anyway.
        found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
        found.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        found.set_ciphers("DEFAULT@SECLEVEL=0")
        found.options |= 0x4  # OP_LEGACY_SERVER_CONNECT, which Python 3.12 names
    elif trust.ca:
        try:
            found.load_verify_locations(cafile=trust.ca)
        except (OSError, ValueError) as error:
            raise ProbeError("bad_setting", f"ca {trust.ca}: holds no certificates in PEM") from error
    else:
        found.load_default_certs()
    return found
