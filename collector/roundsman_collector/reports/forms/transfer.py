"""转单: the work goes on under another number. Both numbers stand on it, and both sides sign before it counts."""

from collections.abc import Mapping
from typing import Any

from roundsman_collector.core.ticket_log import Event
from roundsman_collector.reports.document import NONE, Component, Document, Facts, Field, Piece, Signature, Signatures
from roundsman_collector.reports.dossier import Dossier, at, of, said, visit_of, visits
from roundsman_collector.reports.forms.intake import device, pieces, when, wrong
from roundsman_collector.reports.forms.work_order import signature
from roundsman_wire.catalogue import Label

TITLE = Label(zh="转单（备用维修单）", en="Transfer of a ticket")


def build(dossier: Dossier, serial: int, number: str) -> Document:
    """The sheet of the `serial`-th transfer."""
    moves = of(dossier, "transfer")
    moved = moves[serial - 1] if 0 < serial <= len(moves) else None
    visit = visit_of(dossier, len(visits(dossier)))
    return Document(
        form="transfer",
        number=number,
        title=TITLE,
        time_zone=dossier.time_zone,
        known_ms=dossier.known_ms,
        parts=(
            Facts(
                fields=(
                    Field(label=Label(zh="原单号", en="From number"), value=dossier.number, is_needed=True),
                    Field(label=Label(zh="转入单号", en="To number"), value=said(moved, "to"), is_needed=True),
                    Field(label=Label(zh="转单时间", en="Transferred"), value=when(at(moved)), is_needed=True),
                    Field(
                        label=Label(zh="经办人", en="By"),
                        value="" if moved is None else dossier.name(moved.who),
                        is_needed=True,
                    ),
                    Field(label=Label(zh="客户名称", en="Customer"), value=pieces(dossier.customer), is_needed=True),
                    Field(label=Label(zh="站点", en="Site"), value=pieces(dossier.site)),
                    Field(label=Label(zh="设备", en="Device"), value=device(dossier), is_needed=True),
                    Field(label=Label(zh="报修时间", en="Reported"), value=when(dossier.opened_ms), is_needed=True),
                    Field(label=Label(zh="故障情况", en="Fault"), value=wrong(dossier), is_needed=True, lines=2),
                    Field(
                        label=Label(zh="转单原因", en="Why"),
                        value="" if moved is None else moved.text,
                        is_needed=True,
                        lines=5,
                    ),
                    Field(label=Label(zh="已完成工作", en="Done so far"), lines=4),
                    *along(dossier, moved),
                    Field(label=Label(zh="客户同意人", en="Customer's consent"), value=said(moved, "agreed_by")),
                    Field(label=Label(zh="我方确认人", en="Our consent"), value=said(moved, "approved_by")),
                )
            ),
            Signatures(
                signers=(
                    signature(dossier, visit, "service"),
                    signature(dossier, visit, "customer"),
                    Signature(label=Label(zh="售后经理（签字）", en="Service manager")),
                )
            ),
        ),
        note=Label(
            zh="原单与转入单的时限连续计算，不因转单重新起算。",
            en="The clocks of both numbers run on as one; a transfer does not begin them anew.",
        ),
    )


def along(dossier: Dossier, moved: Event | None) -> tuple[Field, ...]:
    """What the other number takes along; `none` where it took nothing."""
    data = {} if moved is None else moved.data
    lent = {one.id: " ".join((one.name, one.serial)).strip() for one in dossier.loans}
    away = data.get("taken_away", ())
    workshop: list[Piece] = [piece for one in away for piece in (Component(one["component"]), one.get("serial", ""))]
    found = (
        (Label(zh="随转备件", en="Spares along"), pieces(*map(_spare, data.get("spares", ())))),
        (Label(zh="已领未用备件", en="Issued, not used"), pieces(*map(_spare, data.get("in_hand", ())))),
        (
            Label(zh="在用备机", en="Loan units out"),
            pieces(*(lent.get(one, str(one)) for one in data.get("loans", ()))),
        ),
        (Label(zh="取回维修", en="In the workshop"), pieces(*workshop)),
    )
    if moved is not None and not any(value for _, value in found):
        return (Field(label=Label(zh="随转物品", en="Goes along"), value=NONE, is_wide=True),)
    return tuple(Field(label=label, value=value, is_wide=True) for label, value in found if value)


def _spare(one: Mapping[str, Any]) -> Label:
    zh, piece = str(one.get("name_zh") or one["item"]), f" ×{one['quantity']}"
    return Label(zh=zh + piece, en=str(one.get("name_en") or zh) + piece)
