"""Rounds and errands on a real store: asked, published, answered, ended, frozen; restarts and forgeries in between."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.api.inspection import finished, freeze_next, summary
from roundsman_collector.clockwork import Clockwork
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine import errands, timely
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.store import ErrandRow, Office, RoundRow
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.rounds import Frozen
from roundsman_wire.topics import parse_up
from tests.collector.core.desk import START, at
from tests.collector.engine.desk import GROUP, Agent, Collector, gateway, kiosk

RULES = """faults:
  - {code: printer.paper_end, zh: 缺纸, en: out of paper, when: {reading: printer.paper, is: [end]}, for_s: 60,
     severity: 2, service_class: clerk, takes_down: device}
  - {code: host.cpu_high, zh: CPU 高, en: cpu high, when: {reading: host.cpu_percent, above: 90}, for_s: 120,
     severity: 3, service_class: maintenance}
  - {code: host.unreachable, zh: 离线, en: offline, when: {unanswered: true}, for_s: 120,
     severity: 1, service_class: maintenance, takes_down: device}
  - {code: agent.silent, zh: 失联, en: silent, when: {silent: true}, for_s: 0,
     severity: 2, service_class: maintenance}
"""


class Desk(Collector):
    """A collector whose messages to the agents are caught."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Rulebook([rule_set_from(RULES, source="rules")]))
        self.store.put_rules(self.book.newest.hash, RULES, START - 1)
        self.line: list[tuple[str, dict[str, Any]]] = []
        self.is_up = True

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        if not self.is_up:
            return 0
        self.line += [(topic, json.loads(payload)) for topic, payload in messages]
        return len(messages)

    def time(self, minutes: float) -> None:
        """One step of everything that time brings."""
        clockwork = Clockwork(
            self.engine,
            listen_grace_s=0,
            rebuild_pause_s=0,
            rebuild_at_latest_s=0,
            sweep_rows=1000,
            evidence_days=40,
            evidence_bytes=10**12,
            publish=self.publish,
        )
        clockwork.listening(True, at(minutes))
        clockwork.step(at(minutes), 1.0)

    def ask(self, minutes: float, site: str = GROUP, **args: Any) -> dict[str, Any]:
        """Ask for a round of the last hour; return what the engine answered."""
        said = {"site": site, "from_ms": at(minutes - 60), "to_ms": at(minutes), **args}
        with Office.open(self.path) as office, self.view() as view:
            number = office.ask_round(said, Deed(who="wang", at_ms=at(minutes)))
            timely.obey(self.engine, self.store.new_commands(), at(minutes))
            answer = view.command(number)
        assert answer is not None
        assert answer.result is not None
        return {"state": answer.state, **answer.result}

    def round(self, number: str = "R2026-000001") -> RoundRow:
        with self.view() as view:
            found = view.round(number)
        assert found is not None
        return found

    def errands(self) -> dict[str, ErrandRow]:
        with self.view() as view:
            return {one.agent: one for one in view.round_errands(self.round().id)}

    def states(self) -> dict[str, str]:
        return {agent: one.state for agent, one in self.errands().items()}

    def document(self, minutes: float, number: str = "R2026-000001") -> dict[str, Any]:
        with self.view() as view, Office.open(self.path) as office:
            found = finished(view, office, number, at(minutes))
        assert found is not None
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def born(desk: Desk) -> tuple[Agent, Agent]:
    mine, other = kiosk(), gateway()
    desk.take(0, mine.birth(0), other.birth(0))
    return mine, other


def result(desk: Desk, agent: Agent, minutes: float, *, ok: bool = True, errand_of: str = "") -> dict[str, Any]:
    errand = desk.errands()[errand_of or agent.name].id
    return agent.record(minutes, "result", command=errand, ok=ok, detail="sampled" if ok else "expired: 5 s old")


