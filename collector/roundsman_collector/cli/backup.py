"""`roundsman backup create | verify | restore`: everything a collector is, in one file, and back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roundsman_collector.cli.parts import FAILED, TRY_LATER, ConfigFile, DataFolder, end, settings_of

if TYPE_CHECKING:
    from roundsman_collector.backup import Manifest, Progress

NICENESS = 10
"""The collector and its broker go first."""

app = typer.Typer(no_args_is_help=True, help="Everything a collector is, in one file, and back.")


@app.command()
def create(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The file, or the folder, to write; compressed when it ends in .gz. None: in the data folder."
        ),
    ] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Make a backup; the collector may run. It holds every credential: keep it where only you can read it."""
    from roundsman_collector import backup, clock

    settings = settings_of(config, data)
    with _told(), _watched() as progress:
        os.nice(NICENESS)
        made = backup.create(settings, file, clock.now_ms(), progress)
    typer.echo(f"{made.file}  {made.bytes / 1e6:.1f} MB, {_said(made.manifest)}")
    typer.echo("It holds passwords, keys and certificates. Keep a copy of it on another machine.", err=True)


@app.command()
def verify(file: Annotated[Path, typer.Argument(help="The backup.")]) -> None:
    """Read a backup to its last byte and look through its database."""
    from roundsman_collector import backup, clock

    with _told(), _watched() as progress:
        os.nice(NICENESS)
        manifest = backup.verify(file, clock.now_ms(), progress)
    typer.echo(f"{file} is whole: {_said(manifest)}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    force: Annotated[
        bool, typer.Option("--force", help="Set the database that is there aside; it is not deleted.")
    ] = False,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Put a backup into the data folder, while no collector runs there."""
    from roundsman_collector import backup, clock

    settings = settings_of(config, data)
    folder = settings.data.folder
    server = str(settings.database) if settings.store.url else None
    with _told(), _watched() as progress:
        done = backup.restore(file, folder, clock.now_ms(), force=force, progress=progress, server=server)
    typer.echo(f"restored into {folder}: {_said(done.manifest)}; its epoch is now {done.epoch}")
    if done.aside is not None:
        typer.echo(f"what was there is in {done.aside}")
    if done.aside_schema:
        typer.echo(f"the tables of before are in the server's schema {done.aside_schema}")
    if done.configuration is not None:
        typer.echo(f"the configuration of then is in {done.configuration}; put it where you want it")
    if done.let_in_again:
        typer.echo(f"let in again, though they had no credential any more: {', '.join(done.let_in_again)}")
    typer.echo(
        "Passwords, tokens and agents are as they were then: revoke again what was revoked since. "
        "Everybody logs in again."
    )
    typer.echo("Start the collector: agents send what it lacks; what they have not any more becomes unknown.")


def _said(manifest: "Manifest") -> str:
    made = f"{datetime.fromtimestamp(manifest.made_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{len(manifest.members)} files of {made}, schema {manifest.schema}, epoch {manifest.epoch}"


@contextmanager
def _told() -> Iterator[None]:
    """What can go wrong, as an exit code and a sentence."""
    from roundsman_collector.backup import BackupError
    from roundsman_collector.store import StoreError

    try:
        yield
    except StoreError as error:
        end(str(error), TRY_LATER if error.again or error.cause == "locked" else FAILED)
    except (BackupError, OSError) as error:
        end(str(error), FAILED)


@contextmanager
def _watched() -> "Iterator[Progress]":
    """A bar per step on a terminal; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}
    with bars:

        def progress(doing: str, done: int, whole: int) -> None:
            if doing not in tasks:
                tasks[doing] = bars.add_task(doing, total=max(whole, 1))
            bars.update(tasks[doing], completed=done if whole else 1, total=max(whole, 1))

        yield progress
