"""What people do in a round: the one way in which API and console show what is open, and write down what was found.

    work = work_of(desk, row)                       how it stands; monitoring's answers are written down the first time
    tick(desk, row, wish, deed, key=...)            what somebody found; Problem where it may not be
    sign(...), finish(...)

Whether a line may be written is said by core/looking.py; the store makes sure that nothing was written in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.inspection import all_questions, building, document, ticks_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.core import looking
from roundsman_collector.core.lifecycle import Refusal
from roundsman_collector.core.looking import ON_SITE, Line, Progress, Question, Standing, Tick, Wish
from roundsman_collector.core.prefilled import Answer, answers
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.rules.ticks import for_mode
from roundsman_collector.store import Deed, RoundRow, StoreError
from roundsman_collector.store.round_log import KeyUsed, NewLine

MONITORED = "monitoring"
"""The key under which monitoring's answers are written, once."""
QUESTION = ""
"""The device of a question: it is asked of all of them at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is open of a round. `by_kind`: how many things are to be ticked of a device of each kind."""

    row: RoundRow
    standing: Standing
    by_kind: Mapping[str, int]
    questions: tuple[Question, ...]


def work_of(desk: Desk, row: RoundRow) -> Work:
    """How a round stands; once its agents are through, monitoring answers what it can, once."""
    questions = for_mode(all_questions(), row.mode)
    if row.state == "open" and any(one.answered_by for one in questions):
        _answer(desk, row, questions)
        row = desk.view.round(row.number) or row
    kinds = desk.view.round_kinds(row.id) if row.mode in ON_SITE else {}
    by_kind = {kind: len(ticks_of(row.mode, kind)) for kind in kinds}
    standing = desk.view.round_standing(row, by_kind, len(questions))
    return Work(row=row, standing=standing, by_kind=by_kind, questions=questions)


def item_of(desk: Desk, row: RoundRow, device: str, item: str) -> Tick | Question | None:
    """What is asked under this name; None: the round asks no such thing."""
    if device == QUESTION:
        return next((one for one in for_mode(all_questions(), row.mode) if one.id == item), None)
    kind = desk.view.round_kind_of(row.id, device)
    if kind is None or row.mode not in ON_SITE:
        return None
    return next((one for one in ticks_of(row.mode, kind) if one.id == item), None)


# --- what monitoring answers -----------------------------------------------------------------------------------------


def _answer(desk: Desk, row: RoundRow, questions: tuple[Question, ...]) -> None:
    """Write down what monitoring says to the questions, and tick those that it answers; once for each round."""
    deed = Deed(who=ROBOT, at_ms=desk.now_ms())
    with building:
        if any(line.verb == "monitor" for line in desk.view.round_lines(row.id, QUESTION)):
            return
        known = answers(document(desk.view.round_facts(row)).devices)
        said = {one.id: known[one.answered_by] for one in questions if one.answered_by}
        ticks = [
            NewLine(verb="tick", item=item, verdict="pass", at_ms=deed.at_ms, data=words, key=f"{MONITORED}:{item}")
            for item, answer in said.items()
            if answer.verdict == "pass" and (words := _words(answer))
        ]
        every = {item: {"verdict": answer.verdict, **_words(answer)} for item, answer in said.items()}
        last = NewLine(verb="monitor", item="", at_ms=deed.at_ms, data=every, key=MONITORED)
        try:
            for line in (*ticks, last):
                desk.office.write_round_line(row.id, line, deed=deed)
        except StoreError as error:
            if error.cause != "conflict":  # finished meanwhile: nobody needs an answer any more
                raise


