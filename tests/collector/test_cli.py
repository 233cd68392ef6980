"""The command line: what each command prints, and with which code it ends."""

import json
import socket
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from roundsman_collector import app as composition
from roundsman_collector import clock, demo, doctor, enrol, logins
from roundsman_collector.broker import EmbeddedBroker
from roundsman_collector.cli import app
from roundsman_collector.config import DATABASE, Config, load, rule_set
from roundsman_collector.core.rulebook import RuleSet
from roundsman_collector.roles import Scope
from roundsman_collector.store import (
    Batch,
    CommandDone,
    Count,
    Deed,
    DeviceEntry,
    EvidenceRow,
    Knock,
    Office,
    Store,
    View,
)
from roundsman_collector.store import backup as copies
from roundsman_collector.store.sql import run

NOW = 1_795_257_600_000
BUILT_IN_FAULTS = len(rule_set(load(None)).rules)


def roundsman(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], prog_name="roundsman")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "data"
    place.mkdir()
    return place


@pytest.fixture
def database(folder: Path) -> Path:
    file = folder / DATABASE
    Store.open(file).close()
    return file


@contextmanager
def a_running_collector(database: Path, answer: Callable[[Store, Any], CommandDone | None]) -> Iterator[None]:
    """Holds the database as its writer and answers commands, as a collector does."""
    store = Store.open(database)
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.01):
            for command in store.new_commands():
                said = answer(store, command)
                if said is not None:
                    store.commit(Batch(now_ms=NOW, commands_done=[said]))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        done.set()
        worker.join()
        store.close()


def registers(store: Store, command: Any) -> CommandDone:
    said = command.args
    store.add_agent(said["agent"], said["group"], [DeviceEntry(**one) for one in said["devices"]], NOW)
    return CommandDone(command=command.id, ok=True, done_ms=NOW)


# --- up and demo -----------------------------------------------------------------------------------------------------


def test_up_runs_the_collector_with_the_configuration_and_its_rules(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[Config, RuleSet]] = []
    monkeypatch.setattr(composition, "run", lambda *given: ran.append(given))

    result = roundsman("up", "--data", folder)

    assert result.exit_code == 0
    [(config, rules)] = ran
    assert config.data.folder == folder
    assert rules == rule_set(config)


def test_up_with_a_configuration_that_cannot_be_used_tells_the_key_and_will_not_be_started_again(
    tmp_path: Path,
) -> None:
    file = tmp_path / "roundsman.toml"
    file.write_text("[api]\nprot = 1", "utf-8")

    result = roundsman("up", "--config", file)

    assert result.exit_code == 78
    said = f"error: {file}, [api] prot: unknown key; expected one of host, port, public_url; did you mean port?"
    assert result.stderr.startswith(said)


def test_up_where_another_collector_runs_asks_to_try_later(database: Path) -> None:
    with Store.open(database):
        result = roundsman("up", "--data", database.parent)

    assert result.exit_code == 75
    assert "has the database open for writing" in result.stderr


def test_demo_hands_its_options_on_and_ends_with_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def play(**options: Any) -> int:
        given.update(options)
        return 3

    monkeypatch.setattr(demo, "run", play)

    result = roundsman("demo", "--for", 120, "--headless", "--fresh", "--data", tmp_path)

    assert result.exit_code == 3
    assert given == {"data": tmp_path, "for_s": 120.0, "headless": True, "fresh": True, "lang": None}


# --- doctor ----------------------------------------------------------------------------------------------------------


def said_of(result: Result, what: str) -> str:
    lines = result.stdout.splitlines()
    at = next(at for at, line in enumerate(lines) if line[5:].startswith(what))
    mend = lines[at + 1].strip() if at + 1 < len(lines) and lines[at + 1].startswith(" ") else ""
    return f"{lines[at]} {mend}".strip()


def quiet(tmp_path: Path, port: int = 0, more: str = "") -> Path:
    file = tmp_path / "roundsman.toml"
    file.write_text(f"[api]\nport = {port}\n{more}", "utf-8")
    return file


