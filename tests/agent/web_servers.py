"""Web servers for tests: ours that say what a test wants, one that knows Digest to the letter, Debian's lighttpd.

    Scripted(lambda request: b"HTTP/1.1 200 OK\r\n…")      any bytes, or pieces with pauses; over TLS with a context
    DigestServer(algorithm="SHA-256", …)                   RFC 7616, written from the text and not from our own code
    lighttpd(folder, …)                                    neither of us wrote it

Every server of ours notes a request that is neither GET nor HEAD; `close` fails the test if there was one that the test
did not announce (`reads`).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

Answer: TypeAlias = Callable[[bytes], "bytes | Iterable[bytes] | None"]
"""What a server says to a request (head and body); pieces are sent one by one; None hangs up."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Scripted:
    """A server on loopback with a thread for each connection, which stays open until either side has had enough."""

    def __init__(
        self,
        answer: Answer,
        *,
        tls: ssl.SSLContext | None = None,
        reads: frozenset[str] = frozenset(),
        v6: bool = False,
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answer, self._tls, self._verbs = answer, tls, {"GET", "HEAD", *reads}
        self._socket = socket.create_server(
            ("::1" if v6 else "127.0.0.1", 0), family=socket.AF_INET6 if v6 else socket.AF_INET
        )
        self.port: int = self._socket.getsockname()[1]
        self.is_closed = threading.Event()
        self._lines: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._run, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/"

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._lines.append(line)
            thread = threading.Thread(target=self._serve, args=(line,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError):  # the visitor has left, or the test is over
            if self._tls:
                line = self._tls.wrap_socket(line, server_side=True)
                self._lines.append(line)
            while (request := received(line)) and self._said(line, request):
                pass
        with suppress(OSError):
            line.close()

    def _said(self, line: socket.socket, request: bytes) -> bool:
        self.requests.append(request)
        answer = self._answer(request)
        if answer is None:
            return False
        for piece in [answer] if isinstance(answer, bytes) else answer:
            if self.is_closed.is_set():
                return False
            line.sendall(piece)
        return True

    def close(self) -> None:
        self.is_closed.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                line.close()
        for thread in self._threads:
            thread.join(5)
        wrong = [one[:80] for one in self.requests if one.split(b" ", 1)[0].decode("latin-1") not in self._verbs]
        assert not wrong, f"a visit sent what is no read: {wrong}"


def received(line: socket.socket) -> bytes:
    """One request with its body; b"" when the visitor has left."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = line.recv(65_536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length:\s*([0-9]+)", head)
    while length and len(body) < int(length[1]):
        piece = line.recv(65_536)
        if not piece:
            return b""
        body += piece
        data += piece
    return data


def dripping(data: bytes, gap_s: float, over: threading.Event) -> Iterator[bytes]:
    """One byte at a time."""
    for i in range(len(data)):
        if over.wait(gap_s):
            return
        yield data[i : i + 1]


# --- Digest, from the text of RFC 7616 --------------------------------------------------------------------------------


@dataclass(kw_only=True)
class DigestServer:
    """Answers 200 to whom knows the password, 401 to others. Strict: what the RFC does not allow is a `complaint`.

    `qop=False` is the form of RFC 2069. A nonce is good for `uses` requests; then it is stale. `locks_after`: wrong
    passwords after which nobody gets in any more, as recorders do.
    """

    user: str = "guard"
    password: str = "Circle of Life"
    realm: str = "nvr@example"
    algorithm: str = ""
    qop: bool = True
    userhash: bool = False
    uses: int = 1000
    tells_stale: bool = True
    always_stale: bool = False
    locks_after: int = 1000
    extra: str = ""

    def __post_init__(self) -> None:
        self.complaints: list[str] = []
        self.wrong = 0
        self._nonces: dict[str, tuple[int, str]] = {}

    def __call__(self, request: bytes) -> bytes:
        head = request.partition(b"\r\n\r\n")[0].decode()
        method, uri, _ = head.splitlines()[0].split(" ")
        lines = [line.split(": ", 1)[1] for line in head.splitlines()[1:] if line.lower().startswith("authorization: ")]
        if not lines:
            return self._refusal(stale=False)
        if len(lines) > 1 or not lines[0].startswith("Digest "):
            self.complaints.append(f"not one Digest: {lines}")
        fields = dict(re.findall(r'([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|[^\s,"]+)', lines[0]))
        bare = dict(re.findall(r"([a-z*]+)=([^\s,\"]+)", lines[0]))
        said = {name: value or bare.get(name, "") for name, value in fields.items()}
        self._look_at_form(said, lines[0], uri)
        return self._judged(said, method)

    def _look_at_form(self, said: dict[str, str], line: str, uri: str) -> None:
        wanted = {"username", "realm", "nonce", "uri", "response", "opaque"}
        if self.qop:
            wanted |= {"qop", "nc", "cnonce"}
        if self.algorithm:
            wanted.add("algorithm")
        if missing := wanted - set(said):
            self.complaints.append(f"missing: {missing}")
        for name in ("qop", "nc", "algorithm", "userhash"):  # 3.4: these stand without quotes
            if f'{name}="' in line:
                self.complaints.append(f"{name} is quoted")
        if said.get("uri") != uri:
            self.complaints.append(f"uri {said.get('uri')} for {uri}")
        if self.algorithm and said.get("algorithm") != self.algorithm:
            self.complaints.append(f"algorithm {said.get('algorithm')}")
        if said.get("opaque") != "5ccc069c403ebaf9f0171e9517f40e41":
            self.complaints.append("opaque was not given back")
        if self.qop and not re.fullmatch(r"[0-9a-f]{8}", said.get("nc", "")):
            self.complaints.append(f"nc {said.get('nc')}")

    def _judged(self, said: dict[str, str], method: str) -> bytes:
        if said["nonce"] not in self._nonces:
            return self._refusal(stale=False)
        used, first_cnonce = self._nonces[said["nonce"]]
        if self.qop and int(said["nc"], 16) != used + 1:
            self.complaints.append(f"nc {said['nc']} for use {used + 1} of a nonce")
        self._nonces[said["nonce"]] = (used + 1, first_cnonce or said.get("cnonce", ""))
        if said["response"] != self._response(said, method, first_cnonce or said.get("cnonce", "")):
            self.wrong += 1
            return self._refusal(stale=False)
        if self.wrong >= self.locks_after:
            return self._refusal(stale=False)
        if self.always_stale or used >= self.uses:
            return self._refusal(stale=self.tells_stale)
        return OK

    def _response(self, said: dict[str, str], method: str, first_cnonce: str) -> str:
        kind = "sha256" if "256" in self.algorithm else "md5"

        def h(text: str) -> str:
            return hashlib.new(kind, text.encode()).hexdigest()

        name = h(f"{self.user}:{self.realm}") if self.userhash else self.user
        if said["username"].replace('\\"', '"').replace("\\\\", "\\") != name:
            return "nobody"
        a1 = f"{self.user}:{self.realm}:{self.password}"
        if self.algorithm.endswith("-sess"):
            a1 = f"{h(a1)}:{said['nonce']}:{first_cnonce}"
        a2 = f"{method}:{said['uri']}"
        if not self.qop:
            return h(f"{h(a1)}:{said['nonce']}:{h(a2)}")
        return h(f"{h(a1)}:{said['nonce']}:{said['nc']}:{said['cnonce']}:auth:{h(a2)}")

    def _refusal(self, *, stale: bool) -> bytes:
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = (0, "")
        parts = [f'realm="{self.realm}"', f'nonce="{nonce}"', 'opaque="5ccc069c403ebaf9f0171e9517f40e41"']
        parts += [f"algorithm={self.algorithm}"] if self.algorithm else []
        parts += ['qop="auth, auth-int"'] if self.qop else []
        parts += ["userhash=true"] if self.userhash else []
        parts += ["stale=true"] if stale else []
        challenge = f"WWW-Authenticate: Digest {', '.join(parts)}\r\n{self.extra}"
        return f"HTTP/1.1 401 Unauthorized\r\n{challenge}Content-Length: 2\r\n\r\nno".encode()


# --- certificates and Debian's server ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Files of a CA and of a server that it signed, both for 127.0.0.1 and localhost."""

    ca: Path
    server: Path
    """Certificate and key."""

    def context(self) -> ssl.SSLContext:
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.load_cert_chain(self.server)
        return found


def certificates(folder: Path, *, days: int, names: str = "DNS:localhost,IP:127.0.0.1") -> Certificates:
    """Make them with openssl. `days` -1: it expired yesterday."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "30")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=kiosk-7")
    (folder / "names").write_text(f"subjectAltName={names}\n")
    openssl(
        *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-days", str(days), "-extfile", "names", "-out", "server.pem"),
    )
    both = folder / "both.pem"
    both.write_text((folder / "server.pem").read_text() + (folder / "server.key").read_text())
    return Certificates(ca=folder / "ca.pem", server=both)


LIGHTTPD = """
server.document-root = "{folder}/pages"
server.port = {port}
server.bind = "127.0.0.1"
server.modules = ("mod_access", "mod_redirect", "mod_auth", "mod_authn_file", "mod_openssl")
server.errorlog = "{folder}/error.log"
mimetype.assign = ("" => "text/plain")
url.redirect = ("^/moved$" => "/health", "^/away$" => "http://elsewhere.example/", "^/round$" => "/round")
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "{folder}/users"
auth.require = (
  "/md5" => ("method" => "digest", "algorithm" => "MD5", "realm" => "south", "require" => "valid-user"),
  "/sha256" => ("method" => "digest", "algorithm" => "SHA-256", "realm" => "south", "require" => "valid-user"),
  "/basic" => ("method" => "basic", "realm" => "south", "require" => "valid-user"),
)
{tls}
"""


@contextmanager
def lighttpd(folder: Path, *, server: Path | None = None) -> Iterator[int]:
    """Debian's lighttpd with pages /health, /md5/x, /sha256/x, /basic/x for guard with the password "Circle of Life".

    Its port; over TLS with the certificate `server`.
    """
    program = shutil.which("lighttpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not program:
        pytest.skip("lighttpd is not installed: apt-get install lighttpd lighttpd-mod-openssl")
    for page, content in {"health": "all is well: 业务正常", "md5/x": "x", "sha256/x": "x", "basic/x": "x"}.items():
        path = folder / "pages" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    a1 = b"guard:south:Circle of Life"
    users = [f"guard:south:{hashlib.new(kind, a1).hexdigest()}" for kind in ("md5", "sha256")]
    (folder / "users").write_text("\n".join(users) + "\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    tls = f'ssl.engine = "enable"\nssl.pemfile = "{server}"' if server else ""
    (folder / "conf").write_text(LIGHTTPD.format(folder=folder, port=port, tls=tls))
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen([program, "-D", "-f", str(folder / "conf")], stdout=said, stderr=said)
    try:
        _wait(process, port, folder / "said")
        yield port
    finally:
        process.kill()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, said: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"lighttpd does not answer: {said.read_text()[-2000:]}")
