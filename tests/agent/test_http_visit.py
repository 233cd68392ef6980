"""Visits to web servers: deadlines that hold, bounds, passwords that do not lock accounts, and no verb but reads."""

from __future__ import annotations

import ast
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import roundsman_agent
from roundsman_agent import dial, http_visit, lockout
from roundsman_agent.http_visit import HttpVisit, Reply, Trust, Untrusted, redirected, url
from roundsman_agent.lockout import Lockout
from roundsman_agent.login import Login
from roundsman_agent.probe import ProbeError
from tests.agent.web_servers import OK, Answer, Certificates, DigestServer, Scripted, certificates, dripping, lighttpd

Servers = Callable[..., Scripted]
GUARD = Login(user="guard", password="Circle of Life")

POSTS = {
    "isapi_recordings.py": "ISAPI, ContentMgmt: search and record/tracks/ID/dailyDistribution list recordings",
}
"""Who may ask by POST, and the document that says that it only reads."""


@pytest.fixture
def server() -> Iterator[Servers]:
    made: list[Scripted] = []

    def make(answer: Answer, **more: object) -> Scripted:
        made.append(Scripted(answer, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def nobody_was_refused(monkeypatch: pytest.MonkeyPatch) -> Lockout:
    fresh = Lockout()
    monkeypatch.setattr("roundsman_agent.login.REFUSED", fresh)
    return fresh


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"), days=90)


def visit(where: str, *, seconds: float = 5.0, **more: object) -> HttpVisit:
    return HttpVisit(url(where), deadline=time.monotonic() + seconds, **more)  # type: ignore[arg-type]


def got(where: str, **more: object) -> Reply:
    with visit(where, **more) as one:
        return one.get(url(where).path)


def failure(where: str, **more: object) -> tuple[str, str]:
    with pytest.raises(ProbeError) as caught:
        got(where, **more)
    return caught.value.code, caught.value.detail


# --- what an answer is ------------------------------------------------------------------------------------------------


def test_a_page_is_read_with_status_headers_and_body(server: Servers) -> None:
    one = server(lambda _: b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello")

    assert got(one.url) == Reply(200, {"x-a": ("1", "2"), "content-length": ("5",)}, b"hello", False)
    assert one.requests[0].startswith(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"Authorization" not in one.requests[0]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nT: 1\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.0 200\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length :2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\n folded: 1\r\nno colon\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ],
)
def test_every_form_of_a_body_is_understood(server: Servers, answer: bytes, body: bytes) -> None:
    assert got(server(lambda _: answer).url).body == body


def test_a_body_without_a_length_ends_with_the_connection(server: Servers) -> None:
    one = server(lambda _: _then_hang_up(one, b"HTTP/1.1 200 OK\r\n\r\nuntil the end"))

    assert got(one.url).body == b"until the end"


def _then_hang_up(server: Scripted, data: bytes) -> Iterator[bytes]:
    yield data
    server.is_closed.set()
    yield b""


def test_a_connection_is_used_again_while_the_server_keeps_it(server: Servers) -> None:
    one = server(lambda _: OK)

    with visit(one.url) as there:
        assert [there.get("/").status, there.head("/").status] == [200, 200]

    assert one.connections == 1
    assert there.bytes_moved == sum(map(len, one.requests)) + 2 * len(OK)


def test_a_connection_that_was_closed_between_two_questions_is_made_anew(server: Servers) -> None:
    answers = iter([OK, None, OK])
    one = server(lambda _: next(answers))

    with visit(one.url) as there:
        assert [there.get("/").status, there.get("/").status] == [200, 200]

    assert one.connections == 2


def test_what_is_more_than_wanted_is_cut_and_not_received(server: Servers) -> None:
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 30_000_000
    one = server(lambda _: big)

    with visit(one.url, most_bytes=100) as there:
        reply = there.get("/")

    assert (len(reply.body), reply.is_cut) == (100, True)
    assert there.bytes_moved < 100_000


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x0a\n", "is it https?"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello", "a length that is none"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "a length that is none"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk without a size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n", "a chunk that does not end"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "more than 128 headers"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 20_000 + b"\r\n\r\n", "a line of more than 8192 bytes"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10, "over and over"),
        (b"\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 999999 OK\r\n\r\n", "does not speak HTTP"),
    ],
)
def test_garbage_is_a_bad_answer_in_words(server: Servers, answer: bytes, said: str) -> None:
    code, detail = failure(server(lambda _: answer).url)

    assert (code, said in detail) == ("bad_answer", True), detail


