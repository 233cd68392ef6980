"""Random deaths for as long as you like: `make soak`.

    python -m tests.soak --runs 2000                 tales of seeds 0..1999 in one process (tests/story/interleaving.py)
    python -m tests.soak --seed 4711 --runs 1        one of them again
    python -m tests.soak --storms 10                 ten storms with ten deaths each (tests/story/storm.py)

Ends at the first tale whose account has a flaw, with its diary and the line that repeats it.
"""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.story import interleaving, storm

TELL_EVERY = 100


def main() -> int:
    """Tell tales; 1 when one of them has a flaw."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=2000, help="how many tales")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first")
    parser.add_argument("--on", action="store_true", help="go on after a flaw, and list the seeds at the end")
    parser.add_argument("--storms", type=int, default=0, help="how many storms of faults instead, each with ten deaths")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.storms:
        return _storms(arguments.seed, arguments.storms)
    began, flawed = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="roundsman-soak-") as folder:
        (Path(folder) / "template").mkdir()
        template = interleaving.template(Path(folder) / "template")
        for seed in range(arguments.seed, arguments.seed + arguments.runs):
            with tempfile.TemporaryDirectory(dir=folder) as home:
                tale = interleaving.tell(seed, Path(home), template)
            if tale.flaws:
                flawed.append(seed)
                print(tale, file=sys.stderr, flush=True)
                if not arguments.on:
                    return 1
            told = seed - arguments.seed + 1
            if told % TELL_EVERY == 0:
                print(f"{told} tales, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{arguments.runs} tales from seed {arguments.seed} on: {len(flawed)} with a flaw {flawed or ''}")
    return 1 if flawed else 0


def _storms(first: int, count: int) -> int:
    """Tell storms; 1 at the first that has a flaw."""
    began, deaths = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="roundsman-soak-") as folder:
        (Path(folder) / "template").mkdir()
        template = storm.template(Path(folder) / "template")
        for seed in range(first, first + count):
            with tempfile.TemporaryDirectory(dir=folder) as home:
                told = storm.tell(seed, Path(home), template)
            deaths += told.deaths
            if told.flaws:
                print(told, file=sys.stderr, flush=True)
                return 1
            spent = f"{time.monotonic() - began:.0f} s"
            print(f"seed {seed}: {deaths} deaths so far, {told.tickets} tickets, {spent}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
