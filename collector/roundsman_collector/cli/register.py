"""`roundsman register import | export | template | show`: the register as a file, beside a running collector.

An import is all or nothing: with one wrong cell nothing is entered, and every wrong cell is told. Entering the same
file again changes nothing.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from roundsman_collector.cli.parts import (
    FAILED,
    TRY_LATER,
    WRONG,
    ConfigFile,
    DataFolder,
    database,
    deed_now,
    end,
    write_form,
)

if TYPE_CHECKING:
    from roundsman_collector.register.plan import Plan

SHOWN = 50
WAIT_S = 30.0

app = typer.Typer(no_args_is_help=True, help="Customers, sites, places and devices, as a file.")

Lang = Annotated[Literal["zh", "en"], typer.Option("--lang", help="zh or en: in which language errors are told.")]


@app.command("import")
def register_import(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or GB18030) or XLSX.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would do.")] = False,
    lang: Lang = "zh",
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Enter a file: devices with their sites, customers, contracts and agents."""
    from roundsman_collector.cli.user import opened
    from roundsman_collector.register import entering, sheets
    from roundsman_collector.register.plan import planned
    from roundsman_collector.store import EntryError

    try:
        size = file.stat().st_size
        if size > sheets.BYTES_LIMIT:
            raise sheets.too_large(size)
        sheet = sheets.read(file.read_bytes())
    except OSError as error:
        end(f"{file}: {error.strerror}", WRONG)
    except sheets.SheetError as error:
        end(f"{file}: {error.zh if lang == 'zh' else error.en}", WRONG)
    with opened(database(config, data)) as (office, view):
        plan = planned(view, sheet)
        _tell(plan, lang)
        if plan.errors:
            end(f"{file}: {len(plan.errors)} cells are wrong; nothing was entered", FAILED)
        if dry_run:
            return
        try:
            asked = entering.enter(office, plan, deed=deed_now())
        except EntryError as error:
            end(f"nothing was entered: {error}", TRY_LATER)
        answers = entering.answers(view, asked, wait_s=WAIT_S)
        office.fill_search()
    for one in answers.errors:
        typer.echo(f"the collector says: {one}", err=True)
    if answers.waiting:
        typer.echo("the collector does not run; it enters the devices when it starts", err=True)
    if answers.errors:
        raise typer.Exit(FAILED)


def _tell(plan: "Plan", lang: str) -> None:
    """The plan on standard output, its errors on standard error."""
    for note in plan.notes:
        typer.echo(note.zh if lang == "zh" else note.en, err=True)
    for one in plan.errors[:SHOWN]:
        what, expected, do = (
            (one.what_zh, one.expected_zh, one.do_zh)
            if lang == "zh"
            else (one.what_en, f"expected {one.expected_en}", one.do_en)
        )
        typer.echo(f"{one.row}: {one.column} {one.value!r} {what}; {expected}; {do}", err=True)
    if len(plan.errors) > SHOWN:
        typer.echo(f"… and {len(plan.errors) - SHOWN} more", err=True)
    if plan.errors:
        return
    moving = [row for row in plan.rows if row.became != "same"]
    for row in moving[:SHOWN]:
        typer.echo(f"{row.row}: {row.device} {row.became}")
        for change in row.changes:
            typer.echo(f"    {change.subject} {change.field}: {change.before or '-'} -> {change.after or '-'}")
    if len(moving) > SHOWN:
        typer.echo(f"… and {len(moving) - SHOWN} more")
    typer.echo("; ".join(f"{count} {name}" for name, count in plan.counts.items()))


@app.command("export")
def register_export(
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output if not given.")] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Write the register as CSV, in the form that the import reads."""
    from roundsman_collector.cli.user import opened
    from roundsman_collector.register.files import export_csv

    with opened(database(config, data)) as (_, view):
        try:
            if file is None:
                for part in export_csv(view):
                    sys.stdout.buffer.write(part)
                sys.stdout.buffer.flush()
            else:
                with file.open("wb") as opened_file:
                    opened_file.writelines(export_csv(view))
        except OSError as error:
            end(f"{file or 'standard output'}: {error.strerror}", FAILED)


@app.command("template")
def register_template(
    file: Annotated[Path, typer.Argument(help="Where to: a name that ends in .csv or .xlsx.")],
) -> None:
    """Write a new file: the form with an example; as .xlsx with drop-downs and a sheet that explains the columns."""
    from roundsman_collector.register.files import template_csv, template_xlsx

    made = {".csv": template_csv, ".xlsx": template_xlsx}.get(file.suffix.lower())
    if made is None:
        end(f"{file}: expected a name that ends in .csv or .xlsx", WRONG)
    write_form(file, made())


@app.command("show")
def register_show(
    site: Annotated[str | None, typer.Option("--site", help="Only this site.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Only this customer.")] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
) -> None:
    """Devices with where they stand: id, kind, place, site, customer, agent."""
    from roundsman_collector.cli.user import opened

    named = {"site": site, "customer": customer}
    where = {name: value for name, value in named.items() if value is not None}
    with opened(database(config, data)) as (_, view):
        after = ""
        while cards := view.cards(after=after, where=where):
            for card in cards:
                facts = (card.device, card.kind, card.place, card.site, card.customer, card.agent)
                typer.echo("\t".join(fact or "-" for fact in facts))
            after = cards[-1].device
