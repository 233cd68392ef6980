"""What this machine and its processes used: read from /proc, so that measuring costs nothing worth measuring."""

import os
import time
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Use(NamedTuple):
    """CPU seconds since the process started."""

    user_s: float
    system_s: float

    @property
    def cpu_s(self) -> float:
        return self.user_s + self.system_s


def use(pid: int) -> Use:
    """What a process (all its threads) has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Use(int(fields[11]) * _TICK_S, int(fields[12]) * _TICK_S)


def cpu_with_children_s(pid: int) -> float:
    """CPU seconds of a process to the microsecond, and of those of its children that have ended to the hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    its_clock = ~pid << 3 | 2  # clock_getcpuclockid(3)
    return time.clock_gettime(its_clock) + (int(fields[13]) + int(fields[14])) * _TICK_S


def starved_s(pid: int) -> float:
    """For how long a process (its main thread) wanted a core and had none: what others on this machine cost it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    return _field(Path(f"/proc/{pid}/status"), "VmRSS:") / 1024


def pss_kb(pid: int) -> int:
    """Proportional set size: its own memory and its share of what it has in common with others."""
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def pss_among_strangers_kb(pid: int) -> int:
    """PSS as it would be where nothing else is written in Python: files of Python's count in full."""
    total = rss = pss = 0
    is_ours = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):  # the head of a mapping: addresses, rights, offset, device, inode, path
            total += rss if is_ours else pss
            rss = pss = 0
            is_ours = "python" in "".join(rest[4:])
        elif name == "Rss:":
            rss = int(rest[0])
        elif name == "Pss:":
            pss = int(rest[0])
    return total + (rss if is_ours else pss)


def _field(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ValueError(f"{file} has no line {name}")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            found.extend(int(child) for child in task.read_text().split())
    return found


def facts() -> dict[str, object]:
    """The machine, and how busy it is with other things."""
    return {"cores": os.cpu_count(), "load_1m": round(os.getloadavg()[0], 2)}