def test_doctor_finds_nothing_wrong_with_a_fresh_machine_and_makes_nothing(tmp_path: Path) -> None:
    place = tmp_path / "not" / "made"

    result = roundsman("doctor", "--config", quiet(tmp_path), "--data", place)

    assert result.exit_code == 0
    assert "FAIL" not in result.stdout
    assert said_of(result, "data folder").startswith(f"OK   data folder   {place} (will be made), ")
    assert said_of(result, "database") == "OK   database      not made yet; the first start makes it"
    assert "embedded, nats-server" in said_of(result, "broker")
    assert not place.parent.exists()


def test_doctor_tells_a_mistake_in_the_configuration_and_stops_there(tmp_path: Path) -> None:
    result = roundsman("doctor", "--config", quiet(tmp_path, more="[data]\nfoldr = 1"))

    assert result.exit_code == 1
    assert "foldr: unknown key" in said_of(result, "configuration")
    assert "docs/configuration.md lists every key" in said_of(result, "configuration")
    assert "broker" not in result.stdout


def test_doctor_tells_a_rules_file_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("faults: 7", "utf-8")

    result = roundsman("doctor", "--config", quiet(tmp_path, more='[policy]\nfaults = "own.yaml"'), "--data", tmp_path)

    assert result.exit_code == 1
    assert said_of(result, "policy").startswith("FAIL policy")


