"""The collector's command line: `roundsman up | demo | doctor | status` and groups of commands, a file for each.

Exit codes: 0 done; 1 something that was checked is not so (a case fails, the doctor says FAIL); 2 wrong arguments or a
file that cannot be read; 75 try again later (the database is in use); 78 the configuration cannot be used.

Each command imports what it needs: `roundsman --help` answers at once.
"""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from roundsman_collector.cli import agent, backup, calendar, notify, policy, push, register, rounds, tls, token, user
from roundsman_collector.cli.parts import (
    CANNOT_BE_USED,
    FAILED,
    TRY_LATER,
    ConfigFile,
    DataFolder,
    end,
    log_to_stderr,
    settings_of,
)

GROUPS = (
    ("policy", policy.app),
    ("agent", agent.app),
    ("user", user.app),
    ("token", token.app),
    ("notify", notify.app),
    ("backup", backup.app),
    ("register", register.app),
    ("calendar", calendar.app),
    ("round", rounds.app),
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Roundsman 巡检员: decides what the agents' reports mean, opens and closes tickets, keeps the uptime ledger.",
)
for name, group in GROUPS:
    app.add_typer(group, name=name)
app.command("init-tls")(tls.init_tls)
app.command("push-config")(push.push_config)


@app.command()
def up(config: ConfigFile = None, data: DataFolder = None) -> None:
    """Run the collector until it is told to stop."""
    from roundsman_collector import app as collector
    from roundsman_collector.broker import BrokerError
    from roundsman_collector.config import ConfigError, load
    from roundsman_collector.config import rule_set as rules_of
    from roundsman_collector.logins import LoginsError
    from roundsman_collector.rights import RightsError
    from roundsman_collector.store import StoreError

    log_to_stderr()
    try:
        settings = load(config, data)
        rules = rules_of(settings)
        collector.run(settings, rules)
    except (ConfigError, LoginsError, RightsError) as error:
        end(str(error), CANNOT_BE_USED)
    except StoreError as error:
        end(str(error), TRY_LATER if error.again or error.cause == "locked" else FAILED)
    except (BrokerError, OSError) as error:
        end(str(error), FAILED)


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

    settings = settings_of(config, data)
    try:
        with View.open(settings.database) as view:
            if as_json:
                said = told.shown(view, settings.keeping, clock.now_ms())
                typer.echo(json.dumps(said, ensure_ascii=False, indent=2))
            else:
                typer.echo("\n".join(told.lines(view, settings.keeping, clock.now_ms())))
    except StoreError as error:
        end(str(error), TRY_LATER if error.again else FAILED)


def main() -> None:
    """The program `roundsman`."""
    app(prog_name="roundsman")
