"""`roundsman policy check | test`: the fault catalogue, and published cases of availability."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roundsman_collector.cli.parts import CANNOT_BE_USED, FAILED, WRONG, ConfigFile, end

if TYPE_CHECKING:
    from roundsman_collector.core.vectors import Case

app = typer.Typer(no_args_is_help=True, help="The fault catalogue, and published cases of availability.")


@app.command("check")
def policy_check(
    file: Annotated[Path | None, typer.Argument(help="A fault catalogue or a file of overrides.")] = None,
    config: ConfigFile = None,
) -> None:
    """Say everything that is wrong with a rules file; without FILE, with those of the configuration."""
    from roundsman_collector.config import ConfigError, Rules, load, rule_set

    try:
        settings = load(config)
        if file is not None:
            path = file.resolve()
            mine = Rules(overrides=[path]) if _is_overrides(file) else Rules(faults=path)
            settings = settings.model_copy(update={"policy": mine})
        rules = rule_set(settings)
    except ConfigError as error:
        end(str(error), CANNOT_BE_USED)
    typer.echo(f"ok: {len(rules.rules)} faults, {rules.hash}")


def _is_overrides(file: Path) -> bool:
    """By its first key; a file that cannot be read is looked at again by who says so well."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return first.startswith("overrides:")


@app.command("test")
def policy_test(files: Annotated[list[Path], typer.Argument(help="Published cases, JSON.")]) -> None:
    """Run published cases of availability and contract clocks: a line each, exit 1 if one fails."""
    from roundsman_collector.core.vectors import run

    failed = ran = 0
    for file in files:
        for case in _cases(file):
            outcome = run(case)
            ran += 1
            if outcome.ok:
                typer.echo(f"ok {outcome.id}")
            else:
                failed += 1
                typer.echo(f"FAIL {outcome.id} expected {outcome.expected} got {outcome.got}")
    typer.echo(f"{ran - failed} of {ran} cases pass", err=True)
    raise typer.Exit(FAILED if failed else 0)


def _cases(file: Path) -> list["Case"]:
    from roundsman_collector.core.vectors import VectorError, cases

    try:
        found = cases(json.loads(file.read_text("utf-8")))
    except OSError as error:
        end(f"{file}: cannot be read: {error.strerror}", WRONG)
    except (ValueError, RecursionError) as error:
        what = "is no file of cases" if isinstance(error, VectorError) else "is not JSON"
        end(f"{file}: {what}: {error}", WRONG)
    if not found:
        end(f"{file}: holds no case; a test of nothing proves nothing", WRONG)
    return found