def test_doctor_tells_a_port_that_somebody_has(tmp_path: Path, folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        result = roundsman("doctor", "--config", quiet(tmp_path, port), "--data", folder)

    assert result.exit_code == 1
    assert said_of(result, "API").startswith(f"FAIL API           127.0.0.1:{port}: Address already in use")


def test_doctor_does_not_blame_the_collector_for_its_own_port_but_pages_that_do_not_answer(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ANSWER_S", 0.2)
    with socket.socket() as other, Store.open(database):
        other.bind(("127.0.0.1", 0))
        other.listen()

        result = roundsman("doctor", "--config", quiet(tmp_path, other.getsockname()[1]), "--data", database.parent)

    assert said_of(result, "API").startswith("WARN API           127.0.0.1:")
    assert "does not answer" in said_of(result, "API")
    assert said_of(result, "collector") == "OK   collector     runs"
    assert said_of(result, "database").startswith("OK   database      SQLite, schema")


def test_doctor_tells_a_data_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")

    result = roundsman("doctor", "--config", quiet(tmp_path), "--data", tmp_path / "file" / "below")

    assert result.exit_code == 1
    assert said_of(result, "data folder").startswith(f"FAIL data folder   {tmp_path / 'file'} is no folder")


def test_doctor_tells_a_full_disk_from_one_that_fills(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = []
    for free in (100 * 1024**2, 1024**3, 10 * 1024**3):
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place, free=free: type("Usage", (), {"free": free}))
        levels.append(next(one.level for one in doctor.findings(None, folder) if one.what == "data folder"))

    assert levels == ["FAIL", "WARN", "OK"]


def test_doctor_tells_credentials_that_others_can_read(tmp_path: Path, folder: Path) -> None:
    logins.given(folder, "south", "kiosk-7")
    (folder / logins.NAME).chmod(0o644)

    result = roundsman("doctor", "--config", quiet(tmp_path), "--data", folder)

    assert said_of(result, "credentials").startswith("WARN")
    assert "chmod 600" in said_of(result, "credentials")


def test_doctor_tells_an_old_sqlite(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(doctor.sqlite, "version", lambda: (3, 34, 1))

    assert next(one.level for one in doctor.findings(None, folder) if one.what == "sqlite") == "FAIL"


@pytest.mark.parametrize(
    ("name", "answer", "expected"),
    [
        ("is_installed", False, ("OK", "browsers print reports", "")),
        ("lacking", ["libpango-1.0.so.0"], ("WARN", "libpango-1.0.so.0", "apt install libpango-1.0-0")),
        ("chinese_fonts", (), ("WARN", "no Chinese font", "apt install fonts-noto-cjk")),
        ("has_rare", False, ("WARN", "lacks characters of rare names", "apt install fonts-noto-cjk")),
        ("is_installed", True, ("OK", "WeasyPrint", "")),
    ],
    ids=["no extra", "no library", "no font", "a poor font", "all"],
)
def test_doctor_tells_whether_reports_can_become_pdfs(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, answer: object, expected: tuple[str, str, str]
) -> None:
    monkeypatch.setattr(doctor.press, name, lambda *_: answer)

    found = next(one for one in doctor.findings(None, folder) if one.what == "PDF")

    level, words, mend = expected
    assert (found.level, words in found.found, mend in found.mend) == (level, True, True), found


def test_doctor_tells_a_database_that_is_none(tmp_path: Path, folder: Path) -> None:
    (folder / DATABASE).write_text("no database at all" * 100, "utf-8")

    result = roundsman("doctor", "--config", quiet(tmp_path), "--data", folder)

    assert result.exit_code == 1
    assert said_of(result, "database").startswith("FAIL database")


def test_doctor_tells_an_external_broker_that_does_not_answer(
    tmp_path: Path, folder: Path, free_port: Callable[[], int]
) -> None:
    broker = f'[broker]\nmode = "external"\nurl = "mqtt://127.0.0.1:{free_port()}"'

    result = roundsman("doctor", "--config", quiet(tmp_path, more=broker), "--data", folder)

    assert result.exit_code == 1
    assert "Connection refused" in said_of(result, "broker")


def level_of(folder: Path, what: str) -> tuple[str, str]:
    return next((one.level, one.found) for one in doctor.findings(None, folder) if one.what == what)


def test_doctor_tells_when_the_last_backup_is_long_ago(database: Path) -> None:
    levels = [level_of(database.parent, "backup")]
    for days in (1, 8):
        copies.note(database, clock.now_ms() - days * 86_400_000)
        levels.append(level_of(database.parent, "backup"))

    assert levels == [
        ("WARN", "none was ever made"),
        ("OK", "the last one is 1.0 days old"),
        ("WARN", "the last one is 8.0 days old"),
    ]


def test_doctor_tells_when_the_room_for_files_is_nearly_used_up(tmp_path: Path, database: Path) -> None:
    budget = quiet(tmp_path, more="[files]\ntotal_bytes = 1_000_000")
    said = []
    for size in (790_000, 20_000):
        with Office.open(database) as office, office._change("a test") as connection:
            run(connection, "INSERT INTO file_body (sha256, size) VALUES (?, ?)", str(size), size)
        said.append(said_of(roundsman("doctor", "--config", budget, "--data", database.parent), "ticket files"))

    assert said[0].startswith("OK   ticket files  0.00 GB of 0.001 GB")
    assert said[1].startswith("WARN ticket files  0.00 GB of 0.001 GB -> raise [files] total_bytes")


def three_days_of_evidence(database: Path) -> None:
    with Store.open(database) as store:
        store.add_agent("kiosk-7", "south", [], NOW)
        for day in range(3):
            body, at_ms = b"x" * 1_000_000, NOW + day * 86_400_000
            row = EvidenceRow(day + 1, 1, day or None, "report", "s", 1, 1, at_ms, None, body)
            store.commit(Batch(now_ms=NOW, evidence=[row]))


def test_doctor_tells_a_budget_that_the_disk_cannot_hold(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_days_of_evidence(database)
    found = []
    for free in (5 * 1024**3, 50 * 1024**3):
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place, free=free: type("Usage", (), {"free": free}))
        found.append(level_of(database.parent, "evidence"))

    assert [level for level, _ in found] == ["WARN", "OK"]
    assert "the disk has room for 3.2" in found[0][1]


def test_doctor_and_status_tell_for_how_many_days_the_budget_is_enough(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_days_of_evidence(database)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 50 * 1024**3}))
    small = quiet(tmp_path, more="[keeping]\nevidence_bytes = 10_000_000\nevidence_days = 30")

    result = roundsman("doctor", "--config", small, "--data", database.parent)
    told = roundsman("status", "--config", small, "--data", database.parent)
    as_data = json.loads(roundsman("status", "--json", "--config", small, "--data", database.parent).stdout)

    assert said_of(result, "evidence").startswith("WARN evidence      0.0 of 0.0 GB; at the rate of the last days that")
    assert "holds 10 of 30 days" in said_of(result, "evidence")
    assert "30 days within 0.0 GB; the last days fill that in 10 days" in told.stdout
    assert "last backup     never" in told.stdout
    assert (round(as_data["budget_holds_days"]), as_data["last_backup_ago_s"]) == (10, None)


# --- status ----------------------------------------------------------------------------------------------------------


def test_status_tells_what_was_refused_by_cause_and_who_knocks(database: Path) -> None:
    counts = [
        Count(name="refused", cause="json", at_ms=NOW, count=3, example="south/kiosk-7: EOF"),
        Count(name="refused", cause="clock", at_ms=NOW, count=1),
        Count(name="quarantine", cause="dropped", at_ms=NOW, count=7),
    ]
    with Store.open(database) as store:
        store.add_agent(
            "kiosk-7", "south", [DeviceEntry(id="kiosk-7", kind="kiosk", name_zh="终端", name_en="kiosk")], NOW
        )
        store.commit(Batch(now_ms=NOW, counters=counts, inbox=[Knock(agent="stranger", device="", at_ms=NOW, count=2)]))

    told = roundsman("status", "--data", database.parent)
    as_data = json.loads(roundsman("status", "--data", database.parent, "--json").stdout)

    assert told.exit_code == 0
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert "register 1 agents, 1 devices" in lines
    assert "refused 4 in all" in lines
    assert any(line.startswith("json 3 last") and line.endswith("south/kiosk-7: EOF") for line in lines)
    assert any(line.startswith("quarantine dropped 7 last") for line in lines)
    assert "stranger 2 times" in lines
    assert {(one["name"], one["cause"]): one["count"] for one in as_data["counters"]} == {
        ("refused", "json"): 3,
        ("refused", "clock"): 1,
        ("quarantine", "dropped"): 7,
    }
    assert as_data["inbox"] == [{"agent": "stranger", "device": "", "count": 2}]
    assert (as_data["agents"], as_data["open_tickets"], as_data["last_report_ago_s"]) == (1, 0, None)


def test_status_where_no_collector_ever_ran_says_what_to_do(folder: Path) -> None:
    result = roundsman("status", "--data", folder)

    assert result.exit_code == 1
    assert "start the collector first" in result.stderr


# --- policy ----------------------------------------------------------------------------------------------------------


def test_policy_test_passes_the_published_cases(shared: Path) -> None:
    result = roundsman("policy", "test", shared / "vectors" / "uptime_vectors.json")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len(lines) >= 20
    assert [line for line in lines if not line.startswith("ok ")] == []


def cases(*expected: int) -> str:
    listed = [
        {"id": f"case-{up}", "window": [0, 100], "initial": "UP", "now": 100, "expect": {"up": up}} for up in expected
    ]
    return json.dumps({"availability": listed})


def test_policy_test_tells_a_failing_case_with_what_it_expected_and_got(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(cases(100), "utf-8")
    (tmp_path / "other.json").write_text(cases(99, 100), "utf-8")

    result = roundsman("policy", "test", tmp_path / "one.json", tmp_path / "other.json")

    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["ok case-100", "FAIL case-99 expected up=99 got up=100", "ok case-100"]
    assert result.stderr == "2 of 3 cases pass\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"faults: [", "line 1, column 10: expected the node content, but found '<stream end>'"),
        (b"{7}", "expected plain lists, keys, texts and numbers: Expecting property name"),
        (b"\xff", "is not UTF-8 text (byte 0)"),
        (b"[" * 100_000, "expected plain lists, keys, texts and numbers: "),
        (b"[]", "expected an object with the lists availability and sla_clock, not list"),
        (b"{}", "holds no case; a test of nothing proves nothing"),
        (b'{"availability": []}', "holds no case; a test of nothing proves nothing"),
        (b'{"tests": []}', "1: tests: expected a list with at least 1 item after validation, not 0, got []"),
    ],
)
def test_policy_test_fails_a_file_that_holds_no_cases_and_runs_the_others(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file, other = tmp_path / "cases.json", tmp_path / "other.json"
    if content is not None:
        file.write_bytes(content)
    other.write_text(cases(100), "utf-8")

    result = roundsman("policy", "test", file, other)

    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["FAIL", "ok"]
    assert result.stdout.startswith(f"FAIL {file} expected rule tests or published cases got {file}")
    assert said in result.stdout


def test_policy_test_fails_a_section_or_a_case_that_is_none_and_runs_the_others(tmp_path: Path) -> None:
    document = {"uptime": [], **json.loads(cases(100))}
    document["availability"] += [7, {"id": "two\nlines", "window": [0, 1], "expext": {}}]
    (tmp_path / "cases.json").write_text(json.dumps(document), "utf-8")

    result = roundsman("policy", "test", tmp_path / "cases.json")

    assert result.exit_code == 1
    assert [line.split(" expected ")[0] for line in result.stdout.splitlines()] == [
        "FAIL uptime",
        "ok case-100",
        "FAIL availability[1]",
        "FAIL two lines",
    ]
    assert "expext: unknown key; did you mean expect?" in result.stdout


def test_policy_test_runs_the_example_of_rule_tests() -> None:
    result = roundsman("policy", "test", Path(__file__).parents[2] / "docs" / "examples" / "rule-tests.yaml")

    assert (result.exit_code, [line for line in result.stdout.splitlines() if not line.startswith("ok ")]) == (0, [])
    assert len(result.stdout.splitlines()) >= 10


def test_policy_test_judges_by_the_rules_a_file_names_and_else_by_those_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "slow.yaml").write_text("overrides:\n  - {code: printer.paper_end, for_s: 600}\n", "utf-8")
    (tmp_path / "roundsman.toml").write_text('[policy]\noverrides = ["slow.yaml"]\n', "utf-8")
    tale = (
        "tests:\n  - name: out of paper for five minutes\n    signals: {kiosk-7: {printer.paper: okx2 endx5}}\n"
        "    expect: [{at: 6m, conditions: []}]\n"
    )
    (tmp_path / "plain.yaml").write_text(tale, "utf-8")
    (tmp_path / "named.yaml").write_text(f"overrides: [slow.yaml]\n{tale}", "utf-8")

    plain = roundsman("policy", "test", tmp_path / "plain.yaml")
    named = roundsman("policy", "test", tmp_path / "named.yaml")
    configured = roundsman("policy", "test", tmp_path / "plain.yaml", "--config", tmp_path / "roundsman.toml")

    assert [result.exit_code for result in (plain, named, configured)] == [1, 0, 0]
    assert plain.stdout.startswith(f"FAIL {tmp_path / 'plain.yaml'}:4 out of paper for five minutes, at 6m, conditions")


def test_policy_test_says_which_rules_a_file_names_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "tests.yaml").write_text(
        "rules: gone.yaml\ntests:\n  - {name: x, signals: {}, expect: [{at: 1m, conditions: []}]}\n", "utf-8"
    )

    result = roundsman("policy", "test", tmp_path / "tests.yaml")

    assert result.exit_code == 1
    assert f"{tmp_path / 'gone.yaml'}: cannot be read: No such file or directory" in result.stdout


