"""What the quarter's reports became: in time, issued, confirmed by a link, and one restated when the line came back."""

import sqlite3
from collections.abc import Iterator

import pytest

from roundsman_collector.config import Config, rule_set
from roundsman_collector.issuing.about import ScopeWord, asked
from roundsman_collector.issuing.kinds import kind_of
from roundsman_collector.reports.document import Share
from roundsman_collector.reports.lines import differences, digest, lines, read
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.rules.told import labels
from roundsman_collector.store import View
from roundsman_collector.store.issued import ReportFilter, ReportRow
from tests.quarter.conftest import NOW, Lived
from tests.quarter.papers import BANK, BY_THEMSELVES, CHEN, LOOKED_AT, OWED, QIAN, WORDS
from tests.quarter.quarter import LAST, wall

METRO = "SLA-2026-Q4-metro"


@pytest.fixture(scope="module")
def view(lived: Lived) -> Iterator[View]:
    with View.open(lived.path) as opened:
        yield opened


def revisions(view: View, kind: str, about: str) -> list[ReportRow]:
    return view.reports(EVERYTHING, ReportFilter(kind=kind, about=about))[::-1]


# Shows S4-25.
def test_reports_before_the_third_are_issued_by_themselves_and_end_the_task_that_owes_them(
    lived: Lived, view: View
) -> None:
    for site in BY_THEMSELVES:
        assert [
            (row.period, row.revision, row.state, row.issued_ms) for row in revisions(view, "site_inspection", site)
        ] == [
            ("2026-10", 1, "issued", wall("11-02 10:00")),
            ("2026-11", 1, "issued", wall("12-02 10:00")),
            ("2026-12", 1, "issued", wall("01-02 10:00")),
        ]

    with sqlite3.connect(lived.path) as database:
        owed = [
            database.execute(
                "SELECT period, state, mark FROM task WHERE kind = ? AND site = ? AND due_ms <= ? ORDER BY period",
                (kind, site, LAST),
            ).fetchall()
            for kind, site in OWED
        ]
        handed_in = database.execute(
            "SELECT json_extract(data, '$.report') FROM task_event WHERE verb = 'report' AND who = 'roundsman'"
        ).fetchall()
    months = [("2026-10", "reported", ""), ("2026-11", "reported", ""), ("2026-12", "reported", "")]
    assert owed == [months, months, [("2026-Q4", "accepted", "")]]
    assert len(handed_in) == 7


# Shows S1-9.
def test_the_customer_confirmed_by_the_link_in_her_letter(view: View) -> None:
    first = revisions(view, "sla", "metro")[0]

    (yes,) = view.report_confirmations(first.id)

    assert (first.number, first.state) == (METRO, "confirmed")
    assert (yes.name, yes.words, yes.how, yes.at_ms) == ("钱女士", WORDS, "link", wall("01-03 15:00"))
    assert yes.sha256 in {one.sha256 for one in view.report_files(first.id)}


@pytest.mark.parametrize(("kind", "scope", "about"), LOOKED_AT)
def test_late_truth_makes_a_second_revision_that_names_what_changed_and_is_sent(
    view: View, kind: str, scope: ScopeWord, about: str
) -> None:
    first, second = revisions(view, kind, about)

    changed = differences(read(view.report_body(first.id) or ""), read(view.report_body(second.id) or ""))

    assert first.state in ("issued", "confirmed") and second.state == "issued"
    assert (first.known_ms, second.known_ms) == (wall("01-02 10:00"), wall("01-14 10:30"))
    coverage = [(row.was, row.now) for row in changed if row.line.column.en == "Coverage"]
    assert coverage and all(
        isinstance(was, Share) and isinstance(now, Share) and was.part < now.part == 1 for was, now in coverage
    )
    wanted = asked(view, scope, about, "2026-Q4", now_ms=NOW, faults=labels(rule_set(Config())))
    assert digest(lines(kind_of(kind).document(view, wanted, revision=2))) == second.digest, (
        "nothing more is known since"
    )
    for row in (first, second):
        assert sorted((one.recipient, one.state) for one in view.report_letters(row.id)) == [
            (CHEN, "sent"),
            (QIAN, "sent"),
        ]


def test_nobody_else_was_written_to_and_nothing_else_was_restated(view: View) -> None:
    rows = view.reports(EVERYTHING, ReportFilter(), limit=1000)
    letters = {(row.customer, one.recipient) for row in rows for one in view.report_letters(row.id)}

    assert letters == {("bank", BANK), ("metro", QIAN), ("metro", CHEN)}
    assert sorted(row.number for row in rows if row.revision > 1) == sorted(
        revisions(view, kind, about)[0].number for kind, _, about in LOOKED_AT
    )
    assert {row.problem for row in rows} == {""}
