"""`roundsman agent add | list | revoke | rotate`: who may report."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roundsman_collector.cli.parts import CANNOT_BE_USED, FAILED, WRONG, ConfigFile, DataFolder, deed_now, end

if TYPE_CHECKING:
    from roundsman_collector.enrol import Listed

app = typer.Typer(no_args_is_help=True, help="Who may report.")

AgentId = Annotated[str, typer.Argument(help="The agent's id: 1-63 of a-z 0-9 _ -.")]
Host = Annotated[
    str | None,
    typer.Option("--host", help="The name or address by which the agent reaches the broker, if not as configured."),
]


@app.command("add")
def agent_add(
    agent: AgentId,
    group: Annotated[str, typer.Option("--group", help="The monitoring centre or branch it belongs to.")],
    device: Annotated[
        list[str], typer.Option("--device", help="ID:KIND, or ID:KIND:local for the machine the agent runs on.")
    ],
    host: Host = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A folder for all that the device needs: agent.toml, the unit, install.sh."),
    ] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Let an agent in and print its configuration, credential and CA included; or write it for a device with --out."""
    from roundsman_collector import enrol
    from roundsman_collector.config import load

    with _errors_told():
        settings = load(config, data)
        wish = enrol.wished(agent, group, device)
        road = enrol.road_to(settings, host)
        if out is not None:
            enrol.refuse_used(out)
        folder = settings.data.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        login = enrol.enter(settings.database, wish, folder, deed=deed_now())
        if out is not None:
            enrol.write_kit(out, enrol.agent_toml(wish, login, road, data=enrol.DATA_ON_DEVICE))
    if out is None:
        typer.echo(enrol.agent_toml(wish, login, road), nl=False)
        typer.echo("To install it on a Debian device, let --out FOLDER write everything for it.", err=True)
    else:
        typer.echo(_install(out, agent))
    if settings.broker.mode == "external":
        typer.echo(enrol.external_hint(login), err=True)


def _install(out: Path, agent: str) -> str:
    return f"""\
{out}: the configuration of agent {agent} with its credential, the unit, install.sh.

 1. Fill in every ... in {out}/agent.toml (roundsman-agent probes, docs/probes/).
 2. Put the agent's packages beside it, from a checkout of Roundsman, on a machine like the device:
        .venv/bin/python -m pip wheel --wheel-dir {out}/wheels ./wire ./agent
 3. Carry the folder to the device (Debian 12 or newer), safely: it holds a password. There, as root:
        apt install python3-venv
        sh install.sh wheels
    It makes user roundsman-agent, /opt/roundsman-agent, /etc/roundsman-agent/agent.toml, and starts the unit.
 4. See it work:  systemctl status roundsman-agent;  journalctl -u roundsman-agent -f
 5. Delete the folder here and there."""


@app.command("list")
def agent_list(
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Tell which agents there are, whether they may report, and for which devices they speak."""
    from roundsman_collector import enrol
    from roundsman_collector.config import load

    with _errors_told():
        settings = load(config, data)
        found = enrol.listed(settings.database, settings.data.folder)
    if as_json:
        told = [
            {
                "agent": one.id,
                "group": one.group,
                "state": _state(one),
                "added_ms": one.added_ms,
                "removed_ms": one.removed_ms,
                "devices": list(one.devices),
            }
            for one in found
        ]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    rows = [("AGENT", "GROUP", "STATE", "SINCE", "DEVICES")]
    rows += [
        (one.id, one.group, _state(one), _day(one.removed_ms or one.added_ms), ", ".join(one.devices)) for one in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _state(one: "Listed") -> str:
    if one.removed_ms is not None:
        return "revoked"
    return "may report" if one.has_credential else "no credential"


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()


@app.command("revoke")
def agent_revoke(agent: AgentId, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Throw an agent out: it is cut off at once and refused from now on. What it reported stays."""
    from roundsman_collector import enrol, logins
    from roundsman_collector.config import load

    with _errors_told():
        settings = load(config, data)
        folder = settings.data.folder
        user = next((one.user for one in logins.read(folder) if one.agent == agent), agent)
        enrol.revoke(settings.database, agent, folder, deed=deed_now())
    typer.echo(f"agent {agent} may not report any more; its devices have no voice until another agent speaks for them")
    if settings.broker.mode == "external":
        typer.echo(enrol.external_revoke_hint(user), err=True)


@app.command("rotate")
def agent_rotate(agent: AgentId, host: Host = None, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Give an agent a new credential and print the configuration's section with it; with the old one it is cut off."""
    from roundsman_collector import enrol
    from roundsman_collector.config import load

    with _errors_told():
        settings = load(config, data)
        road = enrol.road_to(settings, host)
        login = enrol.rotate(settings.database, agent, settings.data.folder, deed=deed_now())
    typer.echo("\n".join(enrol.broker_lines(login, road)))
    typer.echo(
        f"Agent {agent} is refused until this stands in its agent.toml and it is started again"
        " (systemctl restart roundsman-agent); it keeps its records until then.",
        err=True,
    )
    if settings.broker.mode == "external":
        typer.echo(enrol.external_hint(login), err=True)


@contextmanager
def _errors_told() -> Iterator[None]:
    """What the operator can mend ends the command with its exit code; all else is ours, and comes out as it is."""
    from roundsman_collector.broker import BrokerError
    from roundsman_collector.config import ConfigError
    from roundsman_collector.enrol import EnrolError
    from roundsman_collector.logins import LoginsError
    from roundsman_collector.store import StoreError
    from roundsman_wire.topics import TopicError

    try:
        yield
    except (TopicError, EnrolError) as error:
        end(str(error), WRONG)
    except (ConfigError, LoginsError, BrokerError) as error:
        end(str(error), CANNOT_BE_USED)
    except (StoreError, OSError) as error:
        end(str(error), FAILED)
