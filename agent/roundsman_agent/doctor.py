"""`roundsman-agent doctor agent.toml`: looks at everything an agent needs and says what is wrong and how to mend it.

    findings(path) -> Finding(level, what, found, mend)...

Each check looks, changes nothing, never raises, and has a deadline: what hangs is a finding too. OK: fine. WARN: works,
see to it. FAIL: the agent does not do its work, or a part of it. The broker is visited with the agent's own credential
under a client id of its own, so that an agent that runs keeps its session. Run it as the agent's user: what only root
can do says nothing.
"""

import errno
import ipaddress
import os
import queue
import shutil
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from roundsman_agent import machine, probes, pushed, tls
from roundsman_agent.adjtimex import Kernel, kernel_clock
from roundsman_agent.check import check
from roundsman_agent.clock import SystemClock, spoken
from roundsman_agent.config import Broker, Config, ConfigError, ProbeUse, laid_over, made
from roundsman_agent.probe import ProbeError
from roundsman_agent.visit import Heard, visit

if TYPE_CHECKING:
    import ssl

Level = Literal["OK", "WARN", "FAIL"]

ANSWER_S: Final = 5.0
"""How long anything outside may take to answer."""
LISTEN_S: Final = 3.0
"""How long to listen for what the collector says."""
DEADLINE_S: Final = 20.0
"""What a check may take as a whole; SNMP has the longest timeout of its targets besides."""
WARN_DAYS: Final = 30
CA_WARN_DAYS: Final = 365
BUILT_MS: Final = 1_704_067_200_000
"""2024-01-01: no clock that is right shows less."""
CLOCK_WARN_S: Final = 5.0
_DAY_S: Final = 86_400
_UNIT: Final = "roundsman-agent.service"
_SERIAL: Final = ("escpos", "megatec", "nmea")
_SHOWN: Final = 4


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    what: str
    found: str
    mend: str = ""


Check = Callable[[Config], Sequence[Finding]]


def findings(path: str) -> Iterator[Finding]:
    """Everything, in the order in which it matters; what needs a configuration is left out where there is none."""
    try:
        body = check(path)
        config = made(body, path)
    except ConfigError as error:
        yield Finding("FAIL", "configuration", str(error), "mend the file; docs/agent.md tells of every key")
        return
    yield Finding("OK", "configuration", f"{path}, agent {config.id}, {_counted(len(config.devices), 'device')}")
    config, told = _with_what_was_pushed(body, config)
    yield from told
    yield from _in_time("permissions", lambda: _permissions(path, config), DEADLINE_S)
    for name, look in CHECKS:
        yield from _in_time(name, _bound(look, config), _deadline(name, config))


def printed(one: Finding) -> str:
    """A finding as a person reads it: a line, and one that says what to do."""
    line = f"{one.level:<5}{one.what:<14}" + one.found.replace("\n", f"\n{'':<19}")
    return f"{line}\n{'':<19}-> {one.mend}" if one.mend else line


def _bound(look: Check, config: Config) -> Callable[[], Sequence[Finding]]:
    return lambda: look(config)


def _deadline(name: str, config: Config) -> float:
    """What one check may take."""
    if name != "snmp":
        return DEADLINE_S
    return DEADLINE_S + max((use.timeout_s for use in _uses(config, ("snmp",))), default=0.0)


