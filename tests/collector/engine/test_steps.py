"""Tickets and people: what they promise, step by step, on a real store; a contract with the kiosk level of service."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.config import Config, service_levels
from roundsman_collector.core.lifecycle import standing_of
from roundsman_collector.core.media import Media
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.engine import rules, timely
from roundsman_collector.store import Deed, Office
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.files import FileLimits, NewFile
from roundsman_collector.store.stock import MoveWish
from roundsman_collector.store.stock_register import ItemFields, LocationFields
from tests.collector.core.desk import at
from tests.collector.engine.desk import Collector, kiosk

DEED = Deed(who="wang", at_ms=at(-100))
PAPER_OUT = {"printer__paper": "end"}
FINE = {"printer__paper": "ok"}


class Desk(Collector):
    """A collector, and people who act on its tickets."""

    def promise(self, **said: Any) -> None:
        """kiosk-7 stands in town, under a contract with the kiosk level, where that says `said`."""
        files = service_levels(Config())
        files["kiosk"] = files["kiosk"].model_copy(update=said)
        rules.promise(self.store, files, at(-200))
        with Office.open(self.path) as office:
            office.put_entry("customer", "bank", {"name_zh": "银行", "name_en": "Bank"}, deed=DEED)
            contract = {"customer": "bank", "name": "2026", "service_level": "kiosk"}
            office.put_entry("contract", "c-1", contract, deed=DEED)
            site = {
                "customer": "bank",
                "group_id": "south",
                "contract": "c-1",
                "name_zh": "营业厅",
                "name_en": "Branch",
            }
            office.put_entry("site", "branch", {**site, "zone": "urban"}, deed=DEED)
            office.put_entry("place", "hall", {"site": "branch", "name_zh": "大厅", "name_en": "Hall"}, deed=DEED)
            office.put_entry("installation", "kiosk-7", {"place": "hall"}, deed=DEED)

    def look(self, minutes: float) -> None:
        super().look(minutes)
        while self.engine.promises.step(at(minutes)):
            pass

    def asks(self, minutes: float, verb: str, who: str = "wang", **args: Any) -> CommandRow:
        """What somebody asks for, once it is answered."""
        with self.view() as view:
            key = args.pop("key", None)
            number = view.ask(who=who, verb=verb, args=args, now_ms=at(minutes), key=key)
        timely.obey(self.engine, self.store.new_commands(100), at(minutes))
        with self.view() as view:
            answer = view.command(number)
        assert answer is not None
        return answer

    def does(self, minutes: float, verb: str, who: str = "wang", text: str = "", **data: Any) -> CommandRow:
        """A step with ticket 1."""
        return self.asks(minutes, verb, who, ticket=1, text=text, data=data)

    def signature(self, ticket: int = 1) -> int:
        """A signature that was drawn on a phone; the id of the picture."""
        drawn = NewFile(
            owner_id=ticket,
            kind="signature",
            name="signature.png",
            media=Media("image/png", ".png", 300, 100),
            size=4,
            sha256=sha256(b"Chen").hexdigest(),
        )
        with Office.open(self.path) as office:
            return office.add_file(drawn, [b"Chen"], limits=FileLimits(), deed=Deed(who="li", at_ms=at(89))).id

    def log(self, ticket: int = 1) -> list[Event]:
        found = self.store.ticket_with_log(ticket)
        assert found is not None
        return found[1]

    def verbs(self, ticket: int = 1) -> list[str]:
        return [event.verb for event in self.log(ticket)]

    def said(self, verb: str, ticket: int = 1) -> list[Mapping[str, Any]]:
        return [event.data for event in self.log(ticket) if event.verb == verb]

    def state(self, ticket: int = 1) -> str:
        return standing_of(self.log(ticket)).state


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def out_of_paper(desk: Desk, minutes: float = 0) -> None:
    """kiosk-7 reports that its paper has ended, and a ticket opens."""
    agent = kiosk()
    desk.take(minutes, agent.birth(minutes))
    for minute in range(3):
        desk.take(minutes + minute, agent.report(minutes + minute, agent.sample(minutes + minute, **PAPER_OUT)))
        desk.look(minutes + minute)
    desk.agent = agent  # type: ignore[attr-defined]


# Shows S3-35.
def test_a_new_ticket_knows_what_was_promised(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)

    (promise,) = desk.said("promise")
    assert {
        key: promise[key] for key in ("level", "site", "place", "customer", "contract", "zone", "service_class")
    } == {
        "level": "kiosk",
        "site": "branch",
        "place": "hall",
        "customer": "bank",
        "contract": "c-1",
        "zone": "urban",
        "service_class": "clerk",
    }


def test_who_is_late_is_warned_at_half_and_four_fifths_and_the_breach_is_written_down(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)

    for minute in range(3, 60):
        desk.look(minute)

    told = [(one["clock"], one.get("percent", "breach")) for one in (*desk.said("warn"), *desk.said("breach"))]
    assert told == [
        ("support", 50),
        ("solution", 50),
        ("support", 80),
        ("solution", 80),
        ("support", "breach"),
        ("solution", "breach"),
    ]
    desk.restart(60)
    desk.look(61)
    assert len(desk.said("breach")) == 2, "a breach is told once"


def test_from_the_fault_to_the_signature(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)

    for minutes, verb, who, data in (
        (5, "acknowledge", "wang", {"reply": "visit", "arrival_ms": at(90)}),
        (6, "plan", "wang", {"mode": "visit"}),
        (7, "dispatch", "wang", {"engineer": "li"}),
        (20, "depart", "li", {}),
        (80, "arrive", "li", {"at_ms": at(75)}),
        (85, "fix", "li", {"work": "new paper", "cause": "misuse"}),
    ):
        assert desk.does(minutes, verb, who, **data).state == "done"
    desk.take(86, desk.agent.report(86, *(desk.agent.sample(84 + n, **FINE) for n in range(3))))  # type: ignore[attr-defined]
    desk.look(86)
    assert desk.state() == "verified", "readings prove the repair"
    for minutes, verb, data in (
        (90, "sign", {"side": "service", "name": "Li", "file": desk.signature()}),
        (91, "sign", {"side": "customer", "name": "Chen", "file": desk.signature()}),
        (92, "confirm", {"name": "Chen", "rating": 5}),
        (100, "report", {"forms": ["work_order"]}),
        (200, "follow_up", {"reached": True, "satisfied": True}),
    ):
        assert desk.does(minutes, verb, "li", **data).state == "done"
    assert (desk.does(201, "close", "wang").result or {})["cause"] == "no_review"
    assert desk.asks(202, "review", "zhao", ticket=1, data={"accepted": True}, may_overrule=True).state == "done"
    assert desk.does(203, "close", "wang").state == "done"

    assert desk.state() == "closed"
    assert desk.tickets() == [("kiosk-7", "printer.paper_end", "closed", "recovered")]


def test_a_fault_that_is_over_while_somebody_is_on_the_way_tells_them_and_ends_nothing(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)
    desk.does(5, "dispatch", engineer="li")

    desk.take(6, desk.agent.report(6, *(desk.agent.sample(3 + n, **FINE) for n in range(3))))  # type: ignore[attr-defined]
    desk.look(6)

    assert (desk.state(), desk.verbs()[-1]) == ("dispatched", "recover")
    desk.take(20, desk.agent.report(20, *(desk.agent.sample(17 + n, **PAPER_OUT) for n in range(3))))  # type: ignore[attr-defined]
    desk.look(20)
    assert (desk.state(), desk.verbs()[-1], len(desk.tickets())) == ("dispatched", "recur", 1)


def test_two_people_at_once_one_is_told_what_the_other_did(desk: Desk) -> None:
    out_of_paper(desk)
    seen = standing_of(desk.log()).version

    first = desk.asks(5, "dispatch", "wang", ticket=1, text="", data={"engineer": "li"}, seen=seen)
    second = desk.asks(5, "dispatch", "zhao", ticket=1, text="", data={"engineer": "sun"}, seen=seen)

    assert (first.state, second.state) == ("done", "failed")
    assert second.result is not None
    assert (second.result["cause"], "wang" in second.result["en"]) == ("newer", True)
    assert standing_of(desk.log()).engineer == "li"


def test_a_request_that_comes_twice_is_done_once(desk: Desk) -> None:
    out_of_paper(desk)

    once = desk.asks(5, "note", ticket=1, text="on my way", key="key-00000001")
    again = desk.asks(6, "note", ticket=1, text="on my way", key="key-00000001")

    assert again.id == once.id
    assert desk.verbs().count("note") == 1


def test_a_call_about_a_fault_that_has_a_ticket_joins_it(desk: Desk) -> None:
    out_of_paper(desk)

    answer = desk.asks(9, "open", subject="kiosk-7", code="printer.paper_end", text="no paper", caller={"name": "Chen"})

    assert answer.result == {"ticket": 1, "number": "2026-000001", "is_known": True}
    assert desk.said("call") == [{"name": "Chen"}]
    assert len(desk.tickets()) == 1


def test_a_fault_that_people_reported_first_keeps_their_number_when_evidence_finds_it(desk: Desk) -> None:
    desk.promise()
    answer = desk.asks(-5, "open", subject="kiosk-7", code="printer.paper_end", text="no paper", source="phone")
    assert answer.result == {"ticket": 1, "number": "2026-000001"}

    out_of_paper(desk)

    assert [code for _, code, _, _ in desk.tickets()] == ["printer.paper_end"]
    desk.take(20, desk.agent.report(20, *(desk.agent.sample(17 + n, **FINE) for n in range(3))))  # type: ignore[attr-defined]
    desk.look(20)
    assert desk.tickets() == [("kiosk-7", "printer.paper_end", "resolved", "recovered")]


def test_a_report_about_a_site_gets_a_ticket_with_the_sites_promises(desk: Desk) -> None:
    desk.promise()

    answer = desk.asks(1, "open", subject="#branch", text="the screen is dark, nobody knows which", source="phone")
    desk.look(1)

    assert answer.state == "done"
    assert desk.said("promise")[0]["contract"] == "c-1"
    assert desk.tickets() == [("#branch", "reported", "open", "")]


def test_a_transfer_names_the_other_ticket_on_both_and_the_evidence_goes_with_it(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)

    assert desk.does(5, "transfer", text="another book").state == "done"

    assert desk.said("transfer") == [{"to": "2026-000002"}]
    assert desk.said("open", 2)[0]["transferred_from"] == "2026-000001"
    desk.take(20, desk.agent.report(20, *(desk.agent.sample(17 + n, **FINE) for n in range(3))))  # type: ignore[attr-defined]
    desk.look(20)
    assert [(state, outcome) for _, _, state, outcome in desk.tickets()] == [
        ("transferred", ""),
        ("resolved", "recovered"),
    ]


def test_what_the_table_forbids_is_refused_in_both_languages_and_changes_nothing(desk: Desk) -> None:
    out_of_paper(desk)
    before = desk.log()

    answer = desk.does(5, "arrive", "li")

    assert answer.state == "failed"
    assert answer.result is not None
    assert answer.result["cause"] == "state"
    assert answer.result["zh"] == "工单已报修，不能到场"
    assert desk.log() == before


def test_a_fault_that_is_over_by_itself_is_closed_when_nothing_can_open_it_again(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)
    desk.take(6, desk.agent.report(6, *(desk.agent.sample(3 + n, **FINE) for n in range(3))))  # type: ignore[attr-defined]
    desk.look(6)
    window_minutes = desk.said("promise")[0]["reopens_ms"] / 60_000
    assert desk.state() == "resolved"

    desk.look(6 + window_minutes + 1)

    assert desk.state() == "closed"


def test_a_kill_between_two_steps_loses_neither(desk: Desk) -> None:
    out_of_paper(desk)
    desk.does(5, "dispatch", engineer="li")

    desk.restart(6)

    assert desk.does(7, "depart", "li").state == "done"
    assert desk.state() == "departed"


def test_a_signature_that_is_not_there_signs_nothing(desk: Desk) -> None:
    out_of_paper(desk)
    desk.does(5, "dispatch", engineer="li")
    desk.does(6, "arrive", "li")

    answer = desk.does(7, "sign", "li", side="customer", name="Chen", file=99)

    assert answer.state == "failed"
    assert "sign" not in desk.verbs()


def test_a_loan_unit_is_lent_by_the_step_and_must_come_back(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)
    desk.does(5, "dispatch", engineer="li")
    desk.does(6, "arrive", "li")
    assert (desk.does(7, "take_away", "li", component="printer").result or {})["cause"] == "no_loan"

    assert desk.does(8, "loan", "li", name="an old printer", serial="P-9").state == "done"
    assert desk.does(9, "take_away", "li", component="printer").state == "done"

    (lent,) = desk.said("loan")
    assert standing_of(desk.log()).loans == {lent["loan"]}
    assert desk.does(20, "loan_back", "li", loan=lent["loan"]).state == "done"
    assert standing_of(desk.log()).loans == frozenset()


# Shows S1-15.
def test_who_was_helped_by_phone_is_called_back_with_what_the_readings_say(desk: Desk) -> None:
    desk.promise()
    agent = kiosk()
    desk.take(0, agent.birth(0), agent.report(0, agent.sample(0, **FINE)))
    desk.asks(1, "open", subject="kiosk-7", text="it is slow", source="phone")
    desk.look(1)
    desk.does(5, "resolve", how="false_alarm")
    for minute in range(1, 126):
        desk.take(minute, agent.report(minute, agent.sample(minute, **FINE)))
    assert (desk.does(100, "close").result or {})["cause"] == "no_follow_up"

    desk.look(126)

    (told,) = desk.said("call_back")
    assert (told["from_ms"], told["to_ms"]) == (at(5), at(125))
    assert (told["up_ms"], told["down_ms"]) == (120 * 60_000, 0)
    desk.look(127)
    assert len(desk.said("call_back")) == 1
    assert desk.does(130, "follow_up", reached=True).state == "done"
    assert desk.asks(131, "review", "zhao", ticket=1, data={"accepted": True}, may_overrule=True).state == "done"
    assert desk.does(132, "close").state == "done"


def visited(desk: Desk, minutes: float) -> None:
    for step, (verb, data) in enumerate(
        (("dispatch", {"engineer": "li"}), ("arrive", {}), ("fix", {"work": "restarted", "cause": "other"}))
    ):
        assert desk.does(minutes + step, verb, "li", **data).state == "done"


def test_a_repair_of_what_people_reported_is_proven_by_a_device_that_works_on(desk: Desk) -> None:
    desk.promise()
    agent = kiosk()
    desk.take(0, agent.birth(0), agent.report(0, agent.sample(0, **FINE)))
    desk.asks(1, "open", subject="kiosk-7", text="the screen is dark", source="phone")
    for minute in range(1, 20):
        desk.take(minute, agent.report(minute, agent.sample(minute, **FINE)))
        if minute == 2:
            visited(desk, 2)
        desk.look(minute)

    (proof,) = desk.said("verify")
    assert (desk.state(), proof["up_ms"]) == ("verified", 10 * 60_000)


def test_a_repair_that_the_readings_do_not_show_is_doubted_once(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)
    visited(desk, 4)

    for minute in (30, 60, 70, 80, 200):
        desk.look(minute)

    assert desk.verbs().count("doubt") == 1
    assert desk.state() == "fixed"


def test_a_part_that_is_used_takes_the_place_of_the_old_one_and_what_was_kept_goes_back_at_the_end(desk: Desk) -> None:
    desk.promise()
    out_of_paper(desk)
    with Office.open(desk.path) as office:
        office.put_stock_item("head", ItemFields(name_zh="打印头"), deed=DEED)
        office.put_stock_location("van", LocationFields(name_zh="车"), deed=DEED)
        office.book_move(MoveWish(location="van", item="head", verb="receive", quantity=3), deed=DEED)
        office.reserve_spare("van", "head", 2, "2026-000001", deed=DEED)
    desk.does(5, "dispatch", engineer="li")
    desk.does(6, "arrive", "li")
    part = {"component": "printer", "name": "head", "item": "head", "location": "van"}

    used = desk.does(7, "part", "li", new_serial="H-2", old_serial="H-1", **part)

    assert used.state == "done", used.result
    with desk.view() as view:
        parts = [(one.component, one.serial, one.to_ms is None) for one in view.parts_of_device("kiosk-7")]
        assert sorted(parts) == [("printer", "H-1", False), ("printer", "H-2", True)]
        assert [(one.now.shelf, one.reserved) for one in view.stock()] == [(2, 1)]
    assert desk.asks(8, "void", "zhao", ticket=1, text="twice", data={}, may_overrule=True).state == "done"
    with desk.view() as view:
        assert [(one.now.shelf, one.reserved) for one in view.stock()] == [(2, 0)]


# Shows S4-4.
def test_where_the_level_asks_for_the_spare_nobody_leaves_before_one_is_kept(desk: Desk) -> None:
    desk.promise(spare_along=True)
    out_of_paper(desk)
    with Office.open(desk.path) as office:
        office.put_stock_item("head", ItemFields(name_zh="打印头"), deed=DEED)
        office.put_stock_location("van", LocationFields(name_zh="车"), deed=DEED)
        office.book_move(MoveWish(location="van", item="head", verb="receive"), deed=DEED)
    desk.does(5, "plan", mode="supply")
    desk.does(6, "dispatch", engineer="li")

    without = [desk.does(7, verb, "li") for verb in ("depart", "arrive")]
    with Office.open(desk.path) as office:
        office.reserve_spare("van", "head", 1, "2026-000001", deed=DEED)
    with_it = desk.does(8, "depart", "li")

    assert [(one.state, (one.result or {})["cause"]) for one in without] == [("failed", "no_spare_along")] * 2
    assert (with_it.state, desk.state()) == ("done", "departed")
