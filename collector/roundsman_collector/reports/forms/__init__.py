"""The forms of a ticket: a file for each, and which of them a ticket has.

    sheets(dossier) -> (Sheet(id="D1", ...), Sheet(id="W1", ...), ...)       those that are due, and empty ones
    build(dossier, "W1") -> Document | None
    missing(dossier, "W1") -> what it lacks

A form's number is the ticket's and the form's letter with a serial: 2026-000007-W2 is the work order of its second
visit. The serial counts what happened in the ticket's log (its visits, its delays, ...), which only grows: printed
again, a sheet has the same number, and there is no gap. One that is printed empty and taken along has the number that
it will have.

    letter    form               one for each
    D         报修登记表         ticket
    W         服务工单(维修单)   visit
    Y         延时原因分析表     visit that ended unfixed
    Z         转单               transfer
    H         回访记录单         follow-up
    J         备机借用单         loan unit
    A         技术安装服务单     visit that replaced something
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from roundsman_collector.core.lifecycle import OVER, TO_MEND
from roundsman_collector.reports import document
from roundsman_collector.reports.document import Document
from roundsman_collector.reports.dossier import Dossier, of, visits
from roundsman_collector.reports.forms import (
    delay,
    follow_up,
    installation,
    intake,
    loan,
    transfer,
    work_order,
)
from roundsman_wire.catalogue import Label


class Form(NamedTuple):
    """A row of the table. `count`: how many of them the log has called for. `has_next`: another may be taken along."""

    title: Label
    build: Callable[[Dossier, int, str], Document]
    count: Callable[[Dossier], int]
    has_next: Callable[[Dossier], bool] = lambda dossier: dossier.state not in OVER


def _goes_again(dossier: Dossier) -> bool:
    """Whether somebody will go whose visit has not begun yet."""
    known = visits(dossier)
    return dossier.state in TO_MEND and (not known or known[-1].ended is not None)


def _may_be_left(dossier: Dossier) -> bool:
    """Whether a visit may end unfixed."""
    return dossier.state in TO_MEND


FORMS: Mapping[str, Form] = {
    "D": Form(intake.TITLE, intake.build, lambda _: 1, lambda _: False),
    "W": Form(work_order.TITLE, work_order.build, lambda dossier: len(visits(dossier)), _goes_again),
    "Y": Form(delay.TITLE, delay.build, lambda dossier: len(of(dossier, "leave")), _may_be_left),
    "Z": Form(transfer.TITLE, transfer.build, lambda dossier: len(of(dossier, "transfer")), _may_be_left),
    "H": Form(follow_up.TITLE, follow_up.build, lambda dossier: len(of(dossier, "follow_up"))),
    "J": Form(loan.TITLE, loan.build, lambda dossier: len(dossier.loans)),
    "A": Form(
        installation.TITLE, installation.build, lambda dossier: len(installation.replacing(dossier)), _may_be_left
    ),
}


DIGITS = 6
"""A serial has fewer."""


class Sheet(NamedTuple):
    """A form of a ticket. `is_due`: something in the log calls for it; otherwise it can be printed and taken along."""

    id: str
    number: str
    title: Label
    is_due: bool


def sheets(dossier: Dossier) -> tuple[Sheet, ...]:
    """The forms of a ticket, in the order of the table; of each that may come, the next one, empty."""
    return tuple(_sheets(dossier))


def _sheets(dossier: Dossier) -> Iterator[Sheet]:
    for letter, form in FORMS.items():
        count = form.count(dossier)
        for serial in range(1, count + 2):
            is_due = serial <= count
            if is_due or form.has_next(dossier):
                name = f"{letter}{serial}"
                yield Sheet(name, f"{dossier.number}-{name}", form.title, is_due)


def build(dossier: Dossier, sheet: str) -> Document | None:
    """A sheet by its letter and serial; None where the ticket has none such and will not have it next."""
    form, serial = FORMS.get(sheet[:1]), sheet[1:]
    if form is None or not (
        serial.isascii() and serial.isdigit() and len(serial) < DIGITS and f"{int(serial)}" == serial
    ):
        return None
    behind = int(serial) - form.count(dossier)
    if int(serial) < 1 or behind > 1 or (behind == 1 and not form.has_next(dossier)):
        return None
    return form.build(dossier, int(serial), f"{dossier.number}-{sheet}")


def missing(dossier: Dossier, sheet: str) -> tuple[Label, ...]:
    """What a sheet needs and the ticket does not say yet."""
    found = build(dossier, sheet)
    return () if found is None else document.missing(found)
