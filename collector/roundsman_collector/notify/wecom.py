"""To a group of WeCom (企业微信群机器人): `render(facts, language)` makes the message, `send(...)` posts it.

    POST https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=KEY      the key is the whole secret
    {"msgtype": "markdown", "markdown": {"content": "..."}}            at most 4096 bytes
    {"errcode": 0, "errmsg": "ok"}

A bot may say 20 things a minute (pacing.py). Nobody is mentioned.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roundsman_collector.notify.chat import Meaning, Style, judged, markdown
from roundsman_collector.notify.facts import Facts, letter
from roundsman_collector.notify.post import posted
from roundsman_wire.catalogue import Language

STYLE = Style(title="### ", row="> ", line="- ", between="\n", limit=4096)
MEANINGS: Mapping[int, Meaning] = {
    -1: Meaning("it is busy", 60),
    45009: Meaning("the bot was sent too much", 120),
    45033: Meaning("the bot was sent too much at once", 60),
    40058: Meaning("the message has a form that it does not know"),
    44004: Meaning("the message is empty"),
    93000: Meaning("there is no bot with this key (any more); take its URL from the group again"),
    93008: Meaning("the bot is not in the group any more"),
    93017: Meaning("the bot was switched off"),
}


def render(facts: Facts, language: Language) -> dict[str, Any]:
    """The message."""
    return {
        "msgtype": "markdown",
        "markdown": {"content": markdown(letter(facts, language), facts.id, STYLE, language)},
    }


def send(message: Mapping[str, Any], *, url: str, now_ms: int, allow_http: bool, ca: Path | None) -> None:
    """Post the message. Raises Retry or Reject; returns when the bot has taken it."""
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
    judged(posted(url, body, {}, allow_http=allow_http, ca=ca, reads=True), MEANINGS, now_ms)
