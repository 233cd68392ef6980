"""A register file from bytes to entries and back: what is read, what is refused, what is entered, and entered again."""

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from roundsman_collector.core.policy import Policy
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.timely import obey
from roundsman_collector.register import entering, files, sheets, xlsx
from roundsman_collector.register.columns import COLUMNS, column_of
from roundsman_collector.register.plan import Plan, planned
from roundsman_collector.register.sheets import Sheet, SheetError, read
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Deed, Office, View
from tests.collector.store.cast import TODAY, staffed

HOUR = 3_600_000
HEAD = "设备编号,设备类型,序列号,设备名称,客户编号,监控分中心,站点编号,站点名称,区域,点位编号,合同编号,质保截止"
ROW = "kiosk-8,kiosk,00421873,自助终端 8,metro,south,rmgc,人民广场站,郊区,rmgc-hall,m-26,2027-02-28"
METRO = Scope(customers=frozenset({"metro"}))


class Desk:
    """A database with the cast, and everybody who works on it."""

    def __init__(self, folder: Path) -> None:
        self.store = staffed(folder / "roundsman.sqlite3")
        self.view = View.open(folder / "roundsman.sqlite3")
        self.office = Office.open(folder / "roundsman.sqlite3")
        self.engine = Engine(self.store, book_of(Policy(rules=())))
        self.engine.load_register()
        self.hours = 0

    def plan(self, body: bytes | str, scope: Scope = EVERYTHING) -> Plan:
        return planned(self.view, read(body.encode() if isinstance(body, str) else body), scope=scope)

    def enter(self, body: bytes | str, scope: Scope = EVERYTHING) -> Plan:
        plan = self.plan(body, scope)
        assert plan.errors == ()
        self.hours += 1
        deed = Deed(who="wang", at_ms=TODAY + self.hours * HOUR)
        entering.enter(self.office, plan, deed=deed, scope=scope)
        obey(self.engine, self.store.new_commands(), deed.at_ms)
        return plan

    def export(self, scope: Scope = EVERYTHING) -> bytes:
        return b"".join(files.export_csv(self.view, scope=scope))

    def close(self) -> None:
        for one in (self.office, self.view, self.store):
            one.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def table(*rows: str, head: str = HEAD) -> str:
    return "\r\n".join((head, *rows)) + "\r\n"


def complaints(plan: Plan) -> list[tuple[int, str, str]]:
    return [(one.row, one.column, one.code) for one in plan.errors]


def workbook(fill: Callable[[Any, Any], None]) -> bytes:
    body = io.BytesIO()
    with xlsxwriter.Workbook(body, {"in_memory": True}) as book:
        fill(book, book.add_worksheet("台账"))
    return body.getvalue()


def texts(sheet: Sheet) -> list[tuple[int, list[str]]]:
    return [(number, [cell.text for cell in cells]) for number, cells in sheet.rows]


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_is_read_in_the_encodings_of_chinese_offices_and_gb18030_is_told(encoding: str) -> None:
    sheet = read(table(ROW).encode(encoding))

    assert sheet.titles == tuple(HEAD.split(","))
    assert texts(sheet) == [(2, ROW.split(","))]
    assert [note.en[:33] for note in sheet.notes] == (
        ["the file is not UTF-8 and was rea"] if encoding == "gb18030" else []
    )


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_csv_of_other_countries_is_parted_by_semicolons_or_tabs(delimiter: str) -> None:
    assert texts(read(table(ROW).replace(",", delimiter).encode())) == [(2, ROW.split(","))]


def test_blank_rows_are_left_out_and_rows_counted_as_the_spreadsheet_shows_them() -> None:
    body = f"设备台账 2026\n\n{HEAD}\n,,,\n{ROW}\n\n"

    assert texts(read(body.encode())) == [(5, ROW.split(","))]


