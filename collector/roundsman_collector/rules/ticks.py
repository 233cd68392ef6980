"""What only a person can see or ask: the open ticks and the questions of an inspection, from YAML. Pure.

ticks = ticks_from(text, source="ticks.yaml");           for_kind(ticks, "kiosk") -> (Tick, ...)
questions = questions_from(text, source="questions.yaml");  for_mode(questions, "phone") -> (Question, ...)
"""

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from roundsman_collector.core.looking import AnsweredBy, Beside, Mode, Photo, Question, Tick
from roundsman_collector.rules.flaws import twice
from roundsman_collector.rules.shape import Both, Name, RulesError, Strict, Word, read
from roundsman_wire.catalogue import Label


class Row(Both):
    """A tick; `kinds` empty: for devices of every kind."""

    id: Word
    kinds: tuple[Name, ...] = ()
    photo: Photo = ""
    beside: Beside = ""


class Asked(Both):
    """A question."""

    id: Word
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)]
    answered_by: AnsweredBy = ""


class TickFile(Strict):
    """The file of ticks."""

    ticks: list[Row]


class QuestionFile(Strict):
    """The file of questions."""

    questions: list[Asked]


def ticks_from(text: str, *, source: str) -> tuple[Tick, ...]:
    """The ticks in a file, in its order; RulesError tells everything that is wrong with it."""
    rows = read(text, TickFile, source=source).ticks
    _once(source, (row.id for row in rows))
    return tuple(
        Tick(
            id=row.id, label=Label(zh=row.zh, en=row.en), kinds=frozenset(row.kinds), photo=row.photo, beside=row.beside
        )
        for row in rows
    )


def questions_from(text: str, *, source: str) -> tuple[Question, ...]:
    """The questions in a file, in its order; RulesError tells everything that is wrong with it."""
    rows = read(text, QuestionFile, source=source).questions
    _once(source, (row.id for row in rows))
    return tuple(
        Question(id=row.id, label=Label(zh=row.zh, en=row.en), modes=frozenset(row.modes), answered_by=row.answered_by)
        for row in rows
    )


def _once(source: str, names: Iterable[str]) -> None:
    flaws = twice(names)
    if flaws:
        raise RulesError([f"{source}: {flaw}" for flaw in flaws])


def for_kind(ticks: Sequence[Tick], kind: str) -> tuple[Tick, ...]:
    """The ticks of a device of this kind."""
    return tuple(one for one in ticks if not one.kinds or kind in one.kinds)


def for_mode(questions: Sequence[Question], mode: Mode) -> tuple[Question, ...]:
    """The questions of a round of this mode."""
    return tuple(one for one in questions if mode in one.modes)