def _in_time(what: str, look: Callable[[], Sequence[Finding]], seconds: float) -> Sequence[Finding]:
    """What a check finds; a check that hangs or breaks is a finding."""
    answer: queue.Queue[Sequence[Finding]] = queue.Queue()

    def work() -> None:
        try:
            answer.put(look())
        except Exception as error:
            answer.put([Finding("FAIL", what, f"cannot be looked at: {type(error).__name__}: {error}")])

    threading.Thread(target=work, name=what, daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        return [
            Finding("FAIL", what, f"no answer within {seconds:g} s", "something it asked hangs: a disk, a name, a port")
        ]


def _with_what_was_pushed(body: dict[str, Any], config: Config) -> tuple[Config, list[Finding]]:
    """The configuration in force, and what is to be said of it."""
    journal = pushed.read(config.data)
    chosen = journal.in_force
    if chosen is None:
        return config, []
    if chosen.local != body["given"]:
        return config, [
            Finding("OK", "pushed", f"{chosen.hash} gives way: the file was changed; it counts from the next start")
        ]
    try:
        config = made(laid_over(body, chosen.tables, chosen.hash), f"configuration {chosen.hash}")
    except ConfigError as error:
        return config, [Finding("WARN", "pushed", f"{chosen.hash} cannot be used: {error}", "push another one")]
    if journal.trial is not None:
        found = f"{chosen.hash} lies over the file, on trial for {journal.trial.rollback_s} s"
        return config, [
            Finding("WARN", "pushed", found, "it stays when the collector answers, else the one before comes back")
        ]
    return config, [
        Finding("OK", "pushed", f"{chosen.hash} lies over the file, {_counted(len(config.devices), 'device')}")
    ]


# --- this machine -----------------------------------------------------------------------------------------------------


def _permissions(path: str, config: Config) -> Sequence[Finding]:
    """Who may read secrets, and whether the data folder can be written."""
    if sys.platform == "win32":
        return [Finding("OK", "permissions", "not looked at on Windows")]
    found: list[Finding] = []
    secret_files = [path, config.broker.password_file, config.broker.key]
    for name in filter(None, secret_files):
        found += _readable_by_all(name)
    found += _folder(config.data)
    return found or [Finding("OK", "permissions", f"{path} is not for everybody's eyes, {config.data} can be written")]


def _readable_by_all(name: str) -> list[Finding]:
    try:
        mode = stat.S_IMODE(os.stat(name).st_mode)
    except OSError as error:
        return [
            Finding(
                "FAIL", "permissions", f"{name}: {error.strerror}", "name a file that is there, readable for the agent"
            )
        ]
    if mode & 0o004:
        return [Finding("WARN", "permissions", f"{name} can be read by everybody ({mode:o})", f"chmod o-r {name}")]
    if not os.access(name, os.R_OK):
        return [
            Finding(
                "FAIL", "permissions", f"{name} cannot be read by this user", f"chgrp it to the agent's group: {name}"
            )
        ]
    return []


def _folder(folder: str) -> list[Finding]:
    place = _nearest_folder(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        mend = "run this as the agent's user, or give the folder to it"
        return [Finding("FAIL", "permissions", f"{place} cannot be written by this user", mend)]
    if place == folder and stat.S_IMODE(os.stat(folder).st_mode) & 0o007:
        return [Finding("WARN", "permissions", f"{folder} is open to everybody", f"chmod o-rwx {folder}")]
    return []


def _nearest_folder(folder: str) -> str:
    """The folder, or that above it which there is."""
    place = Path(folder)
    return str(next(one for one in (place, *place.parents) if one.exists()))


def _spool(config: Config) -> Sequence[Finding]:
    """Whether the disk has room for what the spool may hold."""
    place = _nearest_folder(config.data)
    free = machine.free_bytes(place)
    names = os.listdir(config.data) if place == config.data else []
    used = sum(os.path.getsize(os.path.join(config.data, name)) for name in names)
    limits = config.spool
    said = f"{used / 1e6:.1f} of {limits.max_bytes / 1e6:.1f} MB, {free / 1e6:.0f} MB free on the disk"
    found = []
    if free < limits.free_floor_bytes:
        mend = f"free space: below {limits.free_floor_bytes / 1e6:.0f} MB (free_floor_bytes) records wait in memory"
        found.append(Finding("FAIL", "spool", said, mend))
    elif free - limits.free_floor_bytes < limits.max_bytes - used:
        room = (free - limits.free_floor_bytes + used) / 1e6
        mend = f"free space, or lower [spool] max_bytes: the disk has room for {room:.1f} MB of it"
        found.append(Finding("WARN", "spool", said, mend))
    else:
        found.append(Finding("OK", "spool", said))
    damaged = [name for name in names if name.startswith("damaged-")]
    if damaged:
        mend = "look at the disk (dmesg, smartctl); the agent goes on, its collector knows what is lost"
        found.append(Finding("WARN", "spool", f"was damaged once: {damaged[0]}", mend))
    return found


def _running(config: Config) -> Sequence[Finding]:
    """Whether an agent works in the data folder; the lock is only looked at."""
    path = os.path.join(config.data, "lock")
    try:
        inode = f":{os.stat(path).st_ino} "
        locks = Path("/proc/locks").read_text("ascii")
    except OSError:
        if os.path.exists(path):
            return [Finding("OK", "agent", "whether it runs is not to be seen on this system")]
        return [Finding("WARN", "agent", "never ran here", "roundsman-agent run, or start its service")]
    held = [line for line in locks.splitlines() if "FLOCK" in line and inode in line]
    if held:
        return [Finding("OK", "agent", f"runs, process {held[0].split()[4]}")]
    return [Finding("WARN", "agent", "does not run", "roundsman-agent run, or start its service")]


def _watchdog(config: Config) -> Sequence[Finding]:
    """What systemd is told to do for the agent."""
    program = shutil.which("systemctl")
    if program is None or not os.path.isdir("/run/systemd/system"):
        return [Finding("OK", "watchdog", "no systemd here: whatever starts the agent has to start it again")]
    import subprocess

    names = "LoadState,ActiveState,SubState,Type,WatchdogUSec,NRestarts"
    try:
        done = subprocess.run(
            [program, "show", _UNIT, "-p", names], capture_output=True, text=True, timeout=ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Finding("WARN", "watchdog", f"systemctl does not answer: {error}")]
    return [_unit_said(dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line))]


def _unit_said(said: dict[str, str]) -> Finding:
    if said.get("LoadState") != "loaded":
        return Finding(
            "WARN", "watchdog", f"there is no {_UNIT}", "docs/how-to/agent-on-a-device.md: nobody starts it again"
        )
    state = f"{said.get('ActiveState')} ({said.get('SubState')}), started again {said.get('NRestarts', '?')} times"
    if said.get("Type") != "notify" or said.get("WatchdogUSec") in (None, "", "0", "infinity"):
        return Finding("WARN", "watchdog", f"{state}, none", f"{_UNIT} needs Type=notify and WatchdogSec=60s")
    if said.get("ActiveState") != "active":
        return Finding("FAIL", "watchdog", state, f"systemctl start {_UNIT}; journalctl -u {_UNIT} says why it ended")
    return Finding("OK", "watchdog", f"{state}, watchdog {said['WatchdogUSec']}")


def _clock(config: Config) -> Sequence[Finding]:
    """What this machine itself says of its clock."""
    now = SystemClock().now()
    if now.wall < BUILT_MS:
        mend = "set the clock, and let NTP keep it: until then nothing that is read here can be dated"
        return [Finding("FAIL", "clock", f"it shows {spoken(now.wall)}", mend)]
    said = kernel_clock()
    if not isinstance(said, Kernel):
        return [
            Finding("WARN", "clock", f"{spoken(now.wall)}; nobody here knows whether it is right ({said[1]})", _NTP)
        ]
    if not said.synchronised:
        return [Finding("WARN", "clock", f"{spoken(now.wall)}, not kept by NTP", _NTP)]
    return [Finding("OK", "clock", f"{spoken(now.wall)}, kept by NTP, at most {said.max_error_us / 1000:.0f} ms off")]


_NTP: Final = "let systemd-timesyncd or chrony run; without it the collector's acknowledgements date the records"


# --- the way to the broker --------------------------------------------------------------------------------------------


def _names(config: Config) -> Sequence[Finding]:
    host = config.broker.host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return [Finding("OK", "DNS", f"{host} is an address")]
    try:
        found = sorted(
            {str(info[4][0]) for info in socket.getaddrinfo(host, config.broker.port, type=socket.SOCK_STREAM)}
        )
    except OSError as error:
        mend = "is the name right ([broker] host), does the machine have a name server (resolvectl status)?"
        return [Finding("FAIL", "DNS", f"{host}: {error.strerror or error}", mend)]
    return [Finding("OK", "DNS", f"{host} is {', '.join(found[:_SHOWN])}")]


def _line(config: Config) -> Sequence[Finding]:
    """TCP, TLS, certificates, and the broker's welcome: each as far as the one before lets it."""
    broker = config.broker
    where = f"{broker.host}:{broker.port}"
    began = time.monotonic()
    try:
        sock = socket.create_connection((broker.host, broker.port), timeout=ANSWER_S)
    except OSError as error:
        mend = "does the broker run there, and is the port open: from here to there, and in both firewalls?"
        return [Finding("FAIL", "TCP", f"{where}: {error.strerror or error}", mend)]
    found = [Finding("OK", "TCP", f"{where} in {(time.monotonic() - began) * 1000:.0f} ms")]
    with sock:
        try:
            line, told = _secured(sock, broker)
        except (OSError, ConfigError) as error:
            said = str(error) if isinstance(error, ConfigError) else tls.spoken(error, broker, SystemClock().now().wall)
            return [
                *found,
                Finding("FAIL", "TLS", said, "docs/how-to/agent-on-a-device.md, 4"),
                *_own_certificate(broker),
            ]
        with line:
            return [*found, *told, *_own_certificate(broker), *_welcome(line, config)]


def _secured(sock: socket.socket, broker: Broker) -> tuple[socket.socket, list[Finding]]:
    if not broker.tls:
        if _is_this_machine(broker.host):
            return sock, [Finding("OK", "TLS", "none; the broker is this machine's own")]
        mend = "[broker] tls = true, and the port for it: password and records travel as they are"
        return sock, [Finding("WARN", "TLS", "none", mend)]
    context = tls.context(broker)
    line = context.wrap_socket(sock, server_hostname=broker.host)
    ends = _ends(line.getpeercert())
    said = f"{line.version()}, {broker.host} is who it says, its certificate is valid for {ends:.0f} days"
    mend = "renew it on the collector: roundsman init-tls"
    found = [Finding("WARN", "TLS", said, mend) if ends < WARN_DAYS else Finding("OK", "TLS", said)]
    return line, [*found, *_authority(context, broker)]


def _authority(context: "ssl.SSLContext", broker: Broker) -> list[Finding]:
    """The CA of our own, if there is one: it has to be brought to every device."""
    if not broker.ca:
        return []
    ends = min((_ends(one) for one in context.get_ca_certs()), default=None)
    if ends is None or ends >= CA_WARN_DAYS:
        return []
    return [
        Finding(
            "WARN",
            "TLS",
            f"the CA in [broker] ca ends in {ends:.0f} days",
            "ask the collector's owner for the next one",
        )
    ]


def _own_certificate(broker: Broker) -> list[Finding]:
    """Our own client certificate's end; nobody but us sees it coming."""
    if not broker.cert:
        return []
    import ssl

    try:
        ends = _ends(ssl._ssl._test_decode_cert(broker.cert))  # type: ignore[attr-defined]  # the one way without a package
    except (OSError, ValueError, AttributeError) as error:
        return [Finding("FAIL", "certificate", f"{broker.cert}: {error}", "[broker] cert must be a certificate in PEM")]
    if ends < 0:
        return [Finding("FAIL", "certificate", f"{broker.cert} has expired", "have it renewed; the broker refuses it")]
    said = f"{broker.cert} is valid for {ends:.0f} days"
    if ends < WARN_DAYS:
        return [Finding("WARN", "certificate", said, "have it renewed")]
    return [Finding("OK", "certificate", said)]


def _ends(certificate: Any) -> float:
    """In how many days a certificate ends."""
    import ssl

    return (ssl.cert_time_to_seconds(certificate["notAfter"]) - SystemClock().now().wall / 1000) / _DAY_S


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _welcome(line: socket.socket, config: Config) -> list[Finding]:
    """CONNECT with the agent's own credential, then listen: nothing is published."""
    try:
        seen = visit(line, config, answer_s=ANSWER_S, listen_s=LISTEN_S)
    except (OSError, ValueError, ConfigError) as error:
        return [Finding("FAIL", "login", str(error), "see the broker's log")]
    if seen.welcome != "":
        return [_refusal(seen.welcome, config)]
    found = Finding("OK", "login", f"user {config.broker.user or 'nobody'} may come in")
    if not seen.may_listen:
        mend = (
            "the broker must let it read ack, cmd, config and the collector's state: `roundsman agent add` prints how"
        )
        found = Finding("FAIL", "login", "it comes in, and may not listen", mend)
    return [found, _collector(seen.state), _compared(seen.ack)]


def _refusal(said: str | None, config: Config) -> Finding:
    broker = config.broker
    if said is None:
        mend = "is this the port for MQTT (and not for TLS, WebSocket or HTTP)?"
        return Finding("FAIL", "login", f"{broker.host}:{broker.port} does not speak MQTT, or not to us", mend)
    if "dentifier" in said:
        mend = f"the broker takes no other client id than {config.id!r}: stop the agent to try, or read its journal"
        return Finding("WARN", "login", f"{said}; not tried under the agent's own id", mend)
    mend = "`roundsman agent list` on the collector: revoked, or a newer password? `roundsman agent rotate` makes one"
    return Finding("FAIL", "login", f"the broker refuses user {broker.user or '(none)'}: {said}", mend)


def _collector(heard: Heard | None) -> Finding:
    import json

    if heard is None:
        mend = "does it run, and does it own this group? Records wait in the spool until it does"
        return Finding("WARN", "collector", "said nothing of itself", mend)
    try:
        is_online = json.loads(heard[0])["online"]
    except (ValueError, KeyError, TypeError):
        return Finding("WARN", "collector", f"says what makes no sense: {heard[0][:80]!r}")
    if is_online is not True:
        return Finding("WARN", "collector", "is offline", "roundsman up, or start its service")
    return Finding("OK", "collector", "is online")


def _compared(heard: Heard | None) -> Finding:
    """Our clock beside the collector's, if an acknowledgement came by."""
    import json

    if heard is None:
        return Finding("OK", "clock", f"not compared with the collector's: no acknowledgement within {LISTEN_S:g} s")
    try:
        off_s = (json.loads(heard[0])["at"] - heard[1]) / 1000
    except (ValueError, KeyError, TypeError):
        return Finding("WARN", "clock", f"an acknowledgement that makes no sense: {heard[0][:80]!r}")
    said = f"the collector's is {abs(off_s):.1f} s {'ahead of' if off_s > 0 else 'behind'} this one"
    if abs(off_s) > CLOCK_WARN_S:
        return Finding("WARN", "clock", said, "set this machine's clock, or the collector's; see to it that NTP runs")
    return Finding("OK", "clock", said)


# --- what it reads ----------------------------------------------------------------------------------------------------


def _uses(config: Config, names: Sequence[str]) -> list[ProbeUse]:
    return [use for device in config.devices for use in device.probes if use.name in names]


def _ports(config: Config) -> Sequence[Finding]:
    ports = {str(use.settings["port"]) for use in _uses(config, _SERIAL)}
    ports |= {at for use in _uses(config, ("modbus",)) if (at := str(use.settings["at"])).startswith("/")}
    return [_port(port) for port in sorted(ports)]


def _port(port: str) -> Finding:
    """Whether a serial port is there, ours to open, and free; the agent itself may hold it."""
    from roundsman_agent.serial_port import holder

    try:
        mode = os.stat(port).st_mode
    except OSError as error:
        return Finding("FAIL", "serial", f"{port}: {error.strerror}", "is the cable in? ls -l /dev/serial/by-id/")
    if not stat.S_ISCHR(mode):
        return Finding("FAIL", "serial", f"{port} is no device", "name the port: ls -l /dev/serial/by-id/")
    pid = holder(port)
    if pid is not None:
        return _held(port, pid)
    if not os.access(port, os.R_OK | os.W_OK):
        mend = "put the agent's user into the port's group (dialout), and see DeviceAllow= of its unit"
        return Finding("FAIL", "serial", f"{port} may not be opened by this user", mend)
    try:
        os.close(os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return Finding("WARN", "serial", f"{port} is held by somebody (TIOCEXCL)", _SHARED)
        return Finding("FAIL", "serial", f"{port}: {error.strerror}", "is the cable in, is it the right port?")
    return Finding("OK", "serial", f"{port} is free")


_SHARED: Final = "the agent waits for its turn and never takes it; give it a port of its own, or poll more rarely"


def _held(port: str, pid: int) -> Finding:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        command = ""
    if "roundsman_agent" in command or "roundsman-agent" in command:
        return Finding("OK", "serial", f"{port} is read by the agent right now")
    return Finding("WARN", "serial", f"{port} is open in process {pid} ({command[:60]})", _SHARED)


def _targets(config: Config) -> Sequence[Finding]:
    """Every SNMP target is asked once, all at the same time."""
    asked = [(device.id, use) for device in config.devices for use in device.probes if use.name == "snmp"]
    if not asked:
        return []
    answers: queue.Queue[tuple[str, str | None]] = queue.Queue()
    for device, use in asked:
        work = threading.Thread(target=lambda d=device, u=use: answers.put((d, _asked(u))), name=device, daemon=True)
        work.start()
    waiting = {device for device, _ in asked}
    dumb: list[str] = []
    end = time.monotonic() + max(use.timeout_s for _, use in asked) + ANSWER_S
    while waiting:
        try:
            device, why = answers.get(timeout=max(end - time.monotonic(), 0.001))
        except queue.Empty:
            dumb += [f"{device}: hung" for device in sorted(waiting)]
            break
        waiting.discard(device)
        dumb += [f"{device}: {why}"] if why is not None else []
    said = f"{len(asked) - len(dumb)} of {len(asked)} targets answer"
    if not dumb:
        return [Finding("OK", "snmp", said)]
    told = f"{said}; " + "; ".join(sorted(dumb)[:_SHOWN]) + ("; ..." if len(dumb) > _SHOWN else "")
    mend = "are they on, is SNMP on in them, is the community right: roundsman-agent once shows each"
    return [Finding("FAIL" if len(dumb) == len(asked) else "WARN", "snmp", told, mend)]


def _asked(use: ProbeUse) -> str | None:
    """Why a target gave no reading; None when it did."""
    try:
        probe = probes.load(use.name)
        answer = probe.parse(probe.fetch(use.settings), use.settings)
    except ProbeError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if answer.readings else "it gave no reading"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("clock", _clock),
    ("spool", _spool),
    ("agent", _running),
    ("DNS", _names),
    ("broker", _line),
    ("serial", _ports),
    ("snmp", _targets),
    ("watchdog", _watchdog),
)
