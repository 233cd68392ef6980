"""What gets in at the collector's door, what does not, and what is said about it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.door import (
    CAUSES,
    Refusal,
    Refused,
    split_report,
    validate_birth,
    validate_report,
    validate_state,
)
from roundsman_wire.codec import rows
from roundsman_wire.report import PLAIN_LIMIT, RECORDS_LIMIT

GOLDEN = Path(__file__).parents[1] / "wire" / "golden" / "v1"
SAMPLE: dict[str, Any] = {
    "n": 101,
    "kind": "sample",
    "boot": "b41e",
    "mono": 8123456,
    "t": 1795257540000,
    "device": "kiosk-7",
    "valid_s": 90.0,
    "readings": {"printer.paper": "near_end", "host.cpu_percent": 12.5},
    "failed": {"ups": ("timeout", "3 s")},
}
BLOCK: dict[str, Any] = {
    "device": "kiosk-7",
    "n": [201, 203],
    "boot": "b41e",
    "mono": [1, 2, 3],
    "t": [1795257420000, 1795257480000, 1795257540000],
    "valid_s": 90.0,
    "points": ["printer.paper", "host.cpu_percent"],
    "values": [["ok", 12.5], ["ok", 13.5], ["end", None]],
}


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def sample(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SAMPLE), **fields}


def block(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BLOCK), **fields}


def report(*records: Any, **fields: Any) -> bytes:
    sent = {"boot": "b41e", "mono": 8123990, "wall": 1795257600123}
    body = {"v": 1, "stream": "k7-3f9c", "birth": "9a41c2", "sent": sent, "records": list(records), **fields}
    return json.dumps(body).encode()


def without(name: str, record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


def refusal(plain: bytes) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        validate_report(plain)
    assert caught.value.cause in CAUSES
    return caught.value.cause, caught.value.where


# --- what gets in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["report.rows.json", "report.columns.json"])
def test_a_golden_report_comes_in_as_it_was_written(name: str) -> None:
    written = json.loads(golden(name))

    report = validate_report(golden(name))

    assert json.loads(json.dumps(report)) == written


def test_a_newer_report_comes_in_without_its_new_fields_and_with_its_unknown_words() -> None:
    weather, newer = validate_report(golden("report.newer.json"))["records"]

    assert weather == {"n": 301, "kind": "weather", "boot": "b41e", "mono": 8000000, "t": 1795257400000}
    assert newer["readings"] == {"printer.paper": "damp", "scale.grams": 7, "scale.mood": "calm"}
    assert "mood" not in newer


def test_a_golden_birth_comes_in_as_it_was_written() -> None:
    assert json.loads(json.dumps(validate_birth(golden("birth.json")))) == json.loads(golden("birth.json"))


def test_a_golden_will_comes_in() -> None:
    assert validate_state(golden("state.json")) == {"v": 1, "state": "offline", "session": 1795257600}


def test_a_report_without_records_comes_in() -> None:
    assert validate_report(report())["records"] == []


def test_a_number_beyond_64_bits_becomes_a_floating_one() -> None:
    came = validate_report(report(sample(readings={"scale.grams": 10**30, "net.rx_bytes": 2**63 - 1})))

    assert came["records"][0]["readings"] == {"scale.grams": 1e30, "net.rx_bytes": 2**63 - 1}


# --- what does not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param(b'{"v":1,"records":' + b"[" * 100_000, id="deep nesting"),
        pytest.param(b'{"v":1,"records":' + b"[" * 5000 + b"]" * 5000 + b"}", id="deep nesting that is closed"),
        pytest.param(b'{"v":1,"n":1' + b"0" * 100_000 + b"}", id="a number of 100,000 digits"),
        pytest.param(b'{"v":1,"stream":"\\ud800"}', id="half a surrogate pair"),
    ],
)
def test_what_is_no_json_is_told_from_the_rest(plain: bytes) -> None:
    assert refusal(plain) == ("json", "")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (2, ("version", "v")),
        (0, ("version", "v")),
        (1.5, ("version", "v")),
        ("1", ("shape", "v")),
        (True, ("shape", "v")),
        (1.0, ("shape", "v")),
        (None, ("shape", "v")),
    ],
)
def test_another_version_is_told_from_a_version_that_is_no_number(version: object, expected: tuple[str, str]) -> None:
    assert refusal(report(sample(), v=version)) == expected


def test_another_version_is_told_even_if_nothing_else_is_known() -> None:
    assert refusal(b'{"v":2,"hello":"world"}') == ("version", "v")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"n": "101"}, "n"),
        ({"n": True}, "n"),
        ({"n": 101.0}, "n"),
        ({"n": 0}, "n"),
        ({"n": 2**53 + 1}, "n"),
        ({"n": 10**4000}, "n"),
        ({"kind": 7}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": "x" * 161}, "kind"),
        ({"boot": "b 41e"}, "boot"),
        ({"mono": -1}, "mono"),
        ({"t": "2026-11-21"}, "t"),
        ({"t": float("nan")}, "t"),
        ({"ntp": 1}, "ntp"),
        ({"device": "Kiosk 7"}, "device"),
        ({"device": "kiosk-7\n"}, "device"),
        ({"device": "k" * 100_000}, "device"),
        ({"valid_s": 86_401}, "valid_s"),
        ({"valid_s": float("inf")}, "valid_s"),
        ({"valid_s": None}, "valid_s"),
        ({"readings": []}, "readings"),
        ({"readings": {"": 1}}, "readings.''"),
        ({"readings": {"a\nb": True}}, "readings.'a\\nb'"),
        ({"readings": {"scale.grams": True}}, "readings.scale.grams"),
        ({"readings": {"scale.grams": float("nan")}}, "readings.scale.grams"),
        ({"readings": {"scale.grams": float("-inf")}}, "readings.scale.grams"),
        ({"readings": {"scale.grams": 10**400}}, "readings.scale.grams"),
        ({"readings": {"scale.grams": {"int": "7"}}}, "readings.scale.grams"),
        ({"readings": {"scale.mood": "x" * 401}}, "readings.scale.mood"),
        ({"readings": {f"a.p{i}": 1 for i in range(1001)}}, "readings"),
        ({"failed": {"ups": ["timeout"]}}, "failed.ups[1]"),
        ({"failed": {"ups": "timeout"}}, "failed.ups"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(fields: dict[str, Any], where: str) -> None:
    assert refusal(report(sample(n=100), sample(**fields))) == ("shape", f"records[1].{where}")


@pytest.mark.parametrize("name", [name for name in SAMPLE if name != "failed"])
def test_a_missing_field_is_named(name: str) -> None:
    assert refusal(report(without(name, SAMPLE))) == ("shape", f"records[0].{name}")


@pytest.mark.parametrize(
    ("plain", "where"),
    [
        (b"[]", ""),
        (b"7", ""),
        (b"null", ""),
        (report(7), "records[0]"),
        (report([1, 2]), "records[0]"),
        (report(records={}), "records"),
        (report(columns=7), "columns"),
        (report(sent={"boot": "b41e", "wall": 1}), "sent.mono"),
        (report(stream=""), "stream"),
        (report(*[{}] * (RECORDS_LIMIT + 1)), "records"),
    ],
)
def test_an_envelope_that_is_none_is_named(plain: bytes, where: str) -> None:
    assert refusal(plain) == ("shape", where)


def test_a_refusal_says_what_was_expected_and_what_was_there() -> None:
    with pytest.raises(Refusal) as caught:
        validate_report(report(sample(readings={"scale.grams": ["a", "list"]})))

    assert str(caught.value) == (
        "shape: records[0].readings.scale.grams: "
        "expected a valid number or a valid integer or a valid string, got ['a', 'list']"
    )


def test_what_is_quoted_in_a_refusal_is_short() -> None:
    with pytest.raises(Refusal) as caught:
        validate_report(report(sample(**{"readings": {"x" * 100_000: {"y" * 100_000: "z" * 100_000}}})))

    assert len(str(caught.value)) < 600


def test_a_gap_that_runs_downwards_is_refused() -> None:
    gap = json.loads(golden("report.rows.json"))["records"][1] | {"lost": [96, 65]}

    assert refusal(report(gap)) == ("shape", "records[0].lost")


def test_a_misspelt_sample_is_no_plain_record() -> None:
    assert refusal(report({"n": 1, "kind": "sample", "boot": "b", "mono": 1, "t": 1})) == ("shape", "records[0].device")


# --- readings and the catalogue --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("host.cpu_percent", "12.5"), ("disk[/].used_percent", "full"), ("printer.paper", 7), ("printer.paper", 0.5)],
)
def test_a_reading_that_contradicts_the_catalogue_refuses_its_record(name: str, value: object) -> None:
    assert refusal(report(sample(readings={name: value}))) == ("value", f"records[0].readings.{name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("host.cpu_percent", None), ("printer.paper", None), ("printer.paper", "damp"), ("scale.grams", "7"), ("??", 7)],
)
def test_a_reading_that_may_be_true_comes_in(name: str, value: object) -> None:
    came = validate_report(report(sample(readings={name: value})))["records"][0]

    assert came["readings"] == {name: value}


def test_a_reading_is_judged_the_same_when_its_name_was_seen_before() -> None:
    first = [refusal(report(sample(readings={"ups.load_percent": "high"}))) for _ in range(2)]

    assert first == [("value", "records[0].readings.ups.load_percent")] * 2


# --- one bad record does not cost its brothers -----------------------------------------------------------------------


def test_the_good_records_come_in_and_the_bad_ones_are_named_with_their_numbers() -> None:
    bad_value = sample(n=103, readings={"host.cpu_percent": "high"})
    plain = report(sample(), sample(n=102, mono="x"), bad_value, sample(n="104"), sample(n=105))

    came, refused = split_report(plain)

    assert came["records"] == [sample(), sample(n=105)]
    assert [(one.n, one.last, one.cause, one.where) for one in refused] == [
        (102, 102, "shape", "records[1].mono"),
        (103, 103, "value", "records[2].readings.host.cpu_percent"),
        (None, None, "shape", "records[3].n"),
    ]


def test_splitting_a_good_report_refuses_nothing() -> None:
    for name in ("report.rows.json", "report.columns.json", "report.newer.json"):
        came, refused = split_report(golden(name))

        assert refused == []
        assert came["records"] == rows(validate_report(golden(name)))


def test_an_envelope_that_is_none_cannot_be_split() -> None:
    with pytest.raises(Refusal, match=r"^shape: sent: expected"):
        split_report(report(sample(), sent=7))


def test_neighbours_refused_for_one_cause_are_one_range() -> None:
    _, refused = split_report(report(*[sample(n=n, mono=-1) for n in (1, 2, 3, 7)]))

    assert [(one.n, one.last) for one in refused] == [(1, 3), (7, 7)]


def test_the_same_record_twice_counts_once() -> None:
    assert validate_report(report(sample(), sample()))["records"] == [sample()]


def test_the_same_number_with_another_body_is_refused_and_the_first_stays() -> None:
    plain = report(sample(), sample(device="nvr-2"))

    came, refused = split_report(plain)

    assert refusal(plain) == ("duplicate", "records[1].n")
    assert came["records"] == [sample()]
    assert [(one.n, one.cause) for one in refused] == [(101, "duplicate")]


def test_a_number_that_stands_in_rows_and_in_columns_is_a_duplicate() -> None:
    assert refusal(report(sample(n=202), columns=[block()])) == ("duplicate", "columns[0].row[1].n")


# --- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"mono": [1, 2]}, id="a time is missing"),
        pytest.param({"t": [1, 2, 3, 4]}, id="a time too many"),
        pytest.param({"values": [["ok", 1], ["ok", 2]]}, id="a row is missing"),
        pytest.param({"values": [["ok", 1], ["ok"], ["ok", 3]]}, id="a row is short"),
        pytest.param({"points": ["printer.paper", "printer.paper"]}, id="a point stands twice"),
    ],
)
def test_columns_that_disagree_are_refused_with_their_numbers(fields: dict[str, Any]) -> None:
    plain = report(sample(), columns=[block(**fields)])

    came, refused = split_report(plain)

    assert refusal(plain) == ("columns", "columns[0]")
    assert came["records"] == [sample()]
    assert [(one.n, one.last, one.cause) for one in refused] == [(201, 203, "columns")]


def test_columns_that_claim_more_numbers_than_they_have_rows_settle_no_more_than_those() -> None:
    _, refused = split_report(report(columns=[block(n=[201, 2**53])]))

    assert [(one.n, one.last, one.cause) for one in refused] == [(201, 203, "columns")]


def test_columns_that_run_downwards_settle_nothing() -> None:
    _, refused = split_report(report(columns=[block(n=[203, 201]), block(n=[5, 4], mono=[], t=[], values=[])]))

    assert [(one.n, one.last, one.cause) for one in refused] == [(203, 203, "columns"), (5, 5, "columns")]


@pytest.mark.parametrize(("value", "cause"), [("high", "value"), ({"no": "value"}, "shape"), (True, "shape")])
def test_one_bad_row_does_not_cost_the_others(value: object, cause: str) -> None:
    plain = report(columns=[block(values=[["ok", 12.5], ["ok", value], ["end", None]])])

    came, refused = split_report(plain)

    assert [(one.n, one.cause, one.where) for one in refused] == [
        (202, cause, "columns[0].row[1].readings.host.cpu_percent")
    ]
    assert [record["n"] for record in came["records"]] == [201, 203]


def test_columns_of_a_device_that_is_none_are_refused_as_one_range() -> None:
    came, refused = split_report(report(columns=[block(device="Kiosk 7")]))

    assert came["records"] == []
    assert [(one.n, one.last, one.cause, one.where) for one in refused] == [
        (201, 203, "shape", "columns[0].row[0].device")
    ]


def test_columns_that_are_none_are_refused_with_the_numbers_that_can_be_read() -> None:
    _, refused = split_report(report(columns=[7, block(points=7), block(n=7), block(n=["1", 2]), block(n=[8, "9"])]))

    assert [(one.n, one.last, one.where) for one in refused] == [
        (None, None, "columns[0]"),
        (201, 203, "columns[1].points"),
        (None, None, "columns[2].n"),
        (None, None, "columns[3].n[0]"),
        (8, 8, "columns[4].n[1]"),
    ]


def many(first: int, count: int) -> dict[str, Any]:
    return block(n=[first, first + count - 1], mono=[1] * count, t=[1] * count, values=[[]] * count, points=[])


HALF = RECORDS_LIMIT // 2


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(report(columns=[many(1, HALF), many(HALF + 1, HALF + 1)]), id="in two blocks"),
        pytest.param(report(columns=[many(1, RECORDS_LIMIT + 1)]), id="in one block"),
        pytest.param(
            report(*[sample(n=n) for n in range(1, HALF + 1)], columns=[many(HALF + 1, HALF + 1)]), id="in both"
        ),
    ],
)
def test_no_report_carries_more_records_than_the_limit_however_they_are_folded(plain: bytes) -> None:
    for take in (split_report, validate_report):
        with pytest.raises(Refusal, match=f"at most {RECORDS_LIMIT} records"):
            take(plain)


def test_a_report_of_as_many_records_as_the_limit_comes_in() -> None:
    plain = report(*[sample(n=n) for n in range(1, HALF + 1)], columns=[many(HALF + 1, HALF)])

    assert len(rows(validate_report(plain))) == RECORDS_LIMIT


# --- births and states -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "cause", "where"),
    [
        ({"v": 3}, "version", "v"),
        ({"page": 2}, "shape", "page"),
        ({"page": 0}, "shape", "page"),
        ({"streams": []}, "shape", "streams"),
        ({"streams": [{"id": "s", "oldest": 7, "newest": 5}]}, "shape", "streams[0].oldest"),
        ({"session": "7"}, "shape", "session"),
        ({"devices": [{"device": "a"}]}, "shape", "devices[0].kind"),
        ({"versions": {"agent": 1}}, "shape", "versions.agent"),
    ],
)
def test_a_birth_that_is_none_is_refused(fields: dict[str, Any], cause: str, where: str) -> None:
    with pytest.raises(Refusal) as caught:
        validate_birth(json.dumps({**json.loads(golden("birth.json")), **fields}).encode())

    assert (caught.value.cause, caught.value.where) == (cause, where)


def test_a_birth_that_names_a_device_twice_is_refused() -> None:
    birth = json.loads(golden("birth.json"))
    birth["devices"].append(birth["devices"][1])

    with pytest.raises(Refusal, match="nvr-2 again") as caught:
        validate_birth(json.dumps(birth).encode())

    assert caught.value.where == "devices[3].device"


@pytest.mark.parametrize(
    ("plain", "cause", "where"),
    [
        (b"online", "json", ""),
        (b'{"v":1,"state":"asleep","session":1}', "shape", "state"),
        (b'{"v":1,"state":"online"}', "shape", "session"),
        (b'{"v":9,"state":"online"}', "version", "v"),
    ],
)
def test_a_state_that_is_none_is_refused(plain: bytes, cause: str, where: str) -> None:
    with pytest.raises(Refusal) as caught:
        validate_state(plain)

    assert (caught.value.cause, caught.value.where) == (cause, where)


# --- anything at all -------------------------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(10**400), st.just("x" * 10_000)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A golden report with anything at all in a place or two."""
    body = json.loads(golden(draw(st.sampled_from(["report.rows.json", "report.columns.json"]))))
    for _ in range(draw(st.integers(1, 2))):
        inside: Any = body
        while True:
            steps = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            if not steps:
                break
            step = draw(st.sampled_from(steps))
            if not isinstance(inside[step], dict | list) or draw(st.booleans()):
                inside[step] = draw(anything)
                break
            inside = inside[step]
    return json.dumps(body).encode()


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()) | broken())
def test_whatever_comes_is_a_message_or_a_refusal(plain: bytes) -> None:
    for validate in (validate_report, validate_birth, validate_state, split_report):
        try:
            validate(plain)
        except Refusal as refusal:
            assert refusal.cause in CAUSES
            assert len(str(refusal)) < 600