def test_a_workbook_with_a_title_merged_cells_and_dates_is_read_as_it_looks() -> None:
    def fill(book: Any, form: Any) -> None:
        form.merge_range(0, 0, 0, 3, "设备台账")
        form.write_row(2, 0, ["设备编号", "站点编号", "质保截止", "序列号"])
        form.write_column(3, 0, ["kiosk-7", "kiosk-8"])
        form.merge_range(3, 1, 4, 1, "rmgc")
        day = book.add_format({"num_format": "yyyy/m/d"})
        form.write_datetime(3, 2, date(2027, 2, 28), day)
        form.write_string(4, 2, "2027年2月28日")
        form.write_string(3, 3, "00421873")
        form.write_number(4, 3, 421873)

    sheet = read(workbook(fill))

    assert sheet.header_row == 3
    assert texts(sheet) == [
        (4, ["kiosk-7", "rmgc", "2027-02-28", "00421873"]),
        (5, ["kiosk-8", "rmgc", "2027年2月28日", "421873"]),
    ]
    assert sheet.rows[1][1][3].was_number


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_file"),
        (b" \r\n", "empty_file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "old_excel"),
        (b"PK\x03\x04 no archive", "bad_xlsx"),
        (b"a,b\nc,d\n", "no_header"),
        (b"\xff\xfe\x00\xd8", "bad_encoding"),
        (b"\x81\x20\xff\xff,", "bad_encoding"),
        (b"device\n\0\n", "binary"),
        (b'device\n"kiosk', "bad_csv"),
        (b"device" + b"," * 300, "too_wide"),
        (b"device\n" + b"x" * sheets.BYTES_LIMIT, "too_large"),
        (b"device\n" + b"x\n" * (sheets.ROWS_LIMIT + 1), "too_many_rows"),
    ],
)
def test_what_is_no_register_file_is_refused_in_both_languages(body: bytes, code: str) -> None:
    with pytest.raises(SheetError) as found:
        read(body)

    assert found.value.code == code
    assert any(sign > "\u4e00" for sign in found.value.zh)


def test_a_workbook_that_would_unpack_to_gigabytes_is_refused_before_it_is_unpacked() -> None:
    body = io.BytesIO()
    with (
        zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as part,
    ):
        for _ in range(201):
            part.write(b" " * 2**20)

    assert len(body.getvalue()) < sheets.BYTES_LIMIT
    with pytest.raises(SheetError, match="unpacked size"):
        read(body.getvalue())


def test_a_workbook_with_a_cell_at_the_end_of_the_world_ends_its_reader_and_not_us() -> None:
    def fill(_: Any, form: Any) -> None:
        form.write(0, 0, "device")
        form.write(1_048_575, 16_383, "far away")

    with pytest.raises(SheetError, match=r"too much|too many"):
        read(workbook(fill))


def test_an_archive_that_is_no_workbook_is_told() -> None:
    with pytest.raises(xlsx.XlsxError, match="no XLSX workbook"):
        xlsx.read(b"PK\x05\x06" + b"\0" * 18)


# --- headers and cells -----------------------------------------------------------------------------------------------


def test_every_title_that_people_use_names_one_column() -> None:
    for one in COLUMNS:
        wide = f"\N{FULLWIDTH LEFT PARENTHESIS}{one.zh}\N{FULLWIDTH RIGHT PARENTHESIS}"
        for title in (one.name, one.zh, one.en, one.en.upper(), f" {one.zh} * ", wide, *one.also):
            assert column_of(title) is one, title


def test_an_unknown_column_is_named_with_the_nearest_one(desk: Desk) -> None:
    plan = desk.plan("device,serail,颜色\nkiosk-7,1,red\n")

    assert [(one.row, one.column, one.code) for one in plan.errors] == [
        (1, "serail", "unknown_column"),
        (1, "颜色", "unknown_column"),
    ]
    assert "serial" in plan.errors[0].what_en
    assert "serial" in plan.errors[0].what_zh
    assert complaints(desk.plan("device,sn,序列号\nx,1,2\n")) == [(1, "序列号", "same_column")]


