"""维修单 / 服务工单: one visit, from being sent to both signatures. It counts when both have signed (双方签字生效).

A ticket has one for each visit; the next one can be printed empty and taken along.
"""

from collections.abc import Sequence

from roundsman_collector.core import lifecycle
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.core.parts import EXCLUSIONS
from roundsman_collector.reports.document import (
    NONE,
    At,
    Document,
    Facts,
    Field,
    Reading,
    ReadingName,
    Signature,
    Signatures,
    Table,
    Value,
    is_said,
)
from roundsman_collector.reports.dossier import NO_ADVICE, Dossier, Visit, at, of, said, visit_of
from roundsman_collector.reports.forms.intake import (
    pieces,
    proof,
    what_is_covered,
    what_is_wrong,
    when,
    who_called,
    work,
)
from roundsman_collector.reports.words import CLOCK_STATES, COPIES, VOID, step_word, word, yes_no
from roundsman_wire.catalogue import Label

TITLE = Label(zh="服务工单（维修单）", en="Service work order")
READINGS_SHOWN = 6
CLOCKS_SHOWN = 5
NOTE = Label(
    zh="本单由客户和服务工程师双方签字后生效。书写错误请注明“作废”，换领新单，原单号保留。",
    en="It counts when the customer and the engineer have signed. A sheet with a mistake is marked VOID and replaced; "
    "its number is kept.",
)


def build(dossier: Dossier, serial: int, number: str) -> Document:
    """The sheet of one visit."""
    visit = visit_of(dossier, serial)
    return Document(
        form="work_order",
        number=number,
        title=TITLE,
        time_zone=dossier.time_zone,
        known_ms=dossier.known_ms,
        copies=COPIES[: dossier.company.copies] if dossier.company.copies > 1 else (),
        mark=VOID if dossier.state == "void" else None,
        note=NOTE,
        parts=(
            Facts(
                title=Label(zh="报修", en="The report"),
                fields=(*who_called(dossier), *what_is_wrong(dossier), *what_is_covered(dossier)),
            ),
            *_advice(dossier, visit),
            _times(dossier, visit),
            *_clocks(dossier),
            _done(visit),
            used_parts(visit),
            *readings(dossier, visit),
            customer(visit),
            signatures(dossier, visit),
        ),
    )


def signatures(dossier: Dossier, visit: Visit) -> Signatures:
    """Both sides (双方签字)."""
    return Signatures(signers=(signature(dossier, visit, "service"), signature(dossier, visit, "customer")))


def signature(dossier: Dossier, visit: Visit, side: str, *, is_needed: bool = True) -> Signature:
    """What one side signed at this visit."""
    label = Label(zh="服务工程师（签字）", en="Service engineer")
    if side == "customer":
        label = Label(zh="客户（签字）", en="For the customer")
    signed = next((event for event in reversed(visit.signed) if said(event, "side") == side), None)
    if signed is None:
        return Signature(label=label, is_needed=is_needed)
    name = said(signed, "name") or (dossier.name(signed.who) if side == "service" else "")
    return Signature(label=label, name=name, at_ms=at(signed), picture=said(signed, "file"), is_needed=is_needed)


def engineer(dossier: Dossier, visit: Visit) -> str:
    """Who went: who was sent, else who arrived."""
    sent = said(visit.sent, "engineer")
    return dossier.name(sent or ("" if visit.arrived is None else visit.arrived.who))


def _advice(dossier: Dossier, visit: Visit) -> tuple[Facts, ...]:
    """What the catalogue advises whoever goes (S1-14). Once the visit is over, what was found and done stands there."""
    advice = dossier.advice
    if visit.ended is not None or advice == NO_ADVICE:
        return ()
    fields = (
        Field(label=Label(zh="可能原因", en="May be"), value=advice.causes, is_wide=True),
        Field(label=Label(zh="建议措施", en="What helps"), value=advice.remedy, is_wide=True),
        Field(label=Label(zh="建议备件", en="Take along"), value=advice.parts, is_wide=True),
    )
    return (Facts(title=Label(zh="维修建议", en="Advice"), fields=tuple(one for one in fields if is_said(one.value))),)


def _times(dossier: Dossier, visit: Visit) -> Facts:
    asked = visit.sent is not None
    transferred = next(iter(of(dossier, "open")), None)
    return Facts(
        title=Label(zh="到场", en="The visit"),
        fields=(
            Field(label=Label(zh="服务工程师", en="Engineer"), value=engineer(dossier, visit), is_needed=True),
            Field(label=Label(zh="原单号", en="Instead of"), value=said(transferred, "transferred_from") or NONE),
            Field(label=Label(zh="派单时间", en="Dispatched"), value=when(at(visit.sent)), is_needed=asked),
            Field(label=Label(zh="出发时间", en="Departed"), value=when(at(visit.departed))),
            Field(label=Label(zh="到场时间", en="Arrived"), value=when(at(visit.arrived)), is_needed=True),
            Field(label=Label(zh="修复 / 离场", en="Fixed / left"), value=when(at(visit.ended)), is_needed=True),
        ),
    )


