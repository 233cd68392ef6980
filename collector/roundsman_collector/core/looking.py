"""What people look at in a round, and what they found: from its log to what is missing. Pure.

    marks(log)                         {(device, item): Line}     the last one counts
    refusal(standing, wish)            why a line may not be written now, or None
    standing.progress                  how far people are

A round has a mode. A remote one (远程巡检) is its agents' alone. In the others people look, too: by telephone
(电话巡检) they ask what questions.yaml says, on a visit (现场巡检) they tick what ticks.yaml says of each device
and ask, in a follow-up call (回访) they ask. Such a round is open until somebody finishes it:

    running  --the agents' errands are over-->  open  --finish-->  answered  --the document is built-->  done (frozen)

Every deed is a line of the round's log, which only grows: `tick` (of a device, or of a question, whose device is ""),
`sign` (item: engineer or customer), `finish`, and `monitor`, once: what monitoring answers in people's place. A tick
that was wrong is ticked again. A signature stands under what was ticked before it: who ticks afterwards needs it again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from roundsman_collector.core.inspection import WORST, Verdict
from roundsman_collector.core.lifecycle import Refusal
from roundsman_wire.catalogue import Label

Mode = Literal["remote", "phone", "visit", "call"]
Verb = Literal["tick", "sign", "finish"]
Photo = Literal["", "wanted", "needed"]
Beside = Literal["", "values", "temperature", "ports", "transactions", "parts", "consumables"]
"""What monitoring puts next to a tick."""
AnsweredBy = Literal["", "software", "hardware", "faults"]
"""What of monitoring answers a question."""

MODES: Mapping[Mode, tuple[str, str]] = {
    "remote": ("远程巡检", "remote inspection"),
    "phone": ("电话巡检", "inspection by telephone"),
    "visit": ("现场巡检", "inspection on site"),
    "call": ("电话回访", "follow-up call"),
}
ON_SITE: tuple[Mode, ...] = ("visit",)
"""Somebody stands in front of the devices: they are ticked, and both sides sign."""
SIGNERS = ("engineer", "customer")
STATES = ("running", "open")
"""While it is one of these, people may tick."""
NEEDS_WORDS: tuple[Verdict, ...] = ("fail", "attention", "unseen")
WORDS_LIMIT = 400
FILES_LIMIT = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """Something to look at, for devices of these kinds; of every kind, if there are none."""

    id: str
    label: Label
    kinds: frozenset[str] = frozenset()
    photo: Photo = ""
    beside: Beside = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Something to ask the customer in rounds of these modes."""

    id: str
    label: Label
    modes: frozenset[Mode]
    answered_by: AnsweredBy = ""


class Line(NamedTuple):
    """A line of a round's log. `at_ms` is when it was done, `known_ms` when it came here; `files` are their ids."""

    id: int
    verb: str
    device: str
    item: str
    verdict: str
    words: str
    files: tuple[int, ...]
    who: str
    at_ms: int
    known_ms: int
    data: Mapping[str, Any] = {}


