"""备机借用单: what was taken away, what was lent meanwhile, and that both came back. One for each loan unit."""

from collections.abc import Mapping

from roundsman_collector.reports.document import Component, Document, Facts, Field, Piece, Signature, Signatures
from roundsman_collector.reports.dossier import Dossier, LoanLine, at, of, said
from roundsman_collector.reports.forms.intake import device, pieces, when, who_called
from roundsman_collector.reports.words import BECAME, word
from roundsman_wire.catalogue import Label

TITLE = Label(zh="备机借用单", en="Loan unit")


def build(dossier: Dossier, serial: int, number: str) -> Document:
    """The sheet of the `serial`-th loan unit."""
    found = dossier.loans[serial - 1] if 0 < serial <= len(dossier.loans) else None
    taken = of(dossier, "take_away")
    away = taken[min(serial, len(taken)) - 1] if taken else None
    before = _taken_before(dossier) if away is None else {}
    return Document(
        form="loan",
        number=number,
        title=TITLE,
        time_zone=dossier.time_zone,
        known_ms=dossier.known_ms,
        parts=(
            Facts(
                fields=(
                    Field(label=Label(zh="工单号", en="Ticket"), value=dossier.number, is_needed=True),
                    Field(label=Label(zh="设备", en="Device"), value=device(dossier), is_needed=True),
                    *who_called(dossier),
                )
            ),
            Facts(
                title=Label(zh="取走", en="Taken away"),
                fields=(
                    Field(
                        label=Label(zh="部件", en="Part"),
                        value=_component(before.get("component") or said(away, "component")),
                    ),
                    Field(
                        label=Label(zh="序列号", en="Serial number"), value=before.get("serial") or said(away, "serial")
                    ),
                    Field(label=Label(zh="取走时间", en="Taken"), value=when(at(away))),
                    Field(label=Label(zh="经手人", en="By"), value="" if away is None else dossier.name(away.who)),
                    Field(label=Label(zh="客户同意人", en="Customer's consent"), value=said(away, "agreed_by")),
                ),
            ),
            _lent(dossier, found),
            Signatures(
                signers=(
                    Signature(label=Label(zh="借出：服务工程师", en="Lent: engineer"), is_needed=False),
                    Signature(label=Label(zh="借出：客户（签字）", en="Lent: customer")),
                    Signature(label=Label(zh="归还：服务工程师", en="Back: engineer")),
                    Signature(label=Label(zh="归还：客户（签字）", en="Back: customer")),
                )
            ),
        ),
        note=Label(
            zh="备机所有权属服务方，借用期间由客户妥善保管；原件修复送回时收回备机。",
            en="The loan unit stays ours; the customer keeps it safe. It goes back when the mended part returns.",
        ),
    )


def _taken_before(dossier: Dossier) -> Mapping[str, str]:
    """What was taken away under the number before this one (转单)."""
    found: Mapping[str, str] = next(
        (one for event in of(dossier, "open") for one in event.data.get("taken_away", ())), {}
    )
    return found


def _component(name: str) -> tuple[Piece, ...]:
    return (Component(name),) if name else ()


def _lent(dossier: Dossier, found: LoanLine | None) -> Facts:
    return Facts(
        title=Label(zh="备机", en="Loan unit"),
        fields=(
            Field(label=Label(zh="名称", en="Name"), value="" if found is None else found.name, is_needed=True),
            Field(
                label=Label(zh="序列号", en="Serial number"),
                value="" if found is None else found.serial,
                is_needed=True,
            ),
            Field(
                label=Label(zh="借出时间", en="Lent"),
                value=when(None if found is None else found.out_ms),
                is_needed=True,
            ),
            Field(
                label=Label(zh="经手人", en="By"),
                value="" if found is None else dossier.name(found.out_by),
                is_needed=True,
            ),
            Field(label=Label(zh="归还时间", en="Back"), value=when(None if found is None else found.back_ms)),
            Field(
                label=Label(zh="去向", en="Became"),
                value=pieces(word(BECAME, found.became)) if found is not None else None,
            ),
            Field(label=Label(zh="外观与附件", en="State and accessories"), lines=3),
        ),
    )