def test_a_round_asks_every_agent_of_the_group_once_and_is_answered(desk: Desk) -> None:
    mine, other = born(desk)

    said = desk.ask(10)
    desk.time(10)

    assert said == {"state": "done", "round": "R2026-000001", "devices": 4, "agents": 2}
    assert [topic for topic, _ in desk.line] == ["rm/1/south/gw-2/cmd", "rm/1/south/kiosk-7/cmd"]
    asked = desk.line[0][1]
    assert (asked["v"], asked["verb"], asked["args"], asked["at"]) == (1, "inspect", {}, at(10))
    assert (asked["expires_s"], asked["issued_by"]) == (120, "wang")
    assert desk.states() == {"gw-2": "sent", "kiosk-7": "sent"}

    desk.take(10.1, mine.report(10.1, mine.sample(10.05, printer__paper="ok"), result(desk, mine, 10.06)))
    readings = {"host__cpu_percent": 95}
    samples = [other.sample(10.05, one, **readings) for one in ("gw-2", "nvr-2", "ups-2")]
    desk.take(10.1, other.report(10.1, *samples, result(desk, other, 10.06)))
    assert desk.states() == {"gw-2": "done", "kiosk-7": "done"}
    desk.time(10.2)

    assert desk.round().state == "answered"
    document = desk.document(10.3)
    assert {one["id"]: one["verdict"] for one in document["devices"]} == {
        "gw-2": "attention",
        "kiosk-7": "pass",
        "nvr-2": "attention",
        "ups-2": "attention",
    }
    assert document["devices"][1]["lines"][1]["measured"][0]["n"] == mine.n - 1


def test_the_document_is_frozen_with_its_digest_whatever_becomes_known_later(desk: Desk) -> None:
    mine, _ = born(desk)
    desk.ask(10, "kiosk-7")
    desk.take(10.1, mine.report(10.1, mine.sample(10.05, printer__paper="ok"), result(desk, mine, 10.06)))
    desk.time(10.2)

    first = desk.document(10.3)
    desk.take(11, mine.report(11, mine.sample(11, printer__paper="end")))
    desk.look(12)

    assert desk.document(20) == first
    row = desk.round()
    assert (row.state, row.done_ms) == ("done", at(10.3))
    with desk.view() as view:
        body = view.round_body(row.number)
    assert body is not None
    assert hashlib.sha256(body.encode()).hexdigest() == row.sha256


def test_a_document_that_is_asked_for_late_says_what_the_round_saw(desk: Desk) -> None:
    mine, _ = born(desk)
    desk.ask(10, "kiosk-7")
    desk.take(10.1, mine.report(10.1, mine.sample(10.05, printer__paper="ok"), result(desk, mine, 10.06)))
    desk.time(10.2)
    for minute in (11, 12, 13):
        desk.take(minute, mine.report(minute, mine.sample(minute, printer__paper="end")))
    desk.look(14)

    (device,) = desk.document(600)["devices"]

    assert (device["verdict"], device["word"]) == ("pass", "normal")


def test_the_page_of_a_round_needs_only_a_summary_of_its_document(desk: Desk) -> None:
    born(desk)
    desk.ask(10)
    desk.time(10)
    with desk.view() as view, Office.open(desk.path) as office:
        assert summary(view, office, "R2026-000001", at(11)) is None
        desk.time(13)
        found = summary(view, office, "R2026-000001", at(14))
    whole = desk.document(15)

    assert found is not None
    assert found["verdicts"] == whole["verdicts"]
    assert [one["id"] for one in found["devices"]] == [one["id"] for one in whole["devices"]]


def test_a_round_that_nobody_looks_at_is_frozen_while_its_evidence_is_there(desk: Desk) -> None:
    mine, _ = born(desk)
    desk.ask(10, "kiosk-7")
    desk.take(10.1, mine.report(10.1, mine.sample(10.05, printer__paper="ok"), result(desk, mine, 10.06)))
    with desk.view() as view, Office.open(desk.path) as office:
        assert not freeze_next(view, office, at(60)), "it is still under way"
        desk.time(10.2)
        assert not freeze_next(view, office, at(11)), "somebody may be about to look at it"
        assert freeze_next(view, office, at(21))
        assert not freeze_next(view, office, at(60))

    assert desk.round().done_ms == at(21)
    assert {one["verdict"] for one in desk.document(20)["devices"]} == {"pass"}


