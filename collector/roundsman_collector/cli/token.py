"""`roundsman token new`: which programs may use the API."""

from typing import Annotated

import typer

from roundsman_collector.cli.parts import FAILED, TRY_LATER, ConfigFile, DataFolder, database, end

app = typer.Typer(no_args_is_help=True, help="Who may use the API.")


@app.command("new")
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
        with Store.open(database(config, data)) as store:
            store.add_token(token, name, now_ms, expires_ms)
    except StoreError as error:
        hint = "; stop the collector for this moment" if error.cause == "locked" else ""
        end(f"{error}{hint}", TRY_LATER if error.again or error.cause == "locked" else FAILED)
    typer.echo(token)
