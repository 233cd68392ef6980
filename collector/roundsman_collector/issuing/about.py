"""What a report is about: a site, contract, customer, group, engineer or the company, over a period. Reads a View.

    about(view, "contract", "metro-c") -> About                   names and owners; ReportError for what is not there
    asked(view, "contract", "metro-c", "2026-10", now_ms=now)     its window, too; ReportError for the future

A report is read by one customer: whatever is gathered for it is gathered for `Asked.audience`. A report of a group,
of an engineer or of the company is for the house: no customer reads it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.lifecycle import REPORTED
from roundsman_collector.core.periods import ONE_DAY, Period, period_named
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.reports.head import NO_LABEL, Head
from roundsman_collector.reports.words import NOT_NAMED
from roundsman_collector.roles import EVERYTHING, Scope, Who
from roundsman_collector.store import Version, View
from roundsman_collector.wording import short
from roundsman_wire.catalogue import Label

ScopeWord = Literal["site", "contract", "customer", "group", "engineer", "company"]
SCOPES: tuple[ScopeWord, ...] = get_args(ScopeWord)
COMPANY = Label(zh="全公司", en="the whole company")


class ReportError(Exception):
    """A report that cannot be made as asked: what is wrong, where, what was expected, what to do.

    `cause`: missing (there is no such thing), early (the period is not over), value (it cannot be read).
    """

    def __init__(
        self, *, cause: Literal["missing", "early", "value", "conflict"], what: str, where: str, expected: str, do: str
    ) -> None:
        super().__init__(f"{what} ({where}): expected {expected}; {do}")
        self.cause = cause
        self.what = what
        self.where = where
        self.expected = expected
        self.do = do


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a report is about. `customer`, `group`: whose it is, where it is anybody's."""

    scope: ScopeWord
    id: str
    name: Label
    time_zone: str = USUAL_ZONE
    customer: str | None = None
    customer_name: Label = NO_LABEL
    group: str | None = None
    contract: str | None = None
    contract_name: str = ""

    @property
    def audience(self) -> Scope:
        """Whose devices and tickets it may speak of."""
        if self.scope in ("engineer", "company"):
            return EVERYTHING
        if self.scope == "group":
            return Scope(groups=frozenset({self.id}))
        return Scope(customers=frozenset({self.customer} if self.customer else ()))

    def is_for(self, who: Who) -> bool:
        """Whether somebody may read it: all of what it is about has to be within their scope."""
        if self.scope == "company":
            return who.scope.everything
        if self.scope == "engineer":
            return who.scope.everything or who.id == self.id
        return who.scope.holds(self.group, self.customer)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A report that is to be gathered: of what, over [from, to), as known when. `cycle`: a word of CYCLES."""

    about: About
    period: Period
    cycle: str
    from_ms: int
    to_ms: int
    now_ms: int
    known_ms: int
    faults: Mapping[str, Label] = field(default_factory=dict)
    """What people call faults, by code."""

    @property
    def audience(self) -> Scope:
        """For whose eyes it is gathered."""
        return self.about.audience

    def fault(self, code: str) -> Label:
        """What people call a fault; its code where the catalogue has no row for it (any more)."""
        if code == REPORTED:
            return NOT_NAMED
        return self.faults.get(code, Label(zh=code, en=code))

    def head(self, number: str, *, revision: int = 1, is_provisional: bool = True) -> Head:
        """What the report says of itself."""
        return Head(
            number=number,
            name=self.about.name,
            period=self.period,
            from_ms=self.from_ms,
            to_ms=self.to_ms,
            known_ms=self.known_ms,
            time_zone=self.about.time_zone,
            customer=self.about.customer_name,
            contract=self.about.contract_name,
            revision=revision,
            is_provisional=is_provisional,
        )


def asked(
    view: View, scope: ScopeWord, name: str, period: str, *, now_ms: int, faults: Mapping[str, Label] | None = None
) -> Asked:
    """A report of something over a period that has begun, known now; ReportError for what is not there, for a name that
    names no period, and for the future. Names and owners are those at the period's end."""
    found = period_named(period)
    if found is None:
        raise ReportError(
            cause="value",
            what=f"{short(period)} is no period",
            where="period",
            expected="a week, month, quarter, half-year or year such as 2026-W48, 2026-11, 2026-Q4, 2026-H2, 2026",
            do="mend the period",
        )
    word, held = found
    end_ms = window(held, USUAL_ZONE)[1]
    what = about(view, scope, name, at_ms=min(end_ms - 1, now_ms))
    from_ms, to_ms = window(held, what.time_zone)
    if from_ms >= now_ms:
        raise ReportError(
            cause="early",
            what=f"the period {period} lies in the future",
            where="period",
            expected=f"one that has begun: this one begins on {held.first_day.isoformat()}",
            do=f"ask again after {held.last_day.isoformat()}, when it is over",
        )
    return Asked(
        about=what,
        period=held,
        cycle=word,
        from_ms=from_ms,
        to_ms=to_ms,
        now_ms=now_ms,
        known_ms=now_ms,
        faults=faults or {},
    )