def test_whoever_builds_second_reads_the_first_one_s_document(desk: Desk) -> None:
    mine, _ = born(desk)
    desk.ask(10, "kiosk-7")
    desk.take(10.1, mine.report(10.1, mine.sample(10.05, printer__paper="ok"), result(desk, mine, 10.06)))
    desk.time(10.2)

    with Office.open(desk.path) as office:
        assert office.freeze_round("R2026-000001", Frozen('{"v": 1}', "a", "{}"), at(11))
        assert not office.freeze_round("R2026-000001", Frozen('{"v": 2}', "b", "{}"), at(12))

    assert desk.document(13) == {"v": 1}


def test_who_does_not_answer_in_time_was_not_reached(desk: Desk) -> None:
    mine, other = born(desk)
    desk.take(1, other.report(1, other.sample(1, "nvr-2", host__cpu_percent=5)))
    desk.ask(10)
    desk.take(10.1, mine.report(10.1, mine.sample(10.05, printer__paper="ok"), result(desk, mine, 10.06)))

    desk.time(11.9)
    assert desk.round().state == "running"
    desk.time(12)

    assert desk.states() == {"gw-2": "expired", "kiosk-7": "done"}
    found = {one["id"]: one for one in desk.document(13)["devices"]}
    assert found["nvr-2"]["verdict"] == "unseen"
    assert found["nvr-2"]["unreached"]["reason"] == "silent"
    assert found["nvr-2"]["lines"][1]["measured"][0]["is_fresh"] is False
    assert found["kiosk-7"]["verdict"] == "pass"


def test_an_agent_that_refuses_says_why(desk: Desk) -> None:
    mine, _ = born(desk)
    desk.ask(10, "kiosk-7")

    desk.take(10.1, mine.report(10.1, result(desk, mine, 10.06, ok=False)))
    desk.time(10.2)

    (device,) = desk.document(11)["devices"]
    assert device["unreached"] == {"reason": "refused", "since_ms": None, "detail": "expired: 5 s old"}


def test_a_device_that_does_not_answer_its_agent_is_unseen_for_that_reason(desk: Desk) -> None:
    _, other = born(desk)
    desk.ask(10, "nvr-2")
    no_answer = {**other.sample(10.05, "nvr-2"), "failed": {"hikvision": ["timeout", "3 s"]}}

    desk.take(10.1, other.report(10.1, no_answer, result(desk, other, 10.06)))
    desk.time(10.2)

    (device,) = desk.document(11)["devices"]
    assert (device["verdict"], device["unreached"]["reason"]) == ("unseen", "no_answer")
    assert device["failures"] == [["hikvision", "timeout", "3 s"]]


def test_of_one_device_its_agent_is_asked_to_look_at_that_one(desk: Desk) -> None:
    born(desk)

    desk.ask(10, "nvr-2")
    desk.time(10)

    assert [(topic, said["args"]) for topic, said in desk.line] == [("rm/1/south/gw-2/cmd", {"device": "nvr-2"})]


def test_a_result_in_another_agent_s_name_changes_nothing(desk: Desk) -> None:
    mine, other = born(desk)
    desk.ask(10)

    desk.take(10.1, mine.report(10.1, result(desk, mine, 10.06, errand_of="gw-2")))

    assert desk.states() == {"gw-2": "new", "kiosk-7": "new"}
    desk.take(10.2, other.report(10.2, result(desk, other, 10.1)))
    assert desk.states() == {"gw-2": "done", "kiosk-7": "new"}


def test_the_first_result_counts_and_a_second_one_changes_nothing(desk: Desk) -> None:
    mine, _ = born(desk)
    desk.ask(10)

    desk.take(10.1, mine.report(10.1, result(desk, mine, 10.06)))
    desk.take(10.2, mine.report(10.2, result(desk, mine, 10.2, ok=False)))

    assert desk.errands()["kiosk-7"].detail == "sampled"
    assert desk.states()["kiosk-7"] == "done"


