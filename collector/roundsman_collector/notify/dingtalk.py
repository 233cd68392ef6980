"""To a group of DingTalk (钉钉自定义机器人): `render(facts, language)` makes the message, `send(...)` posts it, signed.

    POST https://oapi.dingtalk.com/robot/send?access_token=TOKEN&timestamp=MS&sign=SIGN
    {"msgtype": "markdown", "markdown": {"title": "...", "text": "..."}, "at": {"isAtAll": false}}
    {"errcode": 0, "errmsg": "ok"}

    SIGN = base64(HMAC-SHA256(key: secret, "MS\\nSECRET")), within an hour of the service's clock

A bot that says more than 20 things a minute is mute for ten (pacing.py never comes near). Nobody is mentioned.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from roundsman_collector.notify.chat import Meaning, Style, judged, markdown
from roundsman_collector.notify.facts import Facts, letter
from roundsman_collector.notify.post import posted
from roundsman_wire.catalogue import Language

STYLE = Style(title="### ", row="- ", line="- ", between="\n\n", limit=16_000)
MUTE_S = 660.0
"""Ten minutes, and one for the difference of clocks."""
MEANINGS: Mapping[int, Meaning] = {
    -1: Meaning("it is busy", 60),
    130101: Meaning("the bot was sent too much, by whoever else uses it, and is mute for ten minutes", MUTE_S),
    410100: Meaning("the bot was sent too much, by whoever else uses it, and is mute for ten minutes", MUTE_S),
    40035: Meaning("the message has a form that it does not know"),
    300001: Meaning("there is no bot with this access_token (any more); take its URL from the group again"),
    300005: Meaning("there is no bot with this access_token (any more); take its URL from the group again"),
    310000: Meaning(
        "the bot's security settings: the secret is wrong, a keyword is missing (they all say 巡检员 or Roundsman), "
        "the address is not on its list, or the clock of this machine is off by an hour"
    ),
    400013: Meaning("the group is gone"),
    400101: Meaning("there is no bot with this access_token (any more); take its URL from the group again"),
    400102: Meaning("the bot was switched off"),
    400106: Meaning("the bot is not in the group any more"),
    430101: Meaning("a link in it is taken for unsafe"),
    430102: Meaning("a word in it is not allowed"),
    430104: Meaning("something in it is not allowed"),
}


def render(facts: Facts, language: Language) -> dict[str, Any]:
    """The message. Its title is what a phone shows before somebody looks."""
    said = letter(facts, language)
    return {
        "msgtype": "markdown",
        "markdown": {"title": said.title, "text": markdown(said, facts.id, STYLE, language)},
        "at": {"isAtAll": False},
    }


def send(message: Mapping[str, Any], *, url: str, secret: str, now_ms: int, allow_http: bool, ca: Path | None) -> None:
    """Post the message. Raises Retry or Reject; returns when the bot has taken it."""
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
    answer = posted(signed_url(url, secret, now_ms), body, {}, allow_http=allow_http, ca=ca, reads=True)
    judged(answer, MEANINGS, now_ms)


def signed_url(url: str, secret: str, now_ms: int) -> str:
    """The URL with a time and its signature; as it is where the bot has no secret."""
    if not secret:
        return url
    sign = base64.b64encode(hmac.new(secret.encode(), f"{now_ms}\n{secret}".encode(), hashlib.sha256).digest())
    return f"{url}&timestamp={now_ms}&sign={quote_plus(sign)}"
