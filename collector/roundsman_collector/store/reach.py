"""What a scope reaches, as SQL: everything, or what belongs to its groups, or stands at its customers' sites.

    within(scope) -> ("device.id IN (...)", values)                    for a WHERE; `1 = 0` where nothing is reached
    subjects_within(scope) -> ("ticket.subject IN (...)", values)      devices, agents that speak for one of them, sites

A device belongs to the group of the agent that speaks for it and to the group of the site where it is installed; to a
customer it belongs by its site alone. An agent belongs to its group; a customer sees one that speaks for its devices.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from roundsman_collector.roles import Scope
from roundsman_collector.store.sql import marks, run

SPOKEN = (
    "SELECT assignment.device FROM assignment JOIN agent ON agent.no = assignment.agent_no "
    "WHERE assignment.to_ms IS NULL AND agent.group_id IN ({})"
)
STANDING = (
    "SELECT installation.device FROM installation JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
    "JOIN site ON site.id = place.site AND site.to_ms IS NULL WHERE installation.to_ms IS NULL AND site.{} IN ({})"
)
VOICES = (
    "SELECT '@' || agent.id FROM agent JOIN assignment ON assignment.agent_no = agent.no AND assignment.to_ms IS NULL "
    "WHERE assignment.device IN ({})"
)
SITES = "SELECT '#' || site.id FROM site WHERE site.to_ms IS NULL AND site.{} IN ({})"
GROUPED = "SELECT '@' || agent.id FROM agent WHERE agent.group_id IN ({})"

Condition = tuple[str, list[object]]
ALL = "1 = 1"
NONE = "1 = 0"


def within(scope: Scope, column: str = "device.id") -> Condition:
    """The condition under which a device, named by `column`, is reached."""
    if scope.everything:
        return ALL, []
    devices, values = _devices(scope)
    return (f"{column} IN ({devices})", values) if devices else (NONE, [])


def subjects_within(scope: Scope, column: str = "ticket.subject") -> Condition:
    """The condition under which a subject (a device, `@` and an agent, `#` and a site) is reached."""
    if scope.everything:
        return ALL, []
    devices, values = _devices(scope)
    if not devices:
        return NONE, []
    parts, bound = [devices, VOICES.format(devices)], [*values, *values]
    if scope.groups:
        parts.append(GROUPED.format(marks(len(scope.groups))))
        bound += sorted(scope.groups)
    for template, targets in (("group_id", scope.groups), ("customer", scope.customers)):
        if targets:
            parts.append(SITES.format(template, marks(len(targets))))
            bound += sorted(targets)
    return f"{column} IN ({' UNION ALL '.join(parts)})", bound


def reaches(connection: Connection, scope: Scope, subject: str) -> bool:
    """Whether a scope reaches a subject. For one that does not exist: as if it were out of reach."""
    if subject.startswith("@"):
        table, (condition, values) = "agent", subjects_within(scope, "'@' || agent.id")
    elif subject.startswith("#"):
        table, (condition, values) = "site", subjects_within(scope, "'#' || site.id")
    else:
        table, (condition, values) = "device", within(scope)
    name = subject.lstrip("@#")
    return run(connection, f"SELECT 1 FROM {table} WHERE id = ? AND {condition}", name, *values).first() is not None


def _devices(scope: Scope) -> Condition:
    """A SELECT of the devices that a scope reaches; empty for one that reaches nothing."""
    parts: list[str] = []
    values: list[object] = []
    for template, targets in _sources(scope):
        if targets:
            parts.append(template.replace("({})", f"({marks(len(targets))})"))
            values += targets
    return " UNION ALL ".join(parts), values


def _sources(scope: Scope) -> Iterable[tuple[str, list[str]]]:
    groups, customers = sorted(scope.groups), sorted(scope.customers)
    return (
        (SPOKEN, groups),
        (STANDING.replace("site.{}", "site.group_id"), groups),
        (STANDING.replace("site.{}", "site.customer"), customers),
    )
