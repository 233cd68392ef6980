"""回访记录单: the customer was asked afterwards, and what they said. One for each time."""

from roundsman_collector.reports.document import (
    Document,
    Facts,
    Field,
    Reading,
    ReadingName,
    Signature,
    Signatures,
    Table,
)
from roundsman_collector.reports.dossier import Dossier, at, caller, of, said
from roundsman_collector.reports.forms.intake import (
    device,
    done_ms,
    pieces,
    result,
    when,
    wrong,
)
from roundsman_collector.reports.words import yes_no
from roundsman_wire.catalogue import Label

TITLE = Label(zh="回访记录单", en="Follow-up")
READINGS_SHOWN = 6


def build(dossier: Dossier, serial: int, number: str) -> Document:
    """The sheet of the `serial`-th follow-up."""
    asked = of(dossier, "follow_up")
    found = asked[serial - 1] if 0 < serial <= len(asked) else None
    data = {} if found is None else {"reached": True, **found.data}
    was_reached = data.get("reached") is not False
    who = caller(dossier)
    return Document(
        form="follow_up",
        number=number,
        title=TITLE,
        time_zone=dossier.time_zone,
        known_ms=dossier.known_ms,
        parts=(
            Facts(
                fields=(
                    Field(label=Label(zh="工单号", en="Ticket"), value=dossier.number, is_needed=True),
                    Field(label=Label(zh="客户名称", en="Customer"), value=pieces(dossier.customer), is_needed=True),
                    Field(label=Label(zh="联系人", en="Contact"), value=who.name),
                    Field(label=Label(zh="联系电话", en="Phone"), value=who.phone),
                    Field(label=Label(zh="站点", en="Site"), value=pieces(dossier.site)),
                    Field(label=Label(zh="设备", en="Device"), value=device(dossier), is_needed=True),
                    Field(label=Label(zh="故障情况", en="Fault"), value=wrong(dossier), is_needed=True, lines=2),
                    Field(label=Label(zh="处理结果", en="Result"), value=result(dossier), is_needed=True, lines=2),
                    Field(label=Label(zh="服务工程师", en="Engineer"), value=dossier.name(dossier.engineer)),
                    Field(label=Label(zh="完成时间", en="Done"), value=when(done_ms(dossier)), is_needed=True),
                )
            ),
            *_readings(dossier),
            Facts(
                title=Label(zh="回访", en="Follow-up"),
                fields=(
                    Field(
                        label=Label(zh="回访人", en="Asked by"),
                        value="" if found is None else dossier.name(found.who),
                        is_needed=True,
                    ),
                    Field(label=Label(zh="回访时间", en="Asked"), value=when(at(found)), is_needed=True),
                    Field(
                        label=Label(zh="是否联系上", en="Reached"), value=yes_no(data.get("reached")), is_needed=True
                    ),
                    Field(
                        label=Label(zh="是否满意", en="Satisfied"),
                        value=yes_no(data.get("satisfied")),
                        is_needed=was_reached,
                    ),
                    Field(label=Label(zh="评分（1–5）", en="Rating (1-5)"), value=said(found, "rating"), is_wide=True),
                    Field(
                        label=Label(zh="用户意见及建议", en="Customer says"),
                        value="" if found is None else found.text,
                        is_needed=was_reached,
                        lines=6,
                    ),
                ),
            ),
            Signatures(
                signers=(
                    Signature(label=Label(zh="回访人（签字）", en="Asked by")),
                    Signature(label=Label(zh="客户（签字）", en="For the customer")),
                )
            ),
        ),
    )


def _readings(dossier: Dossier) -> tuple[Table, ...]:
    """How the device has been since: what is shown to the customer who doubts it."""
    after = dossier.after
    if after is None:
        return ()
    kind = dossier.component.partition("[")[0]
    names = sorted(after.readings, key=lambda name: not name.startswith(kind))[:READINGS_SHOWN]
    return (
        Table(
            title=Label(zh="当前读数", en="Readings now"),
            columns=(Label(zh="读数", en="Reading"), Label(zh="数值", en="Value")),
            rows=tuple((ReadingName(name), Reading(name, after.readings[name])) for name in names),
            widths=(60, 40),
        ),
    )
