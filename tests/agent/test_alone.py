"""Agent and wire stand on their own feet: whatever they import, wherever in a module, comes with the agent.

`make agent-alone` asks where nothing else is installed. Functions import, too: not importing keeps the agent small.
"""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import roundsman_agent
import roundsman_wire

pytestmark = pytest.mark.alone

OURS = (roundsman_agent, roundsman_wire)


def modules() -> dict[str, Path]:
    """Every module of both, but those that run when they are imported."""
    found = {}
    for package in OURS:
        (base,) = map(Path, package.__path__)
        for path in sorted(base.rglob("*.py")):
            name = ".".join((package.__name__, *path.relative_to(base).with_suffix("").parts))
            if path.stem != "__main__":
                found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a module imports, in functions, too: the module, and the names taken from it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((one.name, ()) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, tuple(one.name for one in node.names)


def needed() -> set[str]:
    """The distributions that installing the agent brings, with all that they need in turn."""
    found: set[str] = set()
    asked = ["roundsman-agent"]
    while asked:
        name = asked.pop()
        if name not in found:
            found.add(name)
            wanted = map(Requirement, distribution(name).requires or ())
            asked += [canonical(one.name) for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_and_all_that_it_imports_anywhere_is_there(name: str) -> None:
    import_module(name)

    for module, taken in imported(MODULES[name]):
        if module in sys.stdlib_module_names:  # also what other systems alone have
            continue
        assert find_spec(module) is not None, module
        whole = import_module(module)
        assert [one for one in taken if not hasattr(whole, one) and find_spec(f"{module}.{one}") is None] == []


def test_what_is_imported_comes_with_the_agent() -> None:
    roots = {module.partition(".")[0] for path in MODULES.values() for module, _ in imported(path)}
    brought = packages_distributions()
    ours = {"roundsman_agent", "roundsman_wire"}

    foreign = {
        root: {canonical(one) for one in brought.get(root, ())}
        for root in roots - ours
        if root not in sys.stdlib_module_names
    }

    assert {root for root, by in foreign.items() if not by & needed()} == set()
