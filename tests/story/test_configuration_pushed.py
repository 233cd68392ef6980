"""A configuration goes from the collector to an agent over TLS, and the doctor looks at the agent while it runs."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.store import Deed, Office, View
from roundsman_collector.store.pushed import PushRow, PushWish
from tests.story.site import PATIENCE_S
from tests.story.test_agent_on_a_device import AT, Place

pytestmark = pytest.mark.slow

BODY: dict[str, Any] = {
    "device": [
        {"id": "kiosk-7", "kind": "kiosk", "local": True, "period_s": 1.0, "probe": [{"name": "host"}]},
        {"id": "door-7", "kind": "door", "period_s": 1.0, "probe": [{"name": "escpos", "port": "/dev/none"}]},
    ],
    "limits": {"host.cpu_percent": [80, 95]},
}
WRONG: dict[str, Any] = {"device": [{"id": "kiosk-7", "kind": "kiosk", "probe": [{"name": "hots"}]}]}


@pytest.fixture
def place(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Place]:
    made = Place(tmp_path, free_port())
    yield made
    made.close()


def database(place: Place) -> Path:
    return place.folder / "data" / "roundsman.sqlite3"


def push(place: Place, body: dict[str, Any]) -> int:
    deed = Deed(who="li.na", at_ms=int(time.time() * 1000))
    with Office.open(database(place)) as office:
        return office.push_config("kiosk-7", PushWish(body=body), deed=deed)


def pushed(place: Place, number: int) -> PushRow:
    with View.open(database(place)) as view:
        found = view.push("kiosk-7", number)
    assert found is not None
    return found


def diagnosed(place: Place) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """What `roundsman-agent doctor` says: its exit code and its findings by what they are about."""
    command = [sys.executable, "-m", "roundsman_agent", "doctor", "--json", str(place.folder / "agent.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(done.stdout):
        found.setdefault(one["what"], []).append(one)
    return done.returncode, found


def test_a_configuration_is_pushed_confirmed_and_another_one_refused(place: Place) -> None:
    place.roundsman("init-tls", "--name", AT)
    place.collector.start()
    place.until(lambda: "READY=1" in place.collectors_manager.words(), "the collector says that it is ready")
    place.add()
    place.agent.start()
    place.await_report()

    first = push(place, BODY)
    place.until(lambda: pushed(place, first).state == "confirmed", "the agent confirms what was pushed")
    place.await_report()
    wrong = push(place, WRONG)
    place.until(lambda: pushed(place, wrong).state == "refused", "the agent refuses what it cannot use")
    assert "there is no such probe; expected 'host'?" in pushed(place, wrong).detail

    place.agent.stop()
    place.agent.start()
    place.await_report()
    assert f"configuration {pushed(place, first).hash}: pushed by the collector" in place.agent.words_of_this_run()
    assert pushed(place, wrong).hash not in place.agent.words_of_this_run()
    assert "Traceback" not in place.agent.words() + place.collector.words()


def test_the_doctor_visits_beside_an_agent_that_runs_and_goes_on(place: Place) -> None:
    place.roundsman("init-tls", "--name", AT)
    place.collector.start()
    place.until(lambda: "READY=1" in place.collectors_manager.words(), "the collector says that it is ready")
    place.add()
    place.agent.start()
    place.await_report()

    code, found = diagnosed(place)

    assert {what: [one["level"] for one in found[what]] for what in ("TCP", "TLS", "login", "collector", "agent")} == {
        "TCP": ["OK"],
        "TLS": ["OK"],
        "login": ["OK"],
        "collector": ["OK"],
        "agent": ["OK"],
    }, found
    assert code == 0, found
    assert any("this one" in one["found"] for one in found["clock"]), found["clock"]
    place.await_report()
    assert place.agent.words().count("connected to") == 1


def test_the_doctor_says_which_certificate_and_which_credential_is_wrong(place: Place) -> None:
    place.roundsman("init-tls", "--name", "collector.example")
    place.collector.start()
    place.until(lambda: "READY=1" in place.collectors_manager.words(), "the collector says that it is ready")
    place.add()
    file = place.folder / "agent.toml"
    text = file.read_text().replace('"collector.example"', f'"{AT}"')
    file.write_text(text)
    _, found = diagnosed(place)
    assert "is for another host" in found["TLS"][0]["found"]

    place.roundsman("init-tls", "--name", AT)
    place.until(lambda: "the broker has a new certificate" in place.collector.words(), "the renewal is noticed")
    password = next(line.split('"')[1] for line in text.splitlines() if line.startswith("password"))
    file.write_text(text.replace(password, "wrong"))
    code, found = diagnosed(place)

    assert code == 1
    assert (found["login"][0]["level"], "Not authorized" in found["login"][0]["found"]) == ("FAIL", True), found
    assert "wrong" not in json.dumps(found["login"])
