"""报修登记表: one report of a fault, from who called to what became of it; and the register of a period, a line each.

The register lists the tickets that were opened in a period in the order of their numbers, voided ones included: a
number that is missing would show.
"""

from collections.abc import Sequence

from roundsman_collector.core import lifecycle
from roundsman_collector.reports.document import (
    At,
    Component,
    Document,
    Facts,
    Field,
    Piece,
    Signature,
    Signatures,
    Table,
    Value,
    is_said,
)
from roundsman_collector.reports.dossier import (
    Dossier,
    Visit,
    at,
    caller,
    customer_priority,
    last,
    of,
    reported_of,
    said,
    visits,
)
from roundsman_collector.reports.words import (
    BY_EVIDENCE,
    REPLIES,
    SEVERITIES,
    SOURCES,
    VOID,
    state_word,
    step_word,
    word,
)
from roundsman_wire.catalogue import Label

TITLE = Label(zh="报修登记表", en="Fault report")
REGISTER = Label(zh="报修登记表（汇总）", en="Register of fault reports")
NOT_ALL = Label(zh="本期间还有更多，未列全，请缩短期间", en="and more in this period: choose a shorter one")
COLUMNS = (
    Label(zh="单号", en="Number"),
    Label(zh="报修时间", en="Reported"),
    Label(zh="来源", en="By way of"),
    Label(zh="客户 / 站点", en="Customer / site"),
    Label(zh="报修人 / 电话", en="Caller / phone"),
    Label(zh="故障情况", en="Fault"),
    Label(zh="接报人", en="Taken by"),
    Label(zh="处理人", en="Engineer"),
    Label(zh="维修结果", en="Result"),
    Label(zh="完成时间", en="Done"),
    Label(zh="状态", en="State"),
)
WIDTHS = (9, 9, 6, 13, 10, 14, 7, 7, 11, 7, 7)


def build(dossier: Dossier, serial: int, number: str) -> Document:
    """The sheet of one report."""
    is_over = dossier.state in ("closed", "resolved", "followed_up", "confirmed")
    sent = last(dossier, "dispatch")
    first = next(iter(of(dossier, "acknowledge")), None)
    return Document(
        form="intake",
        number=number,
        title=TITLE,
        time_zone=dossier.time_zone,
        known_ms=dossier.known_ms,
        mark=VOID if dossier.state == "void" else None,
        parts=(
            Facts(
                title=Label(zh="报修", en="The report"),
                fields=(*who_called(dossier), *what_is_wrong(dossier), *_phase(dossier)),
            ),
            Facts(
                title=Label(zh="受理", en="What was done about it"),
                fields=(
                    Field(label=Label(zh="受理人", en="Taken by"), value=taker(dossier), is_needed=True),
                    Field(label=Label(zh="受理时间", en="Taken"), value=when(at(first)), is_needed=True),
                    Field(label=Label(zh="答复方式", en="Reply"), value=word(REPLIES, said(first, "reply"))),
                    Field(label=Label(zh="约定到场", en="Arrival agreed"), value=when(_arrival_ms(dossier))),
                    Field(label=Label(zh="派单给", en="Dispatched to"), value=dossier.name(said(sent, "engineer"))),
                    Field(label=Label(zh="派单时间", en="Dispatched"), value=when(at(sent))),
                    Field(label=Label(zh="再次来电", en="Called again"), value=_calls(dossier), is_wide=True),
                ),
            ),
            Facts(
                title=Label(zh="维修结果", en="Result"),
                fields=(
                    Field(label=Label(zh="结果", en="Result"), value=result(dossier), is_needed=is_over, lines=2),
                    Field(label=Label(zh="完成时间", en="Done"), value=when(done_ms(dossier)), is_needed=is_over),
                    Field(label=Label(zh="工单状态", en="State"), value=state_word(dossier.state)),
                    Field(label=Label(zh="备注", en="Remarks"), lines=3),
                ),
            ),
            Signatures(
                signers=(
                    Signature(label=Label(zh="登记人", en="Entered by")),
                    Signature(label=Label(zh="售后经理", en="Service manager")),
                )
            ),
        ),
    )