class Progress(NamedTuple):
    """How far people are: so many things are asked, so many found, by verdict."""

    asked: int
    found: int
    verdicts: Mapping[Verdict, int]

    @property
    def missing(self) -> int:
        """What nobody has looked at yet."""
        return max(0, self.asked - self.found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How an open round stands. `version`: the id of the last line of its log."""

    mode: Mode
    state: str
    version: int
    progress: Progress
    ticked: int = 0
    """The id of the last tick; 0: there is none."""
    signed: Mapping[str, int] = field(default_factory=dict)
    """Who signed, with the id of the line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A line that somebody wants to write. `version`: what they had seen; None: it does not matter.

    `photo`: whether the item asks for a picture; None: nothing of this round has that name. `rest` says why what is
    missing was not looked at, `unsigned` why the customer does not sign.
    """

    verb: Verb
    device: str = ""
    item: str = ""
    verdict: str = ""
    words: str = ""
    files: tuple[int, ...] = ()
    version: int | None = None
    photo: Photo | None = None
    rest: str = ""
    unsigned: str = ""


def marks(log: Iterable[Line]) -> dict[tuple[str, str], Line]:
    """What was found last of each device and item; the log is in the order of its ids."""
    return {(line.device, line.item): line for line in log if line.verb == "tick"}


def signatures(log: Iterable[Line]) -> dict[str, Line]:
    """The last signature of each side."""
    return {line.item: line for line in log if line.verb == "sign"}


# --- what forbids a line ---------------------------------------------------------------------------------------------

Guard = Callable[[Standing, Wish], Refusal | None]


def _has_people(standing: Standing, _: Wish) -> Refusal | None:
    """a round in which people look"""
    if standing.mode != "remote":
        return None
    return Refusal("remote", "远程巡检无需人工填写", "this round is its agents' alone: nobody has to look")


def _is_open(standing: Standing, _: Wish) -> Refusal | None:
    """a round that nobody has finished"""
    if standing.state in STATES:
        return None
    return Refusal("finished", "巡检已完成，不能再填写", "the round is finished, and is kept as it is")


def _is_asked(_: Standing, wish: Wish) -> Refusal | None:
    """a device of the round, and something that is asked of it"""
    if wish.photo is not None:
        return None
    return Refusal("no_item", "本次巡检没有这一项", "this round does not ask that: look at its list")


def _has_verdict(_: Standing, wish: Wish) -> Refusal | None:
    """one of the four verdicts"""
    if wish.verdict in get_args(Verdict):
        return None
    return Refusal("no_verdict", "请选择结论", f"say one of {', '.join(reversed(WORST))}")


def _has_words(_: Standing, wish: Wish) -> Refusal | None:
    """words, for what is not well or was not seen"""
    if wish.verdict not in NEEDS_WORDS or wish.words.strip():
        return None
    return Refusal("no_words", "请写明情况", "say in words what is wrong, or why it was not seen")


def _has_photo(_: Standing, wish: Wish) -> Refusal | None:
    """a photo, where one is asked for"""
    if wish.photo != "needed" or wish.files or wish.verdict == "unseen":
        return None
    return Refusal("no_photo", "此项须拍照", "this needs a photo")


def _is_side(_: Standing, wish: Wish) -> Refusal | None:
    """the engineer or the customer"""
    if wish.item in SIGNERS:
        return None
    return Refusal("no_side", "请选择签字方", "say who signs: engineer or customer")


def _has_name(_: Standing, wish: Wish) -> Refusal | None:
    """the name of who signs, and the signature"""
    if wish.words.strip() and len(wish.files) == 1:
        return None
    return Refusal("no_name", "请填写姓名并签字", "give the name of who signs, and the signature")


def _has_seen(standing: Standing, wish: Wish) -> Refusal | None:
    """what was written last"""
    if wish.version is None or wish.version == standing.version:
        return None
    return Refusal("changed", "内容已更新，请重新查看", "something was written since: look again")


def _is_answered(standing: Standing, _: Wish) -> Refusal | None:
    """agents that have answered, or whose time is over"""
    if standing.state != "running":
        return None
    return Refusal("running", "采集端尚未全部应答，请稍候", "the agents are still looking: wait until they are through")


def _is_complete(standing: Standing, wish: Wish) -> Refusal | None:
    """nothing that is missing, or words that say why"""
    missing = standing.progress.missing
    if not missing or wish.rest.strip():
        return None
    return Refusal(
        "missing", f"还有{missing}项未填写，请补填或写明原因", f"{missing} are missing: find them, or say why not"
    )


def _is_signed(standing: Standing, wish: Wish) -> Refusal | None:
    """both signatures on a visit, or words that say why the customer did not sign"""
    if standing.mode not in ON_SITE:
        return None
    if "engineer" not in standing.signed:
        return Refusal("no_engineer", "请工程师签字", "the engineer has to sign")
    if "customer" not in standing.signed and not wish.unsigned.strip():
        return Refusal("no_customer", "请客户签字，或写明未签字原因", "the customer has to sign, or say why not")
    return None


def _is_signed_last(standing: Standing, _: Wish) -> Refusal | None:
    """signatures under everything that was ticked"""
    if all(line > standing.ticked for line in standing.signed.values()):
        return None
    return Refusal(
        "signed_before", "签字后又有改动，请重新签字", "something was ticked after the signature: sign again"
    )


GUARDS: Mapping[Verb, tuple[Guard, ...]] = {
    "tick": (_has_people, _is_open, _is_asked, _has_verdict, _has_words, _has_photo),
    "sign": (_has_people, _is_open, _is_side, _has_name, _has_seen),
    "finish": (_has_people, _is_open, _is_answered, _has_seen, _is_complete, _is_signed, _is_signed_last),
}


def refusal(standing: Standing, wish: Wish) -> Refusal | None:
    """Why somebody may not write a line now, or None."""
    return next((why for guard in GUARDS[wish.verb] if (why := guard(standing, wish)) is not None), None)


def dated(at_ms: int | None, asked_ms: int, now_ms: int) -> int:
    """When something was ticked, as a phone says that may have been without a line, or have a wrong clock."""
    return now_ms if at_ms is None else max(asked_ms, min(at_ms, now_ms))