def test_a_sample_from_before_the_question_is_not_the_answer(desk: Desk) -> None:
    mine, _ = born(desk)
    desk.ask(10, "kiosk-7")

    late = mine.sample(9, printer__paper="ok")
    desk.take(10.1, mine.report(10.1, late, result(desk, mine, 10.06)))
    desk.time(10.2)

    (device,) = desk.document(11)["devices"]
    assert (device["verdict"], device["unreached"]["reason"]) == ("unseen", "not_sampled")


def test_what_was_committed_and_not_published_is_published_after_a_restart(desk: Desk) -> None:
    born(desk)
    desk.ask(10)

    desk.restart(10.5)
    desk.time(10.5)

    assert len(desk.line) == 2
    assert {said["at"] for _, said in desk.line} == {at(10)}


def test_without_a_line_errands_wait_and_once_too_old_they_are_never_sent(desk: Desk) -> None:
    born(desk)
    desk.ask(10)
    desk.is_up = False
    desk.time(10.1)
    assert desk.states() == {"gw-2": "new", "kiosk-7": "new"}

    desk.is_up = True
    desk.time(12.5)

    assert desk.line == []
    assert desk.states() == {"gw-2": "expired", "kiosk-7": "expired"}


def test_an_errand_without_an_answer_goes_once_more_under_the_same_id(desk: Desk) -> None:
    born(desk)
    desk.ask(10, "kiosk-7")
    desk.time(10)

    desk.time(10.1)
    assert len(desk.line) == 1
    desk.time(10.5)
    desk.time(10.5)

    assert len(desk.line) == 2
    assert desk.line[0] == desk.line[1]


def test_a_round_of_what_is_not_there_is_refused_and_takes_no_number(desk: Desk) -> None:
    assert "no site, group or device 'north'" in desk.ask(10, "north")["error"]
    assert desk.ask(10)["round"] == "R2026-000001"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"from_ms": at(10), "to_ms": at(10)}, "holds no time"),
        ({"from_ms": at(20), "to_ms": at(30)}, "holds no time"),
        ({"from_ms": -5}, "holds no time"),
        ({"within_ms": 1}, "a round takes from"),
        ({"from_ms": "x"}, "invalid literal"),
    ],
)
def test_a_round_that_makes_no_sense_is_refused(desk: Desk, args: dict[str, Any], told: str) -> None:
    assert told in desk.ask(10, **args)["error"]


def test_one_round_of_the_same_at_a_time(desk: Desk) -> None:
    born(desk)
    desk.ask(10)

    assert "R2026-000001 of group south is under way" in desk.ask(10.1)["error"]
    desk.time(12.1)
    assert desk.ask(12.2)["round"] == "R2026-000002"


def test_who_started_a_round_stands_in_the_audit_log(desk: Desk) -> None:
    desk.ask(10)

    with desk.view() as view:
        (row,) = [one for one in view.audit() if one.verb == "round.start"]
    assert (row.who, row.subject, row.at_ms) == ("wang", "south", at(10))


def test_a_round_of_a_site_is_of_the_devices_that_stand_there(desk: Desk) -> None:
    born(desk)
    with desk.store._write.begin() as connection:
        said = "(id, from_ms, made_ms, made_by, "
        for sql in (
            f"INSERT INTO customer {said} name_zh, name_en) VALUES ('acme', 0, 0, 'x', '甲方', 'Acme')",
            f"INSERT INTO site {said} customer, group_id, name_zh, name_en, address, zone, time_zone, service_hours) "
            "VALUES ('mall', 0, 0, 'x', 'acme', 'south', '商场', 'Mall', 'No. 1', 'city', 'Asia/Shanghai', '')",
            f"INSERT INTO place {said} site, name_zh, name_en) "
            "VALUES ('mall-1f', 0, 0, 'x', 'mall', '一层', 'Floor 1')",
            "INSERT INTO installation (device, from_ms, made_ms, made_by, place) "
            "VALUES ('nvr-2', 0, 0, 'x', 'mall-1f')",
        ):
            connection.exec_driver_sql(sql)

    assert desk.ask(10, "mall")["devices"] == 1
    desk.time(12.1)

    row, document = desk.round(), desk.document(13)
    assert (row.kind, row.group_id, row.customer) == ("site", "south", "acme")
    assert document["round"]["customer"] == {"zh": "甲方", "en": "Acme"}
    assert [(one["id"], one["place"]["en"]) for one in document["devices"]] == [("nvr-2", "Floor 1")]


