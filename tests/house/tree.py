"""The repository as its house tests see it: which files belong to it, which modules it ships, what they import.

Files are found by walking, not by asking git: the tests must pass from an unpacked archive too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {
    "roundsman_wire": ROOT / "wire" / "roundsman_wire",
    "roundsman_agent": ROOT / "agent" / "roundsman_agent",
    "roundsman_collector": ROOT / "collector" / "roundsman_collector",
}
# What tools leave behind and .gitignore names.
NOT_OURS = {"__pycache__", ".git", ".hypothesis", ".idea", ".vscode", "build", "data", "dist", "uv.lock"}
NOT_OURS_ENDINGS = (".pyc", ".egg-info", ".sqlite3", ".sqlite3-shm", ".sqlite3-wal", "_cache")


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Every file of the repository below `folder`, in the order of its name."""
    for path in sorted(folder.iterdir()):
        is_foreign = path.name in NOT_OURS or path.name.endswith(NOT_OURS_ENDINGS) or path.name.startswith(".venv")
        if is_foreign or path.is_symlink():
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def python_files(folder: Path = ROOT) -> Iterator[Path]:
    return (path for path in files(folder) if path.suffix == ".py")


def shipped_modules() -> Iterator[Path]:
    """Every Python file of the three distributions."""
    for folder in PACKAGES.values():
        yield from python_files(folder)


def name(path: Path) -> str:
    """The path as people write it: below the repository's root, with slashes."""
    return path.relative_to(ROOT).as_posix()


def docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text("utf-8"), name(path)))


def imported(path: Path) -> set[str]:
    """The top-level names of everything that a file imports, wherever in the file it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"), name(path))):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
