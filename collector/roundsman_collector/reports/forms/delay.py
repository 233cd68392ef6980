"""延时原因分析表: why a visit ended and the fault stayed, and what happens next. One for each such visit."""

from roundsman_collector.core import lifecycle
from roundsman_collector.reports.document import Document, Facts, Field, Signature, Signatures
from roundsman_collector.reports.dossier import Dossier, Visit, at, of, said, visits
from roundsman_collector.reports.forms.intake import device, pieces, when, wrong
from roundsman_collector.reports.forms.work_order import engineer, signature
from roundsman_collector.reports.words import step_word
from roundsman_wire.catalogue import Label

TITLE = Label(zh="延时原因分析表", en="Delay analysis")


def build(dossier: Dossier, serial: int, number: str) -> Document:
    """The sheet of the `serial`-th visit that ended unfixed."""
    leaves = of(dossier, "leave")
    left = leaves[serial - 1] if 0 < serial <= len(leaves) else None
    visit = next((one for one in visits(dossier) if left is not None and one.ended == left), Visit())
    next_ms = None if left is None else left.data.get("next_visit_ms")
    return Document(
        form="delay",
        number=number,
        title=TITLE,
        time_zone=dossier.time_zone,
        known_ms=dossier.known_ms,
        parts=(
            Facts(
                fields=(
                    Field(label=Label(zh="工单号", en="Ticket"), value=dossier.number, is_needed=True),
                    Field(label=Label(zh="报修时间", en="Reported"), value=when(dossier.opened_ms), is_needed=True),
                    Field(label=Label(zh="客户名称", en="Customer"), value=pieces(dossier.customer), is_needed=True),
                    Field(label=Label(zh="站点", en="Site"), value=pieces(dossier.site)),
                    Field(label=Label(zh="设备", en="Device"), value=device(dossier), is_needed=True),
                    Field(label=Label(zh="服务工程师", en="Engineer"), value=engineer(dossier, visit), is_needed=True),
                    Field(label=Label(zh="到场时间", en="Arrived"), value=when(at(visit.arrived)), is_needed=True),
                    Field(label=Label(zh="离场时间", en="Left"), value=when(at(left)), is_needed=True),
                    Field(label=Label(zh="故障情况", en="Fault"), value=wrong(dossier), is_needed=True, lines=2),
                )
            ),
            Facts(
                title=Label(zh="延时原因", en="Why it was not fixed"),
                fields=(
                    Field(
                        label=Label(zh="原因类别", en="Reason"),
                        value=step_word(lifecycle.DELAYS, said(left, "reason")),
                        is_needed=True,
                        is_wide=True,
                    ),
                    Field(
                        label=Label(zh="原因分析", en="Analysis"),
                        value=said(left, "analysis"),
                        is_needed=True,
                        lines=6,
                    ),
                    Field(
                        label=Label(zh="待备件", en="Parts awaited"),
                        value=said(left, "parts_awaited"),
                        is_needed=True,
                        lines=2,
                    ),
                    Field(
                        label=Label(zh="下次上门", en="Next visit"),
                        value=when(next_ms if isinstance(next_ms, int) else None),
                        is_needed=True,
                        is_wide=True,
                    ),
                    Field(
                        label=Label(zh="补救措施", en="Until then"),
                        value="" if left is None else left.text,
                        lines=3,
                    ),
                    Field(label=Label(zh="客户意见", en="Customer says"), lines=3),
                ),
            ),
            Signatures(
                signers=(
                    signature(dossier, visit, "service"),
                    signature(dossier, visit, "customer", is_needed=False),
                    Signature(label=Label(zh="售后经理（签字）", en="Service manager")),
                )
            ),
        ),
        note=Label(
            zh="接到报修后 48 小时内与维修单一并上交。",
            en="To be handed in with the work order within 48 hours of the report.",
        ),
    )
