"""Forms are filled from a ticket's log: what stands on them, what they lack, and which number they have."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.reports import document
from roundsman_collector.reports.document import (
    NONE,
    At,
    Component,
    Document,
    Facts,
    Field,
    Signature,
    Signatures,
    Span,
    Table,
    Value,
)
from roundsman_collector.reports.dossier import NO_NAME, Dossier, Visit, caller, masked, visits, without_phones
from roundsman_collector.reports.forms import FORMS, build, cover, intake, missing, sheets
from roundsman_wire.catalogue import Label
from tests.collector.reports import tale
from tests.collector.reports.tale import NUMBER, at, dossier, log


def made(found: Dossier, sheet: str) -> Document:
    document_ = build(found, sheet)
    assert document_ is not None
    return document_


def fields(document_: Document) -> dict[str, Value]:
    """What stands in the fields, by their English names."""
    return {field.label.en: field.value for part in document_.parts if isinstance(part, Facts) for field in part.fields}


def tables(document_: Document) -> list[Table]:
    return [part for part in document_.parts if isinstance(part, Table)]


def signers(document_: Document) -> tuple[Signature, ...]:
    (found,) = [part for part in document_.parts if isinstance(part, Signatures)]
    return found.signers


def english(labels: tuple[Label, ...]) -> list[str]:
    return [label.en for label in labels]


def due(found: Dossier) -> list[str]:
    return [one.id for one in sheets(found) if one.is_due]


# --- which forms, and their numbers ----------------------------------------------------------------------------------


def test_a_ticket_has_the_forms_that_its_log_calls_for() -> None:
    assert due(dossier("open")) == ["D1"]
    assert due(dossier("acknowledge")) == ["D1"]
    assert due(dossier("leave", state="planned")) == ["D1", "W1", "Y1"]
    assert due(dossier(loans=(tale.LOAN,))) == ["D1", "W1", "W2", "Y1", "H1", "J1", "A1"]


def test_what_may_come_can_be_printed_empty_with_the_number_that_it_will_have() -> None:
    planned = dossier("leave", state="planned")

    empty = [one.id for one in sheets(planned) if not one.is_due]

    assert empty == ["W2", "Y2", "Z1", "H1", "J1", "A1"]
    assert made(planned, "W2").number == f"{NUMBER}-W2" == made(dossier(), "W2").number


def test_a_ticket_that_is_over_has_no_empty_forms() -> None:
    assert [one.id for one in sheets(dossier()) if not one.is_due] == []


def test_nobody_takes_a_second_order_along_while_the_first_visit_goes_on() -> None:
    on_site = dossier("arrive", state="on_site")

    assert [one.id for one in sheets(on_site) if one.id.startswith("W")] == ["W1", "W2"]
    assert all(one.is_due for one in sheets(on_site) if one.id.startswith("W"))


@pytest.mark.parametrize("sheet", ["W3", "W0", "Y9", "X1", "D2", "Z1"])
def test_a_sheet_that_is_not_there_is_not_made_up(sheet: str) -> None:
    assert build(dossier(), sheet) is None
    assert missing(dossier(), sheet) == ()


@given(st.integers(1, len(tale.LINES)))
def test_numbers_have_no_gaps_and_never_change_as_the_log_grows(lines: int) -> None:
    before, after = dossier(log=log()[:lines], state="planned"), dossier(log=log(), state="planned")

    was = [one.number for one in sheets(before) if one.is_due]
    assert was == [number for number in [one.number for one in sheets(after)] if number in was]
    for letter in FORMS:
        serials = [int(one.id[1:]) for one in sheets(before) if one.id[0] == letter]
        assert serials == list(range(1, len(serials) + 1))


def test_printing_again_a_day_later_says_the_same() -> None:
    later = dossier(known_ms=at("16:00", 2))

    for sheet in due(dossier()):
        assert replace(made(later, sheet), known_ms=0) == replace(made(dossier(), sheet), known_ms=0)


# --- the log, cut into visits ----------------------------------------------------------------------------------------


def test_a_visit_ends_where_the_next_begins() -> None:
    first, second = visits(dossier())

    assert (first.sent, first.is_fixed, first.parts) == (log()[4], False, ())
    assert first.ended is not None and first.ended.verb == "leave"
    assert (second.is_fixed, len(second.parts), len(second.signed)) == (True, 1, 2)


# Shows S1-26.
def test_who_is_sent_instead_of_another_before_anybody_came_makes_no_second_visit() -> None:
    sent = log("dispatch")[-1]
    again = (*log("plan"), sent, sent._replace(id=99, data={"engineer": "wang"}))

    assert visits(dossier(log=again)) == (Visit(sent=again[-1]),)


# --- what stands on them ---------------------------------------------------------------------------------------------


# Shows S0-10.
def test_the_intake_sheet_says_who_called_about_what_and_what_became_of_it() -> None:
    found = fields(made(dossier(), "D1"))

    assert found["Customer"] == (Label(zh="地铁公司", en="Metro"),)
    assert (found["Reported by"], found["Phone"]) == ("王芳", "13812345678")
    assert found["Reported"] == At(at("09:00"))
    assert found["By way of"] == Label(zh="电话报修", en="phone")
    assert "小票打不出来，顾客在排队" in found["Fault"]  # type: ignore[operator]
    assert found["Taken by"] == "赵敏"
    assert found["Arrival agreed"] == At(at("11:30"))
    assert found["Called again"] == (At(at("11:20")),)
    assert found["Result"] == (
        "更换切刀，清洁纸道，打印测试 20 张",
        Label(zh="监控读数验证已恢复", en="readings prove that it works again"),
    )
    assert found["Done"] == At(at("10:40", 1))
    assert missing(dossier(), "D1") == ()


# Shows S0-14.
def test_the_work_order_of_the_second_visit_has_part_signatures_and_readings() -> None:
    order = made(dossier(), "W2")

    assert fields(order)["Arrived"] == At(at("10:00", 1))
    assert fields(order)["Cause"] == Label(zh="产品质量", en="the product")
    assert fields(order)["Customer says"] == "好用了，谢谢"
    clocks, parts, readings = tables(order)
    assert clocks.rows[2] == (
        Label(zh="修复", en="repair"),
        At(at("15:00")),
        At(at("10:40", 1)),
        Label(zh="超时完成", en="late"),
    )
    assert parts.rows == (("切刀 CT-80", "1", "CT80-0031", "CT80-0207"),)
    assert readings.rows[0][1:] == (At(at("08:58")), At(at("10:50", 1)))
    assert [(one.name, one.picture, one.at_ms) for one in signers(order)] == [
        ("李工", str(tale.SERVICE_FILE), at("10:45", 1)),
        ("王芳", str(tale.CUSTOMER_FILE), at("10:46", 1)),
    ]
    assert missing(dossier(), "W2") == ()


def test_the_first_visits_order_points_to_the_delay_analysis_and_lacks_both_signatures() -> None:
    first = made(dossier(), "W1")

    assert fields(first)["Work done"] == (Label(zh="未修复，见延时原因分析表", en="not fixed, see the delay analysis"),)
    assert tables(first)[1].none == NONE
    assert english(missing(dossier(), "W1")) == ["Test", "Service engineer", "For the customer"]


def test_the_delay_analysis_has_reason_analysis_parts_and_the_next_visit() -> None:
    found = fields(made(dossier(), "Y1"))

    assert found["Reason"] == Label(zh="缺备件", en="a part was missing")
    assert found["Analysis"] == "切刀磨损，车上无此型号备件"
    assert found["Parts awaited"] == "切刀 CT-80"
    assert found["Next visit"] == At(at("10:00", 1))
    assert (found["Arrived"], found["Left"]) == (At(at("11:00")), At(at("12:00")))
    assert english(missing(dossier(), "Y1")) == ["Service engineer"]


# Shows S0-57.
def test_the_follow_up_has_the_customers_words() -> None:
    found = fields(made(dossier(), "H1"))

    assert (found["Asked by"], found["Asked"]) == ("赵敏", At(at("15:00", 1)))
    assert found["Reached"] == found["Satisfied"] == Label(zh="是", en="yes")
    assert found["Customer says"] == "满意，建议增加备机"
    assert missing(dossier(), "H1") == ()


def test_a_customer_who_was_not_reached_owes_no_opinion() -> None:
    asked = log("follow_up")[-1]._replace(text="", data={"reached": False})
    found = dossier(log=(*log("report"), asked))

    assert fields(made(found, "H1"))["Reached"] == Label(zh="否", en="no")
    assert missing(found, "H1") == ()


def test_a_transfer_has_both_numbers() -> None:
    moved = log()[-1]._replace(verb="transfer", text="需升降车，改由外协", data={"to": "2026-000009"})
    found = dossier(log=(*log("leave"), moved), state="transferred")
    sheet = fields(made(found, "Z1"))

    assert (sheet["From number"], sheet["To number"], sheet["Why"]) == (NUMBER, "2026-000009", "需升降车，改由外协")
    assert (sheet["By"], "Z1" in due(found)) == ("赵敏", True)
    agreed = moved._replace(data={"to": "2026-000009", "agreed_by": "王芳", "approved_by": "赵敏"})
    sheet = fields(made(dossier(log=(*log("leave"), agreed), state="transferred"), "Z1"))
    assert (sheet["Customer's consent"], sheet["Our consent"]) == ("王芳", "赵敏")


# Shows S0-40, S1-50.
def test_an_order_says_why_no_warranty_covers_it_and_what_the_customer_confirms() -> None:
    excluded = {"work": "更换主板", "cause": "damage", "exclusion": "accident"}
    confirmed = {"name": "王芳", "hours_right": True, "work_right": False, "rating": 4}
    lines = [
        one._replace(data={"fix": excluded, "confirm": confirmed}[one.verb]) if one.verb in ("fix", "confirm") else one
        for one in log()
    ]

    sheet = fields(made(dossier(log=tuple(lines)), "W2"))

    assert sheet["No warranty"] == Label(
        zh="意外或人为（含不合适的电压、进水、磕碰）", en="an accident: wrong voltage, water, a knock"
    )
    assert (sheet["Hours right"], sheet["Work right"]) == (Label(zh="是", en="yes"), Label(zh="否", en="no"))
    assert "No warranty" not in fields(made(dossier(), "W2"))


def test_a_transfer_names_what_goes_along() -> None:
    along = {
        "to": "2026-000009",
        "spares": [{"item": "head", "name_zh": "打印头", "name_en": "", "quantity": 2, "location": "hq"}],
        "in_hand": [{"item": "belt", "quantity": 1, "location": "hq"}],
        "loans": [tale.LOAN.id],
        "taken_away": [{"component": "printer", "serial": "P-1"}],
    }
    moved = log()[-1]._replace(verb="transfer", text="改由外协", data=along)
    sheet = fields(made(dossier(log=(*log("leave"), moved), state="transferred", loans=(tale.LOAN,)), "Z1"))
    bare = moved._replace(data={"to": "2026-000009"})

    assert sheet["Spares along"] == (Label(zh="打印头 ×2", en="打印头 ×2"),)
    assert sheet["Issued, not used"] == (Label(zh="belt ×1", en="belt ×1"),)
    assert sheet["Loan units out"] == ("打印机 KP-80（备机） BJ-0042",)
    assert sheet["In the workshop"] == (Component("printer"), "P-1")
    assert fields(made(dossier(log=(*log("leave"), bare), state="transferred"), "Z1"))["Goes along"] == NONE


def test_the_sheet_of_a_loan_unit_names_what_an_earlier_number_took_away() -> None:
    data = {"source": "phone", "transferred_from": NUMBER, "taken_away": [{"component": "printer", "serial": "P-1"}]}
    opened = log("open")[0]._replace(data=data)

    sheet = made(dossier(log=(opened, *log("dispatch")[1:]), number="2026-000009", loans=(tale.LOAN,)), "J1")
    away = next(
        part for part in sheet.parts if isinstance(part, Facts) and part.title == Label(zh="取走", en="Taken away")
    )

    assert [field.value for field in away.fields[:2]] == [(Component("printer"),), "P-1"]


def test_the_new_number_names_the_old_one() -> None:
    opened = log("open")[0]._replace(data={"source": "phone", "transferred_from": NUMBER})
    found = dossier(log=(opened, *log("dispatch")[1:]), number="2026-000009", state="dispatched")

    assert fields(made(found, "W1"))["Instead of"] == NUMBER


def test_a_loan_unit_is_told_from_lending_to_its_return() -> None:
    found = fields(made(dossier(loans=(tale.LOAN,)), "J1"))

    assert found["Name"] == "打印机 KP-80（备机）"
    assert (found["Lent"], found["Back"]) == (At(at("12:00")), At(at("10:40", 1)))
    assert found["Became"] == (Label(zh="已归还", en="returned"),)


# Shows S0-47.
def test_a_void_ticket_is_marked_and_keeps_its_number() -> None:
    void = dossier("acknowledge", state="void")

    assert made(void, "D1").mark == Label(zh="作废", en="VOID")
    assert made(void, "D1").number == f"{NUMBER}-D1"


@pytest.mark.parametrize(("copies", "marks"), [(1, 0), (2, 2), (3, 3), (4, 4)])
def test_as_many_copies_as_the_setting_says(copies: int, marks: int) -> None:
    found = dossier(company=replace(tale.COMPANY, copies=copies))

    assert len(made(found, "W2").copies) == marks
    assert made(found, "Y1").copies == ()


# Shows S0-1.
def test_a_form_names_the_phase_of_the_contract_on_the_day_of_the_report() -> None:
    until = Label(zh="质保至 2027-06-30", en="warranty until 2027-06-30")

    assert fields(made(dossier(), "D1"))["Phase"] == (Label(zh="质保", en="under warranty"), until)
    assert fields(made(dossier(), "W1"))["Phase"] == (Label(zh="质保", en="under warranty"), until)
    assert fields(made(dossier(phase=NO_NAME, warranty_until=""), "W1"))["Phase"] == ()


# Shows S1-14.
def test_who_goes_has_causes_remedy_and_spares_on_the_order_until_the_visit_is_over() -> None:
    taken_along = fields(made(dossier("acknowledge"), "W1"))

    assert taken_along["May be"] == tale.ADVICE.causes
    assert taken_along["What helps"] == tale.ADVICE.remedy
    assert taken_along["Take along"] == tale.ADVICE.parts
    assert {"May be", "What helps", "Take along"} & set(fields(made(dossier(), "W2"))) == set()


# Shows S4-18.
def test_the_order_names_who_is_on_the_spot() -> None:
    assert fields(made(dossier(), "W1"))["On the spot"] == ("周师傅", "13900001111")
    assert "On the spot" not in fields(made(dossier(contact=None), "W1"))


# Shows S0-56.
def test_what_was_replaced_is_proven_by_the_readings_after_it() -> None:
    proven = log("verify")[-1]._replace(
        data={"from_ms": at("10:40", 1), "to_ms": at("12:40", 1), "up_ms": 2 * tale.HOUR}
    )
    found = dossier(log=(*log("fix"), proven, *log()[-6:]))

    sheet = made(found, "A1")

    parts, readings = tables(sheet)
    assert parts.rows == (("切刀 CT-80", "1", "CT80-0031", "CT80-0207"),)
    assert readings.rows[0][1:] == (At(at("08:58")), At(at("10:50", 1)))
    assert fields(sheet)["It worked for"] == Span(2 * tale.HOUR)
    assert [one.name for one in signers(sheet)] == ["李工", "王芳"]
    assert (sheet.number, missing(found, "A1")) == (f"{NUMBER}-A1", ())


# --- nothing is left out ---------------------------------------------------------------------------------------------


def test_an_empty_order_lacks_everything_that_only_the_visit_can_tell() -> None:
    assert english(missing(dossier("acknowledge"), "W1")) == [
        "Engineer",
        "Arrived",
        "Fixed / left",
        "Cause",
        "Work done",
        "Test",
        "Service engineer",
        "For the customer",
    ]


# Shows S1-12.
def test_what_a_dispatch_needs_and_nobody_has_said_is_named() -> None:
    nameless = log("open")[0]._replace(data={"source": "phone"})
    no_age = replace(tale.dossier().device or tale.DeviceCard(id="", name=NO_NAME, kind=""), model="")

    assert english(intake.unknown(dossier())) == []
    assert english(intake.unknown(dossier(log=(nameless,), device=no_age, bought_on="", address=""))) == [
        "Reported by",
        "Phone",
        "Model",
        "Bought",
    ]


# Shows S1-62.
def test_forms_say_what_the_report_says_since_it_was_checked() -> None:
    checked = log("call")[-1]._replace(
        verb="check",
        data={"asked": "customer", "phone": "13800000000", "words": "切刀不动", "was": {"words": "打不出来"}},
    )
    found = dossier(log=(*log("acknowledge"), checked), state="acknowledged")

    sheet = fields(made(found, "D1"))

    assert (sheet["Reported by"], sheet["Phone"]) == ("王芳", "13800000000")
    assert "切刀不动" in sheet["Fault"]  # type: ignore[operator]
    masked_log = without_phones((checked._replace(data={"phone": "13800000000", "was": {"phone": "13812345678"}}),))
    assert masked_log[0].data == {"phone": "138****0000", "was": {"phone": "138****5678"}}


# Shows S2-20.
def test_how_urgent_the_customer_calls_it_stands_beside_how_bad_it_is() -> None:
    theirs = (
        Label(zh="紧急", en="urgent"),
        Label(zh="客户优先级", en="customer's priority"),
        Label(zh="一般", en="minor"),
    )
    opened = log("open")[0]._replace(data={"source": "phone", "customer_priority": "minor"})

    assert fields(made(dossier(), "D1"))["Severity"] == (Label(zh="紧急", en="urgent"),)
    assert fields(made(dossier(log=(opened,), state="open"), "D1"))["Severity"] == theirs


# Shows S0-45.
def test_none_is_an_answer_and_blanks_are_not() -> None:
    def lacks(words: str) -> list[str]:
        left = log("leave")[-1]
        told = left._replace(data={**left.data, "parts_awaited": words})
        return english(missing(dossier(log=(*log("leave")[:-1], told), state="planned"), "Y1"))

    assert lacks("无") == ["Service engineer"]
    assert lacks("   ") == ["Parts awaited", "Service engineer"]


def test_what_monitoring_found_lacks_no_caller() -> None:
    opened = log("open")[0]._replace(who="roundsman", text="打印机切刀故障", data={"source": "monitoring"})
    found = dossier(log=(opened,), source="monitoring", state="open")

    assert caller(found) == ("", "")
    assert english(missing(found, "D1")) == ["Taken by", "Taken"]


# Shows S0-18.
def test_a_report_without_a_result_is_told_once_it_is_closed() -> None:
    found = dossier(log=(*log("acknowledge"), log()[-1]), state="closed")

    assert english(missing(found, "D1")) == ["Result", "Done"]


def test_a_log_from_before_has_fewer_words_and_breaks_no_form() -> None:
    bare = tuple(event._replace(data={}) for event in log())

    for sheet in sheets(dossier(log=bare, loans=(tale.LOAN,))):
        assert made(dossier(log=bare, loans=(tale.LOAN,)), sheet.id).number == sheet.number


# --- the register, the cover, the masks ------------------------------------------------------------------------------


def test_the_register_has_a_line_for_every_number_voided_ones_included() -> None:
    void = dossier("acknowledge", number="2026-000008", state="void")

    register = intake.register([dossier(), void], (at("00:00"), at("00:00", 1)), 0, "Asia/Shanghai")

    (table,) = tables(register)
    assert [row[0] for row in table.rows] == [NUMBER, "2026-000008"]
    assert table.rows[1][-1] == Label(zh="已作废", en="void")
    assert len(table.columns) == len(table.rows[0]) == len(table.widths)
    assert sum(table.widths) == 100


def test_a_register_that_is_not_whole_says_so() -> None:
    def count(*, is_whole: bool) -> Value:
        return fields(intake.register([dossier()], (0, 1), 0, "Asia/Shanghai", is_whole=is_whole))["Reports"]

    assert count(is_whole=True) == ("1",)
    assert count(is_whole=False) == ("1", intake.NOT_ALL)


def test_the_cover_counts_verdicts() -> None:
    about = {
        "number": "R2026-000003",
        "name": {"zh": "人民广场站", "en": "People's Square"},
        "customer": None,
        "address": "人民路 1 号",
        "contract": "",
        "engineer": "li",
        "asked_ms": at("09:00"),
        "asked_by": "zhao",
        "from_ms": at("09:00", -30),
        "to_ms": at("09:00"),
        "known_ms": at("09:02"),
        "time_zone": "",
    }
    made_ = cover.build({"round": about, "verdicts": {"pass": 12, "fail": 2}}, "Asia/Shanghai")

    (table,) = tables(made_)
    assert [row[1] for row in table.rows] == ["12", "0", "2", "0", "14"]
    assert (made_.number, made_.time_zone) == ("R2026-000003", "Asia/Shanghai")


@pytest.mark.parametrize(
    ("phone", "shown"), [("13812345678", "138****5678"), ("0371-8888000", "037*****8000"), ("110", "***"), ("", "")]
)
def test_a_masked_number_is_known_only_to_who_knows_it(phone: str, shown: str) -> None:
    assert masked(phone) == shown


def test_whoever_may_only_look_reads_no_number_on_any_form() -> None:
    found = dossier(log=without_phones(log()), loans=(tale.LOAN,))

    assert [one.id for one in sheets(found) if "13812345678" in repr(made(found, one.id))] == []
    assert "138****5678" in repr(made(found, "D1"))


def test_a_field_says_what_it_says() -> None:
    assert [document.is_said(one) for one in (None, "", " ", (), ("", " "), "无", NONE, At(0), ("", At(1)))] == [
        *[False] * 5,
        *[True] * 4,
    ]
    assert Field(label=NONE).value is None
