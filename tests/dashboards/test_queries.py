"""Every query of the dashboards on a real Prometheus that reads a real collector: an empty answer is a failure.

The collector's database has a day of four devices in it that ends now; the process that serves it is the one that the
collector starts. Prometheus runs with dashboards/prometheus/prometheus.yml, read faster and from a free port.
"""

import json
import math
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import generate
from roundsman_collector import clock
from roundsman_collector.config import DATABASE
from roundsman_collector.core.model import Retold, Segment
from roundsman_collector.store import Batch, Count, Deed, DeviceNow, Office, TicketOpen
from roundsman_collector.tether import tethered
from tests.collector.store.cast import evidence, staffed
from tests.dashboards.test_dashboards import PROMETHEUS, dashboard, queries

HOUR = 3_600_000
KEY = "a-key-for-prometheus"
PATIENCE_S = 60.0
SCRAPES = 4
"""So many readings must be there before anything is asked: a rate needs two."""
# What Grafana puts in for its variables: all, one, and several as a pattern.
CHOICES = (
    {"group": ".*", "kind": ".*"},
    {"group": "south", "kind": "nvr"},
    {"group": "(south|north)", "kind": "(kiosk|nvr|ups)"},
)
BUILT_IN = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "10m"}

pytestmark = pytest.mark.slow


def write_a_day(database: Path) -> None:
    """kiosk-7 was down for an hour, nvr-2 does not answer, ups-2 is well; of bus-31 nothing is known since."""
    now_ms = clock.now_ms()
    begin_ms = now_ms - 24 * HOUR

    def at(hours: float) -> int:
        return begin_ms + round(hours * HOUR)

    def ledger(device: str, *told: tuple[float, float | None, str, str]) -> Retold:
        segments = (
            Segment(at(a), None if b is None else at(b), state, "fault" if fault else "", fault)
            for a, b, state, fault in told
        )
        return Retold(device, begin_ms, tuple(segments))

    def present(device: str, agent_no: int, hours_ago: float = 0) -> DeviceNow:
        t_ms = now_ms - round(hours_ago * HOUR)
        return DeviceNow(device, agent_no, t_ms, t_ms, t_ms, False, {}, t_ms)

    def ticket(device: str, agent_no: int, severity: str) -> TicketOpen:
        return TicketOpen(
            subject=device,
            agent_no=agent_no,
            component="host",
            code="host.unreachable",
            severity=severity,
            service_class="maintenance",
            fault_from_ms=now_ms - HOUR,
            opened_ms=now_ms - HOUR,
            year=2026,
        )

    with staffed(database) as store:
        store.commit(
            Batch(
                now_ms=now_ms,
                evidence=[evidence(1, 1, None, now_ms - 2000), evidence(2, 2, None, now_ms - 1000)],
                tells=[
                    ledger("kiosk-7", (0, 5, "up", ""), (5, 6, "down", "printer.paper_end"), (6, None, "up", "")),
                    ledger("nvr-2", (0, 23, "up", ""), (23, None, "down", "host.unreachable")),
                    ledger("ups-2", (0, None, "up", "")),
                    ledger("bus-31", (0, 20, "up", ""), (20, None, "unknown", "")),
                ],
                device_now=[present("kiosk-7", 1), present("nvr-2", 2), present("ups-2", 2), present("bus-31", 3, 4)],
                tickets=[ticket("nvr-2", 2, "urgent"), ticket("kiosk-7", 1, "minor")],
                counters=[Count(name="refused", cause="bad_json", at_ms=now_ms, count=3)],
            )
        )
    with Office.open(database) as office:
        office.add_token(KEY, name="prometheus", role="viewer", deed=Deed(who="roundsman", at_ms=now_ms))


