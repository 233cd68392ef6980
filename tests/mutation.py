"""Mutants of the core: does a test notice when its code is changed? `make mutation`, see docs/mutation.md.

    python -m tests.mutation                            500 mutants, seed 20261122
    python -m tests.mutation --modules turn timeline    of these modules only
    python -m tests.mutation --again                    only those that survived before, to try new tests on them

A mutant is one change of one place by one of cosmic-ray's operators (`<` becomes `<=`, `+` becomes `-`, `and` becomes
`or`, a number is another, `break` is `continue` …). Places are drawn first, so that an operator with many variants does
not count for more; types and decorators are no places. cosmic-ray itself runs the whole test command in a new
process for each mutant, which takes hours; here a process forked from one that has the libraries loaded imports the
mutant instead of the module and runs, until one fails:

    1. the tests that import the module, examples first     2. … with Hypothesis (25 examples, not shrunk)
    3. the other tests of the core that reach it through other modules, rule tests among them

A mutant on which the tests compute for a minute is killed: it hangs. Each line of `mutation.jsonl` is one mutant; what
is in it is not run again.
"""

import argparse
import ast
import difflib
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import pytest
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "collector" / "roundsman_collector" / "core"
PACKAGE = "roundsman_collector.core"
TESTS = (ROOT / "tests" / "collector" / "core", ROOT / "tests" / "collector" / "rules")
SEED, COUNT = 20261122, 500
CPU_S, CLOCK_S = 60, 1800
"""For how long the tests may compute before a mutant counts as one that hangs, and how long they may take."""
LEFT_OUT = ("core/VariableInserter", "core/VariableReplacer", "core/RemoveDecorator")
"""Operators that need arguments, or whose every mutant ends at the import."""
RULES_USED = "from roundsman_collector.rules"
"""A test that imports rules, or tells its tale through them, reaches all of the core."""
IMPORT = re.compile(rf"^\s*from {re.escape(PACKAGE)}\.(\w+) import|^\s*from {re.escape(PACKAGE)} import (.+)$", re.M)

settings.register_profile(
    "mutation",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


class Mutant(NamedTuple):
    """The `occurrence`th place in a module that an operator may change."""

    module: str
    operator: str
    occurrence: int
    line: int

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line}:{self.operator}:{self.occurrence}"


def main(arguments: Sequence[str]) -> int:
    """Run mutants; see the module."""
    parser = argparse.ArgumentParser(prog="make mutation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--modules", nargs="*", default=())
    parser.add_argument("--results", type=Path, default=ROOT / "mutation.jsonl")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--again", action="store_true")
    asked = parser.parse_args(arguments)
    known = _known(asked.results)
    if asked.again:
        _run([_mutant(one) for one in known.values() if one["outcome"] == "survived"], asked)
    else:
        chosen = drawn(asked.count, asked.seed, asked.modules)
        _run([one for one in chosen if one.name not in known], asked)
    return _told(_known(asked.results))


# --- which mutants ---------------------------------------------------------------------------------------------------


def drawn(count: int, seed: int, modules: Sequence[str] = ()) -> list[Mutant]:
    """`count` places of the core drawn by `seed`, each with one operator of those that apply there."""
    places: dict[tuple[str, Any], list[Mutant]] = {}
    for path in sorted(CORE.glob("*.py")):
        if path.stem != "__init__" and (not modules or path.stem in modules):
            for position, mutant in _places(path):
                places.setdefault((path.stem, position), []).append(mutant)
    chance = random.Random(seed)
    chosen = chance.sample(sorted(places), min(count, len(places)))
    return [chance.choice(places[place]) for place in chosen]


def _places(path: Path) -> Iterator[tuple[tuple[int, int], Mutant]]:
    source = path.read_text(encoding="utf-8")
    nodes = list(ast_nodes(get_ast(source)))
    annotated = list(_annotations(source))
    for name in sorted(plugins.operator_names()):
        if name in LEFT_OUT:
            continue
        operator = plugins.get_operator(name)()
        occurrence = 0
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                if not any(begin <= start < end for begin, end in annotated):
                    yield start, Mutant(path.stem, name, occurrence, start[0])
                occurrence += 1