def _words(answer: Answer) -> dict[str, str]:
    """What monitoring saw, as a sentence in both languages."""
    names = [(one.zh, one.en) for _, one in answer.named]
    zh, en = f"监测设备 {answer.of} 台", f"{answer.of} devices monitored"
    if answer.verdict == "pass":
        return {"zh": f"{zh}，均正常", "en": f"{en}, all well"}
    if answer.wrong:
        more = answer.wrong > len(names)
        zh += f"，异常 {answer.wrong} 台（{'、'.join(one for one, _ in names)}{'等' if more else ''}）"
        en += f", {answer.wrong} not well ({', '.join(one for _, one in names)}{' …' if more else ''})"
    if answer.unseen:
        zh, en = f"{zh}，未检 {answer.unseen} 台", f"{en}, {answer.unseen} not seen"
    return {"zh": zh, "en": en}


def monitored(log: list[Line]) -> Mapping[str, Mapping[str, str]]:
    """What monitoring said to the questions, from a round's log: by question, {verdict, zh, en}."""
    return next((line.data for line in log if line.verb == "monitor"), {})


# --- what people write -----------------------------------------------------------------------------------------------


def tick(
    desk: Desk, row: RoundRow, wish: Wish, deed: Deed, *, at_ms: int | None = None, key: str | None = None
) -> Line:
    """Write down what somebody found; the same key again answers as the first time."""
    found = item_of(desk, row, wish.device, wish.item)
    photo = None if found is None else found.photo if isinstance(found, Tick) else ""
    new = NewLine(
        verb="tick",
        device=wish.device,
        item=wish.item,
        verdict=wish.verdict,
        words=wish.words.strip(),
        files=wish.files,
        at_ms=looking.dated(at_ms, row.asked_ms, deed.at_ms),
        key=key,
    )
    return _write(desk, row, replace(wish, photo=photo), new, deed)


def sign(desk: Desk, row: RoundRow, wish: Wish, deed: Deed, *, key: str | None = None) -> Line:
    """Put a signature under what was found."""
    new = NewLine(
        verb="sign",
        item=wish.item,
        words=wish.words.strip(),
        files=wish.files,
        at_ms=deed.at_ms,
        key=key,
        version=wish.version,
    )
    return _write(desk, row, wish, new, deed)


def finish(desk: Desk, row: RoundRow, wish: Wish, deed: Deed, *, key: str | None = None) -> Line:
    """Finish a round: nothing is written afterwards."""
    said = {"rest": wish.rest.strip(), "unsigned": wish.unsigned.strip()}
    new = NewLine(
        verb="finish",
        item="",
        at_ms=deed.at_ms,
        data={name: words for name, words in said.items() if words},
        key=key,
        version=wish.version,
    )
    return _write(desk, row, wish, new, deed)


def _write(desk: Desk, row: RoundRow, wish: Wish, new: NewLine, deed: Deed) -> Line:
    known = None if new.key is None else desk.view.round_line_of_key(row.id, deed.who, new.key)
    if known is None:  # what was written before is answered again, whatever became of the round
        refused = refusal_of(row, wish) if wish.verb == "tick" else looking.refusal(work_of(desk, row).standing, wish)
        if refused is not None:
            raise problem(refused.cause, refused.en, row, refused.zh)
    try:
        if new.verb == "finish":
            return desk.office.finish_round(row.id, new, deed=deed)
        return desk.office.write_round_line(row.id, new, deed=deed)
    except KeyUsed as used:
        raise problem("key_used", "this key was used before, for another line of this round", row) from used
    except StoreError as error:
        if error.cause != "conflict":
            raise
        raise problem("changed", error.what, row) from error


def refusal_of(row: RoundRow, wish: Wish) -> Refusal | None:
    """Why something may not be ticked: for that nobody has to count."""
    return looking.refusal(
        Standing(mode=row.mode, state=row.state, version=row.version, progress=Progress(0, 0, {})), wish
    )


class Refused(Problem):
    """A line that may not be written: `zh` says why to people who read Chinese."""

    zh: str = ""


def problem(cause: str, what: str, row: RoundRow, zh: str = "") -> Refused:
    """Why a line may not be written."""
    found = Refused(
        412 if cause == "changed" else 409,
        f"round_{cause}",
        what=what,
        where=f"round {row.number}",
        expected="something that may be written in this round now",
        do="look at the round as it stands now, and try again",
    )
    found.zh = zh
    return found