def register(
    dossiers: Sequence[Dossier], period: tuple[int, int], known_ms: int, zone: str, *, is_whole: bool = True
) -> Document:
    """The register of a period; one that is not whole, because the period holds too many, says so."""
    count = (str(len(dossiers)),) if is_whole else (str(len(dossiers)), NOT_ALL)
    return Document(
        form="register",
        number="",
        title=REGISTER,
        time_zone=zone,
        known_ms=known_ms,
        shape="landscape",
        parts=(
            Facts(
                fields=(
                    Field(
                        label=Label(zh="期间", en="Period"),
                        value=(At(period[0]), Label(zh="至", en="to"), At(period[1])),
                    ),
                    Field(label=Label(zh="份数", en="Reports"), value=count),
                )
            ),
            Table(columns=COLUMNS, rows=tuple(row(one) for one in dossiers), widths=WIDTHS, blanks=12),
        ),
    )


def row(dossier: Dossier) -> tuple[Value, ...]:
    """A line of the register."""
    who = caller(dossier)
    return (
        dossier.number,
        At(dossier.opened_ms),
        word(SOURCES, dossier.source),
        pieces(dossier.customer, dossier.site),
        pieces(who.name, who.phone),
        pieces(dossier.device.id if dossier.device else "", *wrong(dossier)),
        taker(dossier),
        dossier.name(dossier.engineer),
        result(dossier),
        when(done_ms(dossier)),
        state_word(dossier.state),
    )


# --- what several forms say ------------------------------------------------------------------------------------------


def when(ms: int | None) -> At | None:
    """A time, where there is one."""
    return None if ms is None else At(ms)


def pieces(*found: Piece) -> tuple[Piece, ...]:
    """Those that say something."""
    return tuple(one for one in found if is_said(one) and one != Label(zh="", en=""))


def who_called(dossier: Dossier) -> tuple[Field, ...]:
    """Whose it is and who reported it. What monitoring found nobody called about."""
    who, is_called = caller(dossier), dossier.source != "monitoring"
    return (
        Field(label=Label(zh="客户名称", en="Customer"), value=pieces(dossier.customer), is_needed=True),
        Field(label=Label(zh="地址", en="Address"), value=pieces(dossier.site, dossier.address), is_needed=True),
        Field(label=Label(zh="报修人", en="Reported by"), value=who.name, is_needed=is_called),
        Field(label=Label(zh="联系电话", en="Phone"), value=who.phone, is_needed=is_called),
        *_on_the_spot(dossier),
    )


def _on_the_spot(dossier: Dossier) -> tuple[Field, ...]:
    """当地设备管理人员, where one is named."""
    found = dossier.contact
    if found is None:
        return ()
    label = Label(zh="当地设备管理人员", en="On the spot")
    return (Field(label=label, value=pieces(found.name, found.phone), is_wide=True),)


def what_is_wrong(dossier: Dossier) -> tuple[Field, ...]:
    """What was reported, when and how."""
    return (
        Field(label=Label(zh="报修时间", en="Reported"), value=At(dossier.opened_ms), is_needed=True),
        Field(label=Label(zh="报修来源", en="By way of"), value=word(SOURCES, dossier.source), is_needed=True),
        Field(label=Label(zh="设备", en="Device"), value=device(dossier), is_needed=True),
        Field(label=Label(zh="紧急程度", en="Severity"), value=urgency(dossier), is_needed=True),
        Field(label=Label(zh="故障情况", en="Fault"), value=wrong(dossier), is_needed=True, lines=2),
        Field(label=Label(zh="用户要求", en="Customer wishes"), value=reported_of(dossier).get("wish", "")),
    )


