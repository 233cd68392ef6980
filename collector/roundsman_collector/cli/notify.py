"""`roundsman notify list | add | test | disable | enable | dead | retry`: who is told when a ticket opens or is over.

Works beside a running collector, which does the telling.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roundsman_collector.cli.parts import FAILED, TRY_LATER, WRONG, ConfigFile, DataFolder, database, deed_now, end
from roundsman_collector.cli.user import opened

if TYPE_CHECKING:
    from roundsman_collector.store import NoticeRow, WayRow

TEST_WITHIN_S = 20.0
LOOK_EVERY_S = 0.1
DEAD_SHOWN = 100

app = typer.Typer(no_args_is_help=True, help="Who is told, and what could not be told.")

WayId = Annotated[int, typer.Argument(help="The way's number, from `roundsman notify list`.", min=1)]


@app.command("list")
def notify_list(config: ConfigFile = None, data: DataFolder = None) -> None:
    """All ways of being told: number, kind, name, target, what it wants to hear."""
    with opened(database(config, data)) as (office, _):
        for one in office.ways():
            wants = [",".join(one.filter.events), one.filter.severity]
            for key in ("groups", "customers", "devices"):
                if names := getattr(one.filter, key):
                    wants.append(f"{key}: {','.join(names)}")
            wants += _timing(one)
            mark = "  (disabled)" if one.disabled_ms is not None else ""
            what = f"{one.language}; {'; '.join(wants)}"
            typer.echo(f"{one.id:<4} {one.kind:<8} {one.name:<20} {one.shown_target:<36} {what}{mark}")
        if dead := office.count_notices()["dead"]:
            typer.echo(f"{dead} could not be told: see `roundsman notify dead`", err=True)


def _timing(one: "WayRow") -> list[str]:
    """Whose it is and when it is told, where that is not: everybody's, at once."""
    timing = one.timing
    said = {
        "of": one.person or "",
        "also": ", ".join(one.filter.also),
        "backup after": f"{timing.backup_minutes} min" if "duty" in one.filter.also else "",
        "quiet": timing.quiet_hours,
        "daily": timing.daily,
        "after": f"{timing.after_minutes} min" if timing.after_minutes else "",
        "again every": f"{timing.repeat_minutes} min" if timing.repeat_minutes else "",
    }
    return [f"{word} {value}" for word, value in said.items() if value]


@app.command("add")
def notify_add(
    kind: Annotated[str, typer.Argument(help="mail, webhook, wecom, dingtalk or feishu.")],
    target: Annotated[str, typer.Argument(help="A mail address, or the URL of a webhook or a bot.")],
    name: Annotated[str, typer.Option("--name", help="Who is told by it; the target if not given.")] = "",
    lang: Annotated[str, typer.Option("--lang", help="zh or en.")] = "zh",
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            help="opened, called_again, dispatched, handed_over, warned, breached, recovered, verified, resolved, "
            "reopened, voided or recurred; may be repeated. If not given: what a desk has to know.",
        ),
    ] = None,
    severity: Annotated[str, typer.Option("--severity", help="This grave or graver: urgent, major, minor.")] = "minor",
    groups: Annotated[list[str] | None, typer.Option("--group", help="Of this group; may be repeated.")] = None,
    customers: Annotated[
        list[str] | None, typer.Option("--customer", help="Of this customer; may be repeated.")
    ] = None,
    devices: Annotated[list[str] | None, typer.Option("--device", help="Of this device; may be repeated.")] = None,
    person: Annotated[str, typer.Option("--person", help="Whose own it is: of the tickets they are sent to.")] = "",
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also",
            help="With --person: `responsible` for what they answer for, `duty` for what befalls where they are on "
            "duty; may be repeated, or `nothing`. Both if not given.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", help="A file with the secret of a DingTalk or Feishu bot that signs."),
    ] = None,
    quiet: Annotated[str, typer.Option("--quiet", help="Hours in which nothing is told: 22:00-07:00.")] = "",
    urgent_passes: Annotated[
        bool, typer.Option("--urgent-passes", help="What is urgent is told in the quiet hours too.")
    ] = False,
    daily: Annotated[str, typer.Option("--daily", help="Once a day at HH:MM, in one digest.")] = "",
    after: Annotated[int, typer.Option("--after", help="Only if nobody has answered after so many minutes.")] = 0,
    repeat: Annotated[int, typer.Option("--repeat", help="Again after so many minutes until somebody answers.")] = 0,
    backup: Annotated[
        int | None,
        typer.Option("--backup", help="On backup duty: only if nobody has answered after so many minutes; 15."),
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="The time zone of --quiet and --daily.")] = "Asia/Shanghai",
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Tell somebody from now on. Prints the way's number, and for a webhook its secret, once."""
    from roundsman_collector.store import StoreError, filter_of, timing_of, wrong_secret, wrong_target
    from roundsman_collector.store.ways import ALSO, EVENTS, KINDS, LANGUAGES, masked

    if kind not in KINDS:
        end(f"there is no way by {kind}: expected one of {', '.join(KINDS)}", WRONG)
    if lang not in LANGUAGES:
        end(f"--lang {lang}: expected {' or '.join(LANGUAGES)}", WRONG)
    if expected := wrong_target(kind, target):
        end(f"this target cannot be used: expected {expected}", WRONG)
    secret = _secret(secret_file)
    if expected := wrong_secret(kind, secret):
        end(f"this secret cannot be used: expected {expected}", WRONG)
    said: dict[str, Any] = {"severity": severity, "groups": groups or (), "customers": customers or ()}
    said["devices"] = devices or ()
    if events or person:
        said["events"] = events or EVENTS
    if person:
        said["also"] = ALSO if also is None else [one for one in also if one != "nothing"]
    waits: dict[str, Any] = {"time_zone": zone, "quiet": quiet, "urgent_passes": urgent_passes, "daily": daily}
    if backup is not None:
        waits["backup_minutes"] = backup
    try:
        wanted = filter_of(said)
        timing = timing_of({**waits, "after_minutes": after, "repeat_minutes": repeat})
    except StoreError as error:
        end(f"{error.what}: {error.do}", WRONG)
    shown = name or (target if kind == "mail" else masked(target))
    with opened(database(config, data)) as (office, _):
        try:
            made = office.add_way(
                kind=kind,
                name=shown,
                target=target,
                filter_=wanted,
                language=lang,
                secret=secret,
                person=person,
                timing=timing,
                deed=deed_now(),
            )
        except StoreError as error:
            if error.cause != "conflict":
                raise
            end(f"{error.what}: {error.do}", WRONG)
    typer.echo(f"way {made.id}")
    if made.secret:
        typer.echo(f"secret {made.secret}")
        typer.echo("The other end verifies signatures with this secret. It is not shown again.", err=True)


