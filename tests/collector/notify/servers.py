"""The other ends, small and real: an SMTP server and an HTTP server on loopback, that can be told to misbehave.

with smtp_server() as server: ...      server.letters, server.answers["RCPT"] = "550 no such user"
with hook() as server: ...             server.posts, server.answers = [503, 200]
"""

import base64
import contextlib
import datetime
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "rounds", "correct horse"
HANG = "hang"
DROP = "drop"


@dataclass
class Letter:
    """What the SMTP server has taken."""

    sender: str
    to: list[str]
    raw: bytes
    user: str
    is_tls: bool

    @property
    def message(self) -> EmailMessage:
        found = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def part(self, subtype: str) -> str:
        body = self.message.get_body((subtype,))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


class SmtpServer(socketserver.ThreadingTCPServer):
    """RFC 5321 as far as a client that sends mail needs it, with STARTTLS and AUTH PLAIN.

    `answers`: instead of the usual answer to a verb (CONNECT, EHLO, AUTH, MAIL, RCPT, DATA, BODY, QUIT): a text, HANG
    or DROP.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, context: ssl.SSLContext | None, is_implicit: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.context = context
        self.is_implicit = is_implicit
        self.letters: list[Letter] = []
        self.connections = 0
        self.answers: dict[str, str] = {}
        self.stopping = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Conversation(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self.server.connections += 1
        self.is_tls = False
        self.user = ""
        with contextlib.suppress(OSError, EOFError):
            if self.server.is_implicit:
                self._wrap()
            self._begin()
            if self._answer("CONNECT", "220 test ESMTP"):
                while self._step():
                    pass

    def _begin(self) -> None:
        self.sender, self.to = "", list[str]()

    def _wrap(self) -> None:
        assert self.server.context is not None
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        self.is_tls = True

    def _answer(self, verb: str, usual: str) -> bool:
        said = self.server.answers.get(verb, usual)
        if said == HANG:
            self.server.stopping.wait(60)
            return False
        if said == DROP:
            raise EOFError
        self.wfile.write(said.encode() + b"\r\n")
        return said == usual

    def _step(self) -> bool:
        line = self.rfile.readline()
        if not line:
            return False
        text = line.decode().strip()
        verb = text.split(" ")[0].upper()
        match verb:
            case "EHLO":
                more = [] if self.is_tls or self.server.context is None else ["250-STARTTLS"]
                self._answer("EHLO", "\r\n".join(["250-test", *more, "250-AUTH PLAIN", "250 8BITMIME"]))
            case "STARTTLS":
                self.wfile.write(b"220 go on\r\n")
                self._wrap()
            case "AUTH":
                given = base64.b64decode(text.split(" ")[2]).decode().split("\0")[1:]
                good = given == [USER, PASSWORD]
                self._answer("AUTH", "235 welcome" if good else "535 5.7.8 bad credentials")
                self.user = USER if good else ""
            case "MAIL":
                self.sender = text
                self._answer("MAIL", "250 ok")
            case "RCPT":
                if self._answer("RCPT", "250 ok"):
                    self.to.append(text.partition("<")[2].partition(">")[0])
            case "DATA":
                if self._answer("DATA", "354 go on"):
                    self._take()
            case "RSET" | "NOOP":
                self.wfile.write(b"250 ok\r\n")
            case "QUIT":
                self._answer("QUIT", "221 bye")
                return False
            case _:
                self.wfile.write(b"502 unknown\r\n")
        return True

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        letter = Letter(self.sender, self.to, b"".join(lines), self.user, self.is_tls)
        if self.server.answers.get("BODY", "250").startswith("250"):
            self.server.letters.append(letter)
        self._answer("BODY", "250 taken")
        self._begin()


@contextlib.contextmanager
def smtp_server(context: ssl.SSLContext | None = None, *, is_implicit: bool = False) -> Iterator[SmtpServer]:
    """An SMTP server; with a context it offers STARTTLS, or speaks TLS from the start."""
    with SmtpServer(context, is_implicit) as server, _served(server):
        yield server
        server.stopping.set()


@dataclass
class Post:
    """What the HTTP server was sent."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Told:
    """How the HTTP server answers: `answers` one after the other, the last for ever; HANG: not at all. `body`: with
    these words."""

    posts: list[Post] = field(default_factory=list)
    answers: list[Any] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Hook(ThreadingHTTPServer):
    """See `hook`."""

    daemon_threads = True
    block_on_close = False
    told: Told
    stopping: threading.Event
    scheme: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/hook?key=s3cret"


class _Take(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        told = self.server.told
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told.posts.append(Post(self.path, dict(self.headers), body))
        answer = told.answers[0] if len(told.answers) == 1 else told.answers.pop(0)
        if answer == HANG:
            self.server.stopping.wait(60)
            return
        if answer == "drip":
            self._drip()
            return
        self.send_response(answer)
        for name, value in told.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told.body)

    def _drip(self) -> None:
        """A byte now and then, for ever: no single read takes long."""
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 ")
            while not self.server.stopping.wait(0.02):
                self.wfile.write(b"2")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def hook(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """An HTTP server, with TLS if there is a context."""
    with Hook(("127.0.0.1", 0), _Take) as server:
        server.told, server.stopping, server.scheme = Told(), threading.Event(), "https" if context else "http"
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        with _served(server):
            yield server
            server.stopping.set()


@contextlib.contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(5)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context, chain