def test_all_errors_are_told_at_once_with_row_column_value_and_what_to_do(desk: Desk) -> None:
    plan = desk.plan(
        table(
            "kiosk-8,kiosk,1.23E+05,名,metro,south,rmgc,站,市区,p1,m-26,2027-02-28",
            "No Good!,kiosk,x,名,metro,south,rmgc,站,市区,p2,m-26,2027-02-28",
            "kiosk-9,kiosk,x,名,metro,south,rmgc,站,郊外,p3,m-26,2027-02-30",
            "kiosk-9,kiosk,x,名,metro,south,rmgc,站,,p3,m-26,",
            ",kiosk,x,名,metro,south,rmgc,站,,p4,m-26,",
        )
    )

    assert complaints(plan) == [
        (2, "序列号", "excel_number"),
        (3, "设备编号", "bad_value"),
        (4, "区域", "bad_value"),
        (4, "质保截止", "bad_value"),
        (5, "设备编号", "twice"),
        (6, "设备编号", "empty"),
    ]
    assert plan.errors[2].value == "郊外"
    assert plan.errors[2].expected_zh == "市区、郊区、异地、边远 之一"
    assert all(one.what_zh and one.what_en and one.do_zh and one.do_en for one in plan.errors)


def test_numbers_in_columns_of_ids_are_doubted_aloud(desk: Desk) -> None:
    def fill(_: Any, form: Any) -> None:
        form.write_row(0, 0, ["device", "kind", "serial"])
        form.write_row(1, 0, ["kiosk-8", "kiosk", 421873])
        form.write_row(2, 0, ["kiosk-9", "kiosk", 123456789012345678])

    plan = desk.plan(workbook(fill))

    assert complaints(plan) == [(3, "serial", "excel_number")]
    assert [note.en for note in plan.notes] == [
        "2 cells of 'serial' hold numbers; zeros that stood before them are lost: check"
    ]


# --- comparing -------------------------------------------------------------------------------------------------------


def test_rows_may_repeat_what_they_say_of_a_site_but_not_contradict_each_other(desk: Desk) -> None:
    second = ROW.replace("kiosk-8", "kiosk-9").replace("rmgc-hall", "rmgc-gate")

    assert desk.plan(table(ROW, second)).errors == ()
    assert complaints(desk.plan(table(ROW, second.replace("人民广场站", "人民公园站")))) == [
        (3, "站点名称", "contradicts")
    ]
    assert complaints(desk.plan(table(ROW, second.replace("2027-02-28", "2027-03-01")))) == [
        (3, "质保截止", "contradicts")
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("kiosk-8,,,,,,,,,,,", [(2, "设备编号", "needs")]),
        ("kiosk-8,kiosk,,,,,rmgc,站,,,,", [(2, "站点编号", "needs")]),
        ("kiosk-8,kiosk,,,metro,,rmgc,站,,,,", [(2, "站点编号", "needs")]),
        ("kiosk-8,kiosk,,,,,,站,,,,", [(2, "站点名称", "needs")]),
        ("kiosk-8,kiosk,,,,,,,,nowhere,,", [(2, "点位编号", "needs")]),
        ("kiosk-8,kiosk,,,,,,,,,,2027-01-01", [(2, "质保截止", "needs")]),
        ("kiosk-8,kiosk,,,metro,south,rmgc,站,,p,m-26,1899-13-01", [(2, "质保截止", "bad_value")]),
    ],
)
def test_what_a_row_needs_and_lacks_is_told(desk: Desk, row: str, expected: list[tuple[int, str, str]]) -> None:
    found = complaints(desk.plan(table(row)))

    assert [one for one in expected if one not in found] == []


def test_a_dry_run_tells_each_change_and_writes_nothing(desk: Desk) -> None:
    before = desk.export()

    plan = desk.plan(table(ROW, "kiosk-7,,,新名字,,,,,,,,", "nvr-2,,,,,,,,,,,"))

    assert [(one.row, one.device, one.became) for one in plan.rows] == [
        (2, "kiosk-8", "added"),
        (3, "kiosk-7", "changed"),
        (4, "nvr-2", "same"),
    ]
    assert [(c.subject, c.field, c.before, c.after) for c in plan.rows[1].changes] == [
        ("device:kiosk-7", "name_zh", "自助终端 7", "新名字")
    ]
    assert ("site:rmgc", "zone", None, "suburban") in [
        (c.subject, c.field, c.before, c.after) for c in plan.rows[0].changes
    ]
    assert desk.export() == before
    assert desk.store.new_commands() == []


