"""Network UPS Tools as Debian ships it: upsd and its drivers, in a folder of their own, on a port of loopback.

with Site() as site:
    site.add("ups-2", "ups.status: OL\n")      a driver (dummy-ups) that tells what its file says
    site.start()                               upsd and its drivers
    site.tell("ups-2", "ups.status: OB LB\n")  the file is another; the driver reads it within a second

Nothing of it looks into /etc/nut, and the services that Debian starts are not needed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

__all__ = ["DRIVERS", "Site", "dumped"]

DRIVERS: Final = Path("/lib/nut")
MAX_AGE_S: Final = 2
"""After so long without a word of the driver upsd calls its data stale."""


def needs_nut() -> None:
    if not (DRIVERS / "upsd").exists():
        pytest.skip("Network UPS Tools is not installed: apt-get install nut-server")


class Site:
    """A folder with NUT's configuration, its drivers and upsd. Leaving it ends them all."""

    def __init__(self) -> None:
        needs_nut()
        # Not pytest's folder: the path of a Unix socket has 107 characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="nut-"))
        self.port = _free_port()
        self._sections: list[str] = []
        self._drivers: dict[str, str] = {}
        self._second = 0
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = _environment(self.folder)

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.kill()
            process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, name: str, variables: str | None, *, driver: str = "dummy-ups", options: str = "") -> None:
        """A UPS of ups.conf. Its driver will run, unless there are no variables."""
        self._sections.append(
            f"[{name}]\ndriver = {driver}\nport = {self.folder / name}.dev\nmode = dummy-once\n{options}\n"
        )
        if variables is not None:
            self.tell(name, variables)
            self._drivers[name] = driver

    def start(self) -> None:
        """upsd and its drivers; it listens when this returns, and they are there."""
        self._write("ups.conf", "maxretry = 1\n" + "".join(self._sections))
        for name, driver in self._drivers.items():
            self._run(name, [str(DRIVERS / driver), "-a", name, "-F", "-i", "1"])
        for name, driver in self._drivers.items():
            self._wait(name, (self.folder / f"{driver}-{name}").exists)
        self._write("upsd.conf", f"LISTEN 127.0.0.1 {self.port}\nMAXAGE {MAX_AGE_S}\nSTATEPATH {self.folder}\n")
        self._write("upsd.users", "")
        self._run("upsd", [str(DRIVERS / "upsd"), "-F"])
        self._wait("upsd", self._listens)

    def _listens(self) -> bool:
        with socket.socket() as visitor:
            return visitor.connect_ex(("127.0.0.1", self.port)) == 0

    def _wait(self, name: str, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not is_so():
            if time.monotonic() > end or self._running[name].poll() is not None:
                pytest.fail(f"{name} does not start: {self.log()}")
            time.sleep(0.02)

    def tell(self, name: str, variables: str) -> None:
        """What the UPS says from now on; as a whole, so that no driver reads half of it, and of another second than
        before: a driver takes a file of the same second for the one that it has read."""
        new = self.folder / f"{name}.new"
        self._write(new.name, variables)
        self._second = max(self._second + 1, int(new.stat().st_mtime))
        os.utime(new, (self._second, self._second))
        os.replace(new, self.folder / f"{name}.dev")

    def stop(self, name: str, *, how: signal.Signals) -> None:
        """Make a driver stand still (SIGSTOP), go on (SIGCONT) or end (SIGKILL)."""
        self._running[name].send_signal(how)

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o640)

    def _run(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                [*command, *_as_ourselves()], env=self.environment, stdout=log, stderr=log
            )

    def log(self) -> str:
        """What upsd and the drivers say."""
        return "\n".join(path.read_text("utf-8", "replace")[-1000:] for path in sorted(self.folder.glob("*.log")))


def dumped(driver: str, *options: str) -> dict[str, str]:
    """What a driver of NUT makes of a device in one round, as variables; the driver ends after it."""
    needs_nut()
    folder = Path(tempfile.mkdtemp(prefix="nut-"))
    given = [part for option in options for part in ("-x", option)]
    command = [str(DRIVERS / driver), "-s", "ups-2", *given, "-d", "1", *_as_ourselves()]
    try:
        done = subprocess.run(
            command, env=_environment(folder), capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stdout + done.stderr
    pairs = (line.partition(": ") for line in done.stdout.splitlines())
    return {name: value for name, colon, value in pairs if colon and name.islower()}


def _environment(folder: Path) -> dict[str, str]:
    ours = dict.fromkeys(("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH", "NUT_PIDPATH"), str(folder))
    return {**os.environ, **ours}


def _as_ourselves() -> list[str]:
    """Started as root they would become the user nut, who may not look into our folder."""
    return ["-u", "root"] if os.getuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
