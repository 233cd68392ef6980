"""docs/requirements.md is true: every requirement stands once, and what its row names exists.

    | S0-12 | the first reply … | F | part | `core/sla.py` | `collector/core/test_sla.py::test_a_…` | … |
      row     asks                owner state  works in        shown by (below tests/)            what is missing

Files are looked at and parsed, never imported, so that a test which got another name is noticed by its name alone.
Each rule is a function from rows to complaints, and has a test that shows it a page which breaks it.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT

PAGE = ROOT / "docs" / "requirements.md"
LAST = {"S0": 60, "S1": 66, "S2": 28, "S3": 43, "S4": 43}
"""The number of the last requirement of each regulation."""
HOW_MANY = {"●": 125, "◐": 80, "○": 35}
OWNERS = "ABCDEFG"
UNFINISHED = "FG"
STATES = ("done", "part", "open")
NOTHING = "–"
HEAD = ["row", "asks", "owner", "state", "works in", "shown by", "what is missing"]
LEFT_HEAD = ["row", "mark", "why it is left"]
SECTIONS = {"Core": "●", "Beside": "◐", "Left open": ""}
"""How the titles of the three parts begin, and the mark of their rows; those left open say it themselves."""
QUOTED = re.compile(r"`([^`]+)`")
ID = re.compile(r"\bS\d-\d+\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A requirement as the page has it. `state` is `left` where nothing is promised: `missing` is the reason."""

    id: str
    mark: str
    asks: str = ""
    owner: str = ""
    state: str = "left"
    places: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    missing: str = ""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def read(text: str) -> list[Row]:
    """All rows of a page, in its order. A table in one of the three parts whose head is another is refused."""
    rows = []
    mark: str | None = None
    for line in text.splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
            mark = next((mark for begin, mark in SECTIONS.items() if title.startswith(begin)), None)
        elif line.startswith("|") and mark is not None and not set(line) <= set("|-: "):
            said = cells(line)
            if said not in (HEAD, LEFT_HEAD):
                rows.append(_row(said, mark))
    return rows


def _row(said: list[str], mark: str) -> Row:
    assert ID.fullmatch(said[0]), f"a row begins with its number, S0-1 …; found {said[0]!r}"
    if not mark:
        assert len(said) == len(LEFT_HEAD), f"{said[0]}: {len(LEFT_HEAD)} cells are needed, {len(said)} are there"
        return Row(id=said[0], mark=said[1], missing=said[2])
    assert len(said) == len(HEAD), f"{said[0]}: {len(HEAD)} cells are needed, {len(said)} are there"
    return Row(
        id=said[0],
        mark=mark,
        asks=said[1],
        owner=said[2],
        state=said[3],
        places=_named(said[4]),
        tests=_named(said[5]),
        missing="" if said[6] == NOTHING else said[6],
    )


def _named(cell: str) -> tuple[str, ...]:
    """The names of a cell; what is neither a name nor the dash stays, and is no name of anything."""
    if cell == NOTHING:
        return ()
    return (*QUOTED.findall(cell), *QUOTED.sub(" ", cell).split())


# --- the rules: from rows to complaints ------------------------------------------------------------------------------


def not_once(rows: Iterable[Row]) -> list[str]:
    wanted = Counter(f"{name}-{number}" for name, last in LAST.items() for number in range(1, last + 1))
    found = Counter(row.id for row in rows)
    ids = [one for one in found | wanted if found[one] != wanted[one]]
    return sorted(f"{one}: {found[one]} times, not {wanted[one]}" for one in ids)


def badly_said(rows: Iterable[Row]) -> list[str]:
    return [
        f"{row.id}: {row.owner!r} {row.state!r}"
        for row in rows
        if not (
            (row.state == "left" and row.mark in ("◐", "○")) or (row.state in STATES and row.owner in tuple(OWNERS))
        )
        or not (row.asks or row.state == "left")
    ]


