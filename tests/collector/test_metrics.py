"""What /metrics tells of the world of tests/collector/api/world.py, and to whom."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from roundsman_collector.api.figures import figure_of
from roundsman_collector.api.moments import Window
from roundsman_collector.api.summary import WINDOWS, Summary
from roundsman_collector.core.availability import pool
from roundsman_collector.metrics import collector, fleet
from roundsman_collector.metrics.names import METRICS, text
from roundsman_collector.metrics.serving import Answer, application
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import CounterRow, Deed, Office, Store, StoreError, View
from roundsman_collector.store.board import ALL, BoardRow
from roundsman_collector.store.fleet import DevicePast, Past
from tests.collector.api import world
from tests.collector.api.served import settled, store, view

__all__ = ["settled", "store", "view"]

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
WORDS = ("fault", "maintenance", "normal", "offline", "unknown", "warning")
Read = dict[tuple[str, ...], float]


def told(view: View) -> bytes:
    return Answer(view, Summary(view), lambda: world.NOW).text()


def read(said: bytes, name: str, *labels: str) -> Read:
    """The samples of a metric by the values of these labels; {} if it is not told."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(said.decode())
        for sample in family.samples
        if sample.name == name
    }


def figures(view: View, length_ms: int, *devices: str) -> float | None:
    """Availability as the core reckons it, device by device."""
    window = Window(from_ms=world.NOW - length_ms, to_ms=world.NOW, known_ms=None, now_ms=world.NOW)
    pooled = pool(figure_of(view, device, window) for device in devices)
    return None if pooled.availability is None else float(pooled.availability)


# --- the fleet ----------------------------------------------------------------------------------------------------


def test_availability_is_the_cores_by_group_and_kind_and_by_device(view: View) -> None:
    said = told(view)

    by_kind = read(said, "roundsman_availability_ratio", "kind", "window")
    by_device = read(said, "roundsman_device_availability_ratio", "device", "window")
    for window, length_ms in WINDOWS.items():
        assert by_kind["nvr", window] == pytest.approx(figures(view, length_ms, "nvr-2"))
        assert by_device["kiosk-7", window] == pytest.approx(figures(view, length_ms, "kiosk-7"))
        # new-1 is a kiosk, too, and has never reported: nothing of it is known
        assert by_kind["kiosk", window] == pytest.approx(figures(view, length_ms, "kiosk-7", "new-1"))


def test_the_seconds_of_a_window_add_up_to_the_service_time_of_all_devices(view: View) -> None:
    said = told(view)
    in_service_ms = world.NOW - world.TODAY

    for window, length_ms in WINDOWS.items():
        parts = [
            sum(
                value
                for key, value in read(said, f"roundsman_{part}_seconds", "kind", "window").items()
                if key[1] == window
            )
            for part in ("up", "down", "unknown", "excluded")
        ]
        assert sum(parts) == pytest.approx(5 * min(length_ms, in_service_ms) / 1000)


def test_what_nobody_knows_has_no_sample(view: View) -> None:
    said = told(view)

    assert ("new-1",) not in read(said, "roundsman_device_up", "device")
    assert ("new-1",) not in read(said, "roundsman_device_availability_ratio", "device")
    assert ("bus-31",) not in read(said, "roundsman_device_up", "device")
    assert read(said, "roundsman_device_coverage_ratio", "device", "window")["new-1", "24h"] == 0
    assert b"NaN" not in said


def test_a_device_is_up_with_a_warning_and_down_when_it_does_not_answer(view: View) -> None:
    said = told(view)

    assert read(said, "roundsman_device_up", "device") == {("kiosk-7",): 1, ("ups-2",): 1, ("nvr-2",): 0}


def test_devices_are_counted_under_all_six_words(view: View) -> None:
    said = read(told(view), "roundsman_devices", "kind", "state")

    assert {word for kind, word in said if kind == "kiosk"} == set(WORDS)
    assert {key: count for key, count in said.items() if count} == {
        ("kiosk", "warning"): 1,
        ("kiosk", "unknown"): 1,
        ("nvr", "offline"): 1,
        ("ups", "normal"): 1,
        ("vehicle", "unknown"): 1,
    }


def test_a_large_fleet_has_no_series_of_single_devices(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "DEVICE_LIMIT", 4)

    said = told(view)

    assert b"roundsman_device_" not in said
    assert sum(read(said, "roundsman_devices", "kind", "state").values()) == 5


