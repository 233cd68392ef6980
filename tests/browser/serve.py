"""The web process of the browser tests: the real site over a database of world.py, whose clock goes on from world.NOW.

python -m tests.browser.serve DATABASE PORT
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from roundsman_collector.config import Config, advice, rule_set
from roundsman_collector.reports.dossier import Company
from roundsman_collector.store import View
from roundsman_collector.web.__main__ import serve
from roundsman_collector.web.site import site
from roundsman_wire.catalogue import Label
from tests.collector.api import world


def clock() -> Callable[[], int]:
    """A clock that shows world.NOW when it is made, and goes on."""
    begun = time.monotonic()
    return lambda: world.NOW + round(1000 * (time.monotonic() - begun))


def main() -> None:
    """Serve until told to stop."""
    database, port = Path(sys.argv[1]), int(sys.argv[2])
    config = Config()
    rules = rule_set(config)
    faults = {rule.code: Label(zh=rule.zh, en=rule.en) for rule in rules.rules}
    with View.open(database) as view:
        desk = world.desk(
            view,
            now_ms=clock(),
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            faults=faults,
            functions={one.name: one for one in rules.functions},
            takes={rule.code: rule.function for rule in rules.rules},
            company=Company(
                name=Label(zh="华君智能设备服务有限公司", en="Huajun Device Service"), service_phone="400-800-1234"
            ),
            advice=dict(advice(config)),
            answer_within_s=1.0,
        )
        serve(site(desk), "127.0.0.1", port, has_proxy=False)


if __name__ == "__main__":
    main()
