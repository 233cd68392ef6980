"""`roundsman calendar show | import | template`: holidays and adjusted working days (调休), beside a running collector.

An import is all or nothing: with one wrong row nothing is entered, and everything that is wrong is told. Entering the
same file again changes nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roundsman_collector.cli.parts import FAILED, WRONG, ConfigFile, DataFolder, database, deed_now, end, write_form
from roundsman_collector.cli.user import opened

if TYPE_CHECKING:
    from datetime import date

    from roundsman_collector.core.days import Day
    from roundsman_collector.store import Office, View

SHOWN = 50

app = typer.Typer(no_args_is_help=True, help="Calendars: holidays, and days that are worked instead.")


@app.command("show")
def calendar_show(
    calendar: Annotated[str | None, typer.Argument(help="A calendar's id; all of them if not given.")] = None,
    year: Annotated[int | None, typer.Option("--year", help="Of this year only.", min=1970, max=2199)] = None,
    form: Annotated[str, typer.Option("--as", help="list, csv or yaml.")] = "list",
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Which days a calendar takes for holidays, and which are worked instead; as csv or yaml, for the import."""
    from roundsman_collector.rules.calendars import CalendarFile, csv_of, yaml_of

    if form not in ("list", "csv", "yaml"):
        end(f"--as {form}: expected list, csv or yaml", WRONG)
    with opened(database(config, data)) as (_, view):
        if calendar is None:
            for one in view.entries("calendar"):
                typer.echo(f"{one.id:<20} {one.fields['name_zh']}  {one.fields['name_en']}  {_years(view, one.id)}")
            return
        found = view.entry("calendar", calendar)
        if found is None:
            end(f"there is no calendar {calendar}: `roundsman calendar show` lists them", FAILED)
        said = view.calendar_days(calendar)
    if year is not None:
        said = {day: one for day, one in said.items() if day.year == year}
    if form == "csv":
        typer.echo(csv_of(said), nl=False)
    elif form == "yaml":
        names = found.fields
        file = CalendarFile(calendar=calendar, name_zh=names["name_zh"], name_en=names["name_en"], days=said)
        typer.echo(yaml_of(file), nl=False)
    else:
        _tell(said)


@app.command("import")
def calendar_import(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or GB18030) or YAML.")],
    calendar: Annotated[
        str | None, typer.Option("--calendar", help="Into which calendar; a YAML file says it itself.")
    ] = None,
    whole_years: Annotated[
        bool, typer.Option("--whole-years", help="Other days of the same years become usual: the file is all there is.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would do.")] = False,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Enter a file of days; a YAML file makes its calendar, if it is not there."""
    from roundsman_collector.rules.calendars import BYTES_LIMIT, calendar_read
    from roundsman_collector.rules.shape import RulesError
    from roundsman_collector.store import EntryError
    from roundsman_collector.store.calendars import changes

    try:
        if file.stat().st_size > BYTES_LIMIT:
            end(f"{file}: expected at most {BYTES_LIMIT} bytes", WRONG)
        read = calendar_read(file.read_bytes(), source=str(file))
    except OSError as error:
        end(f"{file}: {error.strerror}", WRONG)
    except RulesError as error:
        end(f"nothing was entered:\n{error}", FAILED)
    name = calendar or read.calendar
    if not name:
        end(f"{file}: CSV does not say of which calendar it is; add --calendar ID", WRONG)
    if read.calendar not in ("", name):
        end(f"{file} is of calendar {read.calendar}, not of {name}", WRONG)
    with opened(database(config, data)) as (office, view):
        is_there = view.entry("calendar", name) is not None
        changed = changes(view.calendar_days(name), read.days, whole_years=whole_years)
        if not is_there and not read.name_zh:
            end(f"there is no calendar {name}: make it in the console, or import YAML, which has its names", FAILED)
        if not dry_run:
            try:
                if not is_there:
                    _make(office, name, read.name_zh, read.name_en)
                office.put_calendar_days(name, read.days, deed=deed_now(), whole_years=whole_years)
            except EntryError as error:
                end(f"nothing was entered: {error}", FAILED)
    _tell(dict(sorted(changed.items())[:SHOWN]))
    if len(changed) > SHOWN:
        typer.echo(f"… and {len(changed) - SHOWN} more")
    typer.echo(f"{len(changed)} days {'would change' if dry_run else 'changed'}")


@app.command("template")
def calendar_template(
    file: Annotated[Path, typer.Argument(help="Where to: a name that ends in .csv or .yaml.")],
) -> None:
    """Write a new file: the form with two example rows."""
    from datetime import date

    from roundsman_collector.core.days import Day
    from roundsman_collector.rules.calendars import CalendarFile, csv_of, yaml_of

    days = {
        **{date(2026, 10, day): Day(kind="holiday", name_zh="国庆节", name_en="National Day") for day in range(1, 8)},
        date(2026, 10, 10): Day(
            kind="shift", hours="weekday:3", name_zh="国庆节调休上班", name_en="National Day: worked"
        ),
    }
    example = CalendarFile(calendar="example", name_zh="示例日历", name_en="Example", days=days)
    written = {".csv": "\ufeff" + csv_of(days), ".yaml": yaml_of(example), ".yml": yaml_of(example)}
    if file.suffix.lower() not in written:
        end(f"{file}: expected a name that ends in .csv or .yaml", WRONG)
    write_form(file, written[file.suffix.lower()].encode())


def _make(office: "Office", calendar: str, zh: str, en: str) -> None:
    office.put_entry("calendar", calendar, {"name_zh": zh, "name_en": en}, deed=deed_now())


def _years(view: "View", calendar: str) -> str:
    """How far a calendar is known: 2024-2026, 2027 provisional."""
    said = view.calendar_days(calendar)
    expected = {day.year for day, one in said.items() if one.status == "provisional"}
    years = sorted({day.year for day in said})
    return ", ".join(f"{year} provisional" if year in expected else str(year) for year in years)


def _tell(said: "dict[date, Day]") -> None:
    from roundsman_collector.rules.calendars import runs

    for first, last, day in runs(said):
        days = str(first) if first == last else f"{first}..{last}"
        mark = "  (provisional)" if day.status == "provisional" else ""
        typer.echo(f"{days:<24} {day.kind:<8} {day.hours or '-':<24} {day.name_zh}  {day.name_en}{mark}".rstrip())