def _clocks(dossier: Dossier) -> tuple[Table, ...]:
    rows = tuple(
        (step_word(CLOCKS, one.clock), when(one.due_ms), when(one.ended_ms), word(CLOCK_STATES, one.state))
        for one in sorted(dossier.clocks, key=lambda one: [*CLOCKS, one.clock].index(one.clock))[:CLOCKS_SHOWN]
    )
    columns = (
        Label(zh="时限", en="Promised"),
        Label(zh="应于", en="By"),
        Label(zh="实际", en="Happened"),
        Label(zh="结果", en="Result"),
    )
    return (Table(columns=columns, rows=rows, widths=(25, 28, 28, 19)),) if rows else ()


def _done(visit: Visit) -> Facts:
    is_fixed, is_left = visit.is_fixed, visit.ended is not None and not visit.is_fixed
    cause = step_word(lifecycle.CAUSES, said(visit.ended, "cause")) if is_fixed else ""
    exclusion = step_word(EXCLUSIONS, said(visit.ended, "exclusion")) if is_fixed else ""
    done: Value = work(visit)
    if is_left:
        done = pieces(Label(zh="未修复，见延时原因分析表", en="not fixed, see the delay analysis"))
    return Facts(
        title=Label(zh="处理", en="What was done"),
        fields=(
            Field(label=Label(zh="故障原因", en="Cause"), value=cause, is_needed=not is_left, is_wide=True),
            Field(label=Label(zh="处理措施", en="Work done"), value=done, is_needed=True, lines=3),
            *(
                [Field(label=Label(zh="免保原因", en="No warranty"), value=exclusion, is_wide=True)]
                if exclusion
                else []
            ),
        ),
    )


def used_parts(visit: Visit) -> Table:
    """What was built in, with the serial numbers of old and new."""
    rows = tuple(
        (
            said(event, "name") or said(event, "component"),
            said(event, "quantity") or "1",
            said(event, "old_serial"),
            said(event, "new_serial"),
        )
        for event in visit.parts
    )
    return Table(
        title=Label(zh="更换备件", en="Parts used"),
        columns=(
            Label(zh="名称", en="Name"),
            Label(zh="数量", en="Quantity"),
            Label(zh="旧件序列号", en="Old serial number"),
            Label(zh="新件序列号", en="New serial number"),
        ),
        rows=rows,
        widths=(40, 12, 24, 24),
        none=NONE if visit.ended is not None else None,
    )


def readings(dossier: Dossier, visit: Visit) -> tuple[Table | Facts, ...]:
    """Readings before and after, those of the part first; and what they say."""
    before, after = dossier.before, dossier.after
    tested = Facts(
        fields=(Field(label=Label(zh="测试结果", en="Test"), value=pieces(proof(visit)), is_needed=True, is_wide=True),)
    )
    if before is None and after is None:
        return (tested,)
    both = ({} if before is None else before.readings, {} if after is None else after.readings)
    names = _chosen(dossier.component, [*both[0], *both[1]])
    rows = tuple((ReadingName(name), *(_reading(name, one) for one in both)) for name in names)
    columns = (
        Label(zh="读数", en="Reading"),
        Label(zh="修前", en="Before"),
        Label(zh="修后", en="After"),
    )
    times: tuple[Value, ...] = (
        Label(zh="采样时间", en="Sampled"),
        None if before is None else At(before.t_ms),
        None if after is None else At(after.t_ms),
    )
    title = Label(zh="检测", en="Readings")
    return (Table(title=title, columns=columns, rows=(times, *rows), widths=(40, 30, 30)), tested)


def _chosen(component: str, names: Sequence[str]) -> list[str]:
    kind = component.partition("[")[0]
    unique = dict.fromkeys(names)
    return sorted(unique, key=lambda name: not name.startswith(kind))[:READINGS_SHOWN]


def _reading(name: str, readings: object) -> Value:
    return Reading(name, readings[name]) if isinstance(readings, dict) and name in readings else None


def customer(visit: Visit) -> Facts:
    """What the customer said of it."""
    confirmed = visit.confirmed
    rating = said(confirmed, "rating")
    right = {} if confirmed is None else confirmed.data
    return Facts(
        fields=(
            Field(
                label=Label(zh="客户意见", en="Customer says"),
                value="" if confirmed is None else confirmed.text,
                lines=2,
            ),
            Field(label=Label(zh="工作时间属实", en="Hours right"), value=yes_no(right.get("hours_right"))),
            Field(label=Label(zh="工作内容属实", en="Work right"), value=yes_no(right.get("work_right"))),
            Field(label=Label(zh="满意度（1–5）", en="Rating (1-5)"), value=rating),
            Field(label=Label(zh="确认时间", en="Confirmed"), value=when(at(confirmed))),
        )
    )
