"""The bots of WeCom, DingTalk and Feishu: what they are sent, how it is signed, and what their answers mean."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from roundsman_collector.notify import dingtalk, feishu, wecom
from roundsman_collector.notify.chat import plain
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_wire.catalogue import Language
from tests.collector.notify.news import AT, BREACHED, CALLED, DIGEST, DISPATCHED, EVERY, OPENED, body
from tests.collector.notify.servers import Hook, hook

SECRET = "SECabc"
KINDS = ("wecom", "dingtalk", "feishu")
TROUBLE = '<@all> [here](https://evil.example) `x` **b** <font color="red">\n# big'


def rendered(kind: str, facts: Facts, language: Language = "zh") -> dict[str, Any]:
    render: Callable[[Facts, Language], dict[str, Any]] = {
        "wecom": wecom.render,
        "dingtalk": dingtalk.render,
        "feishu": feishu.render,
    }[kind]
    return render(facts, language)


def words(kind: str, facts: Facts, language: Language = "zh") -> str:
    """All that a person in the group reads."""
    said = rendered(kind, facts, language)
    match kind:
        case "wecom":
            return str(said["markdown"]["content"])
        case "dingtalk":
            return str(said["markdown"]["title"] + "\n" + said["markdown"]["text"])
        case _:
            (post,) = said["content"]["post"].values()
            return "\n".join([post["title"], *("".join(piece["text"] for piece in line) for line in post["content"])])


def sent(kind: str, server: Hook, answer: bytes, status: int = 200, secret: str = SECRET) -> None:
    server.told.answers, server.told.body = [status], answer
    message = rendered(kind, OPENED)
    common: dict[str, Any] = {"url": server.url, "now_ms": AT, "allow_http": False, "ca": None}
    match kind:
        case "wecom":
            wecom.send(message, **common)
        case "dingtalk":
            dingtalk.send(message, secret=secret, **common)
        case _:
            feishu.send(message, secret=secret, **common)


def said_by(kind: str, code: int) -> bytes:
    return json.dumps({"code" if kind == "feishu" else "errcode": code, "msg": "tell nobody: 10.1.2.3"}).encode()


# --- what they say ---------------------------------------------------------------------------------------------------


def test_a_message_to_wecom_is_markdown_of_the_facts() -> None:
    assert rendered("wecom", DISPATCHED) == {
        "msgtype": "markdown",
        "markdown": {
            "content": "### 【已派单】自助终端 7(kiosk-7)：打印机缺纸（紧急）工单 2025-000017\n"
            "> 设备：自助终端 7(kiosk-7)\n"
            "> 点位：南山店 · 一号位\n"
            "> 监控分中心：south\n"
            "> 故障项：打印机缺纸\n"
            "> 级别：紧急\n"
            "> 故障起始：2025-11-21 10:00:00 北京时间\n"
            "> 工单号：2025-000017\n"
            "> 工程师：李工\n"
            "> 操作人：front\n"
            "> 说明：带纸卷\n"
            "[打开工单](https://rounds.example.com/tickets/2025-000017)\n"
            "巡检员 · e1-10"
        },
    }


def test_a_message_to_dingtalk_has_a_title_for_the_phone_and_calls_nobody() -> None:
    said = rendered("dingtalk", BREACHED, "en")

    assert said["markdown"]["title"] == (
        "[Overdue: arrival] Kiosk 7 (kiosk-7): printer out of paper (urgent) 2025-000017"
    )
    assert said["at"] == {"isAtAll": False}
    lines = said["markdown"]["text"].split("\n\n")
    assert lines[0] == "### ［Overdue: arrival］ Kiosk 7 (kiosk-7): printer out of paper (urgent) 2025-000017"
    assert "- Clock: arrival" in lines
    assert "- Due: 2025-11-21 14:00:00 Beijing time" in lines
    assert "- Reminder: reminder 2 of 5 at most; nobody has answered" in lines
    assert lines[-2:] == ["[Open the ticket](https://rounds.example.com/tickets/2025-000017)", "Roundsman · e1-11"]


def test_a_message_to_feishu_is_a_post_of_texts_and_a_link() -> None:
    said = rendered("feishu", CALLED)

    post = said["content"]["post"]["zh_cn"]
    assert (said["msg_type"], post["title"]) == (
        "post",
        "【客户再次来电】自助终端 7(kiosk-7)：打印机缺纸（紧急）工单 2025-000017",
    )
    assert [{"tag": "text", "text": "说明：又来电催修"}] in post["content"]
    assert post["content"][-2:] == [
        [{"tag": "a", "text": "打开工单", "href": "https://rounds.example.com/tickets/2025-000017"}],
        [{"tag": "text", "text": "巡检员 · e1-13"}],
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("facts", EVERY, ids=lambda facts: f"{facts.event} {facts.id}")
@pytest.mark.parametrize("kind", KINDS)
def test_every_message_reads_in_both_languages_and_has_the_notices_name(
    kind: str, facts: Facts, language: Language
) -> None:
    text = words(kind, facts, language)

    assert text.endswith(f"{'巡检员' if language == 'zh' else 'Roundsman'} · {facts.id}")
    assert "None" not in text and "{" not in text
    assert ("工单" in text) == (language == "zh" and facts.event != "test")


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
def test_what_strangers_wrote_calls_nobody_and_leads_nowhere(kind: str) -> None:
    names = OPENED.names._replace(name_zh=TROUBLE, site_zh=TROUBLE)
    facts = replace(CALLED, names=names, body=body() | {"who": "@all", "text": TROUBLE})

    text = rendered(kind, facts)["markdown"]["content" if kind == "wecom" else "text"]

    assert text.count("](") == 1, "the link to the ticket is the only one"
    for sign in ("<", "@", "`", "*"):
        assert sign not in text
    assert text.count("＜＠all＞") >= 3


def test_a_post_of_feishu_has_no_piece_that_could_call_anybody() -> None:
    facts = replace(CALLED, body=body() | {"who": "@all", "text": '<at user_id="all">所有人</at>'})
    (post,) = rendered("feishu", facts)["content"]["post"].values()

    tags = {piece["tag"] for line in post["content"] for piece in line}
    assert tags == {"text", "a"}
    assert not any(piece.get("un_escape") for line in post["content"] for piece in line)


def test_plain_text_keeps_what_people_read() -> None:
    assert plain("自助终端 7(kiosk_7) 5 > 3 & 2") == "自助终端 7(kiosk_7) 5 ＞ 3 ＆ 2"


@pytest.mark.parametrize(("kind", "limit"), [("wecom", 4096), ("dingtalk", 20_000), ("feishu", 20_000)])
def test_a_digest_that_does_not_fit_is_cut_and_what_is_left_out_is_counted(kind: str, limit: int) -> None:
    entry = {"event": "opened", "subject": "kiosk-7", **body()}
    names = OPENED.names._replace(name_zh="很长的名字" * 20)
    long = replace(DIGEST, body=DIGEST.body | {"count": 1000, "entries": [entry] * 100}, subjects={"kiosk-7": names})

    text = words(kind, long)

    assert len(json.dumps(rendered(kind, long), ensure_ascii=False).encode()) <= limit + 100
    shown = text.count("2025-000017")
    assert 5 < shown < 100
    assert f"……另有 {1000 - shown} 条" in text
    assert text.endswith("巡检员 · e1-9")


def test_words_that_alone_are_too_long_for_wecom_are_cut_before_the_link() -> None:
    names = OPENED.names._replace(**dict.fromkeys(("name_zh", "site_zh", "place_zh", "group"), "长" * 500))
    facts = replace(CALLED, names=names, body=body(code="长" * 500) | {"who": "长" * 500, "text": "长" * 900})

    text = words("wecom", facts)

    assert len(text.encode()) <= 4096
    assert text.endswith("…\n[打开工单](https://rounds.example.com/tickets/2025-000017)\n巡检员 · e1-13")


# --- signatures ------------------------------------------------------------------------------------------------------


def test_dingtalk_is_signed_in_the_url() -> None:
    with hook() as server:
        sent("dingtalk", server, b'{"errcode":0,"errmsg":"ok"}')
        asked = parse_qs(urlsplit(server.told.posts[0].path).query)

    wanted = hmac.new(SECRET.encode(), f"{AT}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert asked == {"key": ["s3cret"], "timestamp": [str(AT)], "sign": [base64.b64encode(wanted).decode()]}


def test_feishu_is_signed_in_the_body_with_a_key_of_time_and_secret() -> None:
    with hook() as server:
        sent("feishu", server, b'{"code":0,"msg":"success"}')
        said = json.loads(server.told.posts[0].body)

    wanted = hmac.new(f"{AT // 1000}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert (said["timestamp"], said["sign"]) == (str(AT // 1000), base64.b64encode(wanted).decode())
    assert said["msg_type"] == "post"


def test_a_bot_without_a_secret_is_sent_no_signature() -> None:
    with hook() as server:
        sent("dingtalk", server, b'{"errcode":0}', secret="")
        sent("feishu", server, b'{"code":0}', secret="")

    assert server.told.posts[0].path == "/hook?key=s3cret"
    assert set(json.loads(server.told.posts[1].body)) == {"msg_type", "content"}


# --- what answers mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_zero_is_good(kind: str) -> None:
    with hook() as server:
        sent(kind, server, said_by(kind, 0))

        assert len(server.told.posts) == 1


@pytest.mark.parametrize(
    ("kind", "code", "after_s"),
    [
        ("dingtalk", 130101, 660),
        ("dingtalk", 410100, 660),
        ("dingtalk", -1, 60),
        ("wecom", 45009, 120),
        ("wecom", -1, 60),
        ("feishu", 11232, 120),
        ("feishu", 9499, 120),
    ],
)
def test_a_bot_that_had_too_much_is_left_alone_for_a_while(kind: str, code: int, after_s: float) -> None:
    with hook() as server, pytest.raises(Retry, match=f"refuses it with {code}: ") as problem:
        sent(kind, server, said_by(kind, code))

    assert problem.value.after_s == after_s
    assert "10.1.2.3" not in str(problem.value), "what the other end says in words is not shown"


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("wecom", 93000, "no bot with this key"),
        ("dingtalk", 310000, "the secret is wrong"),
        ("dingtalk", 300001, "no bot with this access_token"),
        ("dingtalk", 400102, "switched off"),
        ("feishu", 19001, "no bot with this URL"),
        ("feishu", 19021, "the secret is wrong"),
        ("feishu", 19024, "keyword"),
        ("wecom", 987654, "it is not said why"),
    ],
)
def test_a_bot_that_refuses_for_good_is_not_asked_again(kind: str, code: int, words: str) -> None:
    for status in (200, 400):
        with hook() as server, pytest.raises(Reject, match=f"127.0.0.1 refuses it with {code}: .*{words}"):
            sent(kind, server, said_by(kind, code), status)


@pytest.mark.parametrize("answer", [b"<html>sign in</html>", b"", b"[]", b'{"errcode":"0"}', b"[" * 9000])
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_no_bot_gives_may_be_a_proxys_and_passes(kind: str, answer: bytes) -> None:
    with hook() as server, pytest.raises(Retry, match="not as a bot does"):
        sent(kind, server, answer)


@pytest.mark.parametrize(("status", "raised"), [(500, Retry), (502, Retry), (429, Retry), (404, Reject), (302, Reject)])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_http_mean_what_they_mean_for_webhooks(kind: str, status: int, raised: type[Exception]) -> None:
    with hook() as server, pytest.raises(raised, match=f"answers {status}"):
        sent(kind, server, b"gone", status)


@pytest.mark.parametrize("kind", KINDS)
def test_no_bot_lives_where_secrets_are_told(kind: str) -> None:
    common: dict[str, Any] = {"url": "http://169.254.169.254/x?key=1", "now_ms": AT, "allow_http": True, "ca": None}
    secret = {} if kind == "wecom" else {"secret": SECRET}
    with pytest.raises(Reject, match=r"leads to 169\.254\.169\.254"):
        {"wecom": wecom.send, "dingtalk": dingtalk.send, "feishu": feishu.send}[kind]({}, **secret, **common)
