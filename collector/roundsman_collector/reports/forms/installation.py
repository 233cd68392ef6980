"""技术安装服务单: what a visit replaced, and the readings that show that it works since. One for each such visit."""

from roundsman_collector.reports.document import Document, Facts, Field, Span, Value
from roundsman_collector.reports.dossier import Dossier, Visit, at, said, visits
from roundsman_collector.reports.forms.intake import device, what_is_covered, when, who_called, wrong
from roundsman_collector.reports.forms.work_order import customer, engineer, readings, signatures, used_parts
from roundsman_wire.catalogue import Label

TITLE = Label(zh="技术安装服务单", en="Installation record")
NOTE = Label(
    zh="检测效果取自更换后设备上报的读数；由客户与服务工程师双方签字确认。",
    en="What the device reported after the replacement shows the effect; both sides sign.",
)


def replacing(dossier: Dossier) -> tuple[Visit, ...]:
    """The visits that replaced something."""
    return tuple(one for one in visits(dossier) if one.parts)


def build(dossier: Dossier, serial: int, number: str) -> Document:
    """The sheet of the `serial`-th visit that replaced something."""
    found = replacing(dossier)
    visit = found[serial - 1] if 0 < serial <= len(found) else Visit()
    return Document(
        form="installation",
        number=number,
        title=TITLE,
        time_zone=dossier.time_zone,
        known_ms=dossier.known_ms,
        note=NOTE,
        parts=(
            Facts(
                fields=(
                    Field(label=Label(zh="工单号", en="Ticket"), value=dossier.number, is_needed=True),
                    Field(label=Label(zh="服务工程师", en="Engineer"), value=engineer(dossier, visit), is_needed=True),
                    *who_called(dossier),
                    Field(label=Label(zh="设备", en="Device"), value=device(dossier), is_needed=True),
                    *what_is_covered(dossier)[:2],
                    Field(label=Label(zh="到场时间", en="Arrived"), value=when(at(visit.arrived)), is_needed=True),
                    Field(label=Label(zh="完成时间", en="Done"), value=when(at(visit.ended)), is_needed=True),
                    Field(label=Label(zh="故障情况", en="Fault"), value=wrong(dossier), is_needed=True, lines=2),
                )
            ),
            used_parts(visit),
            *readings(dossier, visit),
            Facts(
                title=Label(zh="更换后检测效果", en="Effect of the replacement"),
                fields=(
                    Field(label=Label(zh="正常运行", en="It worked for"), value=_span(visit, "up_ms")),
                    Field(label=Label(zh="未正常运行", en="It did not work for"), value=_span(visit, "down_ms")),
                    Field(label=Label(zh="整体效果", en="The system as a whole"), lines=2),
                ),
            ),
            customer(visit),
            signatures(dossier, visit),
        ),
    )


def _span(visit: Visit, key: str) -> Value:
    """How long the readings say so, of the time that was looked at for the proof."""
    found = said(visit.verified, key)
    return Span(int(found)) if found.isdigit() else None