def half_said(rows: Iterable[Row]) -> list[str]:
    """What is done has a place and a test, and lacks nothing; everything else says what it lacks, or why."""
    return [
        f"{row.id}: {row.state} with {len(row.places)} places and {len(row.tests)} tests; missing: {row.missing}"
        for row in rows
        if {
            "done": not row.places or not row.tests or row.missing,
            "part": not row.places or not row.missing,
            "open": row.places or row.tests or not row.missing,
        }.get(row.state, not row.missing)
    ]


def nowhere(rows: Iterable[Row]) -> list[str]:
    """Places that are neither a file of the collector, nor one of the repository, nor an address."""
    return [f"{row.id}: {place}" for row in rows for place in row.places if not _is_there(place)]


def _is_there(place: str) -> bool:
    if place.startswith("/"):
        return place in addresses()
    return (PACKAGES["roundsman_collector"] / place).exists() or (ROOT / place).exists()


@cache
def addresses() -> frozenset[str]:
    """Every address of API and console: the paths of the table in tests/collector/permissions.py."""
    path = ROOT / "tests" / "collector" / "permissions.py"
    tables = [
        node.value
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "TABLE"
    ]
    assert len(tables) == 1 and isinstance(tables[0], ast.Dict)
    keys = [ast.literal_eval(key) for key in tables[0].keys if key is not None]
    return frozenset(path for _, path in keys)


def not_tested(rows: Iterable[Row], names: Callable[[str], frozenset[str]] | None = None) -> list[str]:
    """Tests that are named and not there. `names` tells the tests of a file below tests/."""
    names = names or cases_in
    return [
        f"{row.id}: {test}"
        for row in rows
        for test in row.tests
        for file, _, name in [test.partition("::")]
        if not name.startswith("test_") or name not in names(file)
    ]


def cases_in(file: str) -> frozenset[str]:
    return frozenset(numbers_in(file))


@cache
def numbers_in(file: str) -> Mapping[str, frozenset[str]]:
    """The functions of a file below tests/, each with the requirements that it, or the comment above it, names."""
    path = ROOT / "tests" / file
    if not path.is_file():
        return {}
    text = path.read_text("utf-8")
    lines = text.splitlines()
    found = {}
    for node in ast.parse(text, file).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            begin = min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1
            while begin > 0 and lines[begin - 1].startswith("#"):
                begin -= 1
            found[node.name] = frozenset(ID.findall("\n".join(lines[begin : node.end_lineno])))
    return found


def not_claimed(rows: Iterable[Row]) -> list[str]:
    """Rows of the unfinished issues that are told as done though no test that shows them names their number."""
    return [
        f"{row.id}: write `# Shows {row.id}.` above one of its tests, or say what is missing"
        for row in rows
        if row.owner in tuple(UNFINISHED) and row.state == "done" and not any(_names(one, row.id) for one in row.tests)
    ]


def _names(test: str, requirement: str) -> bool:
    file, _, name = test.partition("::")
    return requirement in numbers_in(file).get(name, ())


def summary(rows: list[Row]) -> list[str]:
    """The lines of counts that the page begins with."""
    lines = []
    for mark, words in (("●", "Core ●"), ("◐", "Beside ◐, on the same screens")):
        states = Counter(row.state for row in rows if row.mark == mark)
        lines.append(f"* {words}: " + " · ".join(f"{states[state]} {state}" for state in STATES))
    return [*lines, f"* Left open ◐ ○: {sum(row.state == 'left' for row in rows)}"]


RULES = (not_once, badly_said, half_said, nowhere, not_tested, not_claimed)
ROWS = read(PAGE.read_text("utf-8"))


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_page_keeps_the_rule(rule: Callable[[list[Row]], list[str]]) -> None:
    assert rule(ROWS) == []


def test_the_page_has_so_many_rows_of_each_mark() -> None:
    assert Counter(row.mark for row in ROWS) == HOW_MANY


def test_the_counts_at_the_top_are_those_of_the_tables() -> None:
    text = PAGE.read_text("utf-8")

    assert [line for line in summary(ROWS) if line not in text.splitlines()] == [], "write these lines at the top"