@contextmanager
def running(argv: list[str], log: Path) -> Iterator[None]:
    """A process that ends with the test; what it said stands in `log`."""
    with log.open("wb") as said:
        child = subprocess.Popen(tethered(argv), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            yield
        finally:
            child.kill()
            child.wait()


class Asked:
    """Prometheus' API."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer."""
        address = f"{self.address}/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            return json.load(answer)["data"]

    def value(self, expression: str) -> float | None:
        """The value of an expression that has one, or none."""
        try:
            found = self.get("query", query=expression)["result"]
        except (urllib.error.URLError, OSError):
            return None
        return float(found[0]["value"][1]) if found else None


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, prometheus: Path) -> Iterator[Asked]:
    """Prometheus that has read the collector some times."""
    folder = tmp_path_factory.mktemp("fleet")
    write_a_day(folder / DATABASE)
    api, own = free_ports(2)
    (folder / "prometheus.yml").write_text(configured(folder, api), "utf-8")
    serve = [sys.executable, "-m", "roundsman_collector.web", "--data", str(folder), "--port", str(api)]
    watch = [
        str(prometheus),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{own}",
        "--log.level=warn",
    ]
    found = Asked(own)
    with running(serve, folder / "web.log"), running(watch, folder / "prometheus.log"):
        deadline = time.monotonic() + PATIENCE_S
        while (found.value("min(count_over_time(roundsman_outages[5m]))") or 0) < SCRAPES:
            assert time.monotonic() < deadline, "\n".join(log.read_text() for log in sorted(folder.glob("*.log")))
            time.sleep(0.25)
        yield found


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def configured(folder: Path, port: int) -> str:
    """The example of a configuration, for this collector: read every second, with a key of its own."""
    (folder / "key").write_text(f"{KEY}\n", "ascii")
    told = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    told["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    told["rule_files"] = [str(PROMETHEUS / "rules.yml")]
    (job,) = told["scrape_configs"]
    job["authorization"]["credentials_file"] = str(folder / "key")
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    return yaml.safe_dump(told)


def put_in(expression: str, chosen: dict[str, str]) -> str:
    """The expression as Grafana sends it."""
    for name, value in BUILT_IN.items():
        expression = expression.replace(name, value)
    for name, value in chosen.items():
        expression = expression.replace(f"${name}", value)
    assert "$" not in expression, f"a variable that nobody puts in: {expression}"
    return expression


def values(result: list[Any]) -> list[float]:
    return [float(value) for one in result for _, value in (one.get("values") or [one["value"]])]


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda chosen: f"{chosen['group']} {chosen['kind']}")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_query_has_an_empty_answer(asked: Asked, language: str, chosen: dict[str, str]) -> None:
    empty = []
    for panel, target in queries(language):
        expression = put_in(target["expr"], chosen)
        if target.get("instant"):
            result = asked.get("query", query=expression)["result"]
        else:
            now_s = clock.now_ms() / 1000
            span = {"start": f"{now_s - 60:.3f}", "end": f"{now_s:.3f}", "step": "1"}
            result = asked.get("query_range", query=expression, **span)["result"]
        if not values(result) or any(not math.isfinite(value) for value in values(result)):
            empty.append(f"{panel['title']} {target['refId']}: {expression}: {result}")

    assert empty == []


def test_an_empty_answer_would_be_seen(asked: Asked) -> None:
    nobody = {"group": "north", "kind": ".*"}

    assert asked.get("query", query=put_in(generate.availability("24h"), nobody))["result"] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_groups_and_kinds_can_be_chosen(asked: Asked, language: str) -> None:
    offered = {}
    for variable in dashboard(language)["templating"]["list"]:
        if variable["type"] == "query":
            said = put_in(variable["query"]["query"], {"group": "south"})
            metric, label = said.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            offered[variable["name"]] = asked.get(f"label/{label}/values", **{"match[]": metric})

    assert offered == {"group": ["south"], "kind": ["kiosk", "nvr", "ups", "vehicle"]}


def test_the_figures_that_are_shown_are_the_ledgers(asked: Asked) -> None:
    every = CHOICES[0]

    up = 23 + 23 + 24 + 20
    assert asked.value(put_in(generate.availability("24h"), every)) == pytest.approx(up / (up + 2), abs=1e-3)
    assert asked.value(put_in(generate.coverage("24h"), every)) == pytest.approx((up + 2) / 96, abs=1e-3)


def test_the_rules_are_taken_and_nothing_is_wrong_with_a_collector_that_runs(
    asked: Asked,
) -> None:
    rules = [rule for group in asked.get("rules")["groups"] for rule in group["rules"]]

    assert len(rules) >= 9
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