@given(broken())
def test_a_report_comes_in_whole_exactly_when_splitting_it_refuses_nothing(plain: bytes) -> None:
    try:
        came, refused = split_report(plain)
    except Refusal:
        with pytest.raises(Refusal):
            validate_report(plain)
        return

    if refused:
        with pytest.raises(Refusal):
            validate_report(plain)
    else:
        assert rows(validate_report(plain)) == came["records"]
    assert all(one.cause in CAUSES and (one.n is None) == (one.last is None) for one in refused)
    settled = {
        n for one in refused if one.n is not None and one.cause != "duplicate" for n in range(one.n, one.last + 1)
    }
    assert not settled & {record["n"] for record in came["records"]}


@given(broken())
def test_what_comes_in_can_be_written_and_comes_in_again(plain: bytes) -> None:
    try:
        came = validate_report(plain)
    except Refusal:
        return

    assert validate_report(json.dumps(came).encode()) == came


def test_a_report_of_the_largest_size_is_judged_without_harm() -> None:
    plain = report(
        *[sample(n=n, readings={f"disk[{n}-{i}].used_percent": "x" for i in range(4)}) for n in range(1, 1990)]
    )
    assert len(plain) < PLAIN_LIMIT

    came, refused = split_report(plain)

    assert came["records"] == []
    assert refused == [Refused(1, 1989, "value", refused[0].detail, "records[0].readings.disk[1-0].used_percent")]
