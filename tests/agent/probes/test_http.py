"""The http probe: pages of servers on loopback, one of them Debian's, and what each of their answers means."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roundsman_agent.lockout import Lockout
from roundsman_agent.once import poll_config
from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import http
from roundsman_agent.probes.http import Page
from tests.agent import web_servers
from tests.agent.web_servers import OK, Certificates, DigestServer, Scripted, certificates, dripping

NOON_MS = 1_795_233_600_000  # 2026-11-21 12:00 UTC
PAGE = Page(status=200, body=b"", ms=12.3, certificate=b"", at_ms=NOON_MS, bytes_moved=300)


def settings(url: str = "http://kiosk.example/", **more: object) -> dict[str, object]:
    return complete(http.probe, {"url": url, "timeout_s": 5.0, **more})


def visited(url: str, **more: object) -> Answer:
    return http.parse(http.fetch(settings(url, **more)), settings(url, **more))


def failure(url: str, **more: object) -> str:
    with pytest.raises(ProbeError) as caught:
        http.fetch(settings(url, **more))
    return caught.value.code


@pytest.fixture(autouse=True)
def nobody_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman_agent.login.REFUSED", Lockout())


@pytest.fixture
def server() -> Iterator[Callable[..., Scripted]]:
    made: list[Scripted] = []

    def make(answer: web_servers.Answer, **more: object) -> Scripted:
        made.append(Scripted(answer, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


Servers = Callable[..., Scripted]


@pytest.mark.reads_only
def test_a_page_that_is_well_is_ok_and_was_only_read(
    server: Servers, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    one = server(lambda _: OK)

    answer = visited(one.url, instance="health", text="ok")

    belongs_to_the_catalogue(answer)
    assert answer.readings["web[health].state"] == "ok"
    assert answer.readings["web[health].status"] == 200
    assert 0 <= float(answer.readings["web[health].ms"] or 0) < 5000
    assert set(answer.readings) == {"web[health].state", "web[health].status", "web[health].ms"}
    assert [request[:14] for request in one.requests] == [b"GET / HTTP/1.1"]
    assert answer.bytes_moved == len(one.requests[0]) + len(OK)


@pytest.mark.parametrize(
    ("said", "more", "state"),
    [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", {}, "wrong_status"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", {"status": 401}, "ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfail", {"text": "ok"}, "wrong_content"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + "业务正常".encode(), {"text": "正常"}, "ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + "业务正常".encode("gbk"), {"text": "正常"}, "ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345678ok", {"text": "ok", "most_bytes": 8}, "wrong_content"),
        (b"HTTP/1.1 302 Go\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n", {}, "wrong_status"),
        (b"HTTP/1.1 302 Go\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", {"status": 302}, "ok"),
    ],
)
def test_what_a_page_answers_is_its_state(server: Servers, said: bytes, more: dict[str, object], state: str) -> None:
    assert visited(server(lambda _: said).url, **more).readings["web[main].state"] == state


def test_redirects_on_the_same_host_are_followed_and_not_for_ever(server: Servers) -> None:
    go = b"HTTP/1.1 302 Go\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n"
    one = server(lambda request: OK if request.startswith(b"GET /2 ") else go % (int(request[5:6].strip() or b"0") + 1))
    round_and_round = server(lambda _: go % 0)

    assert visited(one.url).readings["web[main].state"] == "ok"
    assert visited(round_and_round.url).readings["web[main].status"] == 302
    assert (len(one.requests), len(round_and_round.requests)) == (3, 4)


def test_a_password_is_not_carried_to_another_port(server: Servers) -> None:
    other = server(DigestServer())
    first = server(lambda _: f"HTTP/1.1 302 Go\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode())

    answer = visited(first.url, user="guard", password="Circle of Life")

    assert answer.readings["web[main].status"] == 302
    assert other.requests == []


def test_without_a_text_the_page_itself_is_not_received(server: Servers) -> None:
    one = server(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 30_000_000)

    answer = visited(one.url)

    assert answer.readings["web[main].state"] == "ok"
    assert (answer.bytes_moved or 0) < 100_000


def test_a_page_behind_a_password_is_read(server: Servers) -> None:
    device = DigestServer(algorithm="SHA-256")
    one = server(device)

    answer = visited(one.url, user="guard", password="Circle of Life", text="ok")

    assert (answer.readings["web[main].state"], device.complaints) == ("ok", [])
    assert failure(one.url, user="guard", password="wrong") == "bad_credentials"
    assert failure(one.url, user="guard", password="wrong") == "bad_credentials"
    assert device.wrong == 1


# --- no answer is not a state -----------------------------------------------------------------------------------------


def test_a_silent_server_is_a_timeout(server: Servers) -> None:
    one: Scripted = server(lambda _: dripping(OK, 30, one.is_closed))

    assert failure(one.url, timeout_s=0.5) == "timeout"


def test_a_server_that_drips_is_a_timeout(server: Servers) -> None:
    one: Scripted = server(lambda _: dripping(OK, 0.3, one.is_closed))
    begin = time.monotonic()

    assert failure(one.url, timeout_s=0.5) == "timeout"
    assert time.monotonic() - begin < 8  # all of it takes twelve seconds


def test_an_answer_that_breaks_off_is_a_bad_answer(server: Servers) -> None:
    assert failure(server(lambda _: b"HTTP/1.1 200 OK\r\nA: b").url, timeout_s=0.5) == "timeout"
    assert failure(server(lambda _: None).url) == "bad_answer"


def test_garbage_is_a_bad_answer(server: Servers) -> None:
    assert failure(server(lambda _: b"\x00\xff garbage \r\n" * 50).url) == "bad_answer"


def test_nothing_at_the_port_is_refused(server: Servers) -> None:
    one = server(lambda _: OK)
    one.close()

    assert failure(one.url) == "refused"


@pytest.mark.parametrize(
    "more", [{"url": "kiosk"}, {"method": "HEAD", "text": "ok"}, {"ca": "/none", "url": "https://127.0.0.1/"}]
)
def test_settings_that_make_no_sense_are_named(server: Servers, more: dict[str, object]) -> None:
    one = server(lambda _: OK, tls=None)
    given = {"url": one.url, **more}
    if str(given["url"]).startswith("https"):
        given["url"] = one.url.replace("http:", "https:")

    assert failure(str(given.pop("url")), **given) == "bad_setting"


# --- certificates -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("good"), days=90)


def test_the_days_that_a_certificate_has_left_are_counted(server: Servers, good: Certificates) -> None:
    one = server(lambda _: OK, tls=good.context())

    answer = visited(one.url, ca=str(good.ca))

    assert (answer.readings["web[main].state"], answer.readings["web[main].certificate_days"]) == ("ok", 89)


def test_an_expired_certificate_is_a_state_and_nothing_is_asked(server: Servers, tmp_path: Path) -> None:
    expired = certificates(tmp_path, days=-1)
    one = server(lambda _: OK, tls=expired.context())

    answer = visited(one.url, ca=str(expired.ca))

    assert answer.readings == {"web[main].state": "bad_certificate", "web[main].certificate_days": -2}
    assert one.requests == []
    assert visited(one.url, verify=False).readings["web[main].state"] == "ok"


def test_a_machine_whose_clock_was_never_set_counts_no_days(good: Certificates) -> None:
    der = ssl.PEM_cert_to_DER_cert((good.ca.parent / "server.pem").read_text())

    answer = http.parse(replace(PAGE, certificate=der, at_ms=86_400_000), settings())

    assert answer.readings["web[main].certificate_days"] is None
    assert answer.failed["web[main].certificate_days"][0] == "implausible"


def test_a_certificate_without_an_end_has_no_days_left(good: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ends", lambda _: 253_402_300_799)

    answer = http.parse(replace(PAGE, certificate=b"\x30"), settings())

    assert answer.readings["web[main].certificate_days"] is None
    assert answer.failed["web[main].certificate_days"] == ("absent", "its certificate has no end")


def test_a_certificate_that_cannot_be_read_is_unknown() -> None:
    answer = http.parse(replace(PAGE, certificate=b"\x30\x00"), settings())

    assert answer.readings["web[main].state"] == "ok"
    assert answer.failed["web[main].certificate_days"][0] == "bad_answer"


def test_the_name_of_a_page_fits_between_brackets() -> None:
    assert "web[a_b].state" in http.parse(PAGE, settings(instance="a]b")).readings
    assert "web[_].state" in http.parse(PAGE, settings(instance="")).readings


# --- Debian's server --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory, good: Certificates) -> Iterator[str]:
    with web_servers.lighttpd(tmp_path_factory.mktemp("lighttpd"), server=good.server) as port:
        yield f"https://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("path", "more", "state"),
    [
        ("/health", {"text": "业务正常"}, "ok"),
        ("/health", {"method": "HEAD"}, "ok"),
        ("/health", {"text": "broken"}, "wrong_content"),
        ("/none", {}, "wrong_status"),
        ("/moved", {"text": "all is well"}, "ok"),
        ("/away", {}, "wrong_status"),
        ("/round", {}, "wrong_status"),
        ("/sha256/x", {"user": "guard", "password": "Circle of Life", "text": "x"}, "ok"),
        ("/md5/x", {}, "wrong_status"),
    ],
)
def test_debians_lighttpd_is_read_over_tls(
    debian: str, good: Certificates, path: str, more: dict[str, object], state: str
) -> None:
    answer = visited(debian + path, ca=str(good.ca), **more)

    assert (answer.readings["web[main].state"], answer.readings["web[main].certificate_days"]) == (state, 89)


# --- as the agent uses it ---------------------------------------------------------------------------------------------

CONFIG = """
[agent]
id = "gw-2"
group = "south"
data = "data"

[broker]
host = "127.0.0.1"

[[device]]
id = "kiosk-7"
kind = "kiosk"

[[device.probe]]
name = "http"
url = "{url}"
timeout_s = 0.5
"""


def test_a_page_without_tls_costs_no_openssl(server: Servers) -> None:
    ask = (
        "import sys; from roundsman_agent.probe import complete; from roundsman_agent.probes import http\n"
        f"settings = complete(http.probe, {{'url': {server(lambda _: OK).url!r}, 'text': 'ok'}})\n"
        "print(http.parse(http.fetch(settings), settings).readings['web[main].state'])\n"
        "print(sorted({'ssl', 'http.client', 'email', 'urllib.request', 'asyncio'} & set(sys.modules)))"
    )

    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == ["ok", "[]"]


def test_a_silent_server_is_a_timeout_to_the_agent_and_not_a_hung_probe(server: Servers, tmp_path: Path) -> None:
    one: Scripted = server(lambda _: dripping(OK, 30, one.is_closed))
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(url=one.url))

    (sample,) = poll_config(str(path))

    assert sample["failed"] == {"http": ["timeout", f"127.0.0.1:{one.port}: no answer in time"]}
