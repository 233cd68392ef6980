"""The collector's command line: `roundsman up | demo | doctor | status | policy | agent | token`.

Exit codes: 0 done; 1 something that was checked is not so (a case fails, the doctor says FAIL); 2 wrong arguments or a
file that cannot be read; 75 try again later (the database is in use); 78 the configuration cannot be used.

Each command imports what it needs: `roundsman --help` answers at once.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from roundsman_collector.core.vectors import Case

FAILED = 1
WRONG = 2
TRY_LATER = 75
CANNOT_BE_USED = 78

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Roundsman 巡检员: decides what the agents' reports mean, opens and closes tickets, keeps the uptime ledger.",
)
policy_app = typer.Typer(no_args_is_help=True, help="The fault catalogue, and published cases of availability.")
agent_app = typer.Typer(no_args_is_help=True, help="Who may report.")
token_app = typer.Typer(no_args_is_help=True, help="Who may use the API.")
app.add_typer(policy_app, name="policy")
app.add_typer(agent_app, name="agent")
app.add_typer(token_app, name="token")

ConfigFile = Annotated[Path | None, typer.Option("--config", help="The configuration, TOML; none: all as built in.")]
DataFolder = Annotated[Path | None, typer.Option("--data", help="The data folder; wins over the configuration.")]


@app.command()
def up(config: ConfigFile = None, data: DataFolder = None) -> None:
    """Run the collector until it is told to stop."""
    from roundsman_collector import app as collector
    from roundsman_collector.broker import BrokerError
    from roundsman_collector.config import ConfigError, load, policy
    from roundsman_collector.logins import LoginsError
    from roundsman_collector.rights import RightsError
    from roundsman_collector.rules.catalogue import text_of
    from roundsman_collector.store import StoreError

    _log_to_stderr()
    try:
        settings = load(config, data)
        rules = policy(settings)
        collector.run(settings, rules, text_of(rules))
    except (ConfigError, LoginsError, RightsError) as error:
        _end(str(error), CANNOT_BE_USED)
    except StoreError as error:
        _end(str(error), TRY_LATER if error.again or error.cause == "locked" else FAILED)
    except (BrokerError, OSError) as error:
        _end(str(error), FAILED)


@app.command()
def demo(
    for_s: Annotated[
        float | None, typer.Option("--for", min=1, help="Seconds to run; without it until Ctrl-C.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Plain lines, and exit 0 only if the whole story happened.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with nothing; what the demo kept is deleted.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Where the demo keeps its data.")] = None,
    lang: Annotated[Literal["zh", "en"] | None, typer.Option(help="zh or en; without it as your environment.")] = None,
) -> None:
    """Run a small site on this machine: real agents, made-up devices, tickets that open and close."""
    from roundsman_collector import demo as story

    raise typer.Exit(story.run(data=data, for_s=for_s, headless=headless, fresh=fresh, lang=lang))


@app.command()
def doctor(config: ConfigFile = None, data: DataFolder = None) -> None:
    """Look at everything the collector needs: OK, WARN or FAIL, and how to mend it."""
    from roundsman_collector.doctor import findings

    worst = 0
    for one in findings(config, data):
        typer.echo(f"{one.level:<5}{one.what:<14}{one.found}")
        if one.mend:
            typer.echo(f"{'':<19}-> {one.mend}")
        worst = max(worst, one.level == "FAIL")
    raise typer.Exit(worst)


@app.command()
def status(
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """What came in, what was refused and why, what is settling."""
    from roundsman_collector import clock
    from roundsman_collector import status as told
    from roundsman_collector.store import StoreError, View

    try:
        with View.open(_database(config, data)) as view:
            if as_json:
                typer.echo(json.dumps(told.shown(view, clock.now_ms()), ensure_ascii=False, indent=2))
            else:
                typer.echo("\n".join(told.lines(view, clock.now_ms())))
    except StoreError as error:
        _end(str(error), TRY_LATER if error.again else FAILED)


# --- policy ----------------------------------------------------------------------------------------------------------


@policy_app.command("check")
def policy_check(
    file: Annotated[Path | None, typer.Argument(help="A fault catalogue or a file of overrides.")] = None,
    config: ConfigFile = None,
) -> None:
    """Say everything that is wrong with a rules file; without FILE, with those of the configuration."""
    from roundsman_collector.config import ConfigError, Rules, load, policy

    try:
        settings = load(config)
        if file is not None:
            path = file.resolve()
            mine = Rules(overrides=[path]) if _is_overrides(file) else Rules(faults=path)
            settings = settings.model_copy(update={"policy": mine})
        rules = policy(settings)
    except ConfigError as error:
        _end(str(error), CANNOT_BE_USED)
    typer.echo(f"ok: {len(rules.rules)} faults, {rules.hash}")


def _is_overrides(file: Path) -> bool:
    """By its first key; a file that cannot be read is looked at again by who says so well."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return first.startswith("overrides:")