def test_a_server_that_hangs_up_without_a_word_is_a_bad_answer(server: Servers) -> None:
    assert failure(server(lambda _: None).url)[0] == "bad_answer"


def test_an_answer_that_breaks_off_is_a_bad_answer(server: Servers) -> None:
    one = server(lambda _: _then_hang_up(one, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"))

    assert failure(one.url) == ("bad_answer", f"127.0.0.1:{one.port}: hung up 46 bytes too early")


# --- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 16, 40], ids=["status line", "headers", "body"])
def test_a_server_that_says_one_letter_at_a_time_is_left_at_the_deadline(server: Servers, before: int) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
    one = server(lambda _: _dripped(one, answer, before))
    begin = time.monotonic()

    assert failure(one.url, seconds=0.6)[0] == "timeout"

    assert 0.5 < time.monotonic() - begin < 4  # all of it takes five seconds and more


def _dripped(server: Scripted, answer: bytes, before: int) -> Iterator[bytes]:
    yield answer[:before]
    yield from dripping(answer[before:], 0.05, server.is_closed)


def test_a_server_that_says_nothing_is_left_at_the_deadline(server: Servers) -> None:
    one = server(lambda _: dripping(OK, 30, one.is_closed))
    begin = time.monotonic()

    assert failure(one.url, seconds=0.3)[0] == "timeout"

    assert time.monotonic() - begin < 10


def test_a_server_that_never_finishes_tls_is_left_at_the_deadline(server: Servers) -> None:
    one = server(lambda _: b"")
    begin = time.monotonic()

    code, _ = failure(one.url.replace("http:", "https:"), seconds=0.3)

    assert (code, time.monotonic() - begin < 10) == ("timeout", True)


def test_a_name_that_nobody_looks_up_in_time_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    over = threading.Event()
    real = dial._looked_up

    def slow(host: str, port: int, kind: object, flags: int) -> object:
        if flags:
            return real(host, port, kind, flags)  # type: ignore[arg-type]
        asked.append(host)
        over.wait(10)
        return []

    monkeypatch.setattr(dial, "_looked_up", slow)
    try:
        assert [failure("http://slow.example/", seconds=0.2)[0] for _ in range(3)] == ["timeout"] * 3
        assert asked == ["slow.example"]  # one thread waits for it, not three
    finally:
        over.set()


def test_a_name_that_nobody_knows_is_no_host() -> None:
    assert failure("http://nobody.invalid/", seconds=20)[0] == "no_host"


def test_a_port_at_which_nothing_listens_is_refused(server: Servers) -> None:
    one = server(lambda _: OK)
    one.close()

    assert failure(one.url) == ("refused", f"127.0.0.1:{one.port}: nothing listens there")


def test_ipv6_is_spoken_in_brackets(server: Servers) -> None:
    one = server(lambda _: OK, v6=True)

    assert got(f"http://[::1]:{one.port}/").status == 200
    assert f"Host: [::1]:{one.port}".encode() in one.requests[0]


def test_proxies_of_the_environment_are_not_used(server: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")

    assert got(server(lambda _: OK).url).status == 200


# --- who we are -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "device",
    [
        DigestServer(),
        DigestServer(qop=False),
        DigestServer(algorithm="MD5"),
        DigestServer(algorithm="MD5-sess"),
        DigestServer(algorithm="SHA-256"),
        DigestServer(algorithm="SHA-256-sess"),
        DigestServer(algorithm="SHA-256", userhash=True),
        DigestServer(realm="DS-7608NI 登录", extra='WWW-Authenticate: Basic realm="x"\r\n'),
    ],
    ids=lambda device: f"{device.algorithm or 'none'} qop={device.qop} userhash={device.userhash} {device.realm}",
)
def test_a_server_that_reads_the_rfc_strictly_lets_us_in_and_counts_with_us(
    server: Servers, device: DigestServer
) -> None:
    one = server(device)

    with visit(one.url, login=GUARD) as there:
        statuses = [there.get("/a?b=c%20d").status, there.get("/b").status, there.head("/b").status]

    assert (statuses, device.complaints) == ([200, 200, 200], [])
    assert (len(one.requests), one.connections) == (4, 1)  # asked for proof once


@pytest.mark.parametrize("tells", [True, False])
def test_a_nonce_that_has_become_stale_is_renewed_once_and_no_password_counts_as_wrong(
    server: Servers, tells: bool
) -> None:
    device = DigestServer(uses=2, tells_stale=tells)
    one = server(device)

    with visit(one.url, login=GUARD) as there:
        statuses = [there.get("/").status for _ in range(5)]

    assert (statuses, device.wrong, device.complaints) == ([200] * 5, 0, [])


def test_a_server_that_calls_every_nonce_stale_is_not_asked_for_ever(server: Servers) -> None:
    one = server(DigestServer(always_stale=True))

    code, detail = failure(one.url, login=GUARD)

    assert (code, "stale" in detail, len(one.requests)) == ("bad_answer", True, 3)


def test_a_password_that_was_refused_is_tried_once_and_no_account_is_locked(server: Servers) -> None:
    device = DigestServer(locks_after=3)
    one = server(device)
    wrong = Login(user="guard", password="wrong")

    told = [failure(one.url, login=wrong) for _ in range(5)]

    assert [code for code, _ in told] == ["bad_credentials"] * 5
    assert "not asked again for 30 min" in told[1][1]
    assert (device.wrong, len(one.requests)) == (1, 2)
    assert got(one.url, login=GUARD).status == 200  # another password is tried at once
    assert got(one.url, login=GUARD).status == 200


@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_a_device_that_refuses_without_asking_anew_has_been_tried_once(server: Servers, scheme: str) -> None:
    asks = {"digest": b'Digest realm="x", nonce="n", qop="auth"', "basic": b'Basic realm="x"'}[scheme]
    answers = iter(
        [b"HTTP/1.1 401 No\r\nWWW-Authenticate: " + asks + b"\r\nContent-Length: 0\r\n\r\n"]
        + [b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"] * 9
    )
    one = server(lambda _: next(answers))
    login = Login(user="guard", password="x", scheme=scheme)

    assert [failure(one.url, login=login)[0] for _ in range(3)] == ["bad_credentials"] * 3
    assert len(one.requests) == 2


def test_after_the_wait_the_same_password_is_tried_again() -> None:
    refused = Lockout()
    refused.note("nvr-2:80", "guard", "x", now=1000.0)

    for now in (1000.0, 2799.9):
        with pytest.raises(ProbeError, match="bad_credentials"):
            refused.raise_if("nvr-2:80", "guard", "x", now=now, wait_s=1800)
    refused.raise_if("nvr-2:80", "guard", "x", now=2800.0, wait_s=1800)
    refused.raise_if("nvr-2:80", "guard", "other", now=1000.0, wait_s=1800)
    refused.raise_if("nvr-2:80", "other", "x", now=1000.0, wait_s=1800)
    refused.raise_if("nvr-3:80", "guard", "x", now=1000.0, wait_s=1800)


def test_what_was_refused_is_kept_without_names_and_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "ACCOUNTS_LIMIT", 3)
    refused = Lockout()

    for i in range(10):
        refused.note(f"nvr-{i}:80", "guard", "secret-word", now=float(i))

    kept = repr(refused._refused)
    assert len(refused._refused) == 3
    assert "guard" not in kept
    assert "secret-word" not in kept
    refused.raise_if("nvr-6:80", "guard", "secret-word", now=9.0, wait_s=1800)
    with pytest.raises(ProbeError):
        refused.raise_if("nvr-7:80", "guard", "secret-word", now=9.0, wait_s=1800)


def test_a_password_is_not_told_to_a_server_that_wants_to_read_it(server: Servers) -> None:
    one = server(lambda _: b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')

    code, detail = failure(one.url, login=GUARD)

    assert (code, "auth = basic" in detail, len(one.requests)) == ("not_supported", True, 1)


def test_without_a_user_a_401_is_an_answer(server: Servers) -> None:
    assert got(server(DigestServer()).url).status == 401


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_a_certificate_is_verified_with_its_ca(server: Servers, certified: Certificates) -> None:
    one = server(lambda _: OK, tls=certified.context())

    with visit(one.url, trust=Trust(ca=str(certified.ca))) as there:
        assert there.get("/").status == 200
        assert there.certificate[:1] == b"\x30"


def test_a_certificate_of_an_unknown_ca_is_refused_before_anything_is_asked(
    server: Servers, certified: Certificates
) -> None:
    one = server(lambda _: OK, tls=certified.context())

    with pytest.raises(Untrusted, match="signed by nobody"):
        got(one.url)

    assert one.requests == []
    assert got(one.url, trust=Trust(verify=False)).status == 200


def test_a_certificate_for_another_host_is_refused(server: Servers, tmp_path: Path) -> None:
    other = certificates(tmp_path, days=90, names="DNS:other.example")
    one = server(lambda _: OK, tls=other.context())

    with pytest.raises(Untrusted, match="is for another host"):
        got(one.url, trust=Trust(ca=str(other.ca)))


def test_a_ca_that_is_replaced_counts_from_then_on(server: Servers, certified: Certificates, tmp_path: Path) -> None:
    one = server(lambda _: OK, tls=certified.context())
    ca = tmp_path / "ca.pem"
    ca.write_text("nothing")

    assert failure(one.url, trust=Trust(ca=str(ca)))[0] == "bad_setting"
    assert failure(one.url, trust=Trust(ca=str(tmp_path / "none")))[0] == "bad_setting"
    ca.write_text(certified.ca.read_text())

    assert got(one.url, trust=Trust(ca=str(ca))).status == 200


# --- addresses and redirects ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "path"),
    [
        ("http://kiosk.example", "kiosk.example:80", "/"),
        ("https://kiosk.example/a b?c=中", "kiosk.example:443", "/a%20b?c=%E4%B8%AD"),
        ("HTTP://KIOSK.example:8080/x%20y#part", "kiosk.example:8080", "/x%20y"),
        ("http://[::1]:81/", "::1:81", "/"),
        ("http://业务.example/", "xn--vhq33i.example:80", "/"),
    ],
)
def test_an_address_is_taken_apart(text: str, where: str, path: str) -> None:
    assert (url(text).where, url(text).path) == (where, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kiosk",
        "ftp://kiosk/",
        "http://",
        "http://a:99999/",
        "http://[::1/",
        "http://u:p@kiosk/",
        "http://k:0/",
        "x" * 9000,
    ],
)
def test_what_is_no_address_is_a_bad_setting(text: str) -> None:
    with pytest.raises(ProbeError, match="bad_setting") as caught:
        url(text)

    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "there"),
    [
        ("/next", "http://kiosk:8080/next"),
        ("next?x=1", "http://kiosk:8080/a/next?x=1"),
        ("https://kiosk/", "https://kiosk:443/"),
        ("http://other/", None),
        ("//other/", None),
        ("file:///etc/passwd", None),
        ("", None),
        ("http://[", None),
    ],
)
def test_a_redirect_leads_to_the_same_host_or_nowhere(place: str, there: str | None) -> None:
    found = redirected(url("http://kiosk:8080/a/b"), Reply(302, {"location": (place,)}))

    assert (None if found is None else f"{found.scheme}://{found.where}{found.path}") == there


