"""`roundsman init-tls`: certificates of our own for the embedded broker."""

from typing import Annotated

import typer

from roundsman_collector.cli.parts import CANNOT_BE_USED, FAILED, ConfigFile, DataFolder, end


def init_tls(
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            help="A host name or address that agents use for this machine; may be given several times. Without it: "
            "those of the certificate before, or this machine's own.",
        ),
    ] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Make a small CA (once) and the broker's certificate, so that agents may connect from other machines.

    Run it again to renew the certificate, or to give it other names: the CA stays, and no agent has to be told.
    """
    from datetime import UTC, datetime

    from roundsman_collector import clock, tls
    from roundsman_collector.config import TLS, ConfigError, load

    try:
        settings = load(config, data)
        if settings.broker.mode == "external":
            raise ConfigError('[broker] mode = "external": that broker has certificates of its own')
        if settings.broker.tls_cert is not None:
            raise ConfigError(f"[broker] tls_cert: {settings.broker.tls_cert} is used; take it out of the file first")
        folder = settings.data.folder / TLS
        made = tls.issue(folder, name or [], now_ms=clock.now_ms())
    except (ConfigError, tls.TlsError) as error:
        end(str(error), CANNOT_BE_USED)
    except OSError as error:
        end(f"{error.filename}: {error.strerror}", FAILED)

    def day(ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()

    typer.echo(f"{folder / tls.SERVER}: for {', '.join(made.names)}; valid until {day(made.ends_ms)}")
    which = "a new CA" if made.is_new_ca else "the CA that agents know already"
    typer.echo(f"{folder / tls.CA}: {which}; valid until {day(made.ca_ends_ms)}")
    typer.echo(f"Keep {folder / tls.CA_KEY} secret: who has it can play the collector to every agent.")
    if not settings.broker.listen:
        typer.echo(
            'Let agents come from other machines: [broker] listen = "0.0.0.0:8883" in the configuration, and start'
        )
        typer.echo("the collector again. A firewall has to let TCP port 8883 in.")
    elif made.is_new_ca:
        typer.echo("Start the collector again, if it runs.")
    else:
        typer.echo("A collector that runs shows the new certificate within a second.")
