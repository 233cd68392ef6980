"""The benches: `python -m tests.bench` lists them, `python -m tests.bench NAME [--option value]` runs one.

A bench is a module here with `run(arguments) -> dict`, what it found; that dict is the last line printed, as JSON.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """The benches there are."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def main(arguments: list[str]) -> int:
    """List the benches, or run the one that is named first."""
    if not arguments:
        for name in names():
            bench = importlib.import_module(f"tests.bench.{name}")
            print(f"{name:12} {(bench.__doc__ or '').splitlines()[0]}")
        return 0
    name, *rest = arguments
    if name not in names():
        print(f"there is no bench {name!r}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    bench = importlib.import_module(f"tests.bench.{name}")
    parser = argparse.ArgumentParser(prog=f"make bench ONLY={name}", description=bench.__doc__)
    bench.options(parser)
    found = bench.run(parser.parse_args(rest))
    print(json.dumps({"bench": name, **found}, separators=(",", ":")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