def test_an_agent_that_is_new_needs_a_group_and_one_that_was_removed_is_refused(desk: Desk) -> None:
    desk.store.remove_agent("bus-31", TODAY + 1)
    head = "device,kind,agent,group"

    plan = desk.plan(table("a-1,kiosk,new-agent,", "a-2,kiosk,bus-31,", "a-3,kiosk,newer,west", head=head))

    assert complaints(plan) == [(2, "agent", "needs"), (3, "agent", "removed_agent")]


# --- entering --------------------------------------------------------------------------------------------------------


def test_an_import_enters_everything_that_a_row_says(desk: Desk) -> None:
    desk.enter(table(ROW))

    card = desk.view.cards_named(["kiosk-8"])["kiosk-8"]
    assert (card.kind, card.serial, card.name_zh, card.name_en) == ("kiosk", "00421873", "自助终端 8", "自助终端 8")
    assert (card.place, card.site, card.site_zh, card.zone) == ("rmgc-hall", "rmgc", "人民广场站", "suburban")
    assert (card.customer, card.contract, card.warranty_until) == ("metro", "m-26", "2027-02-28")
    assert card.group == "south"
    assert {one.subject for one in desk.view.audit(limit=20)} >= {
        "customer:metro",
        "contract:m-26",
        "site:rmgc",
        "place:rmgc-hall",
        "installation:kiosk-8",
        "device:kiosk-8",
    }


def test_the_second_import_of_a_file_changes_nothing(desk: Desk) -> None:
    desk.enter(table(ROW, ROW.replace("kiosk-8", "kiosk-9")))
    before, log = desk.export(), desk.view.audit(limit=100)

    plan = desk.enter(table(ROW, ROW.replace("kiosk-8", "kiosk-9")))

    assert plan.does_nothing
    assert plan.counts == {"added": 0, "changed": 0, "same": 2}
    assert desk.export() == before
    assert desk.view.audit(limit=100) == log


def test_an_empty_cell_leaves_what_is_kept(desk: Desk) -> None:
    desk.enter(table(ROW))
    before = desk.export()

    assert desk.enter(table("kiosk-8,,,,,,,,,,,")).does_nothing

    assert desk.export() == before


def test_a_device_without_a_place_gets_one_of_its_own_at_the_site(desk: Desk) -> None:
    desk.enter(table("kiosk-8,kiosk,,,metro,south,rmgc,站,,,,"))
    desk.enter(table("kiosk-8,,,,,,rmgc,新站名,,,,"))

    card = desk.view.cards_named(["kiosk-8"])["kiosk-8"]
    assert (card.place, card.site, card.site_zh) == ("kiosk-8", "rmgc", "新站名")


def test_an_agent_speaks_for_the_devices_of_its_rows_and_is_known_to_the_engine(desk: Desk) -> None:
    desk.enter(table("a-1,kiosk,new-agent,west", "ups-2,,kiosk-7,", head="device,kind,agent,group"))

    assert desk.view.cards_named(["a-1"])["a-1"].agent == "new-agent"
    assert desk.engine.by_agent["new-agent"].devices == ("a-1",)
    assert set(desk.engine.by_agent["kiosk-7"].devices) == {"kiosk-7", "ups-2"}
    assert set(desk.engine.by_agent["gateway-2"].devices) == {"nvr-2"}


def test_what_is_exported_is_imported_without_a_change_even_a_formula(desk: Desk) -> None:
    desk.enter(table(ROW.replace("自助终端 8", "=cmd|' /C calc'!A0").replace("人民广场站", "-1 层站")))

    exported = desk.export()

    assert b",'=cmd|" in exported
    assert b",'-1 " in exported
    assert desk.view.cards_named(["kiosk-8"])["kiosk-8"].name_zh == "=cmd|' /C calc'!A0"
    assert desk.plan(exported).does_nothing
    assert len(desk.plan(exported).rows) == 5


def test_an_export_builds_the_same_register_elsewhere(desk: Desk, tmp_path: Path) -> None:
    desk.enter(table(ROW, ROW.replace("kiosk-8", "kiosk-9")))
    desk.enter(table("kiosk-8,工作日 09:00-18:00,异地", head="device,service hours,zone"))
    exported = desk.export()
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other")

    other.enter(exported)

    assert other.export() == exported
    other.close()


