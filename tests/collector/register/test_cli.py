"""`roundsman register`: a file in, a file out, beside a collector that runs or does not."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roundsman_collector.cli import app
from roundsman_collector.register import files
from roundsman_collector.store import View
from tests.collector.store.cast import staffed

FILE = "设备编号,设备类型,客户编号,监控分中心,站点编号,站点名称\nkiosk-8,kiosk,metro,south,metro-1,人民广场站\n"


def roundsman(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["register", *(str(one) for one in arguments)], prog_name="roundsman")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with the cast; no collector runs."""
    staffed(tmp_path / "roundsman.sqlite3").close()
    (tmp_path / "devices.csv").write_text(FILE, encoding="gb18030")
    return tmp_path


def test_a_dry_run_says_what_would_be_and_an_import_does_it_when_the_collector_starts(folder: Path) -> None:
    dry = roundsman("import", folder / "devices.csv", "--dry-run", "--data", folder)

    assert dry.exit_code == 0
    assert "site:metro-1 name_zh: - -> 人民广场站" in dry.stdout
    assert "1 added; 0 changed; 0 same" in dry.stdout
    assert "GB18030" in dry.stderr
    with View.open(folder / "roundsman.sqlite3") as view:
        assert view.entries("site") == []


def test_without_a_collector_the_devices_wait(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman_collector.cli.register.WAIT_S", 0.0)

    done = roundsman("import", folder / "devices.csv", "--data", folder)

    assert (done.exit_code, "when it starts" in done.stderr) == (0, True)
    with View.open(folder / "roundsman.sqlite3") as view:
        assert [one.id for one in view.entries("site")] == ["metro-1"]


def test_every_wrong_cell_is_told_in_the_language_that_was_asked_for(folder: Path) -> None:
    (folder / "bad.csv").write_text("device,zone\nkiosk-7,moon\nNO!,\n", "utf-8")

    chinese = roundsman("import", folder / "bad.csv", "--data", folder)
    english = roundsman("import", folder / "bad.csv", "--lang", "en", "--data", folder)

    assert (chinese.exit_code, english.exit_code) == (1, 1)
    assert chinese.stderr.splitlines()[0] == "2: zone 'moon' 不能使用; 市区、郊区、异地、边远 之一; 请改正"
    assert "3: device 'NO!' cannot be used; expected an id" in english.stderr
    assert "2 cells are wrong; nothing was entered" in english.stderr


@pytest.mark.parametrize("name", ["nothing.csv", "empty.csv"])
def test_a_file_that_cannot_be_read_ends_with_2(folder: Path, name: str) -> None:
    (folder / "empty.csv").write_bytes(b"")

    assert roundsman("import", folder / name, "--data", folder).exit_code == 2


def test_what_is_exported_can_be_imported_and_shown(folder: Path) -> None:
    assert roundsman("export", folder / "out.csv", "--data", folder).exit_code == 0

    again = roundsman("import", folder / "out.csv", "--dry-run", "--data", folder)
    shown = roundsman("show", "--data", folder)

    assert "0 added; 0 changed; 4 same" in again.stdout
    assert "kiosk-7\tkiosk\t-\t-\t-\tkiosk-7" in shown.stdout.splitlines()
    assert roundsman("show", "--site", "nowhere", "--data", folder).stdout == ""


def test_templates_are_written_by_their_ending(tmp_path: Path) -> None:
    assert roundsman("template", tmp_path / "a.csv").exit_code == 0
    assert roundsman("template", tmp_path / "a.XLSX").exit_code == 0
    assert roundsman("template", tmp_path / "a.doc").exit_code == 2

    assert (tmp_path / "a.csv").read_bytes() == files.template_csv()
    assert (tmp_path / "a.XLSX").read_bytes()[:2] == b"PK"


def test_a_template_never_takes_the_place_of_one_that_was_filled_in(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"filled in")

    done = roundsman("template", tmp_path / "a.csv")

    assert done.exit_code == 2
    assert "is there already" in done.stderr
    assert (tmp_path / "a.csv").read_bytes() == b"filled in"