def test_groups_and_kinds_beyond_the_limit_count_together_and_nothing_is_lost(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = told(view)
    monkeypatch.setattr(fleet, "LABEL_LIMIT", 2)

    said = told(view)

    assert {kind for kind, _ in read(said, "roundsman_devices", "kind", "state")} == {"kiosk", "nvr", fleet.OTHER}
    for metric in ("roundsman_up_seconds", "roundsman_down_seconds", "roundsman_unknown_seconds"):
        folded, plain = (sum(read(one, metric, "kind", "window").values()) for one in (said, whole))
        assert folded == pytest.approx(plain)


def test_a_new_database_tells_what_it_has_and_no_figures(tmp_path: Path, promtool: Path) -> None:
    Store.open(tmp_path / "new.sqlite3").close()
    with View.open(tmp_path / "new.sqlite3") as empty:
        said = told(empty)

    assert read(said, "roundsman_agents") == {(): 0}
    assert read(said, "roundsman_last_report_timestamp_seconds") == {}
    assert read(said, "roundsman_availability_ratio", "kind") == {}
    assert lint(promtool, said) == ""


def test_figures_speak_of_the_devices_that_were_counted_even_when_one_leaves(view: View) -> None:
    board = Summary(view).board
    _, nothing_yet = board.sums()
    rows = summarised(view)
    board.begin_round()
    board.put(rows)
    board.end_round()
    board.put_pasts([[DevicePast(row.device, "", "", (Past(60_000, 0, 0, 0, 0, 0),)) for row in rows]], world.NOW)
    _, before = board.sums()

    board.begin_round()
    board.put(rows[:1])
    board.end_round()
    states, after = board.sums()

    assert nothing_yet is None
    assert before is not None
    assert after == before
    assert sum(one.devices for one in states) == 1
    assert sum(one.past.up_ms for one in after.pasts) == 5 * 60_000


def summarised(view: View) -> list[BoardRow]:
    """The world as it stands on a board."""
    return list(Summary(view).fleet(EVERYTHING, ALL, world.NOW).rows)


# --- the collector ------------------------------------------------------------------------------------------------


def test_tickets_are_told_by_severity_and_none_is_zero(view: View) -> None:
    open_tickets = Counter((one.severity, one.state) for one in view.tickets(states=("open", "acknowledged")))

    said = read(told(view), "roundsman_tickets_open", "severity", "state")

    assert {key: count for key, count in said.items() if count} == open_tickets
    assert said["minor", "acknowledged"] == 0


def test_what_came_in_and_what_was_refused_is_told(view: View) -> None:
    said = told(view)
    tallies = view.tallies()

    assert read(said, "roundsman_reports_total") == {(): view.status().last_seq}
    assert read(said, "roundsman_refused_total", "cause") == {("bad_json",): 3}
    assert read(said, "roundsman_quarantine_entries") == {(): 1}
    assert tallies.last_report_ms is not None
    assert read(said, "roundsman_last_report_timestamp_seconds") == {(): tallies.last_report_ms / 1000}
    assert tallies.disk_free_bytes is not None
    assert tallies.disk_free_bytes > 0
    assert set(read(said, "roundsman_notices", "state").values()) == {0}


def test_causes_are_words_of_ours_and_not_without_end() -> None:
    rows = [CounterRow("refused", f"cause_{n:03}", 1, 0, "") for n in range(collector.CAUSE_LIMIT + 10)]
    rows += [CounterRow("refused", 'x"} 1\nevil 1', 7, 0, ""), CounterRow("duplicate", "again", 9, 0, "")]

    found = dict(collector.by_cause(rows, "refused"))

    assert len(found) == collector.CAUSE_LIMIT + 1
    assert found[collector.OTHER,] == 10 + 7
    assert sum(found.values()) == collector.CAUSE_LIMIT + 10 + 7


# --- as text --------------------------------------------------------------------------------------------------------


def lint(promtool: Path, said: bytes) -> str:
    """What promtool has to say; empty: nothing."""
    done = subprocess.run([promtool, "check", "metrics"], input=said, capture_output=True, timeout=30, check=False)
    return f"{done.stdout.decode()}{done.stderr.decode()}"


def test_promtool_finds_nothing_to_complain_of(view: View, promtool: Path) -> None:
    assert lint(promtool, told(view)) == ""


def test_promtool_would_complain(promtool: Path) -> None:
    assert "_total" in lint(promtool, b"# TYPE bad counter\nbad 1\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="roundsman_agents: a value that is no number"):
        text({"roundsman_agents": [((), value)]})


def test_a_metric_that_is_not_announced_is_refused() -> None:
    with pytest.raises(ValueError, match="roundsman_secret"):
        text({"roundsman_secret": [((), 1)]})


def test_the_document_has_every_metric_as_it_is_announced() -> None:
    rows = re.findall(r"^\| `(roundsman_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", DOCUMENT.read_text("utf-8"), re.M)

    wanted = [(one.name, one.type, " ".join(f"`{label}`" for label in one.labels) or "–", one.help) for one in METRICS]
    assert rows == wanted


def test_every_metric_that_is_announced_can_be_told(view: View) -> None:
    said = told(view).decode()

    may_be_missing = {
        "roundsman_duplicates_total",
        "roundsman_settling_since_timestamp_seconds",
        "roundsman_notices_waiting_since_timestamp_seconds",
    }
    silent = {one.name for one in METRICS if f"\n{one.name}" not in said}
    assert silent <= may_be_missing


# --- who may read it, and how often it is made ----------------------------------------------------------------------


@pytest.fixture
def keys(store: Store, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Keys of tokens with several scopes."""
    deed = Deed(who="admin", at_ms=world.NOW - 5)
    scopes = {"all": Scope(everything=True), "south": Scope(groups=frozenset({"south"})), "none": Scope()}
    with Office.open(tmp_path / "roundsman.sqlite3") as office:
        for name, scope in scopes.items():
            office.add_token(f"a-key-of-{name}", name=name, role="viewer", scope=scope, deed=deed)
    yield {name: f"a-key-of-{name}" for name in scopes}


def asked(view: View, key: str | None, method: str = "GET") -> tuple[int, str]:
    client = TestClient(application(world.desk(view), Summary(view)), base_url=world.ORIGIN)
    answer = client.request(method, "/metrics", headers={} if key is None else {"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.headers["content-type"]


def test_a_viewer_of_everything_may_read_it_and_nobody_who_sees_less(view: View, keys: dict[str, str]) -> None:
    assert asked(view, keys["all"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert asked(view, keys["south"]) == (403, "application/problem+json")
    assert asked(view, keys["none"]) == (403, "application/problem+json")
    assert asked(view, "an-old-token") == (401, "application/problem+json")
    assert asked(view, None) == (401, "application/problem+json")
    assert asked(view, keys["all"], "POST") == (405, "application/problem+json")


def test_the_whole_site_has_it(view: View) -> None:
    api = world.browser(world.desk(view), Authorization=f"Bearer {world.TOKEN}")

    assert api.get("/metrics").text.startswith("# HELP roundsman_devices ")
    assert world.browser(world.desk(view)).get("/metrics").status_code == 401


def test_an_answer_is_made_once_for_all_who_ask_soon_after(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    tallies = View.tallies
    monkeypatch.setattr(View, "tallies", lambda self: made.append(1) or tallies(self))
    answer = Answer(view, Summary(view), lambda: world.NOW, every_s=3600)

    first, second = answer.text(), answer.text()

    assert first == second
    assert len(made) == 1


def test_an_answer_that_took_long_is_kept_longer(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [1000.0]
    monkeypatch.setattr("roundsman_collector.metrics.serving.time.monotonic", lambda: now_s[0])
    made = []
    tallies = View.tallies

    def slowly(self: View) -> object:
        now_s[0] += 2.0
        made.append(now_s[0])
        return tallies(self)

    monkeypatch.setattr(View, "tallies", slowly)
    answer = Answer(view, Summary(view), lambda: world.NOW)
    for _ in range(4):
        answer.text()
        now_s[0] += 15.0

    assert made == [1002.0, 1049.0]


def test_nothing_old_is_told_when_the_database_cannot_be_read(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(view, Summary(view), lambda: world.NOW, every_s=0)
    answer.text()

    def broken(self: View) -> None:
        raise StoreError(what="the disk reports an error", where="here", do="look at the disk", cause="io")

    monkeypatch.setattr(View, "tallies", broken)
    with pytest.raises(StoreError):
        answer.text()