def _annotations(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where types and decorators stand: no test notices them, the type checker does."""
    for node in ast.walk(ast.parse(source)):
        hints: list[ast.expr | None] = []
        if isinstance(node, ast.AnnAssign | ast.arg):
            hints.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            hints.append(node.returns)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp | ast.Subscript):
            is_type = all(isinstance(name, ast.Name) and name.id[:1].isupper() for name in node.targets)
            hints.append(node.value if is_type and not node.targets[0].id.isupper() else None)  # type: ignore[attr-defined]
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            hints.extend(node.decorator_list)
        for hint in hints:
            if hint is not None:
                yield (hint.lineno, hint.col_offset), (hint.end_lineno or 0, hint.end_col_offset or 0)


# --- which tests -----------------------------------------------------------------------------------------------------


def tests_of(module: str) -> tuple[list[str], list[str]]:
    """Test files that import a module, the one of its name first; and those that reach it through other modules."""
    imports = {path.stem: _imported(path) for path in CORE.glob("*.py")}
    reaching = {module}
    while more := {name for name, used in imports.items() if used & reaching} - reaching:
        reaching |= more
    files = [path for folder in TESTS for path in folder.glob("*.py")]
    helpers = {path.stem: _imported(path) for path in files if not path.stem.startswith("test_")}
    tales = {path.stem for path in files if path.stem in helpers and RULES_USED in path.read_text(encoding="utf-8")}
    tests = [path for path in files if path.stem.startswith("test_")]
    near, far = [], []
    for path in sorted(tests, key=lambda one: (one.stem != f"test_{module}", one.stem)):
        text, direct = path.read_text(encoding="utf-8"), _imported(path)
        through = set().union(*(used for name, used in helpers.items() if f".{name} import" in text), set())
        if module in direct:
            near.append(str(path))
        elif (direct | through) & reaching or RULES_USED in text or any(f".{name} import" in text for name in tales):
            far.append(str(path))
    return near, far


def _imported(path: Path) -> set[str]:
    found = IMPORT.findall(path.read_text(encoding="utf-8"))
    return {one for one, _ in found if one} | {name.strip() for _, many in found for name in many.split(",") if many}


# --- running them ----------------------------------------------------------------------------------------------------


class Planted(MetaPathFinder, SourceFileLoader):
    """Imports a module with other source text."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        super().__init__(name, str(path))
        self._planted = source

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self, origin=self.path) if fullname == self.name else None

    def get_code(self, fullname: str) -> CodeType | None:
        return compile(self._planted, self.path, "exec", dont_inherit=True)


def _run(mutants: Sequence[Mutant], asked: argparse.Namespace) -> None:
    waiting, running = list(mutants), {}
    begin, count = time.monotonic(), len(mutants)
    while waiting or running:
        while waiting and len(running) < asked.workers:
            mutant = waiting.pop(0)
            running[_started(mutant, asked.results)] = mutant
        pid, status = os.wait()
        mutant = running.pop(pid)
        if os.WIFSIGNALED(status):
            _note(asked.results, mutant, "killed", f"signal {os.WTERMSIG(status)}")
        done = count - len(waiting) - len(running)
        if done % 10 == 0:
            print(f"{done}/{count} in {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)


def _started(mutant: Mutant, results: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        signal.signal(signal.SIGPROF, lambda *_: _out_of_time(mutant, results, "killed", f"busy for {CPU_S} s"))
        signal.signal(signal.SIGALRM, lambda *_: _out_of_time(mutant, results, "none", f"no end within {CLOCK_S} s"))
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        signal.alarm(CLOCK_S)
        outcome, by = _judged(mutant)
        _note(results, mutant, outcome, by)
    finally:
        os._exit(0)


def _out_of_time(mutant: Mutant, results: Path, outcome: str, by: str) -> None:
    _note(results, mutant, outcome, by)
    os._exit(0)


def _judged(mutant: Mutant) -> tuple[str, str]:
    path = CORE / f"{mutant.module}.py"
    source = path.read_text(encoding="utf-8")
    planted = mutate_code(source, plugins.get_operator(mutant.operator)(), mutant.occurrence)
    if planted is None or planted == source:
        return "none", "no change"
    sys.meta_path.insert(0, Planted(f"{PACKAGE}.{mutant.module}", path, planted))
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    near, far = tests_of(mutant.module)
    for files, which in ((near, "not hypothesis"), (near, "hypothesis"), (far, "")):
        if files:
            failed = Failed()
            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", which, *files], [failed])
            if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                return "killed", failed.first or f"pytest: {code}"
    return "survived", ""


class Failed:
    """A plugin of pytest that remembers what failed first."""

    first = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.first:
            self.first = report.nodeid.rpartition("/")[2]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.first:
            self.first = f"cannot be imported ({report.nodeid.rpartition('/')[2]})"


def _note(results: Path, mutant: Mutant, outcome: str, by: str) -> None:
    path = CORE / f"{mutant.module}.py"
    source = path.read_text(encoding="utf-8")
    planted = mutate_code(source, plugins.get_operator(mutant.operator)(), mutant.occurrence) or source
    changed = [
        line
        for line in difflib.unified_diff(source.splitlines(), planted.splitlines(), n=0, lineterm="")
        if line[:1] in "+-" and line[:3] not in ("---", "+++")
    ]
    said = {"name": mutant.name, **mutant._asdict(), "outcome": outcome, "by": by, "diff": changed}
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(said, ensure_ascii=False) + "\n")


def _known(results: Path) -> dict[str, dict[str, Any]]:
    """What is known of mutants; of one that was run twice, the latest."""
    if not results.exists():
        return {}
    said = (json.loads(line) for line in results.read_text(encoding="utf-8").splitlines())
    return {one["name"]: one for one in said}


def _mutant(said: dict[str, Any]) -> Mutant:
    return Mutant(said["module"], said["operator"], said["occurrence"], said["line"])


def _told(known: dict[str, dict[str, Any]]) -> int:
    judged = [one for one in known.values() if one["outcome"] in ("killed", "survived")]
    survived = [one for one in judged if one["outcome"] == "survived"]
    for one in sorted(survived, key=lambda one: (one["module"], one["line"])):
        print(f"{one['module']}.py:{one['line']}  {one['operator'].removeprefix('core/')}")
        print(*(f"    {line}" for line in one["diff"]), sep="\n")
    killed = len(judged) - len(survived)
    share = 100 * killed / len(judged) if judged else 0.0
    print(json.dumps({"mutants": len(judged), "killed": killed, "survived": len(survived), "percent": round(share, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
