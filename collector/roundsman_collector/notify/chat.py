"""What the bots of group chats share: a letter as Markdown that nobody's words can break, and what their answers mean.

    markdown(letter, ...) -> str            at most so many bytes; what does not fit of a digest is counted
    judged(answer, meanings, now)           returns, or raises Retry or Reject

What people wrote comes with full-width signs in place of those that mean something in a chat: a device that is called
`<@all>` calls nobody, and `[here](https://...)` leads nowhere.
The services answer 200 to nearly everything; a number in the body says what became of it. What they say in words is not
shown: the target may be anybody.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from roundsman_collector.notify.facts import Letter, lines_of
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_collector.notify.post import Answer, judge_status
from roundsman_collector.notify.words import say
from roundsman_wire.catalogue import Language

_SIGNS = str.maketrans("<>[]*`@#&\\~|", "＜＞［］＊｀＠＃＆＼～｜")
CUT = "…"


class Style(NamedTuple):
    """How a service writes Markdown: what stands before a title, a row and a line of a digest, and between lines."""

    title: str
    row: str
    line: str
    between: str
    limit: int
    """Bytes of the whole text."""


class Meaning(NamedTuple):
    """What a service means by a number. `after_s`: how long it wants to be left alone; None: it is for good."""

    words: str
    after_s: float | None = None


def plain(text: str) -> str:
    """Text in which no sign means anything in a chat."""
    return text.translate(_SIGNS)


def markdown(said: Letter, name: str, style: Style, language: Language) -> str:
    """A letter as Markdown of at most `style.limit` bytes. `name` tells a notice that comes twice from two."""
    colon = "：" if language == "zh" else ": "
    head = [style.title + plain(said.title), plain(said.sentence)]
    head += [f"{style.row}{label}{colon}{plain(value)}" for label, value in said.rows]
    tail = [f"[{said.link_words}]({said.link})" if said.link else "", signed(name, language)]
    for most in range(len(said.lines), -1, -1):
        lines = [style.line + plain(line) for line in lines_of(said, language, most)]
        text = style.between.join(part for part in (*head, *lines, *tail) if part)
        if len(text.encode()) <= style.limit:
            return text
    room = style.limit - len(style.between.join(["", *tail]).encode()) - len(CUT.encode())
    return cut(style.between.join(part for part in head if part), room) + CUT + style.between.join(["", *tail])


def cut(text: str, limit: int) -> str:
    """The beginning of a text, at most so many bytes of it."""
    return text.encode()[: max(limit, 0)].decode("utf-8", "ignore")


def signed(name: str, language: Language) -> str:
    """The last line: who speaks (a bot may let through only what says so), and the notice's name."""
    return f"{say(language, 'signed')} · {name}"


def judged(answer: Answer, meanings: Mapping[int, Meaning], now_ms: int) -> None:
    """Return where the bot has taken it; raise Retry or Reject as the number of its answer means."""
    if answer.status >= 500 or answer.status == 429:
        judge_status(answer, now_ms)
    code = code_of(answer.body)
    if code == 0:
        judge_status(answer, now_ms)
        return
    if code is None:
        judge_status(answer, now_ms)
        raise Retry(f"{answer.host} answers {answer.status}, and not as a bot does: is the URL the bot's?")
    meaning = meanings.get(code, Meaning("it is not said why"))
    told = f"{answer.host} refuses it with {code}: {meaning.words}"
    if meaning.after_s is None:
        raise Reject(told)
    raise Retry(told, meaning.after_s)


def code_of(body: bytes) -> int | None:
    """The number in a bot's answer: `errcode`, or `code`; None where there is none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    code = said.get("errcode", said.get("code"))
    return code if isinstance(code, int) and not isinstance(code, bool) else None
