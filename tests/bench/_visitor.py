"""People who look at the console: a child process of the console bench.

    python -m tests.bench._visitor PLAN SECONDS

PLAN is a JSON file: {"people": 4, "pause_s": 0.2, "token": "...", "pages": {name: [url, ...]}}. Each person opens one
page after the other, in an order of their own, over a connection that is kept; the address of a page is another one
each time. Printed at the end as JSON: milliseconds of every answer, by page, and what was not answered with 200.
"""

import http.client
import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 30.0


class Person(threading.Thread):
    """Somebody with a browser."""

    def __init__(self, number: int, plan: dict[str, Any], until: float) -> None:
        super().__init__()
        self.waits: dict[str, list[float]] = {name: [] for name in plan["pages"]}
        self.wrong: list[str] = []
        self._chance = random.Random(number)
        self._plan, self._until = plan, until
        self._lines: dict[str, http.client.HTTPConnection] = {}

    def run(self) -> None:
        while time.monotonic() < self._until:
            names = list(self._plan["pages"])
            self._chance.shuffle(names)
            for name in names:
                if time.monotonic() >= self._until:
                    break
                self._open(name, self._chance.choice(self._plan["pages"][name]))
                time.sleep(self._chance.uniform(0, 2 * self._plan["pause_s"]))

    def _open(self, name: str, url: str) -> None:
        parts = urlsplit(url)
        line = self._lines.get(parts.netloc)
        if line is None:
            line = self._lines[parts.netloc] = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"Authorization": f"Bearer {self._plan['token']}", "Accept-Language": "zh-CN"}
        begin = time.monotonic()
        for is_last in (False, True):
            try:
                line.request("GET", target, headers=headers)
                answer = line.getresponse()
                body = answer.read()
                break
            except (OSError, http.client.HTTPException) as error:
                line.close()
                if is_last or not isinstance(error, http.client.RemoteDisconnected):
                    self.wrong.append(f"{name}: {error!r}")
                    return  # a server lets go of a line that rested; a browser then asks once more, and so do we
        self.waits[name].append(round((time.monotonic() - begin) * 1000, 2))
        if answer.status != 200:
            self.wrong.append(f"{name}: {answer.status} {target} {body[:200]!r}")


def main(plan_path: Path, seconds: float) -> None:
    """Look at pages until the time is over."""
    plan = json.loads(plan_path.read_text())
    until = time.monotonic() + seconds
    people = [Person(number, plan, until) for number in range(plan["people"])]
    for one in people:
        one.start()
    for one in people:
        one.join()
    waits = {name: [wait for one in people for wait in one.waits[name]] for name in plan["pages"]}
    print(json.dumps({"waits": waits, "wrong": [said for one in people for said in one.wrong]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
