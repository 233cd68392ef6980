"""`roundsman push-config AGENT FILE`: a configuration for an agent, from the machine of the collector.

What is wrong with it is told place by place, and what would change as a difference; the collector's engine publishes
it, the agent checks it in full. Whoever may read the data folder may do so.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from roundsman_collector.cli.parts import FAILED, TRY_LATER, WRONG, ConfigFile, DataFolder, database, deed_now, end

if TYPE_CHECKING:
    from roundsman_collector.core.configured import Body
    from roundsman_collector.store import PushRow, View

LOOK_EVERY_S = 0.5
TEXT_BYTES = 512 * 1024
WORDS = {
    "new": "waits for the collector's engine; is it running (`roundsman up`)?",
    "sent": "is at the broker; the agent has not confirmed it yet",
    "confirmed": "is in force",
    "refused": "was refused by the agent",
    "rolled_back": "was taken back by the agent",
    "replaced": "was replaced by another one",
    "withdrawing": "is being withdrawn",
    "withdrawn": "is withdrawn",
}


def push_config(
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    file: Annotated[
        Path | None, typer.Argument(help="Tables of agent.toml, TOML or JSON, without [agent] and [broker].")
    ] = None,
    rollback_s: Annotated[
        int, typer.Option("--rollback-s", help="The agent takes the old one back after so many seconds unconfirmed.")
    ] = 600,
    note: Annotated[str, typer.Option("--note", help="Why, for whoever looks later.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look through it, show the difference, push nothing.")] = (
        False
    ),
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Let the broker keep none for this agent.")] = False,
    wait_s: Annotated[float, typer.Option("--wait", min=0, max=86_400, help="Seconds to wait for its answer.")] = 0,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Push a configuration to an agent; it tries it, and takes the old one back when it hears of nobody any more."""
    from roundsman_collector.core.configured import compared
    from roundsman_collector.store import EntryError, Office, PushWish, StoreError, View
    from roundsman_wire.codec import config_hash

    if (file is None) != withdraw:
        end("give a file, or --withdraw and no file", WRONG)
    body = None if file is None else _read(file)
    where = database(config, data)
    try:
        with View.open(where) as view, Office.open(where) as office:
            if view.agent_now(agent) is None:
                end(f"there is no agent {agent[:63]!r}; `roundsman agent list` shows them", WRONG)
            before = view.pushes(agent, limit=1)
            if dry_run and body is not None:
                for line in compared(before[0].body if before else {}, body):
                    typer.echo(f"{line.sign} {line.text}".rstrip())
                typer.echo(f"configuration {config_hash(body)}: nothing was pushed", err=True)
                return
            if body is None:
                push = office.withdraw_config(agent, deed=deed_now())
            else:
                wish = PushWish(body=body, rollback_s=rollback_s, note=note)
                push = office.push_config(agent, wish, deed=deed_now())
            _tell(_awaited(view, agent, push, wait_s))
    except EntryError as error:
        end(str(error), WRONG)
    except StoreError as error:
        end(str(error), TRY_LATER if error.again else FAILED)


def _read(file: Path) -> "Body":
    """The tables of a file; the end of the command where they cannot be pushed."""
    from roundsman_collector.core.configured import ConfigurationError, flaws, read

    try:
        if file.stat().st_size > TEXT_BYTES:
            end(f"{file}: larger than {TEXT_BYTES // 1024} KiB", WRONG)
        body = read(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        end(f"{file}: cannot be read: {error}", WRONG)
    except ConfigurationError as error:
        end(f"{file}: {error}", WRONG)
    found = flaws(body)
    if found:
        _refuse(file, [flaw.said for flaw in found])
    return body


def _refuse(file: Path, said: list[str]) -> NoReturn:
    for one in said:
        typer.echo(f"{file}: {one}", err=True)
    raise typer.Exit(WRONG)


def _awaited(view: "View", agent: str, push: int, wait_s: float) -> "PushRow":
    until = time.monotonic() + wait_s
    while True:
        row = view.push(agent, push)
        assert row is not None, "a push is never deleted"
        if row.state not in ("new", "sent", "withdrawing") or time.monotonic() >= until:
            return row
        time.sleep(LOOK_EVERY_S)


def _tell(row: "PushRow") -> None:
    why = f": {row.detail}" if row.detail else ""
    typer.echo(f"configuration {row.hash} of {row.agent} {WORDS[row.state]}{why}")
    if row.state in ("refused", "rolled_back", "replaced"):
        raise typer.Exit(FAILED)
