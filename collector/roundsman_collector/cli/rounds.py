"""`roundsman round start | list | show`: inspections, from the machine of the collector.

The collector's engine asks the agents; this only writes down what is wanted, waits, and builds the report when it is
over. Whoever may read the data folder may do so: on its own machine there is nobody to ask for a password.
"""

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from roundsman_collector.cli.parts import FAILED, TRY_LATER, WRONG, ConfigFile, DataFolder, database, deed_now, end

if TYPE_CHECKING:
    from roundsman_collector.store import Office, RoundRow, View

app = typer.Typer(no_args_is_help=True, help="Inspections: ask the agents to look now, and print what they saw.")

UNITS_MS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
ANSWER_S = 10.0
"""How long the engine may take to make the round before we say that no collector runs."""
LOOK_EVERY_S = 0.2
LATE_S = 30.0

Lang = Annotated[Literal["zh", "en"], typer.Option("--lang", help="The language of the report.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write the report here, as one HTML file that needs nothing else.")
]


@app.command("start")
def start(
    site: Annotated[str, typer.Argument(help="A site's id; or a group's, or a device's.")],
    period: Annotated[str, typer.Option("--period", help="What the report tells of: 24h, 7d, 4w, up to now.")] = "30d",
    within_s: Annotated[
        float, typer.Option("--within", min=5, max=900, help="Seconds that the agents have to answer.")
    ] = 120,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is over and write the report.")] = True,
    lang: Lang = "zh",
    out: Out = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Ask the agents of a site to inspect now, wait, and say where the report is."""
    from roundsman_collector import clock
    from roundsman_collector.store import Office, StoreError, View

    length_ms = _period_ms(period)
    where = database(config, data)
    try:
        with View.open(where) as view, Office.open(where) as office:
            now_ms = clock.now_ms()
            args = {
                "site": site,
                "from_ms": max(0, now_ms - length_ms),
                "to_ms": now_ms,
                "within_ms": round(within_s * 1000),
            }
            row = _begun(view, office.ask_round(args, deed_now()))
            typer.echo(f"round {row.number} of {row.kind} {row.site} is under way")
            if not wait:
                typer.echo(f"see how it goes with: roundsman round show {row.number}")
                return
            row = _awaited(view, row)
            _tell(view, office, row, lang, out, config, data)
    except StoreError as error:
        end(str(error), TRY_LATER if error.again else FAILED)


@app.command("list")
def list_(
    site: Annotated[str | None, typer.Option("--site", help="Of one site, group or device.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = 20,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """The rounds so far, the newest first."""
    from roundsman_collector.api.moments import iso
    from roundsman_collector.store import StoreError, View

    try:
        with View.open(database(config, data)) as view:
            rows = view.rounds(site=site, limit=limit)
            progress = view.round_progress([row.id for row in rows])
    except StoreError as error:
        end(str(error), TRY_LATER if error.again else FAILED)
    if not rows:
        typer.echo("no rounds yet; start one with: roundsman round start SITE", err=True)
    for row in rows:
        asked = sum(progress[row.id].values())
        answered = progress[row.id].get("done", 0)
        typer.echo(
            f"{row.number}  {iso(row.asked_ms)}  {row.state:<9} {answered}/{asked} agents  "
            f"{row.kind} {row.site}  by {row.asked_by}"
        )


@app.command("show")
def show(
    number: Annotated[str, typer.Argument(help="The round's number, R2026-000007.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole document as JSON, for programs.")] = False,
    lang: Lang = "zh",
    out: Out = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """How a round goes; once it is over, its result."""
    from roundsman_collector import clock
    from roundsman_collector.api.inspection import finished
    from roundsman_collector.core.looking import MODES
    from roundsman_collector.store import Office, StoreError, View

    where = database(config, data)
    try:
        with View.open(where) as view, Office.open(where) as office:
            row = view.round(number)
            if row is None:
                end(f"there is no round {number}; `roundsman round list` shows them", WRONG)
            if row.state == "open":
                typer.echo(f"round {number} is open: {MODES[row.mode][1]}; people finish it on its page")
                return
            if row.state == "running":
                counted = view.round_progress([row.id])[row.id]
                told = ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
                typer.echo(f"round {number} is under way: {told or 'no agent was asked'}")
                return
            if as_json:
                document = finished(view, office, number, clock.now_ms())
                typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
                return
            _tell(view, office, row, lang, out, config, data)
    except StoreError as error:
        end(str(error), TRY_LATER if error.again else FAILED)


# --- how -------------------------------------------------------------------------------------------------------------


def _period_ms(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,4})([hdw])", text)
    if found is None or not int(found[1]):
        end(f"--period: expected a number and h, d or w, such as 30d, not {text!r}", WRONG)
    return int(found[1]) * UNITS_MS[found[2]]


def _begun(view: "View", command: int) -> "RoundRow":
    """The round that the engine makes of a command."""
    until = time.monotonic() + ANSWER_S
    while True:
        answer = view.command(command)
        assert answer is not None, "commands are never deleted"
        if answer.state != "new":
            break
        if time.monotonic() > until:
            end(
                f"the collector has not answered within {ANSWER_S:g} s; is it running (`roundsman up`)? "
                "It will make the round when it starts",
                TRY_LATER,
            )
        time.sleep(LOOK_EVERY_S)
    said = answer.result or {}
    if answer.state == "failed":
        end(str(said.get("error", "the collector said no")), FAILED)
    row = view.round(str(said["round"]))
    assert row is not None, "a round is never deleted"
    return row


def _awaited(view: "View", row: "RoundRow") -> "RoundRow":
    """The round once it is over, with a bar for whoever watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    until = time.monotonic() + (row.until_ms - row.asked_ms) / 1000 + LATE_S
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("agents", total=None)
        while row.state == "running":
            counted = view.round_progress([row.id])[row.id]
            waiting = counted.get("new", 0) + counted.get("sent", 0)
            total = sum(counted.values())
            bar.update(task, total=total, completed=total - waiting)
            if time.monotonic() > until:
                end(f"round {row.number} should be over and is not; is the collector running?", TRY_LATER)
            time.sleep(LOOK_EVERY_S)
            row = view.round(row.number) or row
    return row


def _tell(
    view: "View",
    office: "Office",
    row: "RoundRow",
    lang: Literal["zh", "en"],
    out: Path | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """The result in a few lines, where the page is, and the file if one is wanted."""
    from roundsman_collector import clock
    from roundsman_collector.api.inspection import finished
    from roundsman_collector.web.round import paper_file
    from roundsman_collector.web.saying import Saying

    document = finished(view, office, row.number, clock.now_ms())
    assert document is not None, "it is over"
    for line in _lines(document):
        typer.echo(line)
    typer.echo(f"report: {_where(row.number, config, data)}")
    if out is not None:
        text = paper_file(document, Saying(language=lang, now_ms=clock.now_ms()))
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            end(f"{out}: cannot be written: {error.strerror}", FAILED)
        typer.echo(f"written: {out}")


def _lines(document: dict[str, Any]) -> list[str]:
    """A line for each device; of one that did not pass, what is wrong."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in document["verdicts"].items() if count)
    found = [f"round {document['round']['number']}: {counts or 'no device'}"]
    for one in document["devices"]:
        wrong = [line["component"] or "communication" for line in one["lines"] if line["verdict"] != "pass"]
        why = one["unreached"]["reason"] if one["unreached"] else ", ".join(wrong)
        found.append(f"  {one['verdict']:<10}{one['id']}" + (f"  ({why})" if why else ""))
    return found


def _where(number: str, config: Path | None, data: Path | None) -> str:
    """The address of the page; without an API, the command that writes it as a file."""
    from roundsman_collector.config import load

    port = load(config, data).api.port
    if not port:
        return f"no pages are served ([api] port is 0); write it: roundsman round show {number} --out {number}.html"
    return f"http://127.0.0.1:{port}/rounds/{number}/paper"
