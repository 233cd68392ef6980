"""By webhook: the body, the signature that the other end verifies, and what its answers mean."""

import hashlib
import hmac
import ipaddress
import json
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from roundsman_collector.notify import dial, post, webhook
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.outcome import Reject, Retry
from tests.collector.notify.news import AT, DIGEST, EVERY, HOUR, OPENED, RESOLVED, TEST
from tests.collector.notify.servers import HANG, Hook, Post, certificate, hook

SECRET = "whsec"
NOW = AT + HOUR


def sent(facts: Facts, server: Hook, *, url: str = "", ca: Path | None = None) -> Post:
    webhook.send(
        webhook.render(facts),
        url=url or server.url,
        secret=SECRET,
        event=facts.event,
        key=facts.id,
        now_ms=NOW,
        allow_http=False,
        ca=ca,
    )
    return server.told.posts[-1]


def sent_to(url: str, *, allow_http: bool = False) -> None:
    webhook.send(b"{}", url=url, secret=SECRET, event="test", key="k", now_ms=NOW, allow_http=allow_http, ca=None)


# --- what it says ----------------------------------------------------------------------------------------------------


def test_the_body_tells_everything_about_the_ticket() -> None:
    assert json.loads(webhook.render(RESOLVED)) == {
        "version": 1,
        "id": "e1-6",
        "event": "resolved",
        "title_zh": "【已修复】自助终端 7(kiosk-7)：打印机缺纸（紧急）工单 2025-000017",
        "title_en": "[Resolved] Kiosk 7 (kiosk-7): printer out of paper (urgent) 2025-000017",
        "made_ms": AT + 5000,
        "made": "2025-11-21T02:00:05.000Z",
        "link": "https://rounds.example.com/tickets/2025-000017",
        "device": {"id": "kiosk-7", "name_zh": "自助终端 7", "name_en": "Kiosk 7"},
        "agent": None,
        "group": "south",
        "site": {"name_zh": "南山店", "name_en": "Nanshan shop"},
        "place": {"name_zh": "一号位", "name_en": "Place 1"},
        "ticket": {
            "number": "2025-000017",
            "code": "printer.paper_end",
            "name_zh": "打印机缺纸",
            "name_en": "printer out of paper",
            "component": "printer",
            "severity": "urgent",
            "service_class": "clerk",
            "fault_from_ms": AT,
            "fault_from": "2025-11-21T02:00:00.000Z",
            "fault_to_ms": AT + 65 * 60_000,
            "fault_to": "2025-11-21T03:05:00.000Z",
            "opened_ms": AT + 5000,
            "opened": "2025-11-21T02:00:05.000Z",
            "resolved_ms": AT + 2 * HOUR,
            "resolved": "2025-11-21T04:00:00.000Z",
            "outcome": "recovered",
        },
        "engineer": None,
        "clock": None,
        "again": 0,
        "who": "roundsman",
        "text": "",
    }


def test_a_digest_lists_what_it_gathered() -> None:
    said = json.loads(webhook.render(DIGEST))

    assert (said["event"], said["count"], said["by_event"]) == ("digest", 33, {"opened": 31, "resolved": 2})
    assert [(one["event"], one["ticket"]["number"]) for one in said["entries"]] == [("opened", "2025-000017")]
    assert (said["from"], said["to_ms"]) == ("2025-11-21T02:00:00.000Z", AT + 60_000)


def test_a_silent_agent_is_no_device() -> None:
    said = json.loads(webhook.render(replace(OPENED, subject="@gw-2")))

    assert (said["device"], said["agent"]) == (None, "gw-2")


@pytest.mark.parametrize("facts", EVERY, ids=lambda facts: facts.event)
def test_the_body_is_the_same_however_often_it_is_made(facts: Facts) -> None:
    assert webhook.render(facts) == webhook.render(facts)


# --- the signature ---------------------------------------------------------------------------------------------------