def window(period: Period, time_zone: str) -> tuple[int, int]:
    """A period as [from, to) in milliseconds, by the local days of a zone."""
    local = zone(time_zone)
    return instant(period.first_day, 0, local), instant(period.last_day + ONE_DAY, 0, local)


def about(view: View, scope: ScopeWord, name: str, *, at_ms: int | None = None) -> About:
    """What a report is about, by its id, as it was then, or is now where it was not there then; ReportError for what is
    not there."""
    found = _FINDERS[scope](view, name, at_ms) or _FINDERS[scope](view, name, None)
    if found is None:
        raise missing(scope, name)
    return found


def missing(scope: str, name: str) -> ReportError:
    """There is nothing that such a report could be about, or it is another's."""
    return ReportError(
        cause="missing",
        what=f"there is no {scope} {short(name)}",
        where="scope",
        expected=f"the id of a {scope}",
        do="look it up in the register",
    )


def _site(view: View, name: str, at_ms: int | None) -> About | None:
    found = view.entry("site", name, at_ms=at_ms)
    if found is None:
        return None
    contract = _version(view, "contract", found.fields["contract"])
    return About(
        scope="site",
        id=name,
        name=_both(found),
        time_zone=found.fields["time_zone"],
        customer=found.fields["customer"],
        customer_name=_both(_version(view, "customer", found.fields["customer"])),
        group=found.fields["group_id"],
        contract=found.fields["contract"],
        contract_name="" if contract is None else contract.fields["name"] or contract.id,
    )


def _contract(view: View, name: str, at_ms: int | None) -> About | None:
    found = view.entry("contract", name, at_ms=at_ms)
    if found is None:
        return None
    said = found.fields["name"] or name
    return About(
        scope="contract",
        id=name,
        name=Label(zh=said, en=said),
        customer=found.fields["customer"],
        customer_name=_both(_version(view, "customer", found.fields["customer"])),
        contract=name,
        contract_name=said,
    )


def _customer(view: View, name: str, at_ms: int | None) -> About | None:
    found = view.entry("customer", name, at_ms=at_ms)
    if found is None:
        return None
    return About(scope="customer", id=name, name=_both(found), customer=name, customer_name=_both(found))


def _group(view: View, name: str, at_ms: int | None) -> About | None:
    found = view.entry("group", name, at_ms=at_ms)
    return None if found is None else About(scope="group", id=name, name=_both(found), group=name)


def _engineer(view: View, name: str, _: int | None) -> About | None:
    found = view.person(name)
    return None if found is None else About(scope="engineer", id=name, name=Label(zh=found.name, en=found.name))


def _company(_: View, name: str, __: int | None) -> About | None:
    return About(scope="company", id="", name=COMPANY) if not name else None


_FINDERS: Mapping[ScopeWord, Callable[[View, str, int | None], About | None]] = {
    "site": _site,
    "contract": _contract,
    "customer": _customer,
    "group": _group,
    "engineer": _engineer,
    "company": _company,
}


def _version(view: View, kind: Literal["contract", "customer"], name: str | None) -> Version | None:
    return view.entry(kind, name) if name else None


def _both(found: Version | None) -> Label:
    if found is None:
        return NO_LABEL
    return Label(zh=found.fields["name_zh"], en=found.fields["name_en"])
