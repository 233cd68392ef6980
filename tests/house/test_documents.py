"""What is written beside the code: decisions, probe pages, benches, the glossary, the changelog."""

import re
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, docstring, files, name

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PROBES = sorted(path for path in (PACKAGES["roundsman_agent"] / "probes").glob("*.py") if not path.stem.startswith("_"))
BENCHES = sorted(
    path for path in (ROOT / "tests" / "bench").glob("*.py") if not path.stem.startswith(("_", "test_", "conftest"))
)
STATE_WORDS = ("正常", "告警", "故障", "离线", "维护", "未知")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def glossary_rows() -> list[list[str]]:
    lines = (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines if line.startswith("|")]
    return [row for row in rows if not set(row[0]) <= set("-: ") and row[0] not in ("word", "字词")]


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_a_decision_has_context_options_outcome_and_date(path: Path) -> None:
    text = path.read_text("utf-8")

    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name), "a decision is named NNNN-title.md"
    assert [word for word in ("Context", "Options", "Outcome") if not re.search(rf"^## {word}$", text, re.M)] == []
    assert re.search(r"^Date: \d{4}-\d\d-\d\d$", text, re.M), "a decision has a line `Date: YYYY-MM-DD`"


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [path.name[:4] for path in DECISIONS]

    assert numbers == sorted(set(numbers))
    assert numbers[0] == "0001"


def test_there_are_probes() -> None:
    assert {path.stem for path in PROBES} >= {"host", "snmp", "escpos", "nmea"}


@pytest.mark.parametrize("path", PROBES, ids=lambda path: path.stem)
def test_a_probe_has_a_test_of_its_name(path: Path) -> None:
    assert [*(ROOT / "tests" / "agent").rglob(f"test_{path.stem}.py")], f"write tests/agent/test_{path.stem}.py"


@pytest.mark.parametrize("path", PROBES, ids=lambda path: path.stem)
def test_a_probe_has_a_page(path: Path) -> None:
    page = ROOT / "docs" / "probes" / f"{path.stem}.md"

    assert page.is_file(), f"write docs/probes/{path.stem}.md: what it reads, how it is configured, what can fail"
    assert re.search(rf"^# .*{path.stem}", page.read_text("utf-8"), re.M | re.I), f"{name(page)} names its probe"


def test_every_probe_page_has_its_probe() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "probes").glob("*.md")} - {"README", "index", "snmp-recordings"}

    assert pages <= {path.stem for path in PROBES}


def test_there_are_benches() -> None:
    assert {path.stem for path in BENCHES} >= {"ingest", "footprint"}


@pytest.mark.parametrize("path", BENCHES, ids=lambda path: path.stem)
def test_a_bench_says_what_it_measures_and_its_figures_are_written_down(path: Path) -> None:
    results = (ROOT / "docs" / "performance.md").read_text("utf-8")

    assert docstring(path)
    assert f"make bench ONLY={path.stem}" in results


def test_the_glossary_gives_every_word_in_both_languages_and_says_where_it_is_used() -> None:
    rows = glossary_rows()

    assert len(rows) >= 30
    assert [row for row in rows if len(row) != 4 or not all(row)] == []
    assert [row for row in rows if not re.search(r"[\u4e00-\u9fff]", row[1])] == []


def test_the_glossary_has_no_word_twice() -> None:
    words = [row[0] for row in glossary_rows()]

    assert sorted(words) == sorted(set(words))


def test_the_six_state_words_are_in_the_glossary() -> None:
    chinese = {row[1] for row in glossary_rows()}

    assert [word for word in STATE_WORDS if word not in chinese] == []


def test_the_changelog_has_the_version_that_the_packages_have() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "collector" / "pyproject.toml").read_text("utf-8"), re.M)

    assert version and f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("path", [path for path in files() if path.suffix == ".md"], ids=name)
def test_a_link_between_pages_leads_somewhere(path: Path) -> None:
    targets = [
        target
        for target in LINK.findall(path.read_text("utf-8"))
        if "://" not in target and not target.startswith("mailto:")
    ]

    assert [target for target in targets if not (path.parent / target).exists()] == []