@policy_app.command("test")
def policy_test(files: Annotated[list[Path], typer.Argument(help="Published cases, JSON.")]) -> None:
    """Run published cases of availability and contract clocks: a line each, exit 1 if one fails."""
    from roundsman_collector.core.vectors import run

    failed = ran = 0
    for file in files:
        for case in _cases(file):
            outcome = run(case)
            ran += 1
            if outcome.ok:
                typer.echo(f"ok {outcome.id}")
            else:
                failed += 1
                typer.echo(f"FAIL {outcome.id} expected {outcome.expected} got {outcome.got}")
    typer.echo(f"{ran - failed} of {ran} cases pass", err=True)
    raise typer.Exit(FAILED if failed else 0)


def _cases(file: Path) -> list["Case"]:
    from roundsman_collector.core.vectors import VectorError, cases

    try:
        found = cases(json.loads(file.read_text("utf-8")))
    except OSError as error:
        _end(f"{file}: cannot be read: {error.strerror}", WRONG)
    except (ValueError, RecursionError) as error:
        what = "is no file of cases" if isinstance(error, VectorError) else "is not JSON"
        _end(f"{file}: {what}: {error}", WRONG)
    if not found:
        _end(f"{file}: holds no case; a test of nothing proves nothing", WRONG)
    return found


# --- agents and tokens -----------------------------------------------------------------------------------------------


@agent_app.command("add")
def agent_add(
    agent: Annotated[str, typer.Argument(help="The agent's id: 1-63 of a-z 0-9 _ -.")],
    group: Annotated[str, typer.Option("--group", help="The monitoring centre or branch it belongs to.")],
    device: Annotated[
        list[str], typer.Option("--device", help="ID:KIND, or ID:KIND:local for the machine the agent runs on.")
    ],
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Let an agent in and print its configuration, credential included."""
    from roundsman_collector import clock, enrol
    from roundsman_collector.broker import BrokerError
    from roundsman_collector.config import ConfigError, load
    from roundsman_collector.logins import LoginsError
    from roundsman_collector.store import StoreError
    from roundsman_wire.topics import TopicError

    try:
        settings = load(config, data)
        wish = enrol.wished(agent, group, device)
        host, port, tls = enrol.broker_of(settings)
        settings.data.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        password = enrol.enter(_database(config, data), wish, settings.data.folder, now_ms=clock.now_ms())
    except (TopicError, enrol.EnrolError) as error:
        _end(str(error), WRONG)
    except (ConfigError, LoginsError, BrokerError) as error:
        _end(str(error), CANNOT_BE_USED)
    except (StoreError, OSError) as error:
        _end(str(error), FAILED)
    typer.echo(enrol.agent_toml(wish, password, host=host, port=port, tls=tls), nl=False)
    if settings.broker.mode == "external":
        typer.echo(enrol.external_hint(wish), err=True)


@token_app.command("new")
def token_new(
    name: Annotated[str, typer.Option("--name", help="Whose it is; shown wherever it was used.")] = "cli",
    days: Annotated[
        float | None, typer.Option("--days", min=0.01, help="Days until it expires; never without it.")
    ] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Make a token for the API and print it, once: only its hash is kept."""
    import secrets

    from roundsman_collector import clock
    from roundsman_collector.store import Store, StoreError

    token = secrets.token_urlsafe(24)
    now_ms = clock.now_ms()
    expires_ms = None if days is None else now_ms + round(days * 86_400_000)
    try:
        with Store.open(_database(config, data)) as store:
            store.add_token(token, name, now_ms, expires_ms)
    except StoreError as error:
        hint = "; stop the collector for this moment" if error.cause == "locked" else ""
        _end(f"{error}{hint}", TRY_LATER if error.again or error.cause == "locked" else FAILED)
    typer.echo(token)


# --- what commands share ---------------------------------------------------------------------------------------------


def _database(config: Path | None, data: Path | None) -> Path:
    from roundsman_collector.config import DATABASE, ConfigError, load

    try:
        return load(config, data).data.folder / DATABASE
    except ConfigError as error:
        _end(str(error), CANNOT_BE_USED)


def _end(said: str, code: int) -> NoReturn:
    typer.echo(f"error: {said}", err=True)
    raise typer.Exit(code)


def _log_to_stderr() -> None:
    """One line per event: time, what, who. Colours where somebody looks."""
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def main() -> None:
    """The program `roundsman`."""
    app(prog_name="roundsman")


if __name__ == "__main__":
    main()