def test_somebody_who_was_faster_is_not_overwritten_by_half_an_import(desk: Desk) -> None:
    from roundsman_collector.store import EntryError

    desk.enter(table(ROW))
    plan = desk.plan(table(ROW.replace("kiosk-8", "kiosk-9").replace("rmgc-hall", "rmgc-gate")))
    for kind, entry in (("installation", "kiosk-8"), ("place", "rmgc-hall"), ("site", "rmgc")):
        desk.office.end_entry(kind, entry, deed=Deed(who="li", at_ms=TODAY + 5 * HOUR))  # type: ignore[arg-type]
    before = desk.view.audit(limit=100)
    asked = desk.store.new_commands()

    with pytest.raises(EntryError, match=r"there is no site|not in force"):
        entering.enter(desk.office, plan, deed=Deed(who="wang", at_ms=TODAY + 6 * HOUR))

    assert desk.view.audit(limit=100) == before
    assert desk.store.new_commands() == asked


def test_commands_that_the_engine_has_not_taken_are_told_as_waiting(desk: Desk) -> None:
    asked = entering.enter(desk.office, desk.plan(table(ROW)), deed=Deed(who="wang", at_ms=TODAY + HOUR))

    told = entering.answers(desk.view, asked, wait_s=0)

    assert (told.done, told.waiting, told.errors) == (0, 1, ())
    obey(desk.engine, desk.store.new_commands(), TODAY + HOUR)
    assert entering.answers(desk.view, asked, wait_s=0).done == 1


# --- scope -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(desk: Desk) -> Desk:
    """Two customers, each with a kiosk at a site."""
    desk.enter(table(ROW))
    desk.enter(table("atm-1,kiosk,,,bank,north,bank-1,银行,,bank-hall,b-26,2027-01-01"))
    return desk


@pytest.mark.parametrize(
    "row",
    [
        "atm-1,,,我的了,,,,,,,,",
        "atm-1,,,,metro,south,rmgc,,,,,",
        "kiosk-8,,,,,,bank-1,,,bank-hall,,",
        "kiosk-8,,,,,,,,,bank-hall,,",
        "kiosk-8,,,,bank,,,,,,,",
        "kiosk-10,kiosk,,,bank,north,bank-2,新,,,,",
        "kiosk-10,kiosk,,,,,bank-1,,,,,",
        "kiosk-10,kiosk,,,,,,,,,,",
        "kiosk-8,,,,,,,,,,b-26,",
        "kiosk-7,,,我的了,,,,,,,,",
    ],
)
def test_an_import_reaches_no_further_than_the_person_who_makes_it(shared: Desk, row: str) -> None:
    plan = shared.plan(table(row), METRO)

    assert plan.errors, plan
    assert plan.errors[0].code in ("closed", "no_such", "needs")
    assert (
        "bank"
        not in " ".join(f"{one.what_en} {one.what_zh}" for one in plan.errors).replace("bank-", "").replace("b-26", "")
        or "bank" in row
    )


def test_within_a_scope_an_import_does_what_it_does_for_everybody(shared: Desk) -> None:
    shared.enter(table("kiosk-9,kiosk,,,metro,south,rmgc-2,新站,,,m-26,", "kiosk-8,,,新名,,,,,,,,"), METRO)

    assert [card.site for card in shared.view.cards(scope=METRO)] == ["rmgc", "rmgc-2"]
    assert b"atm-1" not in shared.export(METRO)
    assert shared.plan(shared.export(METRO), METRO).errors == ()


# --- the empty form --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [files.template_csv(), files.template_xlsx()], ids=["csv", "xlsx"])
def test_the_template_is_read_as_it_is_and_its_example_could_be_entered(desk: Desk, body: bytes) -> None:
    plan = desk.plan(body)

    assert plan.errors == ()
    assert [(one.device, one.became) for one in plan.rows] == [("kiosk-7", "changed")]


def test_the_template_explains_every_column_on_a_second_sheet() -> None:
    from python_calamine import CalamineWorkbook

    about = CalamineWorkbook.from_filelike(io.BytesIO(files.template_xlsx())).get_sheet_by_index(1).to_python()

    assert [row[0] for row in about[1:]] == [one.zh for one in COLUMNS]
    assert all(all(str(cell) for cell in row) for row in about)


