"""To a group of Feishu (飞书自定义机器人): `render(facts, language)` makes the message, `send(...)` posts it, signed.

    POST https://open.feishu.cn/open-apis/bot/v2/hook/KEY
    {"timestamp": "S", "sign": "SIGN", "msg_type": "post", "content": {"post": {"zh_cn": {"title", "content"}}}}
    {"code": 0, "msg": "success"}

    SIGN = base64(HMAC-SHA256(key: "S\\nSECRET", "")), within an hour of the service's clock

A post is made of pieces of text and links: no text of it is read as anything else. At most 20 kB.
A bot may say 5 things a second and 100 a minute (pacing.py). Nobody is mentioned.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roundsman_collector.notify.chat import Meaning, judged, signed
from roundsman_collector.notify.facts import Facts, Letter, letter, lines_of
from roundsman_collector.notify.post import posted
from roundsman_wire.catalogue import Language

LIMIT = 18_000
"""Bytes of the message, before it is signed."""
LOCALES: Mapping[Language, str] = {"zh": "zh_cn", "en": "en_us"}
MEANINGS: Mapping[int, Meaning] = {
    2200: Meaning("something broke there", 60),
    9499: Meaning("the bot was sent too much, or the message has a form that it does not know", 120),
    11232: Meaning("the bot was sent too much", 120),
    19001: Meaning("there is no bot with this URL (any more); take it from the group again"),
    19002: Meaning("the message has a form that it does not know"),
    19021: Meaning("the secret is wrong, or the clock of this machine is off by an hour"),
    19022: Meaning("the address of this machine is not on the bot's list"),
    19024: Meaning("the bot wants a keyword: they all say 巡检员 or Roundsman"),
    99991400: Meaning("the bot was sent too much", 120),
}


def render(facts: Facts, language: Language) -> dict[str, Any]:
    """The message, not yet signed. What does not fit of a digest is counted."""
    said = letter(facts, language)
    for most in range(len(said.lines), -1, -1):
        message = _message(said, facts.id, language, most)
        if len(_bytes(message)) <= LIMIT:
            break
    return message


def _message(said: Letter, name: str, language: Language, most: int) -> dict[str, Any]:
    colon = "：" if language == "zh" else ": "
    texts = [said.sentence, *(f"{label}{colon}{value}" for label, value in said.rows)]
    texts += lines_of(said, language, most)
    pieces = [[{"tag": "text", "text": text}] for text in texts if text]
    if said.link:
        pieces.append([{"tag": "a", "text": said.link_words, "href": said.link}])
    pieces.append([{"tag": "text", "text": signed(name, language)}])
    return {"msg_type": "post", "content": {"post": {LOCALES[language]: {"title": said.title, "content": pieces}}}}


def send(message: Mapping[str, Any], *, url: str, secret: str, now_ms: int, allow_http: bool, ca: Path | None) -> None:
    """Post the message. Raises Retry or Reject; returns when the bot has taken it."""
    body = _bytes({**signature(secret, now_ms // 1000), **message})
    judged(posted(url, body, {}, allow_http=allow_http, ca=ca, reads=True), MEANINGS, now_ms)


def signature(secret: str, at_s: int) -> dict[str, str]:
    """The fields that sign a message; none where the bot has no secret."""
    if not secret:
        return {}
    sign = base64.b64encode(hmac.new(f"{at_s}\n{secret}".encode(), b"", hashlib.sha256).digest())
    return {"timestamp": str(at_s), "sign": sign.decode()}


def _bytes(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
