"""What every report says of itself before it says anything else. Pure.

    paper(head, form="sla", title=Label(...), parts=(...)) -> Document     the parts behind the head's facts
    period_label(period) -> Label(zh="2026年10月", en="October 2026")

All kinds of reports have this head, so that a number, a period and a customer stand in the same place of each.
"""

from calendar import month_name
from dataclasses import dataclass

from roundsman_collector.core.periods import Period
from roundsman_collector.reports.document import (
    At,
    Document,
    Facts,
    Field,
    Part,
    Shape,
    Signature,
    Signatures,
    Value,
)
from roundsman_wire.catalogue import Label

NO_LABEL = Label(zh="", en="")
KNOWN = Label(zh="数据截至", en="As known at")
PROVISIONAL = Label(zh="临时", en="PROVISIONAL")
SIGNED = Signatures(
    signers=(
        Signature(label=Label(zh="服务方（盖章）", en="Service provider (stamp)"), has_stamp=True),
        Signature(label=Label(zh="客户确认（盖章）", en="Confirmed by the customer (stamp)"), has_stamp=True),
    )
)
"""Who signs a report that a customer gets."""
HALVES = {"H1": Label(zh="上半年", en="first half"), "H2": Label(zh="下半年", en="second half")}
YEAR_LENGTH = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What a report is about: `name` of a site, contract, customer, group, person or company, over [from, to).

    `number`: the report's, without its revision. `is_provisional`: late news may still change it.
    """

    number: str
    name: Label
    period: Period
    from_ms: int
    to_ms: int
    known_ms: int
    time_zone: str
    customer: Label = NO_LABEL
    contract: str = ""
    revision: int = 1
    is_provisional: bool = True


def paper(head: Head, *, form: str, title: Label, parts: tuple[Part, ...], shape: Shape = "portrait") -> Document:
    """A report: the facts of its head, then its parts. A provisional one is marked across the page."""
    return Document(
        form=form,
        number=head.number,
        title=title,
        parts=(facts(head), *parts),
        time_zone=head.time_zone,
        known_ms=head.known_ms,
        mark=PROVISIONAL if head.is_provisional else None,
        shape=shape,
        layout="report",
        period=period_label(head.period),
        revision=head.revision,
        state=PROVISIONAL if head.is_provisional else None,
    )


def facts(head: Head) -> Facts:
    """What it is about, of which time, as known when."""
    said: list[tuple[Label, Value]] = [
        (Label(zh="对象", en="About"), head.name),
        (Label(zh="客户", en="Customer"), head.customer if head.customer.zh else None),
        (Label(zh="合同", en="Contract"), head.contract or None),
        (Label(zh="统计周期", en="Period"), period_label(head.period)),
        (Label(zh="起", en="From"), At(head.from_ms)),
        (Label(zh="止（不含）", en="To (excluded)"), At(head.to_ms)),
        (KNOWN, At(head.known_ms)),
    ]
    return Facts(fields=tuple(Field(label=label, value=value) for label, value in said if value))


def period_label(period: Period) -> Label:
    """A period as people call it."""
    first, last, name = period.first_day, period.last_day, period.id
    year, _, rest = name.partition("-")
    days = Label(zh=f"{first:%Y年%m月%d日}至{last:%m月%d日}", en=f"{first.isoformat()} to {last.isoformat()}")
    if not rest:
        return Label(zh=f"{year}年", en=year) if len(year) == YEAR_LENGTH else days
    if rest.startswith("W"):
        week = int(rest[1:])
        return Label(zh=f"{year}年第{week}周（{days.zh}）", en=f"week {week} of {year} ({days.en})")
    if rest.startswith("Q"):
        return Label(zh=f"{year}年第{rest[1:]}季度", en=f"{rest} {year}")
    if rest in HALVES:
        return Label(zh=f"{year}年{HALVES[rest].zh}", en=f"{HALVES[rest].en} of {year}")
    if rest == f"{first.month:02d}":
        return Label(zh=f"{year}年{first.month}月", en=f"{month_name[first.month]} {year}")
    return days