def test_policy_check_takes_a_catalogue_or_overrides_and_names_the_content(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "faults:\n  - {code: agent.silent, zh: 失联, en: silent, when: {silent: true}, for_s: 0, severity: 2, "
        "service_class: maintenance}\n",
        "utf-8",
    )
    (tmp_path / "short.yaml").write_text("# ours\n\noverrides:\n  - {code: printer.jam, for_s: 1}\n", "utf-8")

    outputs = [
        roundsman("policy", "check", *file).stdout for file in ([], [tmp_path / "own.yaml"], [tmp_path / "short.yaml"])
    ]

    assert outputs[0].startswith(f"ok: {BUILT_IN_FAULTS} faults, ")
    assert outputs[1].startswith("ok: 1 faults, ")
    assert outputs[2].startswith(f"ok: {BUILT_IN_FAULTS} faults, ")
    assert len(set(outputs)) == 3


def test_policy_check_lays_a_file_with_faults_of_its_own_over_the_rules_and_warns_of_who_is_not_there(
    tmp_path: Path, database: Path
) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(
        "faults:\n  - {code: gate.stuck, zh: 卡住, en: stuck, when: {reading: coin.state, is: [jam]}, for_s: 0, "
        "severity: 2, service_class: maintenance}\n"
        "overrides:\n  - {code: gate.stuck, for: {device: gate-9}, for_s: 5}\n",
        "utf-8",
    )
    (tmp_path / "roundsman.toml").write_text(f'[data]\nfolder = "{database.parent}"\n', "utf-8")

    result = roundsman("policy", "check", file, "--config", tmp_path / "roundsman.toml")

    assert (result.exit_code, result.stdout.partition(",")[0]) == (0, f"ok: {BUILT_IN_FAULTS + 1} faults")
    assert result.stderr == "warning: there is no device 'gate-9' in the register yet\n"


