"""The agent's core starts without Linux: what only Linux has is imported when used, or by probes that say so."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, python_files

AGENT = PACKAGES["roundsman_agent"]
ONLY_UNIX = ("fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "syslog")
ONLY_FOR_PROBES = {
    "roundsman_agent.serial_port": tuple(f"probes/{name}.py" for name in ("escpos", "megatec", "modem", "nmea", "obd"))
}
"""Modules that need them at once, and the only ones that may import these modules at once."""

# What others wrote is loaded before: their ports to other systems are their affair.
IMPORT = """
import sys, time
import {libraries}
vars(time).pop("CLOCK_BOOTTIME", None)

class Elsewhere:
    def find_spec(self, name, path=None, target=None):
        if name in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} on this system", name=name)

for name in {missing!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Elsewhere())
import importlib
for name in {modules!r}:
    importlib.import_module(name)
from roundsman_agent.clock import SystemClock
assert SystemClock().now().mono > 0
"""
LIBRARIES = (
    "asyncio, multiprocessing, subprocess, logging.handlers, tempfile, paho.mqtt.client, psutil, pydantic, sqlite3"
)


def module(path: Path) -> str:
    return ".".join(("roundsman_agent", *path.relative_to(AGENT).with_suffix("").parts)).removesuffix(".__init__")


def imported_elsewhere(*modules: str) -> subprocess.CompletedProcess[str]:
    """Import modules in a Python that lacks what only Unix has, and a clock that counts sleep."""
    code = IMPORT.format(missing=ONLY_UNIX, modules=modules, libraries=LIBRARIES)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def core() -> list[str]:
    names = [module(path) for path in python_files(AGENT) if path.parent.name != "probes" and path.stem != "__main__"]
    return [name for name in names if name not in ONLY_FOR_PROBES]


def test_the_agents_core_is_imported_where_nothing_is_unix() -> None:
    done = imported_elsewhere(*core())

    assert done.returncode == 0, done.stderr


def test_what_needs_unix_at_once_is_named_here_and_imported_by_probes_alone() -> None:
    for name, importers in ONLY_FOR_PROBES.items():
        stem = name.rpartition(".")[2]
        at_once = [
            path.relative_to(AGENT).as_posix()
            for path in python_files(AGENT)
            if any(
                line.startswith((f"from {name} import", f"import {name}", f"from roundsman_agent import {stem}"))
                for line in path.read_text("utf-8").splitlines()
            )
        ]

        assert set(at_once) <= set(importers), f"{name} is for {importers}; others import it where they use it"
        assert imported_elsewhere(name).returncode != 0, f"{name} needs nothing of Unix any more: take it out here"


@pytest.mark.parametrize("path", sorted((AGENT / "probes").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_a_probe_says_on_which_systems_it_was_tried(path: Path) -> None:
    from roundsman_agent import probes

    platforms = probes.load(path.stem).platforms

    assert platforms
    assert platforms <= {"linux", "win32", "darwin"}, "words of sys.platform"