def _secret(file: Path | None) -> str:
    """What stands in a file; on the command line everybody on the machine could read it."""
    if file is None:
        return ""
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        end(f"--secret-file {file} cannot be read: {error}", WRONG)


@app.command("test")
def notify_test(way: WayId, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Send a test the way every notice goes, and say what became of it. Exit 0: the other end has taken it."""
    import time

    with opened(database(config, data)) as (office, _):
        notice_id = office.test_way(way, deed_now())
        until = time.monotonic() + TEST_WITHIN_S
        while (notice := office.notice(notice_id)) is not None and notice.state == "new":
            if time.monotonic() >= until:
                end(f"nothing has become of it within {TEST_WITHIN_S:g} s: does the collector run?", TRY_LATER)
            time.sleep(LOOK_EVERY_S)
    if notice is None or notice.state != "sent":
        end("it could not be sent" if notice is None else notice.error, FAILED)
    typer.echo("sent: the other end has taken it")


@app.command("disable")
def notify_disable(way: WayId, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Tell nobody by this way any more; what waited on it becomes dead."""
    with opened(database(config, data)) as (office, _):
        office.disable_way(way, is_disabled=True, deed=deed_now())


@app.command("enable")
def notify_enable(way: WayId, config: ConfigFile = None, data: DataFolder = None) -> None:
    """Tell by this way again, from now on."""
    with opened(database(config, data)) as (office, _):
        office.disable_way(way, is_disabled=False, deed=deed_now())


@app.command("dead")
def notify_dead(
    config: ConfigFile = None,
    data: DataFolder = None,
    way: Annotated[int | None, typer.Option("--way", help="On this way only.", min=1)] = None,
) -> None:
    """What could not be told, the newest first: number, when it was made, way, event, about what, and why."""
    with opened(database(config, data)) as (office, _):
        rows = office.notices(states=["dead"], way=way, limit=DEAD_SHOWN + 1)
    for one in rows[:DEAD_SHOWN]:
        typer.echo(_line(one))
    if len(rows) > DEAD_SHOWN:
        typer.echo(f"... and older ones; only the newest {DEAD_SHOWN} are shown", err=True)


def _line(one: "NoticeRow") -> str:
    from datetime import UTC, datetime

    made = f"{datetime.fromtimestamp(one.made_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
    about = one.body["ticket"]["number"] if "ticket" in one.body else one.subject or "-"
    return f"{one.id:<7} {made}  way {one.way:<3} {one.event:<9} {about:<12} tries {one.tries:<3} {one.error}"


@app.command("retry")
def notify_retry(
    notices: Annotated[list[int] | None, typer.Argument(help="Numbers from `roundsman notify dead`.", min=1)] = None,
    way: Annotated[int | None, typer.Option("--way", help="All that is dead on this way.", min=1)] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Try dead notices again, now: those named, or all of one way."""
    if bool(notices) == (way is not None):
        end("name the notices, or one --way", WRONG)
    with opened(database(config, data)) as (office, _):
        deed = deed_now()
        if way is None:
            for notice in notices or ():
                office.retry_notice(notice, deed)
            count = len(notices or ())
        else:
            count = office.retry_way(way, deed)
    typer.echo(f"{count} will be tried now")
