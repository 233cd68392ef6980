"""`roundsman token new | list | revoke`: which programs may use the API."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from roundsman_collector.cli.parts import WRONG, ConfigFile, DataFolder, database, deed_now, end
from roundsman_collector.cli.user import Customers, Everything, Groups, RoleName, opened, role_of, scope_of

app = typer.Typer(no_args_is_help=True, help="Which programs may use the API.")


@app.command("new")
def token_new(
    name: Annotated[str, typer.Option("--name", help="Whose it is; shown wherever it was used.")] = "cli",
    role: RoleName = "viewer",
    groups: Groups = None,
    customers: Customers = None,
    everything: Everything = False,
    days: Annotated[float, typer.Option("--days", min=0.01, max=3660, help="Days until it expires.")] = 365,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Make a token and print it, once: only its hash is kept."""
    from roundsman_collector.store.people import new_key

    scope = scope_of(groups, customers, everything)
    key = new_key()
    with opened(database(config, data)) as (office, _):
        deed = deed_now()
        expires_ms = deed.at_ms + round(days * 86_400_000)
        office.add_token(key, name=name, role=role_of(role), scope=scope, expires_ms=expires_ms, deed=deed)
    typer.echo(key)


@app.command("list")
def token_list(config: ConfigFile = None, data: DataFolder = None) -> None:
    """All tokens in force: the first letters of their hashes, names, roles, scopes, ends."""
    from roundsman_collector.store.people import scope_text

    with opened(database(config, data)) as (_, view):
        now_ms = deed_now().at_ms
        for one in view.tokens():
            if one.revoked_ms is None and (one.expires_ms is None or one.expires_ms > now_ms):
                until = "for ever" if one.expires_ms is None else f"until {_day(one.expires_ms)}"
                used = "never used" if one.used_ms is None else f"used {_day(one.used_ms)}"
                typer.echo(f"{one.hash[:8]}  {one.name:<20} {one.role:<14} {scope_text(one.scope):<20} {until}, {used}")


@app.command("revoke")
def token_revoke(
    which: Annotated[str, typer.Argument(help="The first letters of its hash, from `roundsman token list`.")],
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Shut a program out at once."""
    with opened(database(config, data)) as (office, view):
        meant = [one for one in view.tokens() if one.revoked_ms is None and one.hash.startswith(which)]
        if len(meant) != 1 or len(which) < 4:
            end(f"{which!r} names {len(meant)} tokens; expected the first letters of one, at least four", WRONG)
        office.revoke_token(meant[0].hash, deed_now())
        typer.echo(f"revoked {meant[0].name}")


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"
