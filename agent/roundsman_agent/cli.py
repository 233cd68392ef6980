"""The command line: check, run, once, discover, doctor, probes.

    roundsman-agent check agent.toml            every mistake at once, or the normalised form
    roundsman-agent run agent.toml              checks in a process of its own, then runs
    roundsman-agent once agent.toml --json      polls everything once and prints it
    roundsman-agent once --probe host           one probe, without any configuration
    roundsman-agent discover --snmp 192.168.1.0/24          who is there; prints a configuration
    roundsman-agent doctor agent.toml           looks at everything the agent needs, and says how to mend it
    roundsman-agent probes                      what can be read, and each probe's settings

Exit codes: 0 done; 1 `once`: a probe failed, `doctor`: something has to be mended; 2 wrong arguments; 75 the data
folder is in use, try later; 78 the configuration (or what it names) cannot be used: starting again will not help.
"""

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from roundsman_agent import __version__, fault

if TYPE_CHECKING:
    from roundsman_agent.warden import Warden

OK: Final = 0
PROBE_FAILED: Final = 1
UNWELL: Final = 1
WRONG_ARGUMENTS: Final = 2
TRY_LATER: Final = 75
CANNOT_BE_USED: Final = 78


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(levelname)s %(message)s",
    )
    try:
        fault.arm(os.environ.get("ROUNDSMAN_FAULT", ""))
    except ValueError as error:
        return _say(str(error), WRONG_ARGUMENTS)
    code: int = arguments.command(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="roundsman-agent", description="Reads devices and reports over MQTT.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("-v", "--verbose", action="store_true", help="log more")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="look through a configuration and write its normalised form")
    check.add_argument("config", help="agent.toml")
    check.add_argument("--output", help="where to write it; default: config.json in the data folder")
    check.set_defaults(command=_check)

    run = commands.add_parser("run", help="poll, keep and report until stopped")
    run.add_argument("config", help="agent.toml, or the normalised config.json that `check` wrote")
    run.add_argument("--die-with-parent", action="store_true", help="stop when the starting process ends (Linux)")
    run.set_defaults(command=_run)

    once = commands.add_parser("once", help="poll once and print what was read")
    once.add_argument("config", nargs="?", help="agent.toml; every probe of every device in it")
    once.add_argument("--probe", metavar="NAME", help="one probe, without a configuration")
    once.add_argument("--target", default="", help="the device that --probe reads: an address, a port")
    once.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="a setting of --probe")
    once.add_argument(
        "--record", metavar="FILE", default="", help="write what the device said, without secrets, to FILE"
    )
    once.add_argument("--model", default="", help="what device it is, for --record")
    once.add_argument("--replay", metavar="FILE", help="what a recording means; no device is asked")
    once.add_argument("--json", action="store_true", help="print JSON")
    once.set_defaults(command=_once)

    discover = commands.add_parser("discover", help="look for SNMP devices and serial ports; print a configuration")
    discover.add_argument(
        "--snmp", metavar="RANGE", action="append", default=[], help="192.168.1.0/24, 192.168.1.20-40"
    )
    discover.add_argument("--community-file", metavar="FILE", help="the community in its first line; default: public")
    discover.add_argument("--port", type=int, default=161, help="the UDP port of SNMP; default 161")
    discover.add_argument("--serial", action="store_true", help="list the serial ports; none is opened")
    discover.add_argument(
        "--ask", metavar="PORT", action="append", default=[], help="find out what answers on this port"
    )
    discover.set_defaults(command=_discover)

    doctor = commands.add_parser("doctor", help="look at everything the agent needs: OK, WARN or FAIL, and how to mend")
    doctor.add_argument("config", help="agent.toml")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(command=_doctor)

    push = commands.add_parser("check-push", help="look through what a collector pushed (the agent itself asks)")
    push.add_argument("config", help="the normalised config.json that it lies over; the pushed tables come as JSON")
    push.set_defaults(command=_check_push)

    probes = commands.add_parser("probes", help="list the probes and their settings")
    probes.set_defaults(command=_probes)
    return parser


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _check(arguments: argparse.Namespace) -> int:
    from roundsman_agent.check import check, normalised_path, write
    from roundsman_agent.config import ConfigError

    try:
        body = check(arguments.config)
        output = arguments.output or normalised_path(body["agent"]["data"])
        write(body, output)
    except ConfigError as error:
        return _say(str(error), CANNOT_BE_USED)
    except OSError as error:
        return _say(f"{error.filename}: {error.strerror}; the normalised form was not written", CANNOT_BE_USED)
    print(output)
    return OK


