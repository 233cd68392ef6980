"""`roundsman user add | link | list | change | disable | enable | unlock`: who may sign in.

Works beside a running collector. Nobody's password is ever typed here: a link lets them in once, and they choose one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from roundsman_collector.cli.parts import (
    CANNOT_BE_USED,
    FAILED,
    TRY_LATER,
    WRONG,
    ConfigFile,
    DataFolder,
    database,
    deed_now,
    end,
)

if TYPE_CHECKING:
    from roundsman_collector.roles import Role, Scope
    from roundsman_collector.store import Office, View

LINK_DAYS = 7
app = typer.Typer(no_args_is_help=True, help="Who may sign in.")

Login = Annotated[str, typer.Argument(help="The login name: small letters, digits, . _ -")]
RoleName = Annotated[
    str, typer.Option("--role", help="viewer, engineer, storekeeper, dispatcher, manager or administrator.")
]
Groups = Annotated[list[str] | None, typer.Option("--group", help="Reaches this group's devices; may be repeated.")]
Customers = Annotated[
    list[str] | None, typer.Option("--customer", help="Reaches what stands at this customer's sites; may be repeated.")
]
Everything = Annotated[bool, typer.Option("--everything", help="Reaches everything.")]


@app.command("add")
def user_add(
    login: Login,
    role: RoleName = "viewer",
    name: Annotated[str, typer.Option("--name", help="What people call them; the login name if not given.")] = "",
    email: Annotated[str, typer.Option("--email")] = "",
    lang: Annotated[str, typer.Option("--lang", help="zh or en.")] = "zh",
    groups: Groups = None,
    customers: Customers = None,
    everything: Everything = False,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Enter a person and print the link that lets them in once."""
    from roundsman_collector.people import PeopleError, checked_email, checked_language, checked_login

    try:
        checked_login(login), checked_email(email), checked_language(lang)
    except PeopleError as error:
        end(str(error), WRONG)
    scope = scope_of(groups, customers, everything)
    link = _links(config, data)
    with opened(database(config, data)) as (office, _):
        deed = deed_now()
        office.add_person(
            login, name=name or login, role=role_of(role), scope=scope, email=email, language=lang, deed=deed
        )
        key = office.invite(login, expires_ms=deed.at_ms + LINK_DAYS * 86_400_000, deed=deed)
    typer.echo(f"{link}/welcome?key={key}")


@app.command("link")
def user_link(login: Login, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Print a new link that lets a person in once, to choose a password; older links no longer work."""
    link = _links(config, data)
    with opened(database(config, data)) as (office, _):
        deed = deed_now()
        key = office.invite(login, expires_ms=deed.at_ms + LINK_DAYS * 86_400_000, deed=deed)
    typer.echo(f"{link}/welcome?key={key}")


@app.command("list")
def user_list(config: ConfigFile = None, data: DataFolder = None) -> None:
    """Everybody with role and scope."""
    from roundsman_collector.store.people import scope_text

    with opened(database(config, data)) as (_, view):
        now_ms = deed_now().at_ms
        for one in view.persons():
            is_locked = one.locked_until_ms is not None and one.locked_until_ms > now_ms
            marks = [
                *(["shut out"] if one.disabled_ms is not None else []),
                *(["locked"] if is_locked else []),
                *([] if one.has_password else ["never signed in"]),
            ]
            typer.echo(f"{one.id:<20} {one.role:<14} {scope_text(one.scope) or '-':<24} {', '.join(marks)}".rstrip())


@app.command("disable")
def user_disable(login: Login, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Shut a person out at once."""
    with opened(database(config, data)) as (office, _):
        office.disable_person(login, is_disabled=True, deed=deed_now())


@app.command("enable")
def user_enable(login: Login, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Let a person in again who was shut out."""
    with opened(database(config, data)) as (office, _):
        office.disable_person(login, is_disabled=False, deed=deed_now())


@app.command("unlock")
def user_unlock(login: Login, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Forget a person's wrong passwords."""
    with opened(database(config, data)) as (office, _):
        office.unlock_person(login, deed_now())


# --- shared with the tokens ------------------------------------------------------------------------------------------


@contextmanager
def opened(where: str | Path) -> "Iterator[tuple[Office, View]]":
    """Both doors for people; a database that says no ends the command with its reason."""
    from roundsman_collector.store import Office, StoreError, View

    try:
        with View.open(where) as view, Office.open(where) as office:
            yield office, view
    except StoreError as error:
        end(str(error), TRY_LATER if error.again else FAILED)


def role_of(text: str) -> "Role":
    """The role, or an error that names all."""
    from roundsman_collector.roles import ROLES

    if text not in ROLES:
        end(f"--role {text!r}: expected one of {', '.join(ROLES)}", WRONG)
    return cast("Role", text)


def scope_of(groups: list[str] | None, customers: list[str] | None, everything: bool) -> "Scope":
    """What was asked for; nothing at all is an error."""
    from roundsman_collector.roles import Scope

    if not (groups or customers or everything):
        end("whom or what it reaches is missing: --everything, or --group ID, or --customer ID", WRONG)
    return Scope(everything=everything, groups=frozenset(groups or ()), customers=frozenset(customers or ()))


def _links(config: Path | None, data: Path | None) -> str:
    from roundsman_collector.config import ConfigError, load

    try:
        api = load(config, data).api
    except ConfigError as error:
        end(str(error), CANNOT_BE_USED)
    return api.public_url or f"http://127.0.0.1:{api.port}"