def test_the_topic_of_an_errand_is_its_agent_s(desk: Desk) -> None:
    born(desk)
    desk.ask(10)

    for errand, (topic, _), _ in errands.outgoing(desk.engine, at(10)):
        address = parse_up(topic.removesuffix("cmd") + "report")
        assert desk.engine.by_agent[address.agent].no == int(errand.rpartition(".")[2])


def owed(desk: Desk) -> list[tuple[str, str, str]]:
    """Tickets of what rounds did not see: (subject, state, outcome)."""
    return [(subject, state, outcome) for subject, code, state, outcome in desk.tickets() if code == "not_seen"]


def test_who_was_not_reached_gets_a_ticket_with_the_reason_and_no_second_one(desk: Desk) -> None:
    mine, other = born(desk)
    desk.ask(10)
    desk.time(10)
    desk.take(10.1, mine.report(10.1, mine.sample(10.05, printer__paper="ok"), result(desk, mine, 10.06)))
    desk.take(10.2, other.report(10.2, result(desk, other, 10.15, ok=False)))
    desk.time(13)
    desk.ask(20)
    desk.time(20)
    desk.time(23)

    assert owed(desk) == [("@gw-2", "open", ""), ("@kiosk-7", "open", "")]
    with desk.view() as view:
        ticket = next(one for one in view.tickets() if one.subject == "@gw-2" and one.code == "not_seen")
        found = view.ticket(ticket.id)
    assert found is not None
    opened = found[1][0]
    assert (ticket.severity, ticket.fault_from_ms, opened.data["reason"]) == ("minor", at(10), "refused")
    assert "R2026-000001" in opened.text
    assert opened.data["detail"] == "expired: 5 s old"


def test_a_round_that_reaches_it_again_ends_the_ticket(desk: Desk) -> None:
    mine, _ = born(desk)
    desk.ask(10)
    desk.time(10)
    desk.time(13)
    assert owed(desk) == [("@gw-2", "open", ""), ("@kiosk-7", "open", "")]

    desk.ask(20)
    desk.time(20)
    with desk.view() as view:
        (errand,) = [one.id for one in view.round_errands(2) if one.agent == "kiosk-7"]
    answer = mine.record(20.06, "result", command=errand, ok=True, detail="sampled")
    desk.take(20.1, mine.report(20.1, mine.sample(20.05, printer__paper="ok"), answer))
    desk.time(23)

    assert owed(desk) == [("@gw-2", "open", ""), ("@kiosk-7", "resolved", "seen_later")]


def test_a_round_that_was_cut_off_at_its_end_opens_each_ticket_once(desk: Desk) -> None:
    born(desk)
    desk.ask(10)
    desk.time(10)

    desk.restart(13)
    errands.end_rounds(desk.engine, at(13))
    errands.end_rounds(desk.engine, at(13))
    desk.restart(14)
    errands.end_rounds(desk.engine, at(14))

    assert owed(desk) == [("@gw-2", "open", ""), ("@kiosk-7", "open", "")]


@pytest.mark.parametrize("mode", ["phone", "visit", "call"])
def test_a_round_in_which_people_look_is_open_when_its_agents_are_through(desk: Desk, mode: str) -> None:
    born(desk)

    assert desk.ask(10, mode=mode, task=3)["state"] == "done"
    assert (desk.round().state, desk.round().mode, desk.round().task) == ("running", mode, 3)
    desk.time(10)
    desk.time(13)

    assert desk.round().state == "open"
    with desk.view() as view, Office.open(desk.path) as office:
        assert finished(view, office, "R2026-000001", at(14)) is None
    assert "is open; finish it first" in desk.ask(20, mode=mode)["error"]
    assert desk.ask(21)["state"] == "done"  # one of its agents alone may go on beside it


def test_a_mode_that_nobody_knows_is_refused(desk: Desk) -> None:
    born(desk)

    assert "no round of mode 'letter'" in desk.ask(10, mode="letter")["error"]
