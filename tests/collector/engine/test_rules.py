"""Rules in force: put there by a start and by people, kept when files change, met by evidence of their time."""

import json
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.core.rulebook import Rulebook, RuleSet, Traits
from roundsman_collector.engine import rules, timely
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.store import CommandRow, Office
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.register import DeviceEntry
from tests.collector.core.desk import START, at
from tests.collector.engine.desk import Collector, kiosk

PAPER = "{code: printer.paper_end, zh: 缺纸, en: out of paper, when: {reading: printer.paper, is: [end]}"
FILES = f"""
functions:
  - {{name: receipts, zh: 凭条, en: receipts, kinds: [kiosk]}}
faults:
  - {PAPER}, for_s: 60, severity: 2, service_class: clerk, takes_down: receipts}}
"""
OTHER_FILES = FILES.replace("severity: 2", "severity: 3")
SLOW = {"code": "printer.paper_end", "for": {"site": "hall"}, "for_s": 600}


def rule_set(text: str = FILES) -> RuleSet:
    return rule_set_from(text, source="faults.yaml")


class Desk(Collector):
    """A collector that began with the files' rules."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Rulebook([rule_set()]))
        rules.begin(self.store, rule_set(), START)
        self.engine.book = rules.book(self.store)

    def start_with(self, text: str, minutes: float) -> Rulebook:
        """Another start, of a collector with these files."""
        rules.begin(self.store, rule_set(text), at(minutes))
        self.engine.book = rules.book(self.store)
        return self.engine.book

    def order(self, verb: str, args: dict[str, Any], minutes: float) -> CommandRow:
        """What somebody asks for, carried out."""
        with self.view() as view:
            number = view.ask(who="wang", verb=verb, args=args, now_ms=at(minutes))
            timely.obey(self.engine, self.store.new_commands(), at(minutes))
            found = view.command(number)
        assert found is not None
        return found

    def stand(self, device: str, minutes: float, from_ms: int | None = None) -> None:
        """A device is installed at a place of site hall, from a time on."""
        deed = Deed(who="wang", at_ms=at(minutes))
        with Office(self.store._place) as office:
            office.put_entry("group", "south", {"name_zh": "南", "name_en": "south"}, deed=deed, from_ms=START)
            named = {"name_zh": "名", "name_en": "name"}
            office.put_entry("customer", "metro", named, deed=deed, from_ms=START)
            site = named | {"customer": "metro", "group_id": "south"}
            office.put_entry("site", "hall", site, deed=deed, from_ms=START)
            office.put_entry("place", "hall-1", named | {"site": "hall"}, deed=deed, from_ms=START)
            office.put_entry("installation", device, {"place": "hall-1"}, deed=deed, from_ms=from_ms)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def for_ms(book: Rulebook, minutes: float, device: str = "kiosk-7") -> int:
    rule = book.at(device, at(minutes)).rule("printer.paper_end")
    assert rule is not None
    return rule.for_ms


# --- by a start ------------------------------------------------------------------------------------------------------


def test_a_start_with_the_same_files_puts_no_other_rules_in_force(desk: Desk) -> None:
    desk.start_with(FILES, 10)

    assert [row.valid_from_ms for row in desk.store.rule_sets()] == [START]


def test_other_files_begin_at_their_start_and_late_evidence_meets_the_rules_of_its_time(desk: Desk) -> None:
    book = desk.start_with(OTHER_FILES, 10)

    assert [row.valid_from_ms for row in desk.store.rule_sets()] == [START, at(10)]
    severities = [rule.severity for at_ms in (at(9), at(10)) if (rule := book.at("kiosk-7", at_ms).rules[0])]
    assert severities == [2, 3]


def test_rules_that_began_in_the_future_do_not_keep_the_collector_from_starting(desk: Desk) -> None:
    book = desk.start_with(OTHER_FILES, -60)

    assert [row.valid_from_ms for row in desk.store.rule_sets()] == [START, START + 1]
    assert book.newest.rules[0].severity == 3


def test_rules_that_cannot_be_read_any_more_do_not_keep_it_from_starting_either(desk: Desk) -> None:
    desk.store.put_rules("strange", "{}", at(5))

    book = desk.start_with(FILES, 10)

    assert [one.valid_from_ms for one in book.sets] == [START, at(10)]


# --- by people -------------------------------------------------------------------------------------------------------


def test_an_override_begins_now_and_the_files_rules_come_back_when_it_is_taken_away(desk: Desk) -> None:
    desk.stand("kiosk-7", 1, from_ms=START)

    assert desk.order("rules", {"put": SLOW}, 5).state == "done"
    assert desk.order("rules", {"remove": {name: SLOW[name] for name in ("code", "for")}}, 8).state == "done"

    assert [for_ms(desk.engine.book, minute) for minute in (4, 5, 7, 8)] == [60_000, 600_000, 600_000, 60_000]
    assert [(row.valid_from_ms, row.made_by) for row in desk.store.rule_sets()] == [
        (START, ""),
        (at(5), "wang"),
        (at(8), "wang"),
    ]


def test_what_the_console_said_survives_other_files_and_a_restart(desk: Desk) -> None:
    desk.stand("kiosk-7", 1, from_ms=START)
    desk.order("rules", {"put": SLOW}, 5)

    book = desk.start_with(OTHER_FILES, 10)

    assert for_ms(book, 11) == 600_000
    assert book.at("kiosk-7", at(11)).rules[0].severity == 3
    assert desk.start_with(OTHER_FILES, 20).newest.valid_from_ms == at(10)
    kept = json.loads(desk.store.rule_sets()[-1].body)["overrides"]
    assert kept == [SLOW | {"origin": "console", "by": "wang", "at_ms": at(5)}]


def test_an_override_that_no_longer_fits_the_files_is_left_out(desk: Desk) -> None:
    desk.order("rules", {"put": SLOW}, 5)
    desk.order("rules", {"put": {"function": "receipts", "for": {"kind": "kiosk"}, "critical": False}}, 6)

    book = desk.start_with(FILES.replace("printer.paper_end", "printer.paper_out"), 10)

    assert [(one.code, one.function) for one in book.newest.overrides] == [("", "receipts")]


def test_many_overrides_of_one_step_follow_each_other(desk: Desk) -> None:
    with desk.view() as view:
        for seconds in (600, 700):
            view.ask(who="wang", verb="rules", args={"put": SLOW | {"for_s": seconds}}, now_ms=at(5))
    timely.obey(desk.engine, desk.store.new_commands(), at(5))

    assert [row.valid_from_ms for row in desk.store.rule_sets()] == [START, at(5), at(5) + 1]
    assert [one.fields["for_ms"] for one in desk.engine.book.newest.overrides] == [700_000]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"put": SLOW | {"code": "printer.paper_and"}}, "the catalogue has no such fault"),
        ({"put": {"code": "printer.paper_end", "when": {"above": 3}}}, "this fault has no limits"),
        ({"remove": {"code": "printer.paper_end"}}, "there is none"),
        ({"put": {"colour": "red"}}, "colour"),
        ({}, "remove"),
    ],
)
def test_an_override_that_cannot_be_is_answered_and_changes_nothing(
    desk: Desk, args: dict[str, Any], told: str
) -> None:
    answer = desk.order("rules", args, 5)

    assert answer.state == "failed"
    assert told in str(answer.result)
    assert len(desk.store.rule_sets()) == 1


def test_who_is_ahead_of_new_rules_is_told_anew_by_them(desk: Desk) -> None:
    agent = kiosk()
    desk.take(0, agent.birth(0))
    samples = [agent.sample(minute, printer__paper="end") for minute in (1, 2, 3, 4, 5, 6, 7)]
    desk.take(7, agent.report(7, *samples))
    assert ("down", "printer.paper_end") in [one[2:] for one in desk.ledger("kiosk-7")]

    desk.order("rules", {"put": {"code": "printer.paper_end", "takes_down": "nothing"}}, 5)  # our clock went back
    desk.look(6)

    assert [one for one in desk.ledger("kiosk-7") if one[0] >= 5 and one[2] == "down"] == []
    assert ("down", "printer.paper_end") in [one[2:] for one in desk.ledger("kiosk-7") if one[0] < 5]


# --- what devices were -----------------------------------------------------------------------------------------------


def test_a_device_is_of_its_kind_from_the_beginning_and_of_another_one_since_somebody_said_so(desk: Desk) -> None:
    card = {"id": "kiosk-7", "kind": "nvr", "model": "M", "name_zh": "七", "name_en": "seven", "serial": None}
    assert desk.order("device", card, 5).state == "done"

    assert desk.store.traits("kiosk-7") == ((0, Traits(kind="kiosk")), (at(5), Traits(kind="nvr", model="M")))
    effects = [desk.engine.book.at("kiosk-7", at(minute)).rules[0].effect for minute in (4, 5)]
    assert effects == ["down", ""]


def test_a_device_is_of_its_site_while_it_stands_there(desk: Desk) -> None:
    desk.stand("kiosk-7", 5)
    with Office(desk.store._place) as office:
        office.end_entry("installation", "kiosk-7", deed=Deed(who="wang", at_ms=at(9)))

    assert desk.store.traits("kiosk-7") == (
        (0, Traits(kind="kiosk")),
        (at(5), Traits(kind="kiosk", site="hall")),
        (at(9), Traits(kind="kiosk")),
    )
    assert desk.store.all_traits()["kiosk-7"] == desk.store.traits("kiosk-7")
    assert desk.store.traits("kiosk-99") == ()


def test_a_device_that_is_moved_comes_under_the_rules_of_its_new_site(desk: Desk) -> None:
    desk.order("rules", {"put": SLOW}, 1)
    assert for_ms(desk.engine.book, 4) == 60_000

    desk.stand("kiosk-7", 5)
    timely.obey(desk.engine, desk.store.new_commands(), at(5))

    assert [for_ms(desk.engine.book, minute) for minute in (4, 6)] == [60_000, 600_000]


def test_a_device_entered_again_as_it_was_has_no_second_history(desk: Desk) -> None:
    entry = DeviceEntry(id="kiosk-7", kind="kiosk", name_zh="甲", name_en="a")

    desk.store.add_agent("kiosk-7", "south", [entry], at(9))

    assert desk.store.traits("kiosk-7") == ((0, Traits(kind="kiosk")),)