def verified(body: bytes, header: str, secret: str, now_s: float) -> bool:
    """As docs/how-to/notifications.md shows it."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    wanted = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts["v1"]) and abs(now_s - int(parts["t"])) <= 300


def test_the_other_end_can_tell_that_it_was_us_and_just_now() -> None:
    with hook() as server:
        post = sent(OPENED, server)

    header = post.headers["X-Roundsman-Signature"]
    assert verified(post.body, header, SECRET, NOW / 1000)
    assert not verified(post.body.replace(b"urgent", b"minor"), header, SECRET, NOW / 1000)
    assert not verified(post.body, header, "guess", NOW / 1000)
    assert not verified(post.body, header, SECRET, NOW / 1000 + 3600)
    later = header.replace(f"t={NOW // 1000}", f"t={NOW // 1000 + 3600}")
    assert not verified(post.body, later, SECRET, NOW / 1000 + 3600)


def test_the_example_in_the_manual_verifies_what_we_send(tmp_path: Path) -> None:
    manual = Path(__file__).parents[3] / "docs" / "how-to" / "notifications.md"
    example = manual.read_text("utf-8").partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}
    exec(compile(example, str(manual), "exec"), names)
    is_ours = names["is_ours"]
    assert callable(is_ours)
    header = webhook.signature(SECRET, b'{"a":1}', int(time.monotonic()))

    with mock.patch("time.time", lambda: int(header.partition(",")[0][2:]) + 10):
        assert is_ours(b'{"a":1}', header, SECRET)
        assert not is_ours(b'{"a":2}', header, SECRET)
        assert not is_ours(b'{"a":1}', "", SECRET)
    with mock.patch("time.time", lambda: int(header.partition(",")[0][2:]) + 1000):
        assert not is_ours(b'{"a":1}', header, SECRET)


def test_a_post_says_what_it_is_and_has_a_key_of_its_own() -> None:
    with hook() as server:
        post = sent(TEST, server)

    assert post.path == "/hook?key=s3cret"
    assert post.headers["Content-Type"] == "application/json; charset=utf-8"
    assert post.headers["X-Roundsman-Event"] == "test"
    assert post.headers["Idempotency-Key"] == "e1-8"
    assert post.headers["Host"] == server.url.split("/")[2]


# --- what answers mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_two_hundreds_are_good(status: int) -> None:
    with hook() as server:
        server.told.answers = [status]

        assert sent(OPENED, server).path


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    with hook() as server:
        server.told.answers = [status]
        with pytest.raises(Retry, match=f"^127.0.0.1 answers {status}$") as problem:
            sent(OPENED, server)

    assert problem.value.after_s is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120.0), ("Fri, 21 Nov 2025 03:01:00 GMT", 60.0), ("Fri, 21 Nov 2025 01:00:00 GMT", 0.0), ("soon", None)],
    ids=["seconds", "a date", "a date in the past", "nonsense"],
)
def test_who_is_busy_says_when_to_come_again(said: str, seconds: float | None) -> None:
    with hook() as server:
        server.told.answers = [429]
        server.told.headers = {"Retry-After": said}
        with pytest.raises(Retry) as problem:
            sent(OPENED, server)

    assert problem.value.after_s == seconds


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_other_refusals_are_for_good(status: int) -> None:
    with hook() as server:
        server.told.answers = [status]
        with pytest.raises(Reject, match=f"answers {status}"):
            sent(OPENED, server)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirection_is_followed(status: int) -> None:
    with hook() as server, hook() as elsewhere:
        server.told.answers = [status]
        server.told.headers = {"Location": elsewhere.url}
        with pytest.raises(Reject, match="redirections are not followed"):
            sent(OPENED, server)

        assert elsewhere.told.posts == []


@pytest.mark.parametrize("answer", [HANG, "drip"], ids=["says nothing", "says a byte now and then"])
def test_a_server_that_never_finishes_is_cut_off(answer: str) -> None:
    def brief(host: str, port: int, **more: object) -> object:
        return dial.dialled(host, port, total_s=0.5, **more)  # type: ignore[arg-type]

    with hook() as server, mock.patch.object(post, "dialled", brief):
        server.told.answers = [answer]
        begun = time.monotonic()
        with pytest.raises(Retry, match="broke off"):
            sent(OPENED, server)

        assert time.monotonic() - begun < 5


# --- where to --------------------------------------------------------------------------------------------------------


def test_tls_is_checked(tmp_path: Path) -> None:
    context, ca = certificate(tmp_path)
    with hook(context) as server:
        assert sent(OPENED, server, ca=ca).path
        with pytest.raises(Retry, match="certificate verify failed"):
            sent(OPENED, server)

        assert len(server.told.posts) == 1


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "192.0.0.192",
        "0.0.0.0",
        "[::]",
        "224.0.0.1",
        "[ff02::1]",
        "2852039166",
    ],
)
def test_nothing_is_sent_where_secrets_are_told(address: str) -> None:
    with pytest.raises(Reject, match=r"leads to .*: an address of"):
        sent_to(f"http://{address}/latest/meta-data", allow_http=True)


def test_what_a_name_leads_to_decides() -> None:
    def resolved(*_: object, **__: object) -> list[object]:
        return [(2, 1, 6, "", ("169.254.169.254", 80))]

    with mock.patch("socket.getaddrinfo", resolved), pytest.raises(Reject, match=r"leads to 169\.254\.169\.254"):
        sent_to("https://harmless.example/")


def test_plain_http_stays_near() -> None:
    def resolved(*_: object, **__: object) -> list[object]:
        return [(2, 1, 6, "", ("203.0.114.9", 80))]

    with mock.patch("socket.getaddrinfo", resolved), pytest.raises(Reject, match="use https"):
        sent_to("http://far.example/")


@pytest.mark.parametrize(
    ("address", "is_near"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("192.168.0.9", True),
        ("::1", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
    ],
)
def test_near_is_this_machine_and_private_networks(address: str, is_near: bool) -> None:
    assert dial.is_near(ipaddress.ip_address(address)) == is_near


def test_a_host_that_no_name_server_takes_is_refused_for_good() -> None:
    with pytest.raises(Reject, match="is no name of a machine"):
        sent_to(f"https://{'a' * 70}.example/")
