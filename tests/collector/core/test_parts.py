"""Warranties that start anew, who pays for what, and when a part is replaced instead of repaired once more."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.contract import Dates
from roundsman_collector.core.parts import (
    CHARGES,
    History,
    Repair,
    ReplacementRule,
    charge,
    falls_short,
    has_free_labour,
    last_day,
    restarted,
    verdict,
    warranty_of,
)

DAY = 86_400_000
REPORTED = 20_000 * DAY
TWO_YEARS = Dates(accepted_on=date(2025, 3, 1), warranty_until=date(2027, 2, 28))
PRODUCT = (Repair("2026-000003", REPORTED - 60 * DAY, "product"), Repair("2026-000009", REPORTED - 9 * DAY, "product"))


def history(**more: object) -> History:
    facts: dict[str, object] = {"component": "printer", "reported_ms": REPORTED, "bought_ms": REPORTED - 100 * DAY}
    return History(**{**facts, **more})  # type: ignore[arg-type]


# --- warranty --------------------------------------------------------------------------------------------------------


def test_a_part_has_the_warranty_of_its_contract_unless_it_has_one_of_its_own() -> None:
    own = date(2030, 1, 1)

    assert warranty_of(None, False, TWO_YEARS) == (date(2027, 2, 28), "contract")
    assert warranty_of(own, False, TWO_YEARS) == (own, "part")
    assert warranty_of(None, False, Dates()) == (None, "unknown")


def test_the_last_day_of_a_warranty_belongs_to_it() -> None:
    warranty = warranty_of(None, False, TWO_YEARS)

    assert [warranty.covers(date(2027, 2, 28)), warranty.covers(date(2027, 3, 1))] == [True, False]


def test_what_is_used_up_is_never_under_warranty_and_what_nobody_knows_is_not_decided() -> None:
    assert warranty_of(date(2030, 1, 1), True, TWO_YEARS).covers(date(2026, 1, 1)) is False
    assert warranty_of(None, False, Dates()).covers(date(2026, 1, 1)) is None


# Shows S1-42.
def test_a_replaced_part_begins_its_warranty_anew() -> None:
    assert restarted(date(2026, 11, 22), 12, Dates()) == date(2027, 11, 21)
    assert restarted(date(2026, 11, 22), None, TWO_YEARS) == date(2028, 11, 21), "as long as the contract gave"
    assert restarted(date(2026, 11, 22), 1, TWO_YEARS) == date(2027, 2, 28), "never shorter than what is left"
    assert restarted(date(2026, 11, 22), None, Dates()) is None


@pytest.mark.parametrize(
    ("on", "months", "until"),
    [
        (date(2024, 2, 29), 12, date(2025, 2, 27)),
        (date(2025, 1, 31), 1, date(2025, 2, 27)),
        (date(2025, 12, 1), 1, date(2025, 12, 31)),
        (date(2025, 3, 1), 24, date(2027, 2, 28)),
    ],
)
def test_months_end_on_the_day_before(on: date, months: int, until: date) -> None:
    assert last_day(on, months) == until


@given(st.dates(date(2000, 1, 1), date(2080, 1, 1)), st.integers(1, 240), st.integers(0, 4000))
def test_a_replacement_never_shortens_a_warranty(accepted: date, months: int, later: int) -> None:
    dates = Dates(accepted_on=accepted, warranty_until=last_day(accepted, months))
    on = accepted + timedelta(days=later)

    anew = restarted(on, None, dates)

    assert anew is not None and dates.warranty_until is not None
    assert anew >= dates.warranty_until
    assert anew >= last_day(on, months)


# Shows S2-12.
def test_a_warranty_of_less_than_a_year_is_told() -> None:
    short = Dates(accepted_on=date(2025, 3, 1), warranty_until=date(2026, 2, 27))

    assert [falls_short(short), falls_short(TWO_YEARS), falls_short(Dates())] == [True, False, False]


# --- who pays --------------------------------------------------------------------------------------------------------


# Shows S0-4.
def test_what_the_product_or_its_installation_caused_is_free_under_warranty_and_may_be_new() -> None:
    for cause in ("product", "workmanship"):
        found = charge(cause, "warranty")  # type: ignore[arg-type]
        assert (found.labour, found.parts, found.is_new_due) == ("free", "free", True)


# Shows S0-5.
def test_misuse_costs_the_parts_at_cost_and_no_labour() -> None:
    for cause in ("misuse", "damage"):
        found = charge(cause, "warranty")  # type: ignore[arg-type]
        assert (found.labour, found.parts, found.is_new_due) == ("free", "cost", False)


def test_after_the_warranty_it_goes_by_the_discount_list_then_by_the_list() -> None:
    assert {charge("product", "maintenance").labour, charge("misuse", "maintenance").parts} == {"discount"}
    assert {charge("product", "expired").labour, charge("misuse", "expired").parts} == {"list"}


# Shows S0-55.
def test_a_part_with_a_warranty_of_its_own_is_free_when_the_contracts_is_over() -> None:
    found = charge("product", "expired", covered=True)

    assert (found.labour, found.parts) == ("list", "free")
    assert charge("damage", "expired", covered=True).parts == "list"


def test_a_consumable_is_paid_for_under_warranty() -> None:
    found = charge("product", "warranty", covered=False)

    assert (found.labour, found.parts, found.is_new_due) == ("free", "list", False)


def test_no_warranty_covers_what_is_excluded() -> None:
    found = charge("other", "warranty", exclusion="accident", covered=True)

    assert (found.labour, found.parts, found.is_new_due) == ("list", "list", False)
    assert "意外" in found.why_zh and "wrong voltage" in found.why_en


# Shows S1-65.
def test_after_the_warranty_a_part_goes_at_cost_where_the_contract_says_so() -> None:
    found = charge("product", "expired", parts_rate="cost")

    assert (found.labour, found.parts) == ("list", "cost")
    assert charge("product", "warranty", covered=False, parts_rate="cost").parts == "cost", "a consumable"
    assert charge("product", "warranty", exclusion="accident", parts_rate="cost").parts == "cost"
    assert charge("product", "maintenance", parts_rate="cost").parts == "discount", "maintenance has prices of its own"
    assert charge("product", "warranty", parts_rate="cost").parts == "free"


# Shows S1-41.
def test_labour_on_site_is_free_by_a_date_of_its_own() -> None:
    parts_over = charge("product", "expired", free_labour=True, parts_rate="cost")
    labour_over = charge("product", "warranty", free_labour=False)

    assert (parts_over.labour, parts_over.parts) == ("free", "cost"), "between the two only parts are paid for"
    assert (labour_over.labour, labour_over.parts) == ("list", "free")
    assert charge("other", "expired", free_labour=True).labour == "decide"
    assert charge("product", "maintenance", free_labour=True).labour == "free"
    assert charge("product", "expired", free_labour=True, exclusion="accident").labour == "list"
    assert "免费上门期内" in parts_over.why_zh and "free no more" in labour_over.why_en


def test_the_last_day_of_free_labour_belongs_to_it() -> None:
    dates = Dates(accepted_on=date(2026, 3, 1), warranty_until=date(2029, 2, 28), labour_until=date(2031, 2, 28))

    days = (date(2031, 2, 28), date(2031, 3, 1))
    assert [has_free_labour(dates, day) for day in days] == [True, False]
    assert has_free_labour(Dates(warranty_until=date(2029, 2, 28)), days[0]) is None


# Shows S0-2.
def test_every_phase_says_something_of_every_cause() -> None:
    causes = {"product", "workmanship", "misuse", "damage", "other"}

    assert list(CHARGES) == ["before_acceptance", "warranty", "maintenance", "expired"]
    assert [set(row) for row in CHARGES.values()] == [causes] * 4


# --- replace instead of repair ---------------------------------------------------------------------------------------


def test_a_third_repair_of_the_same_part_is_blocked_and_says_by_which_tickets() -> None:
    found = verdict(history(repairs=PRODUCT), REPORTED + DAY)

    assert (found.is_blocked, found.rule, found.evidence) == (True, "repaired", ("2026-000003", "2026-000009"))
    assert "2 次" in found.why_zh and "2 times" in found.why_en


@pytest.mark.parametrize(
    "known",
    [
        history(repairs=PRODUCT[:1]),
        history(repairs=PRODUCT, is_replaced=True),
        history(repairs=PRODUCT, bought_ms=REPORTED - 365 * DAY),
        history(repairs=PRODUCT, component="uplink"),
        history(repairs=(PRODUCT[0], Repair("2026-000009", REPORTED - DAY, "damage"))),
        history(repairs=(PRODUCT[0], Repair("2026-000009", REPORTED - DAY, "other"))),
    ],
    ids=["one repair", "replaced now", "bought a year ago", "no part", "people broke it", "not the part's fault"],
)
def test_what_is_not_a_third_repair_of_a_part_of_the_first_year_is_free(known: History) -> None:
    assert verdict(known, REPORTED + DAY).is_blocked is False


def test_where_nobody_knows_when_it_was_bought_the_rule_holds() -> None:
    assert verdict(history(repairs=PRODUCT, bought_ms=None), REPORTED).is_blocked is True


def test_after_thirty_days_without_a_spare_it_is_replaced() -> None:
    lacking = history(lacking_ms=REPORTED + DAY)

    assert [verdict(lacking, REPORTED + days * DAY).rule for days in (29, 30)] == ["", "no_spare"]
    assert verdict(history(), REPORTED + 60 * DAY).is_blocked is False, "it waited for something else"


def test_a_contract_may_set_the_numbers_otherwise() -> None:
    rule = ReplacementRule(failed_repairs=1, within_days=None)

    assert verdict(history(repairs=PRODUCT[:1], bought_ms=0), REPORTED, rule).is_blocked is True
