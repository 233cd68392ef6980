"""The dashboards as files: up to date, complete where the SDK's defaults are not, the same in both languages."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import generate
from dashboards.words import WORDS, say
from roundsman_collector.metrics.names import METRICS
from roundsman_collector.web.words import LANGUAGES

FOLDER = Path(generate.__file__).parent
PROMETHEUS = FOLDER / "prometheus"
NAMES = {one.name for one in METRICS}


def dashboard(language: str) -> Any:
    return json.loads((FOLDER / generate.FILES[language]).read_text("utf-8"))  # type: ignore[index]


def panels(language: str) -> list[Any]:
    """All panels that show something: headings do not."""
    return [one for one in dashboard(language)["panels"] if one["type"] != "row"]


def queries(language: str) -> Iterator[tuple[Any, Any]]:
    for panel in panels(language):
        for target in panel["targets"]:
            yield panel, target


def test_the_files_are_what_the_code_makes(capsys: pytest.CaptureFixture[str]) -> None:
    code = generate.main(["--check"])

    assert (code, capsys.readouterr().out) == (0, "")


def test_a_file_that_was_edited_by_hand_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    generate.main([])
    (tmp_path / "fleet-uptime.json").write_text("{}")

    code = generate.main(["--check"])

    assert (code, capsys.readouterr().out.count("make dashboards")) == (1, 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_panel_says_what_it_shows_and_lies_in_the_grid(language: str) -> None:
    found = panels(language)

    assert len(found) >= 15
    assert [one["title"] for one in found if not (one["title"] and one.get("description"))] == []
    assert [one["title"] for one in found if one["gridPos"]["x"] + one["gridPos"]["w"] > generate.GRID] == []
    assert len({one["id"] for one in dashboard(language)["panels"]}) == len(dashboard(language)["panels"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_of_panels_are_as_wide_as_the_grid(language: str) -> None:
    widths: dict[int, int] = {}
    for one in panels(language):
        widths[one["gridPos"]["y"]] = widths.get(one["gridPos"]["y"], 0) + one["gridPos"]["w"]

    assert set(widths.values()) == {generate.GRID}


@pytest.mark.parametrize("language", LANGUAGES)
def test_legends_are_seen_and_single_values_say_which_value(language: str) -> None:
    courses = [one for one in panels(language) if one["type"] == "timeseries"]
    singles = [one for one in panels(language) if one["type"] in ("stat", "gauge", "bargauge")]

    assert courses
    assert [one["title"] for one in courses if not one["options"]["legend"]["showLegend"]] == []
    assert singles
    assert [one["title"] for one in singles if not one["options"]["reduceOptions"]["calcs"]] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_query_has_a_name_of_its_own_and_the_chosen_source(language: str) -> None:
    for panel, target in queries(language):
        references = [one["refId"] for one in panel["targets"]]
        assert len(set(references)) == len(references)
        assert all(references)
        assert target["datasource"]["uid"] == "${source}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_queries_name_metrics_that_there_are(language: str) -> None:
    named = {name for _, target in queries(language) for name in re.findall(r"roundsman_\w+", target["expr"])}

    assert named <= NAMES


@pytest.mark.parametrize("language", LANGUAGES)
def test_coverage_stands_beside_every_availability(language: str) -> None:
    for panel in panels(language):
        asked = " ".join(target["expr"] for target in panel["targets"])
        if "roundsman_up_seconds" in asked or "availability_ratio" in asked:
            assert "roundsman_unknown_seconds" in asked or "coverage_ratio" in asked, panel["title"]


def test_both_languages_ask_the_same() -> None:
    def asked(language: str) -> list[tuple[str, str]]:
        said = say("nothing_refused", language)  # type: ignore[arg-type]
        return [(target["refId"], target["expr"].replace(said, "…")) for _, target in queries(language)]

    assert asked("zh") == asked("en")


def test_every_text_is_said_in_both_languages_and_used() -> None:
    code = (FOLDER / "generate.py").read_text("utf-8")
    by_code = {*generate.STATES, *generate.SEVERITIES, *generate.WINDOWS}

    assert [key for key, (zh, en) in WORDS.items() if not (zh and en)] == []
    assert [key for key, (zh, _) in WORDS.items() if key != "other" and not re.search(r"[\u4e00-\u9fff]", zh)] == []
    unused = [key for key in WORDS if f'"{key.removesuffix(".about")}"' not in code and key not in by_code]
    assert unused == []


# --- Prometheus' files ----------------------------------------------------------------------------------------------


def test_the_rules_do_as_their_tests_say(promtool: Path, tmp_path: Path) -> None:
    for file in PROMETHEUS.iterdir():
        shutil.copy(file, tmp_path)

    done = subprocess.run(
        [promtool, "test", "rules", "rules.test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_a_configuration_is_one(promtool: Path) -> None:
    done = subprocess.run(
        [promtool, "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tried_speaks_both_languages_and_names_metrics_that_there_are() -> None:
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))["groups"]
    tried = (PROMETHEUS / "rules.test.yml").read_text("utf-8")

    for rule in (rule for group in groups for rule in group["rules"]):
        assert set(rule["annotations"]) == {"summary", "summary_zh", "do"}, rule["alert"]
        assert set(re.findall(r"roundsman_\w+", rule["expr"])) <= NAMES, rule["alert"]
        assert rule["alert"] in tried or re.match("RoundsmanNotices", rule["alert"]), f"{rule['alert']} is not tried"


def test_grafana_finds_the_dashboards_and_their_source() -> None:
    source = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "roundsman.yaml").read_text("utf-8"))
    provider = yaml.safe_load((FOLDER / "provisioning" / "dashboards" / "roundsman.yaml").read_text("utf-8"))
    scrape = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))

    assert source["datasources"][0]["type"] == "prometheus"
    assert source["datasources"][0]["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
    assert provider["providers"][0]["options"]["path"].startswith("/var/lib/grafana/")
