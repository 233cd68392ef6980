"""What every test may ask for: data shared with the project, free ports, Debian's programs, Hypothesis profiles.

What a machine lacks is skipped with a line that says what to install. Where CI is set a skip is a failure
(tests/skips.py).
"""

import gc
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import skips

if TYPE_CHECKING:
    from tests.postgres import Server

ROOT = Path(__file__).resolve().parents[1]
# Where Debian puts daemons; an ordinary user's PATH does not name it.
DAEMON_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])

settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile(
    "ci", deadline=None, max_examples=100, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if skips.forbidden(os.environ) else "dev"))


def pytest_configure(config: pytest.Config) -> None:
    if skips.forbidden(os.environ):
        config.pluginmanager.register(skips.SkipsAreFailures(), "skips-are-failures")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Modules and tests stay to the end: looking for garbage among them again and again took a quarter of all time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
        gc.set_threshold(700, 10, 50)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: at the end of a run no worker has a long tale before it while the others idle.

    The quarter before all: whoever takes a test of it waits until one has lived it, so one worker should take them all.
    """
    items.sort(
        key=lambda item: (ROOT / "tests" / "quarter" not in item.path.parents, not item.get_closest_marker("slow"))
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with published vectors and recordings: beside the checkout, or where ROUNDSMAN_SHARED says."""
    folder = Path(os.environ.get("ROUNDSMAN_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set ROUNDSMAN_SHARED to the folder with vectors/ and data/")
    return folder


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder whose path is short: that of a Unix socket holds 107 bytes, and tmp_path may need more."""
    with tempfile.TemporaryDirectory(prefix="r") as folder:
        yield Path(folder)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that names a loopback TCP port nobody listens on; each call names another one."""
    given: set[int] = set()

    def ask() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in given:
                given.add(port)
                return port

    return ask


@pytest.fixture(scope="session")
def mosquitto() -> Path:
    """Debian's mosquitto, to be started by the test on a port of its own."""
    return _debian("mosquitto", package="mosquitto")


@pytest.fixture(scope="session")
def snmpd() -> Path:
    """Debian's snmpd, the SNMP agent that is not ours and not Python's."""
    return _debian("snmpd", package="snmpd")


@pytest.fixture(scope="session")
def prometheus() -> Path:
    """Debian's Prometheus, to be started by the test on a port of its own."""
    return _debian("prometheus", package="prometheus")


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' own judge of metrics, rules and configurations."""
    return _debian("promtool", package="prometheus")


def _debian(program: str, *, package: str) -> Path:
    found = shutil.which(program, path=DAEMON_PATH)
    if found is None:
        pytest.skip(f"{program} is not installed: apt install {package}")
    return Path(found)


@pytest.fixture(scope="session")
def postgres() -> Iterator["Server"]:
    """Debian's PostgreSQL 15, started for this run on a cluster of its own."""
    from tests.postgres import Server  # the agent's tests run where no collector is installed

    with Server.started() as server:
        yield server
