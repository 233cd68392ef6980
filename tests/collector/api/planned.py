"""Plans in the world of world.py, and their tasks as a real engine makes them: of metro and of the other one."""

from roundsman_collector.core.policy import Policy
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.engine.engine import Engine
from roundsman_collector.store import Deed, Office, Store
from tests.collector.api import world

DEED = Deed(who="admin", at_ms=world.NOW)
PLANS = (("upkeep", "security-upkeep", "metro-a"), ("hush-call", "tianyi-call", "hush-a"))
UPKEEP = '{"phases": null}'
"""Upkeep in every phase: these sites have no contract."""


def plan(store: Store, office: Office) -> dict[str, int]:
    """Enter the plans, and let the engine make their tasks; the first task of each plan."""
    for name, kind, site in PLANS:
        changes = {"changes": UPKEEP} if kind == "security-upkeep" else {}
        office.put_entry("plan", name, {"kind": kind, "site": site, "first_day": "2024-10-01", **changes}, deed=DEED)
    engine = Engine(store, book_of(Policy(rules=())))
    for _ in range(6):
        engine.plans.step(world.NOW)
    engine.tasks.step(world.NOW)
    return {name: store.tasks_of_plan(name)[0].row.id for name, *_ in PLANS}
