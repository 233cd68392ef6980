"""`roundsman policy check | test`: the fault catalogue, service levels, tests of rules, and published cases."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roundsman_collector.cli.parts import CANNOT_BE_USED, FAILED, ConfigFile, end

if TYPE_CHECKING:
    from roundsman_collector.config import Config
    from roundsman_collector.core.rulebook import RuleSet
    from roundsman_collector.core.vectors import Outcome
    from roundsman_collector.rules.levels import LevelFile

app = typer.Typer(no_args_is_help=True, help="The fault catalogue, service levels, and tests of rules.")


@app.command("check")
def policy_check(
    file: Annotated[
        Path | None, typer.Argument(help="A fault catalogue, a file that is laid over one, or a service level.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Say everything that is wrong with a rules file; without FILE, with those of the configuration.

    A catalogue is a file with the fault host.unreachable or agent.silent, a service level one with the key `level`; any
    other is laid over the configured rules. Exit 0: it can be used. 78: it cannot. Who is not in the register yet is
    warned of.
    """
    from roundsman_collector.config import ConfigError, Rules, load, rule_set, service_levels

    try:
        settings = load(config)
        if file is not None and "level" in (_document(file) or {}):
            return _check_level(settings, file)
        if file is not None:
            path = file.resolve()
            whole = Rules(faults=path)
            over = settings.policy.model_copy(update={"overrides": [*settings.policy.overrides, path]})
            settings = settings.model_copy(update={"policy": whole if _is_catalogue(file) else over})
        rules = rule_set(settings)
        levels = service_levels(settings)
    except ConfigError as error:
        end(str(error), CANNOT_BE_USED)
    if file is None:
        _warn_of_calendars(settings, levels.values())
    for where, which in _strangers(settings, rules):
        typer.echo(f"warning: there is no {where} {which!r} in the register yet", err=True)
    told = f"{len(levels)} service levels, " if file is None else ""
    typer.echo(f"ok: {len(rules.rules)} faults, {told}{rules.hash}")


def _check_level(settings: "Config", file: Path) -> None:
    """Say what is wrong with a service level, or what it holds."""
    from roundsman_collector.rules.levels import body_of, digest, file_from
    from roundsman_collector.rules.shape import RulesError

    try:
        level = file_from(file.read_text("utf-8"), source=str(file))
    except RulesError as error:
        end(str(error), CANNOT_BE_USED)
    _warn_of_calendars(settings, [level])
    rows = len(level.clocks)
    typer.echo(f"ok: service level {level.level}, {rows} row{'' if rows == 1 else 's'}, {digest(body_of(level))}")


def _warn_of_calendars(settings: "Config", levels: Iterable["LevelFile"]) -> None:
    """Warn of calendars of days that nobody has entered: without them no day is a holiday."""
    from roundsman_collector.store import StoreError, View

    wanted = {week.holidays: level.level for level in levels for week in level.calendars.values()}
    try:
        with View.open(settings.database) as view:
            there = view.entries_named("calendar", wanted)
    except StoreError:
        return
    for calendar, level in sorted(wanted.items()):
        if calendar not in there:
            typer.echo(
                f"warning: service level {level}: there is no calendar {calendar!r} in the register yet", err=True
            )


def _document(file: Path) -> dict[str, object] | None:
    """What a file says; None where that cannot be read: it is looked at again by who says so well."""
    from roundsman_collector.rules.shape import RulesError, document_of

    try:
        document = document_of(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError, RulesError):
        return None
    return document if isinstance(document, dict) else {}


def _is_catalogue(file: Path) -> bool:
    """Whether it is a whole catalogue, or no file that can be read at all."""
    from roundsman_collector.core.policy import SILENT, UNREACHABLE

    document = _document(file)
    if document is None:
        return True
    faults = document.get("faults")
    codes = [row.get("code") for row in faults if isinstance(row, dict)] if isinstance(faults, list) else []
    return UNREACHABLE in codes or SILENT in codes


def _strangers(settings: "Config", rules: "RuleSet") -> list[tuple[str, str]]:
    """Whom overrides are for that the register does not know; nobody, where there is no database to look into."""
    from roundsman_collector.store import StoreError, View

    wanted = list(dict.fromkeys((one.where, one.which) for one in rules.overrides if one.where != "kind"))
    if not wanted:
        return []
    try:
        with View.open(settings.database) as view:
            return view.strangers(wanted)
    except StoreError:
        return []


@app.command("test")
def policy_test(
    files: Annotated[list[Path], typer.Argument(help="Rule tests, YAML, or published cases, JSON.")],
    config: ConfigFile = None,
) -> None:
    """Run tests of rules and published cases of availability: a line each, exit 1 if one fails."""
    failed = ran = 0
    for file in files:
        for outcome in _outcomes(file, config):
            ran += 1
            if outcome.ok:
                typer.echo(_line(f"ok {outcome.id}"))
            else:
                failed += 1
                typer.echo(_line(f"FAIL {outcome.id} expected {outcome.expected} got {outcome.got}"))
    typer.echo(f"{ran - failed} of {ran} cases pass", err=True)
    raise typer.Exit(FAILED if failed else 0)


def _line(text: str) -> str:
    """A text as one line that leaves the terminal alone, whatever a file has for names."""
    return "".join(char if char.isprintable() else " " for char in text)


def _outcomes(file: Path, config: Path | None) -> list["Outcome"]:
    """What became of the tests in a file; one that cannot be read, or has none, fails as a whole."""
    from roundsman_collector.config import ConfigError
    from roundsman_collector.core.vectors import Outcome, VectorError
    from roundsman_collector.rules.shape import RulesError

    try:
        found = _run(file, config)
    except OSError as error:
        problems = [f"{file}: cannot be read: {error.strerror}"]
    except UnicodeDecodeError as error:
        problems = [f"{file}: is not UTF-8 text (byte {error.start})"]
    except VectorError as error:
        problems = [f"{file}: {error}"]
    except (RulesError, ConfigError) as error:
        problems = str(error).splitlines()
    else:
        problems = [] if found else [f"{file}: holds no case; a test of nothing proves nothing"]
    return [
        *(Outcome(id=str(file), ok=False, expected="rule tests or published cases", got=one) for one in problems),
        *([] if problems else found),
    ]


def _run(file: Path, config: Path | None) -> list["Outcome"]:
    from roundsman_collector.config import Rules, load, rule_set
    from roundsman_collector.core.vectors import cases, run
    from roundsman_collector.rules.rehearsal import outcomes, wanted_files
    from roundsman_collector.rules.rule_tests import is_rule_tests, rule_tests_from
    from roundsman_collector.rules.shape import document_of

    text = file.read_text("utf-8").removeprefix("\ufeff")
    document = document_of(text.lstrip() if file.suffix == ".json" else text, str(file))
    if not is_rule_tests(document):
        return [run(case) for case in cases(document)]
    read = rule_tests_from(text, source=str(file))
    settings = load(config)
    catalogue, overrides = wanted_files(read)
    mine = [file.parent / name for name in overrides]
    if catalogue is None:
        rules = settings.policy.model_copy(update={"overrides": [*settings.policy.overrides, *mine]})
    else:
        rules = Rules(faults=file.parent / catalogue, overrides=mine)
    return outcomes(read, rule_set(settings.model_copy(update={"policy": rules})))