def test_a_redirect_never_leads_out_of_tls() -> None:
    assert redirected(url("https://kiosk/"), Reply(302, {"location": ("http://kiosk/",)})) is None


# --- noise ------------------------------------------------------------------------------------------------------------


PIECES = [
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"\r\n", b"\n", b"3\r\nabc\r\n", b"0\r\n", b"ffffffffffff\r\n", b"x" * 9000, b":\r\n", b"\xff\xfe: \x00\r\n"),
]


class _Heard:
    """A line on which these bytes came."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def settimeout(self, _: float) -> None:
        pass

    def recv(self, size: int) -> bytes:
        piece, self._data = self._data[:size], self._data[size:]
        return piece


@given(
    st.one_of(
        st.binary(max_size=400),
        st.lists(
            st.sampled_from(PIECES),
            max_size=12,
        ).map(b"".join),
    ),
    st.integers(0, 10),
)  # fmt: skip
@settings(max_examples=300)
def test_whatever_comes_back_is_an_answer_or_a_bad_one(data: bytes, most: int) -> None:
    line = http_visit._Line(_Heard(data), "nvr-2:80", time.monotonic() + 60)  # type: ignore[arg-type]

    try:
        status, headers = http_visit._head(line)
        body, _, _ = http_visit._body(line, "GET", status, headers, most)
    except (ProbeError, http_visit._HungUp) as error:
        assert isinstance(error, http_visit._HungUp) or error.code == "bad_answer"
    else:
        assert 200 <= status <= 999
        assert len(body) <= most


# --- nothing but reads ------------------------------------------------------------------------------------------------


def test_the_verbs_are_get_head_and_a_post_that_is_listed() -> None:
    source = Path(http_visit.__file__).read_text("utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]

    verbs = {
        node.args[0].value
        for node in calls
        if isinstance(node.func, ast.Attribute)
        and node.func.attr == "_asked"
        and isinstance(node.args[0], ast.Constant)
    }

    assert verbs == {"GET", "HEAD", "POST"}


def test_who_asks_by_post_is_listed_with_the_document_that_says_that_it_only_reads() -> None:
    folder = Path(roundsman_agent.__file__).parent

    callers = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if path.name != "http_visit.py" and "post_to_read" in path.read_text("utf-8")
    }

    assert callers <= set(POSTS)


def test_a_question_by_post_carries_its_body_and_its_proof(server: Servers) -> None:
    device = DigestServer()
    one = server(device, reads=frozenset({"POST"}))

    with visit(one.url, login=GUARD) as there:
        reply = there.post_to_read("/search", b"<CMSearch/>", kind="application/xml")

    assert (reply.status, device.complaints) == (200, [])
    assert one.requests[-1].endswith(b"Content-Length: 11\r\n\r\n<CMSearch/>")


# --- Debian's server --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with lighttpd(tmp_path_factory.mktemp("lighttpd")) as port:
        yield port


@pytest.mark.parametrize("path", ["/health", "/md5/x", "/sha256/x"])
def test_debians_lighttpd_lets_us_in(debian: int, path: str) -> None:
    with visit(f"http://127.0.0.1:{debian}/", login=GUARD) as there:
        assert [there.get(path).status for _ in range(3)] == [200, 200, 200]


def test_debians_lighttpd_refuses_another_password_and_takes_basic_by_name(debian: int) -> None:
    where = f"http://127.0.0.1:{debian}"

    assert failure(f"{where}/sha256/x", login=Login(user="guard", password="wrong"))[0] == "bad_credentials"
    assert failure(f"{where}/basic/x", login=GUARD)[0] == "not_supported"
    assert got(f"{where}/basic/x", login=Login(user="guard", password="Circle of Life", scheme="basic")).status == 200


def test_tls_to_a_server_without_it_is_a_bad_answer(debian: int) -> None:
    code, detail = failure(f"https://127.0.0.1:{debian}/")

    assert (code, "no TLS" in detail) == ("bad_answer", True)


def test_debians_lighttpd_is_asked_over_tls(tmp_path: Path, certified: Certificates) -> None:
    with lighttpd(tmp_path, server=certified.server) as port:
        reply = got(f"https://localhost:{port}/md5/x", login=GUARD, trust=Trust(ca=str(certified.ca)))

    assert (reply.status, reply.body) == (200, b"x")