def urgency(dossier: Dossier) -> tuple[Piece, ...]:
    """How bad the fault is, and how urgent the customer calls it where they said so."""
    wished = customer_priority(dossier)
    theirs = (Label(zh="客户优先级", en="customer's priority"), word(SEVERITIES, wished)) if wished else ()
    return pieces(word(SEVERITIES, dossier.severity), *theirs)


def what_is_covered(dossier: Dossier) -> tuple[Field, ...]:
    """The device's model, serial number and age, and in which phase its contract was when the fault was reported."""
    found = dossier.device
    model, serial = ("", "") if found is None else (found.model, found.serial)
    until = dossier.warranty_until
    ends = (Label(zh=f"质保至 {until}", en=f"warranty until {until}"),) if until else ()
    return (
        Field(label=Label(zh="型号", en="Model"), value=model, is_needed=True),
        Field(label=Label(zh="序列号", en="Serial number"), value=serial, is_needed=True),
        Field(label=Label(zh="购买日期", en="Bought"), value=dossier.bought_on, is_needed=True),
        Field(label=Label(zh="合同", en="Contract"), value=dossier.contract),
        Field(label=Label(zh="服务期", en="Phase"), value=pieces(dossier.phase, *ends), is_wide=True),
    )


def unknown(dossier: Dossier) -> tuple[Label, ...]:
    """What somebody who is sent has to know, and the ticket does not say (S1-12)."""
    fields = (*who_called(dossier), *what_is_wrong(dossier), *what_is_covered(dossier))
    return tuple(one.label for one in fields if one.is_needed and not is_said(one.value))


def device(dossier: Dossier) -> tuple[Piece, ...]:
    """Name and id of the device, and its place."""
    found = dossier.device
    return pieces(dossier.place) if found is None else pieces(found.name, found.id, dossier.place)


def wrong(dossier: Dossier) -> tuple[Piece, ...]:
    """The fault, the part, and the words of whoever reported it."""
    opened = next(iter(of(dossier, "open")), None)
    first = "" if opened is None or dossier.source == "monitoring" else opened.text
    words = reported_of(dossier).get("words", first)
    component = (Component(dossier.component),) if dossier.component else ()
    return pieces(dossier.fault, *component, words)


def taker(dossier: Dossier) -> str:
    """Who took the report: who opened it, else who acknowledged it first."""
    return next((name for event in of(dossier, "open", "acknowledge") if (name := dossier.name(event.who))), "")


def result(dossier: Dossier) -> tuple[Piece, ...]:
    """What became of it."""
    if dossier.state in ("void", "merged", "transferred"):
        ended = last(dossier, "void", "merge", "transfer")
        return pieces(state_word(dossier.state), said(ended, "to"), "" if ended is None else ended.text)
    for visit in reversed(visits(dossier)):
        if visit.is_fixed:
            return pieces(work(visit), proof(visit))
    resolved = last(dossier, "resolve")
    if resolved is None:
        return ()
    return pieces(step_word(lifecycle.ENDINGS, said(resolved, "how") or "by_itself"), resolved.text)


def work(visit: Visit) -> str:
    """What the engineer did."""
    if not visit.is_fixed:
        return ""
    return said(visit.ended, "work") or (visit.ended.text if visit.ended is not None else "")


def proof(visit: Visit) -> Piece:
    """What shows that it works again."""
    if visit.verified is None:
        return ""
    return visit.verified.text or BY_EVIDENCE


def done_ms(dossier: Dossier) -> int | None:
    """When it was mended, or over."""
    ended = last(dossier, "fix") or last(dossier, "resolve")
    return at(ended) if ended is not None else dossier.resolved_ms


def _arrival_ms(dossier: Dossier) -> int | None:
    found = [event.data.get("arrival_ms") for event in of(dossier, "acknowledge", "appoint")]
    return next((one for one in reversed(found) if isinstance(one, int)), None)


def _phase(dossier: Dossier) -> tuple[Field, ...]:
    return what_is_covered(dossier)[-1:]


def _calls(dossier: Dossier) -> tuple[Piece, ...]:
    return tuple(At(event.at_ms) for event in of(dossier, "call"))
