"""`roundsman calendar`: show, import and template, beside a collector that runs or does not."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roundsman_collector.cli import app
from roundsman_collector.config import calendar as traveling
from roundsman_collector.core.days import Day
from roundsman_collector.store import Deed, Office, View
from tests.collector.store.cast import TODAY, staffed

OCT_1 = date(2026, 10, 1)
FILE = "day,to,kind,hours,name_zh\n2026-10-01,2026-10-03,holiday,,国庆节\n2026-10-10,,shift,周三,国庆节调休\n"


def roundsman(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["calendar", *(str(one) for one in arguments)], prog_name="roundsman")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with the cast and China's calendar; no collector runs."""
    staffed(tmp_path / "roundsman.sqlite3").close()
    with Office.open(tmp_path / "roundsman.sqlite3") as office:
        office.seed_calendar(traveling(), deed=Deed(who="roundsman", at_ms=TODAY))
    return tmp_path


def days(folder: Path, calendar: str) -> dict[date, Day]:
    with View.open(folder / "roundsman.sqlite3") as view:
        return view.calendar_days(calendar)


def test_calendars_are_listed_with_how_far_they_are_known(folder: Path) -> None:
    done = roundsman("show", "--data", folder)

    assert done.exit_code == 0
    assert "2024, 2025, 2026, 2027 provisional" in done.stdout


def test_a_year_is_shown_by_runs_of_days(folder: Path) -> None:
    done = roundsman("show", "cn", "--year", 2025, "--data", folder)

    assert "2025-10-01..2025-10-08   holiday  -" in done.stdout
    assert "2025-09-28               shift    weekday:2" in done.stdout
    assert "2024" not in done.stdout


@pytest.mark.parametrize("form", ["csv", "yaml"])
def test_what_is_shown_as_a_file_is_imported_without_a_change(folder: Path, form: str) -> None:
    (folder / f"days.{form}").write_text(roundsman("show", "cn", "--as", form, "--data", folder).stdout, "utf-8")

    done = roundsman("import", folder / f"days.{form}", "--calendar", "cn", "--data", folder)

    assert (done.exit_code, done.stdout) == (0, "0 days changed\n")


@pytest.mark.parametrize("name", ["example.csv", "example.yaml"])
def test_the_template_is_a_file_that_can_be_imported(folder: Path, name: str) -> None:
    roundsman("template", folder / name)
    wanted = ["--calendar", "cn"] if name.endswith("csv") else []

    done = roundsman("import", folder / name, *wanted, "--data", folder)

    assert done.exit_code == 0
    assert days(folder, "cn" if wanted else "example")[OCT_1].kind == "holiday"


def test_a_dry_run_says_what_would_be_and_changes_nothing(folder: Path) -> None:
    (folder / "days.csv").write_text(FILE, "gb18030")
    before = days(folder, "cn")

    dry = roundsman("import", folder / "days.csv", "--calendar", "cn", "--dry-run", "--data", folder)

    assert dry.exit_code == 0
    assert dry.stdout.endswith("4 days would change\n")
    assert days(folder, "cn") == before


def test_a_file_of_whole_years_takes_back_what_it_does_not_name(folder: Path) -> None:
    (folder / "days.csv").write_text(FILE, "utf-8")

    done = roundsman("import", folder / "days.csv", "--calendar", "cn", "--whole-years", "--data", folder)

    found = days(folder, "cn")
    assert done.exit_code == 0
    assert {day.isoformat() for day, one in found.items() if day.year == 2026 and one.kind != "usual"} == {
        "2026-10-01",
        "2026-10-02",
        "2026-10-03",
        "2026-10-10",
    }
    assert found[date(2025, 10, 1)].kind == "holiday", "other years stay"


def test_nothing_is_entered_of_a_file_with_one_wrong_row(folder: Path) -> None:
    (folder / "days.csv").write_text(FILE + "2026-10-11,,fiesta,,\n", "utf-8")
    before = days(folder, "cn")

    done = roundsman("import", folder / "days.csv", "--calendar", "cn", "--data", folder)

    assert done.exit_code == 1
    assert "line 4: kind: 'fiesta' is unknown" in done.stderr
    assert days(folder, "cn") == before


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["import", "days.csv"], 2, "add --calendar"),
        (["import", "days.csv", "--calendar", "mars"], 1, "there is no calendar mars"),
        (["import", "days.csv", "--calendar", "none"], 1, "is the one without days"),
        (["import", "missing.csv", "--calendar", "cn"], 2, "No such file"),
        (["import", "binary.csv", "--calendar", "cn"], 1, "nothing was entered"),
        (["show", "mars"], 1, "there is no calendar mars"),
        (["show", "cn", "--as", "xml"], 2, "expected list, csv or yaml"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, told: str
) -> None:
    (folder / "days.csv").write_text(FILE, "utf-8")
    (folder / "binary.csv").write_bytes(b"\xff\xfe\x00\x01" * 9)
    monkeypatch.chdir(folder)

    done = roundsman(*arguments, "--data", folder)

    assert (done.exit_code, told in done.stderr) == (code, True), done.stderr


def test_a_template_of_another_form_is_refused(tmp_path: Path) -> None:
    done = roundsman("template", tmp_path / "x.xlsx")

    assert done.exit_code == 2
