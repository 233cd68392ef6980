"""What every module owes its reader: a docstring, a telling name, a place in the contracts."""

import tomllib
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, docstring, files, imported, name, python_files, shipped_modules

BANNED_WORDS = {"base", "common", "helper", "helpers", "manager", "misc", "processor", "service", "util", "utils"}
# STYLE: talk to the world in one place per world. Library -> the only files that may import it, below the package.
DOORS = {
    ("roundsman_agent", "paho"): {"uplink.py", "visit.py"},  # the agent itself, and its doctor beside it
    ("roundsman_collector", "paho"): {"mqtt.py"},
    ("roundsman_collector", "sqlalchemy"): {"store/"},
    ("roundsman_collector", "sqlite3"): {"store/"},
    ("roundsman_collector", "alembic"): {"store/"},
    ("roundsman_agent", "sqlite3"): {"spool.py", "spool_", "last_stop.py"},  # the last reads the system's wtmpdb
}
PURE_ROOMS = {"roundsman_collector.core", "roundsman_collector.rules", "roundsman_collector.reports"}


def contracts() -> dict[str, dict[str, list[str]]]:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    return {table["id"]: table for table in tables}


@pytest.mark.parametrize("path", [*python_files()], ids=name)
def test_a_module_opens_with_a_docstring(path: Path) -> None:
    is_empty = not path.read_text("utf-8").strip()

    assert is_empty or docstring(path), f"{name(path)} does not say what it is for: open it with a docstring"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_it_is(package: str) -> None:
    assert docstring(PACKAGES[package] / "__init__.py")


def test_no_file_is_named_after_what_it_is_not() -> None:
    offenders = [name(path) for path in files() if BANNED_WORDS & set(path.stem.lower().split("_"))]

    assert offenders == [], f"name these by what they know or do, not {sorted(BANNED_WORDS)}"


@pytest.mark.parametrize(("package", "library"), DOORS, ids=lambda value: value)
def test_the_world_is_spoken_to_in_one_place(package: str, library: str) -> None:
    doors = tuple(DOORS[package, library])
    below = {path.relative_to(PACKAGES[package]).as_posix(): path for path in python_files(PACKAGES[package])}

    offenders = [below[file] for file in below if library in imported(below[file]) and not file.startswith(doors)]

    assert offenders == [], f"{package} speaks to {library} in {doors} only"


def test_every_pure_room_stands_under_the_purity_contract() -> None:
    collector = PACKAGES["roundsman_collector"]
    present = {
        room
        for room in PURE_ROOMS
        if (stem := collector / room.rpartition(".")[2]).exists() or stem.with_suffix(".py").exists()
    }

    assert present <= set(contracts()["pure"]["source_modules"])


def test_the_wire_stands_on_the_standard_library_alone() -> None:
    project = tomllib.loads((ROOT / "wire" / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["dependencies"] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_marked_as_typed(package: str) -> None:
    assert (PACKAGES[package] / "py.typed").is_file()


def test_there_are_modules_to_look_at() -> None:
    assert {path.parents[0].name for path in shipped_modules()} >= set(PACKAGES)