def _run(arguments: argparse.Namespace) -> int:
    from roundsman_agent.lean import lean

    with lean(tls=False):  # the configuration's hash needs no OpenSSL either
        from roundsman_agent.config import ConfigError, load
        from roundsman_agent.warden import early

    try:
        if arguments.die_with_parent:
            from roundsman_agent.machine import die_with_parent

            die_with_parent()
        path = arguments.config
        if not path.endswith(".json"):
            code, path = _check_in_a_process_of_its_own(path)
            if code != OK:
                return code
        config = load(path)
        # Now: the agent is small yet, and has no threads.
        warden = early(use.name for device in config.devices for use in device.probes)
        return _serve(path, is_tls=config.broker.tls, warden=warden)
    except ConfigError as error:
        return _say(str(error), CANNOT_BE_USED)
    except OSError as error:
        return _say(str(error), CANNOT_BE_USED)


def _check_in_a_process_of_its_own(config: str) -> tuple[int, str]:
    """pydantic comes and goes with that process: exit code and the normalised form's path."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "roundsman_agent", "check", config]
    child = os.posix_spawn(
        sys.executable,
        command,
        {**os.environ, "ROUNDSMAN_FAULT": ""},
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader)],
    )
    os.close(writer)
    with open(reader, encoding="utf-8") as answer:
        path = answer.read().strip()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), path


def _serve(path: str, is_tls: bool, warden: "Warden | None") -> int:
    """Run with the local configuration, or with what was pushed over it; again as often as that changes."""
    from roundsman_agent.lean import lean

    with lean(tls=is_tls):
        from roundsman_agent import tls
        from roundsman_agent.agent import Agent
        from roundsman_agent.clock import SystemClock
        from roundsman_agent.ready import Supervisor
        from roundsman_agent.remote import Remote
        from roundsman_agent.spool import SpoolBusy, SpoolDenied

    clock, supervisor, signals = SystemClock(), Supervisor.of(os.environ), _Signals()
    remote: Remote | None = None
    while True:
        remote = Remote.begin(path, clock.now(), before=remote)
        broker = remote.config.broker
        broker.secret()  # a password file that cannot be read: now, not at the first connection
        if broker.tls:
            tls.context(broker)  # nor a CA
        agent: Agent | None
        try:
            agent = Agent(remote.config, clock=clock, supervisor=supervisor, remote=remote, warden=warden)
        except SpoolBusy as error:
            return _say(str(error), TRY_LATER)
        except SpoolDenied as error:
            return _say(str(error), CANNOT_BE_USED)
        except Exception as error:
            if not remote.is_pushed:
                if isinstance(error, LookupError):
                    return _say(str(error), CANNOT_BE_USED)
                raise
            remote.fall_back(f"the agent cannot start with it: {error}")
            agent = None
        if agent is None:
            gc.collect()  # half an agent is a ring of references, and holds the data folder
            continue
        warden = None  # it ends with this agent
        with signals.ending(agent.stop):
            begins_anew = agent.run()
        if not begins_anew or signals.came:
            return OK


class _Signals:
    """SIGTERM and SIGINT end the agent that runs; one that comes between two ends the second at once."""

    def __init__(self) -> None:
        self.came = False
        self._stop: Callable[[], None] | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    def _take(self, *_: object) -> None:
        self.came = True
        if self._stop is not None:
            self._stop()

    @contextmanager
    def ending(self, stop: Callable[[], None]) -> Iterator[None]:
        self._stop = stop
        if self.came:
            stop()
        yield
        self._stop = None


def _once(arguments: argparse.Namespace) -> int:
    from roundsman_agent.config import ConfigError
    from roundsman_agent.once import poll_config, poll_probe, printed, replay

    if [bool(arguments.config), bool(arguments.probe), bool(arguments.replay)].count(True) != 1:
        return _say("once: expected a configuration, --probe NAME or --replay FILE", WRONG_ARGUMENTS)
    if not arguments.probe and (arguments.target or arguments.set or arguments.record or arguments.model):
        return _say("once: --target, --set, --record and --model go with --probe NAME", WRONG_ARGUMENTS)
    try:
        if arguments.replay:
            samples = [replay(arguments.replay)]
        elif arguments.probe:
            given = {"target": arguments.target, "record": arguments.record, "model": arguments.model}
            samples = [poll_probe(arguments.probe, arguments.set, **given)]
        else:
            samples = poll_config(arguments.config)
    except ConfigError as error:
        return _say(str(error), CANNOT_BE_USED)
    print(printed(samples, as_json=arguments.json))
    return OK if all(sample["readings"] for sample in samples) else PROBE_FAILED


def _discover(arguments: argparse.Namespace) -> int:
    """The configuration goes to standard output, what is being done to standard error."""
    import socket

    from roundsman_agent import discover

    if not (arguments.snmp or arguments.serial or arguments.ask):
        return _say("discover: expected --snmp RANGE, --serial or --ask PORT", WRONG_ARGUMENTS)
    if not 1 <= arguments.port <= 65535:
        return _say(f"discover: --port {arguments.port}: expected 1 to 65535", WRONG_ARGUMENTS)
    try:
        asked = [address for wanted in arguments.snmp for address in discover.addresses(wanted)]
        community = discover.community_in(arguments.community_file) if arguments.community_file else "public"
        found = discover.devices(asked, community=community, port=arguments.port, told=_tell)
    except ValueError as error:
        return _say(f"discover: {error}", WRONG_ARGUMENTS)
    except OSError as error:
        return _say(f"discover: {error}", CANNOT_BE_USED)
    serial = discover.ports() if arguments.serial or arguments.ask else []
    answers = {}
    for name in arguments.ask:
        port = discover.port_of(name, serial)
        if port.held_by is not None:
            _tell(f"{name}: open in process {port.held_by}; it is not asked")
        elif (one := discover.heard(port, _tell)) is not None:
            answers[port.name] = one
    listed = serial if arguments.serial else []
    agent, own = socket.gethostname(), community if arguments.community_file else "public"
    print(discover.written(found, listed, answers, agent=agent, community=own, port=arguments.port), end="")
    _tell(f"{len(found)} devices answer SNMP, {len(answers)} on serial ports")
    return OK


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _check_push(arguments: argparse.Namespace) -> int:
    """Reads tables from standard input; answers with {"tables": ...} or {"mistakes": ...}."""
    import json

    from roundsman_agent.check import check_push
    from roundsman_agent.config import ConfigError, read_file

    answer: dict[str, object]
    try:
        answer = {"tables": check_push(read_file(arguments.config), json.load(sys.stdin))}
    except ConfigError as error:
        answer = {"mistakes": str(error)}
    except ValueError as error:
        return _say(f"standard input: expected tables as JSON: {error}", WRONG_ARGUMENTS)
    print(json.dumps(answer))
    return CANNOT_BE_USED if "mistakes" in answer else OK


def _doctor(arguments: argparse.Namespace) -> int:
    from roundsman_agent.doctor import findings, printed

    worst = OK
    shown = []
    for one in findings(arguments.config):
        worst = UNWELL if one.level == "FAIL" else worst
        shown.append(one)
        if not arguments.json:
            print(printed(one), flush=True)
    if arguments.json:
        import json

        print(json.dumps([one._asdict() for one in shown], ensure_ascii=False, indent=1))
    return worst


def _probes(arguments: argparse.Namespace) -> int:
    from roundsman_agent.once import described

    print(described())
    return OK
