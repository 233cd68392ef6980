"""`roundsman agent add`: who may report."""

from typing import Annotated

import typer

from roundsman_collector.cli.parts import CANNOT_BE_USED, FAILED, WRONG, ConfigFile, DataFolder, database, end

app = typer.Typer(no_args_is_help=True, help="Who may report.")


@app.command("add")
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
        password = enrol.enter(database(config, data), wish, settings.data.folder, now_ms=clock.now_ms())
    except (TopicError, enrol.EnrolError) as error:
        end(str(error), WRONG)
    except (ConfigError, LoginsError, BrokerError) as error:
        end(str(error), CANNOT_BE_USED)
    except (StoreError, OSError) as error:
        end(str(error), FAILED)
    typer.echo(enrol.agent_toml(wish, password, host=host, port=port, tls=tls), nl=False)
    if settings.broker.mode == "external":
        typer.echo(enrol.external_hint(wish), err=True)
