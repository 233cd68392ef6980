"""Rounds in the world of world.py: one is asked for, ended as time would, and looked at."""

from collections.abc import Sequence

from roundsman_collector.config import built_in
from roundsman_collector.core.looking import Mode
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine import errands
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.timely import obey
from roundsman_collector.roles import Role, Scope
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.store import Deed, Office, Store, View
from tests.collector.api import world
from tests.collector.api.world import HOUR, NOW

LATER = NOW + HOUR
NUMBER = "R2024-000001"
OPEN = "R2024-000002"
"""Where there are two, the one in which people look."""


def rules(store: Store) -> Rulebook:
    """Let the built-in rules be in force."""
    text = built_in("faults.yaml")
    rules = rule_set_from(text, source="faults.yaml")
    store.put_rules(rules.hash, text, 1)
    return Rulebook([rules])


def placed(view: View, *people: tuple[str, Role, Scope]) -> None:
    """Sites for the fleet, and some more people."""
    deed = Deed(who="admin", at_ms=NOW - 5)
    with Office(view._place) as office:
        world.places(office)
        for person, role, scope in people:
            office.add_person(person, name=person, role=role, scope=scope, language="en", deed=deed)


def inspected(store: Store, view: View, sites: Sequence[str], mode: Mode = "remote") -> list[str]:
    """Rounds of these sites whose agents did not answer in time; their numbers."""
    engine = Engine(store, rules(store))
    engine.load_register()
    with Office(view._place) as office:
        for site in sites:
            said = {"site": site, "from_ms": NOW - 18 * HOUR, "to_ms": NOW, "mode": mode}
            office.ask_round(said, Deed(who="wang", at_ms=NOW))
    obey(engine, store.new_commands(), NOW)
    errands.end_rounds(engine, LATER)
    return [row.number for row in reversed(view.rounds())]