def test_an_engineer_is_somebody_who_may_sign_in(desk: Desk) -> None:
    desk.office.add_person("li.lei", name="李雷", role="engineer", scope=EVERYTHING, deed=Deed(who="root", at_ms=TODAY))
    head = "device,kind,customer,group,site,engineer,place engineer"

    desk.enter(table("kiosk-8,kiosk,metro,south,rmgc,Li.Lei,", head=head))
    plan = desk.plan(table("kiosk-8,,,,rmgc,han.meimei,nobody", head=head))

    assert desk.view.cards_named(["kiosk-8"])["kiosk-8"].engineer == "li.lei"
    assert complaints(plan) == [(2, "engineer", "no_such"), (2, "place engineer", "no_such")]


# Shows S4-18.
def test_who_is_on_the_spot_is_entered_exported_and_read_back(desk: Desk) -> None:
    head = "设备编号,设备类型,客户编号,监控分中心,站点编号,点位编号,现场联系人,现场联系电话,点位联系人,点位联系电话"
    both = "kiosk-8,kiosk,metro,south,rmgc,rmgc-hall,周师傅,139 0000 1111,何师傅,+86 20 8888"
    site = "kiosk-9,kiosk,metro,south,rmgc,rmgc-gate,,,,"

    desk.enter(table(both, site, head=head))
    wrong = desk.plan(table("kiosk-9,,,,,,,call me,,", head=head))
    exported = desk.export()
    again = desk.plan(exported)

    cards = desk.view.cards_named(["kiosk-8", "kiosk-9"])
    assert {device: card.on_the_spot for device, card in cards.items()} == {
        "kiosk-8": ("何师傅", "+86 20 8888"),
        "kiosk-9": ("周师傅", "139 0000 1111"),
    }
    assert complaints(wrong) == [(2, "现场联系电话", "bad_value")]
    assert "周师傅,139 0000 1111" in exported.decode()
    assert (again.errors, again.does_nothing) == ((), True)
    numberless = b"".join(files.export_csv(desk.view, with_phones=False)).decode()
    assert ("周师傅" in numberless, "139 0000" in numberless, "8888" in numberless) == (True, False, False)


WIRED = "device,kind,power from,uplink from"


def test_what_a_device_stands_behind_is_entered_exported_and_taken_back(desk: Desk) -> None:
    desk.enter(table("kiosk-8,kiosk,ups-2,nvr-2", head=WIRED))
    entered = desk.view.behind_of(["kiosk-8"])
    exported = desk.export()
    again = desk.plan(exported)

    desk.enter(table("kiosk-8,,none,", head=WIRED))

    assert entered == {"kiosk-8": {"power": "ups-2", "uplink": "nvr-2"}}
    assert b",ups-2,nvr-2" in exported
    assert again.does_nothing
    assert desk.view.behind_of(["kiosk-8"]) == {"kiosk-8": {"uplink": "nvr-2"}}


def test_a_root_that_is_not_there_and_a_circle_are_told_before_anything_is_entered(desk: Desk) -> None:
    desk.enter(table("nvr-2,,ups-2,", head=WIRED))

    plan = desk.plan(table("ups-2,,nvr-2,", "kiosk-7,,ups-9,", head=WIRED))

    assert [(row, code) for row, _, code in complaints(plan)] == [(2, "circle"), (3, "no_such")]
    assert "ups-2 <- nvr-2 <- ups-2" in plan.errors[0].what_en


def test_a_site_is_given_its_service_point_by_a_file_and_the_export_tells_it(desk: Desk) -> None:
    names = {"name_zh": "天河网点", "name_en": "Tianhe", "group_id": "south"}
    desk.office.put_entry("point", "tianhe", names, deed=Deed(who="wang", at_ms=TODAY))
    head = f"{HEAD},特约维修点"

    desk.enter(table(f"{ROW},tianhe", head=head))
    nowhere = desk.plan(table(f"{ROW},nowhere", head=head))

    site = desk.view.entry("site", "rmgc")
    assert site is not None
    assert site.fields["point"] == "tianhe"
    assert complaints(nowhere) == [(2, "特约维修点", "no_such")]
    assert desk.plan(desk.export()).does_nothing
