"""A database of the release before is taken over: its tickets stay, and every agent is told anew from its evidence."""

import json
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from roundsman_collector.core.model import Ref, newborn
from roundsman_collector.core.policy import WHOLE
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.core.state import plain
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.rebuilds import Rebuilds
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.store import AskWish, Batch, Deed, ErrandAnswer, Office, migrate
from roundsman_collector.store.door import Store
from roundsman_collector.store.reads import View
from tests.collector.core.desk import POLICY, at

REF = json.dumps(Ref("kiosk-7-1", 1, at(0)))
RULES = {
    "faults": [
        {
            "code": "printer.paper_end",
            "zh": "打印机缺纸",
            "en": "printer is out of paper",
            "when": {"reading": "printer.paper", "is": ["end"]},
            "for_s": 60.0,
            "clear_for_s": 0.0,
            "severity": 2,
            "service_class": "clerk",
            "down": True,
            "ticket": True,
        }
    ]
}
OLD_UNIT = {
    "format": 2,
    "state": [1, plain(newborn("kiosk-7"))[1][:-1]],
    "streams": {"kiosk-7-1": [[1, 2]]},
    "bases": {},
    "specs": [],
    "unsynced": [],
    "undated": [],
    "unborn_from_ms": None,
    "session": 1,
    "online": True,
}
ROWS = (
    "INSERT INTO meta (key, value) VALUES ('epoch', 'e1'), ('known_ms', '0')",
    "INSERT INTO agent (no, id, group_id, added_ms) VALUES (1, 'kiosk-7', 'south', 0)",
    "INSERT INTO device (id, kind, model, name_zh, name_en) VALUES ('kiosk-7', 'kiosk', 'K2', '七号机', 'Kiosk 7')",
    "INSERT INTO assignment (agent_no, device, from_ms) VALUES (1, 'kiosk-7', 0)",
    f"INSERT INTO unit VALUES (1, 0, 0, NULL, NULL, '{json.dumps(OLD_UNIT)}')",
    "INSERT INTO checkpoint (agent_no, t_ms, seq, body) VALUES (1, 5, 0, '[1, []]')",
    "INSERT INTO condition (subject, component, code, event_from_ms, known_from_ms, first_ref, confirmed_ref, cause) "
    f"VALUES ('kiosk-7', 'printer', 'printer.paper_end', {at(0)}, {at(1)}, '{REF}', '{REF}', '')",
    "INSERT INTO interval (device, state, cause, fault, event_from_ms, known_from_ms) "
    f"VALUES ('kiosk-7', 'down', 'fault', 'printer.paper_end', {at(0)}, {at(1)})",
    "INSERT INTO ticket (id, number, subject, agent_no, component, code, severity, service_class, state, "
    "fault_from_ms, opened_ms, opened_late, outcome) VALUES (1, 'T2026-000001', 'kiosk-7', 1, 'printer', "
    f"'printer.paper_end', 'major', 'clerk', 'open', {at(0)}, {at(1)}, 0, '')",
    "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) "
    f"VALUES (1, {at(1)}, 'roundsman', 'open', '', '{{}}')",
    f"INSERT INTO rule_set (hash, valid_from_ms, body) VALUES ('abc', 0, '{json.dumps(RULES)}')",
)


def old_database(path: Path, revision: str = "0002", rows: Sequence[str] = ROWS) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for row in rows:
            connection.execute(text(row.replace(":", r"\:")))
    engine.dispose()


def test_a_database_of_before_is_told_anew_and_its_tickets_stay(tmp_path: Path) -> None:
    path = tmp_path / "roundsman.sqlite3"
    old_database(path)

    with Store.open(path) as store:
        engine = Engine(store, book_of(POLICY))
        engine.load(at(9))
        unit = engine.by_agent["kiosk-7"]
        assert [one.code for one in unit.tickets] == ["printer.paper_end"]
        assert list(unit.memory.streams["kiosk-7-1"]) == [(1, 2)]
        assert engine.dirty == {unit.no: None}
        (rules,) = store.rule_sets()
        assert rule_set_from(rules.body, source="rule_set 1").rules[0].function == WHOLE
        Rebuilds(engine, pause_ms=0, at_latest_ms=0).step(at(10))
        assert engine.dirty == {}

    with View.open(path) as view:
        (ticket,) = view.tickets()
        assert ticket.number == "T2026-000001"


OF_0003 = (
    *ROWS[:4],
    "INSERT INTO round (id, number, kind, site, state, from_ms, to_ms, asked_ms, asked_by, until_ms, after_seq) "
    "VALUES (1, 'R2026-000001', 'group', 'south', 'running', 0, 1, 1, 'wang', 2, 0)",
    "INSERT INTO errand (id, agent_no, round_id, verb, args, asked_ms, asked_by, consent, expires_ms, state, detail) "
    "VALUES ('e1', 1, 1, 'inspect', '{}', 1, 'wang', 'standing', 9, 'sent', '')",
)


def test_an_errand_of_before_is_answered_and_its_agent_can_be_asked_who_it_is(tmp_path: Path) -> None:
    path = tmp_path / "roundsman.sqlite3"
    old_database(path, "0003", OF_0003)

    with Store.open(path) as store, View.open(path) as view, Office.open(path) as office:
        store.commit(Batch(now_ms=at(1), errand_answers=[ErrandAnswer("e1", 1, True, "sampled", at(1))]))
        command = office.ask_agent("kiosk-7", AskWish(verb="birth", args={}), deed=Deed(who="li", at_ms=at(2)))

        assert [(one.state, one.detail) for one in view.round_errands(1)] == [("done", "sampled")]
        assert [(one.id, one.state) for one in view.asked("kiosk-7", limit=9)] == [(command, "new")]
        now = view.agent_now("kiosk-7")
        assert now is not None
        assert now.born is None