def test_policy_check_takes_a_service_level_and_warns_of_a_calendar_that_is_not_there(
    tmp_path: Path, database: Path
) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(
        "level: ours\nzh: 自有\nen: ours\ncalendars: {office: {hours: 1-5 09:00-18:00, holidays: chn}}\n"
        "clocks:\n  - {clock: respond, from: reported, until: acknowledged, minutes: 30, calendar: office}\n",
        "utf-8",
    )
    (tmp_path / "roundsman.toml").write_text(f'[data]\nfolder = "{database.parent}"\n', "utf-8")

    result = roundsman("policy", "check", file, "--config", tmp_path / "roundsman.toml")

    assert (result.exit_code, result.stdout.rpartition(",")[0]) == (0, "ok: service level ours, 1 row")
    assert result.stderr == "warning: service level ours: there is no calendar 'chn' in the register yet\n"


def test_policy_check_says_what_is_wrong_with_a_service_level(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("level: ours\nzh: 自有\nen: ours\nclocks:\n  - {clock: respond}\n", "utf-8")

    result = roundsman("policy", "check", file)

    assert result.exit_code == 78
    assert result.stderr.splitlines() == [
        f"error: {file}, clocks[0] (respond), from: expected this field, got nothing",
        f"{file}, clocks[0] (respond), until: expected this field, got nothing",
    ]


def test_policy_check_tells_everything_that_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("overrides:\n  - {code: printer.jamm, for_s: 1}\n  - {code: host.cpu_hgh}\n", "utf-8")

    result = roundsman("policy", "check", file)

    assert result.exit_code == 78
    assert result.stderr.splitlines() == [
        f"error: {file}, override printer.jamm, code: the catalogue has no such fault; did you mean printer.jam?",
        f"{file}, override host.cpu_hgh, code: the catalogue has no such fault; did you mean host.cpu_high?",
    ]


# --- agents and tokens -----------------------------------------------------------------------------------------------


def add(folder: Path, *more: object, agent: str = "kiosk-7", device: str = "kiosk-7:kiosk:local") -> Result:
    return roundsman("agent", "add", agent, "--group", "south", "--device", device, "--data", folder, *more)


def test_agent_add_enters_the_agent_and_prints_a_configuration_with_its_credential(folder: Path) -> None:
    result = add(folder, "--device", "printer-7:printer")

    printed = tomllib.loads(result.stdout)
    [login] = logins.read(folder)
    assert result.exit_code == 0
    assert printed["agent"] == {"id": "kiosk-7", "group": "south", "data": "agent-data"}
    assert printed["broker"] == {
        "host": "127.0.0.1",
        "port": EmbeddedBroker(folder / "broker").port,
        "user": "south/kiosk-7",
        "password": login.password,
    }
    assert printed["device"] == [
        {"id": "kiosk-7", "kind": "kiosk", "local": True, "probe": [{"name": "host", "screen": "any"}]},
        {"id": "printer-7", "kind": "printer", "probe": [{"name": "escpos", "port": "..."}]},
    ]
    with View.open(folder / DATABASE) as view:
        assert [(one.id, one.kind, one.agent) for one in view.devices()] == [
            ("kiosk-7", "kiosk", "kiosk-7"),
            ("printer-7", "printer", "kiosk-7"),
        ]


def test_adding_an_agent_again_gives_the_same_configuration(folder: Path) -> None:
    assert add(folder).stdout == add(folder).stdout


def test_agent_add_asks_the_collector_that_runs(database: Path) -> None:
    with a_running_collector(database, registers):
        result = add(database.parent)

    assert result.exit_code == 0
    with View.open(database) as view:
        assert [one.id for one in view.devices()] == ["kiosk-7"]
    assert [one.agent for one in logins.read(database.parent)] == ["kiosk-7"]


def test_agent_add_tells_why_the_collector_refused_and_makes_no_credential(database: Path) -> None:
    def refuses(store: Store, command: Any) -> CommandDone:
        return CommandDone(command=command.id, ok=False, done_ms=NOW, result={"error": "kiosk-7 has a voice already"})

    with a_running_collector(database, refuses):
        result = add(database.parent)

    assert result.exit_code == 2
    assert result.stderr == "error: agent kiosk-7 was not entered: kiosk-7 has a voice already\n"
    assert logins.read(database.parent) == []


def test_a_collector_that_does_not_answer_is_told(database: Path) -> None:
    wish = enrol.wished("kiosk-7", "south", ["kiosk-7:kiosk"])

    with (
        a_running_collector(database, lambda store, command: None),
        pytest.raises(enrol.EnrolError, match="does not answer; look at its log"),
    ):
        enrol.enter(database, wish, database.parent, deed=Deed(who="cli", at_ms=NOW), wait_s=0.2)

    assert logins.read(database.parent) == []


def test_nobody_takes_the_device_of_another_agent(folder: Path) -> None:
    add(folder)

    result = add(folder, agent="bus-31")

    assert result.exit_code == 1
    assert "device kiosk-7 already has a voice: agent kiosk-7" in result.stderr
    assert [one.agent for one in logins.read(folder)] == ["kiosk-7"]


@pytest.mark.parametrize(
    ("agent", "device", "said"),
    [
        ("Kiosk", "kiosk-7:kiosk", "the agent 'Kiosk' is not an id"),
        ("kiosk-7", "kiosk-7", "device 'kiosk-7': expected ID:KIND or ID:KIND:local"),
        ("kiosk-7", "kiosk-7:kiosk:remote", "device 'kiosk-7:kiosk:remote': expected ID:KIND or ID:KIND:local"),
        ("kiosk-7", "Kiosk 7:kiosk", "the device 'Kiosk 7' is not an id"),
        ("kiosk-7", 'kiosk-7:"kiosk', "the kind of device kiosk-7 '\"kiosk' is not an id"),
    ],
)
def test_an_agent_that_cannot_be_is_refused_and_nothing_is_made(
    folder: Path, agent: str, device: str, said: str
) -> None:
    result = add(folder, agent=agent, device=device)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {said}")
    assert list(folder.iterdir()) == []


def test_the_owner_of_an_external_broker_is_told_what_the_agent_may_do(tmp_path: Path, folder: Path) -> None:
    file = quiet(tmp_path, more='[broker]\nmode = "external"\nurl = "mqtts://broker.example"')

    result = add(folder, "--config", file)

    assert 'host = "broker.example"\nport = 8883\n' in result.stdout
    assert "tls = true" in result.stdout
    assert "write rm/1/south/kiosk-7/report" in result.stderr
    assert "read rm/1/south/kiosk-7/ack" in result.stderr


def test_the_printed_configuration_passes_the_agents_own_check(folder: Path, tmp_path: Path) -> None:
    check = pytest.importorskip("roundsman_agent.check", reason="the agent is not installed")
    kinds = [*enrol.PROBES, "something-else"]
    devices = [argument for kind in kinds for argument in ("--device", f"{kind}-1:{kind}")]
    file = tmp_path / "agent.toml"
    file.write_text(add(folder, *devices).stdout, "utf-8")

    body = check.check(str(file))

    assert {one["id"] for one in body["device"]} == {"kiosk-7", *(f"{kind}-1" for kind in kinds)}


@pytest.mark.parametrize("is_running", [False, True], ids=["the collector rests", "the collector runs"])
def test_a_new_token_is_printed_once_and_only_its_hash_is_kept(database: Path, is_running: bool) -> None:
    with Store.open(database) if is_running else nullcontext():
        result = roundsman(
            "token", "new", "--name", "grafana", "--group", "south", "--days", 2, "--data", database.parent
        )

    token = result.stdout.strip()
    assert len(token) >= 32
    with View.open(database) as view:
        now_ms = clock.now_ms()
        found = view.token(token, now_ms)
        assert found is not None
        assert (found.name, found.role, found.scope) == ("grafana", "viewer", Scope(groups=frozenset({"south"})))
        assert view.token(token, now_ms + 3 * 86_400_000) is None
    assert token.encode() not in database.read_bytes()


def test_a_revoked_token_opens_nothing(database: Path) -> None:
    token = roundsman("token", "new", "--everything", "--data", database.parent).stdout.strip()
    listed = roundsman("token", "list", "--data", database.parent).stdout

    result = roundsman("token", "revoke", listed[:8], "--data", database.parent)

    assert result.exit_code == 0
    assert roundsman("token", "list", "--data", database.parent).stdout == ""
    with View.open(database) as view:
        assert view.token(token, clock.now_ms()) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("token", "new"), "whom or what it reaches"),
        (("token", "new", "--everything", "--role", "king"), "expected one of viewer"),
        (("token", "revoke", "ab"), "at least four"),
        (("user", "add", "Li Na", "--everything"), "login name"),
        (("user", "add", "li.na", "--everything", "--email", "nowhere"), "mail address"),
        (("user", "add", "li.na"), "whom or what it reaches"),
        (("user", "link", "nobody"), "there is no person nobody"),
        (("user", "disable", "li.na"), "there is no person li.na"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_for_people_is_told(database: Path, arguments: tuple[str, ...], told: str) -> None:
    result = roundsman(*arguments, "--data", database.parent)

    assert result.exit_code in (1, 2)
    assert told in result.stderr


def test_a_person_is_entered_with_a_link_that_lets_them_in_once(database: Path) -> None:
    result = roundsman(
        "user", "add", "li.na", "--role", "engineer", "--group", "south", "--name", "李娜", "--data", database.parent
    )

    link = result.stdout.strip()
    assert link.startswith("http://127.0.0.1:8642/welcome?key=")
    with View.open(database) as view:
        found = view.invited(link.rpartition("=")[2], clock.now_ms())
        assert found is not None
        assert (found.id, found.name, found.role) == ("li.na", "李娜", "engineer")
    assert "li.na" in roundsman("user", "list", "--data", database.parent).stdout


def test_help_names_every_command() -> None:
    result = roundsman("--help")

    assert result.exit_code == 0
    assert all(f" {name} " in result.stdout for name in ("up", "demo", "doctor", "status", "policy", "agent", "token"))


def test_without_a_command_there_is_help() -> None:
    assert "Usage: roundsman" in roundsman().output
