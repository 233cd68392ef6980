"""What every probe owes: a test that it only reads, recordings of real talk, a place in the ready configurations."""

import ast
import json
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, name

PROBES = sorted(
    path.stem for path in (PACKAGES["roundsman_agent"] / "probes").glob("*.py") if not path.stem.startswith("_")
)
TESTS = ROOT / "tests" / "agent" / "probes"
MARK = "pytest.mark.reads_only"


def marked(path: Path) -> list[str]:
    """The tests of a file that bear the mark themselves."""
    return [
        one.name
        for one in ast.walk(ast.parse(path.read_text("utf-8"), name(path)))
        if isinstance(one, ast.FunctionDef) and MARK in (ast.unparse(decorator) for decorator in one.decorator_list)
    ]


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_is_shown_to_send_its_device_nothing_but_reads(probe: str) -> None:
    paths = [TESTS / f"test_{probe}.py", *TESTS.glob(f"test_{probe}_*.py")]

    tests = [test for path in paths if path.is_file() for test in marked(path)]

    assert tests, f"{name(paths[0])}: mark with @{MARK} the test whose device fails on anything that is not a read"


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_has_recordings_that_say_what_device_it_was(probe: str) -> None:
    bodies = [json.loads(path.read_text("utf-8")) for path in (TESTS / "recordings").glob("*.json")]

    models = [body["model"] for body in bodies if body["probe"] == probe]

    assert len(models) >= 2, (
        f"{probe}: record a healthy device and one with a fault (once --probe {probe} --record FILE)"
    )
    assert all(models)


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("guide", ["agent-on-a-device.md", "agent-on-a-device.zh-CN.md"])
def test_whoever_installs_an_agent_is_told_of_a_probe_and_what_it_needs(guide: str, probe: str) -> None:
    text = (ROOT / "docs" / "how-to" / guide).read_text("utf-8")

    assert f"[`{probe}`](../probes/{probe}.md)" in text, f"docs/how-to/{guide}, table of probes: what is {probe} for?"
    assert any(f"`{probe}`" in line for line in text.split("\n## 7")[1].splitlines()), f"{guide}, 7: what {probe} needs"
