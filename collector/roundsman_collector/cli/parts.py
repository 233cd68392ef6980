"""What the commands share: exit codes, the two options that nearly all have, how an error ends a command."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from roundsman_collector.config import Config
    from roundsman_collector.store import Deed

FAILED = 1
WRONG = 2
TRY_LATER = 75
CANNOT_BE_USED = 78

ConfigFile = Annotated[Path | None, typer.Option("--config", help="The configuration, TOML; none: all as built in.")]
DataFolder = Annotated[Path | None, typer.Option("--data", help="The data folder; wins over the configuration.")]


def settings_of(config: Path | None, data: Path | None) -> "Config":
    """The configuration, or the end of the command."""
    from roundsman_collector.config import ConfigError, load

    try:
        return load(config, data)
    except ConfigError as error:
        end(str(error), CANNOT_BE_USED)


def database(config: Path | None, data: Path | None) -> str | Path:
    """Where the database is that the configuration names."""
    return settings_of(config, data).database


def end(said: str, code: int) -> NoReturn:
    """Say what went wrong and leave with `code`."""
    typer.echo(f"error: {said}", err=True)
    raise typer.Exit(code)


def write_form(file: Path, body: bytes) -> None:
    """Write an empty form; one that is there already may have been filled in, and stays."""
    try:
        with file.open("xb") as form:
            form.write(body)
    except FileExistsError:
        end(f"{file}: is there already, and may have been filled in; name another file, or remove it first", WRONG)
    except OSError as error:
        end(f"{file}: {error.strerror}", FAILED)


def deed_now() -> "Deed":
    """Who does something here and now, for the audit log: whoever works on this machine."""
    import getpass

    from roundsman_collector import clock
    from roundsman_collector.store import Deed

    try:
        who = f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name, in a container
        who = "cli"
    return Deed(who=who, at_ms=clock.now_ms(), address="cli")


def log_to_stderr() -> None:
    """One line per event: time, what, who. Colours where somebody looks."""
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,  # no values: they may be anybody's
            ),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