def test_every_mark_is_the_one_of_the_requirements(shared: Path) -> None:
    text = (shared / "docs" / "REQUIREMENTS.md").read_text("utf-8")
    wanted = dict(re.findall(r"^\*\*(S\d-\d+)\*\* (?:\[[A-Z]\])+ ([●◐○])", text, re.M))

    assert {row.id: row.mark for row in ROWS} == wanted


# --- the rules themselves --------------------------------------------------------------------------------------------

GOOD = Row(
    id="S0-12",
    mark="●",
    asks="the first reply",
    owner="C",
    state="done",
    places=("core/calendar.py", "/tickets", "docs/glossary.md"),
    tests=("house/test_requirements.py::test_a_good_row_breaks_no_rule",),
)


def test_a_good_row_breaks_no_rule() -> None:
    assert [rule.__name__ for rule in RULES if rule is not not_once and rule([GOOD])] == []


def test_a_row_is_read_as_it_is_written() -> None:
    written = f"""
| word | meaning |
|---|---|
| no row | of a table outside the three parts |

## Core: ● rows

| {" | ".join(HEAD)} |
|---|---|---|---|---|---|---|
| S0-12 | the first reply | F | part | `core/sla.py` `/tickets` | `a.py::test_b` | the rest |

## Left open

| row | mark | why it is left |
|---|---|---|
| S0-7 | ◐ | no prices |
"""

    assert read(written) == [
        Row(
            id="S0-12",
            mark="●",
            asks="the first reply",
            owner="F",
            state="part",
            places=("core/sla.py", "/tickets"),
            tests=("a.py::test_b",),
            missing="the rest",
        ),
        Row(id="S0-7", mark="◐", missing="no prices"),
    ]


def test_a_row_that_is_missing_and_one_that_stands_twice_are_told() -> None:
    rows = [row for row in ROWS if row.id != "S2-3"]

    assert not_once([*rows, GOOD]) == ["S0-12: 2 times, not 1", "S2-3: 0 times, not 1"]
    assert not_once([*ROWS, replace(GOOD, id="S5-1")]) == ["S5-1: 1 times, not 0"]


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (badly_said, replace(GOOD, state="nearly")),
        (badly_said, replace(GOOD, owner="Z")),
        (badly_said, replace(GOOD, owner="")),
        (badly_said, replace(GOOD, asks="")),
        (badly_said, Row(id="S0-12", mark="●", missing="core is never left")),
        (half_said, replace(GOOD, places=())),
        (half_said, replace(GOOD, tests=())),
        (half_said, replace(GOOD, missing="a little")),
        (half_said, replace(GOOD, state="part")),
        (half_said, replace(GOOD, state="part", places=(), missing="all of it")),
        (half_said, replace(GOOD, state="open", missing="nothing of it is there")),
        (half_said, replace(GOOD, state="open", places=(), tests=())),
        (half_said, Row(id="S0-7", mark="◐")),
        (nowhere, replace(GOOD, places=("core/not_there.py",))),
        (nowhere, replace(GOOD, places=("/not/there",))),
        (not_tested, replace(GOOD, tests=("house/not_there.py::test_a",))),
        (not_tested, replace(GOOD, tests=("house/test_requirements.py",))),
        (not_tested, replace(GOOD, tests=("house/test_requirements.py::read",))),
        (not_tested, replace(GOOD, tests=("house/test_requirements.py::test_of_another_name",))),
        (not_claimed, replace(GOOD, owner="F", tests=("house/test_documents.py::test_there_are_probes",))),
    ],
)
def test_a_row_that_breaks_a_rule_is_told(rule: Callable[[list[Row]], list[str]], broken: Row) -> None:
    assert len(rule([broken])) == 1


def test_a_test_that_gets_another_name_is_missed_on_the_page() -> None:
    row = next(row for row in ROWS if row.tests)
    file, _, name = row.tests[0].partition("::")

    def renamed(asked: str) -> frozenset[str]:
        return cases_in(asked) - {name} | {f"{name}_indeed"} if asked == file else cases_in(asked)

    assert not_tested(ROWS) == []
    assert f"{row.id}: {row.tests[0]}" in not_tested(ROWS, renamed)
