"""The pages made from code: up to date, the same every time, and telling when they are not."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector import schemas
from roundsman_collector.config import SECTIONS, built_in
from roundsman_collector.core import lifecycle, tasks
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_wire.report import MESSAGES

DOCS = Path(__file__).parents[2] / "docs"
WANTED = schemas.pages()


def test_the_pages_in_the_repository_are_what_the_code_says() -> None:
    assert schemas.differences(DOCS, WANTED) == []


def test_there_is_a_schema_of_every_message_of_a_record_and_of_the_rules_files() -> None:
    names = {Path(name).stem for name in WANTED if name.startswith("schemas/")}

    assert names == {*MESSAGES, "record", "faults", "overrides", "level", "plans"}


@pytest.mark.parametrize("name", [name for name in WANTED if name.endswith(".json")])
def test_a_schema_has_a_title_and_refers_to_nothing_outside(name: str) -> None:
    schema = json.loads(WANTED[name])

    assert schema["title"].startswith("Roundsman ")
    assert schema["$schema"] == schemas.DIALECT
    assert all(part.startswith('"#/$defs/') for part in WANTED[name].split('"$ref": ')[1:])


def test_the_limits_of_the_wire_stand_in_the_schemas() -> None:
    sample = json.loads(WANTED["schemas/record.json"])["$defs"]["Sample"]

    assert sample["properties"]["n"]["minimum"] == 1
    assert sample["properties"]["device"]["pattern"] == "^[a-z0-9][a-z0-9_-]{0,62}$"
    assert sample["properties"]["kind"]["const"] == "sample"
    assert "ntp" not in sample["required"]


def test_a_record_of_an_unknown_kind_is_in_the_schema_but_not_one_that_is_misspelt() -> None:
    plain = json.loads(WANTED["schemas/record.json"])["$defs"]["Plain"]["properties"]["kind"]

    assert plain["not"] == {"enum": ["boot", "clock", "gap", "result", "sample"]}


def test_every_setting_is_on_the_page_with_a_sentence() -> None:
    page = WANTED["configuration.md"]

    for section, model in SECTIONS.items():
        assert f"## [{section}]" in page
        for name, field in model.model_fields.items():
            assert field.description, f"{section}.{name} says nothing"
            assert f"| `{name}` |" in page


def test_every_fault_is_on_the_page_in_both_languages() -> None:
    for rule in rule_set_from(built_in("faults.yaml"), source="faults.yaml").rules:
        assert f"| `{rule.code}` | {rule.zh} | {rule.en} |" in WANTED["faults.md"]


def test_a_check_names_what_differs_what_is_missing_and_what_nobody_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schemas.write(tmp_path, WANTED)
    (tmp_path / "faults.md").write_text("something else\n", "utf-8")
    (tmp_path / "schemas" / "ack.json").unlink()
    (tmp_path / "schemas" / "stranger.json").write_text("{}", "utf-8")

    code = schemas.main(["--check", "--docs", str(tmp_path)])

    said = capsys.readouterr().out
    assert code == 1
    assert "faults.md: differs\n" in said
    assert "-something else" in said
    assert "ack.json: is missing\n" in said
    assert "stranger.json: is made by nobody" in said
    assert said.count("\n") < 50


def test_writing_mends_what_a_check_found(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "stranger.json").write_text("{}", "utf-8")

    wrote = schemas.main(["--docs", str(tmp_path)])
    checked = schemas.main(["--check", "--docs", str(tmp_path)])

    assert (wrote, checked) == (0, 0)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == set(WANTED)


def test_without_the_repository_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = schemas.main(["--check", "--docs", str(tmp_path / "nowhere")])

    assert code == 2
    assert "run this where the repository lies" in capsys.readouterr().err


# Shows S4-43.
@pytest.mark.parametrize(("page", "steps"), [("tickets.md", lifecycle.STEPS), ("tasks.md", tasks.STEPS)])
def test_a_drawing_shows_every_step_that_leads_from_a_state_to_another(page: str, steps: Mapping[str, Any]) -> None:
    drawing = WANTED[page].partition("```mermaid")[2].partition("```")[0]

    drawn = re.findall(r"^  (\w+) --> (\w+): \S+ (\w+)$", drawing, re.MULTILINE)

    assert {(to, verb) for _, to, verb in drawn} == {
        (step.to, verb) for verb, step in steps.items() if step.to is not None and any(step.from_)
    }
    assert [line for line in drawn if line[0] not in steps[line[2]].from_] == []
