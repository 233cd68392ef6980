"""Slips: what a form asks for, who signs it, and what may no longer be written."""

import pytest

from roundsman_collector.core.slips import KINDS, Line, Standing, Wish, missing, refusal, standing_of

TRAINING = KINDS["training"]
WHOLE = {"topic": "收银操作", "trainees": "李, 王", "hours": "2", "result": "合格"}


def log(*lines: Line) -> list[Line]:
    """Lines with the ids of their places."""
    return [one._replace(id=place + 1) for place, one in enumerate(lines)]


def written(**data: str) -> Line:
    return Line(0, 1000, "li", "write", data=data)


def signed(side: str) -> Line:
    return Line(0, 2000, "li", "sign", side, "王女士", 7)


def cause(standing: Standing, wish: Wish) -> str | None:
    found = refusal(TRAINING, standing, wish)
    return None if found is None else found.cause


# Shows S0-39.
def test_it_is_signed_when_both_sides_have_and_then_it_stays() -> None:
    half = standing_of(log(written(**WHOLE), signed("service")))
    whole = standing_of(log(written(**WHOLE), signed("service"), signed("customer")))

    assert (half.state(TRAINING), whole.state(TRAINING)) == ("open", "signed")
    assert cause(whole, Wish("write", data={"hours": "3"})) == "signed"
    assert cause(whole, Wish("void", words="写错")) == "not_yours"
    assert cause(whole, Wish("void", words="写错", may_overrule=True)) is None


def test_a_signature_stands_under_what_was_written_before_it() -> None:
    standing = standing_of(log(written(**WHOLE), signed("service"), written(hours="3"), signed("customer")))

    assert (list(standing.signed), standing.values["hours"], standing.state(TRAINING)) == (["customer"], "3", "open")


def test_an_entry_that_is_taken_back_is_missing_again() -> None:
    standing = standing_of(log(written(**WHOLE), written(hours="")))

    assert [one.en for one in missing(TRAINING, standing)] == ["Hours"]
    assert cause(standing, Wish("sign", "customer", "王", file=7)) == "incomplete"


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish("write", data={"colour": "red"}), "no_entry"),
        (Wish("write", data={"hours": "x" * 2001}), "too_long"),
        (Wish("write", data={"hours": "3"}, version=7), "changed"),
        (Wish("sign", "manager", "王", file=7), "no_side"),
        (Wish("sign", "customer", "  ", file=7), "no_name"),
        (Wish("sign", "customer", "王"), "no_name"),
        (Wish("void"), "no_words"),
        (Wish("sign", "customer", "王", file=7, version=1), None),
    ],
)
def test_what_may_not_be_written(wish: Wish, why: str | None) -> None:
    assert cause(standing_of(log(written(**WHOLE))), wish) == why


def test_what_is_void_is_not_written_to_any_more() -> None:
    void = standing_of(log(written(**WHOLE), Line(0, 3000, "li", "void", words="写错")))

    assert (void.state(TRAINING), cause(void, Wish("write", data=WHOLE))) == ("void", "void")


# Shows S3-9.
def test_a_vehicle_s_record_asks_for_plate_vin_sim_and_antenna_and_a_kiosk_s_does_not() -> None:
    kind = KINDS["installation"]
    said = standing_of(log(written(model="K7", serial="1", position="站厅", contact="王", phone="138", tests="yes")))

    assert [one.en for one in missing(kind, said, "kiosk")] == ["a photo"]
    assert [one.en for one in missing(kind, said, "vehicle")] == [
        "Number plate and colour",
        "VIN",
        "SIM card",
        "Where the antenna is",
        "Satellites in use",
        "a photo",
    ]
    assert refusal(kind, said, Wish("write", data={"tests": "perhaps"})) is not None


def test_what_nobody_signs_is_whole_when_it_is_written() -> None:
    kind = KINDS["inquiry"]

    found = refusal(kind, Standing(), Wish("write", data={"name": "王"}))
    assert found is not None and found.zh == "未填写：咨询内容、答复"
    assert refusal(kind, Standing(), Wish("write", data={"name": "王", "question": "价格", "answer": "已答"})) is None
