"""A slip on paper: what it is about, what was written into it, who signed. Pure.

build(Paper(row=..., kind=KINDS["training"], standing=..., ...)) -> Document
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from roundsman_collector.core.slips import SIDES, STATES, Entry, SlipKind, Standing
from roundsman_collector.reports.document import Day, Document, Facts, Field, Signature, Signatures, Value
from roundsman_collector.reports.dossier import masked
from roundsman_collector.reports.words import VOID
from roundsman_wire.catalogue import Label

NOTE = Label(
    zh="本单由各方签字后生效；签字后不得改动，写错的作废另开，原单号保留。",
    en="It counts when all sides have signed, and is not changed afterwards: one with a mistake is voided, and keeps "
    "its number.",
)
NOTE_UNSIGNED = Label(zh="本单无需签字。", en="Nobody signs it.")


@dataclass(frozen=True, kw_only=True, slots=True)
class SlipPaper:
    """Everything that the paper says. `people`: names by login; `reads_secrets`: whether numbers are shown whole."""

    number: str
    kind: SlipKind
    standing: Standing
    day: date
    customer: Label | None
    site: Label | None
    device: Label | None
    device_kind: str
    engineer: str
    people: Mapping[str, str]
    time_zone: str
    known_ms: int
    reads_secrets: bool


def build(paper: SlipPaper) -> Document:
    """The form."""
    kind, standing = paper.kind, paper.standing
    return Document(
        form=f"slip_{kind.id}",
        number=paper.number,
        title=kind.title,
        time_zone=paper.time_zone,
        known_ms=paper.known_ms,
        mark=VOID if standing.void else None,
        note=NOTE if kind.sides else NOTE_UNSIGNED,
        parts=(
            Facts(fields=_about(paper)),
            Facts(title=Label(zh="内容", en="Content"), fields=tuple(_entry(paper, one) for one in kind.entries)),
            *((Signatures(signers=tuple(_signer(paper, side) for side in kind.sides)),) if kind.sides else ()),
        ),
    )


def _about(paper: SlipPaper) -> tuple[Field, ...]:
    about: tuple[tuple[Label, Value], ...] = (
        (Label(zh="客户名称", en="Customer"), paper.customer),
        (Label(zh="站点", en="Site"), paper.site),
        (Label(zh="设备", en="Device"), paper.device),
    )
    zh, en = STATES[paper.standing.state(paper.kind)]
    return (
        *(Field(label=label, value=value) for label, value in about if value is not None),
        Field(label=Label(zh="日期", en="Day"), value=Day(paper.day), is_needed=True),
        Field(label=Label(zh="经办人", en="Done by"), value=paper.people.get(paper.engineer, paper.engineer)),
        Field(label=Label(zh="状态", en="State"), value=Label(zh=zh, en=en)),
        *((Field(label=Label(zh="作废原因", en="Void"), value=paper.standing.void),) if paper.standing.void else ()),
    )


def _entry(paper: SlipPaper, one: Entry) -> Field:
    is_needed = one.is_needed and (not one.only or one.only == paper.device_kind)
    return Field(
        label=one.label,
        value=shown(one, paper.standing.values.get(one.name, ""), reads_secrets=paper.reads_secrets),
        is_needed=is_needed,
        lines=one.lines,
    )


def shown(one: Entry, said: str, *, reads_secrets: bool) -> Value:
    """What somebody wrote for an entry, as its reader may see it."""
    if one.choices:
        return dict(one.choices).get(said)
    return said if reads_secrets or not one.is_secret else masked(said)


def _signer(paper: SlipPaper, side: str) -> Signature:
    line = paper.standing.signed.get(side)
    return Signature(
        label=SIDES[side],
        name="" if line is None else line.words,
        at_ms=None if line is None else line.at_ms,
        picture="" if line is None else str(line.file),
        is_needed=True,
        has_stamp=side != "service",
    )
