"""Entries of the register that people keep: groups, customers, contracts, sites, places, where devices stand.

    put(connection, "site", "site-3", {...}, deed=deed)      from now on, or from a time in the past on, it is like this
    end(connection, "site", "site-3", deed=deed)             from now on it is not there
    one / some / history(connection, "site", ...)            in force now or at a time; all versions

An entry is a chain of versions [from_ms, to_ms), `to_ms` None: in force. They never overlap and none is empty. A `put`
at t changes what lies between t and the next version: the version in force at t ends there and a new one begins, so a
later change stays as it was told. What is in force with the same fields stays, nothing is written. Nothing begins in
the future: whatever asks who is where *now* may look for `to_ms IS NULL`. A version that begins at the very millisecond
of another takes its place; the audit log, written in the same transaction, keeps both.

References hold at every instant: a site's customer is in force as long as the site; a customer cannot end before its
sites. A scope (roles.py) limits what is seen, and what is written: before and after the change it must reach the entry.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.reports.dossier import masked
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, levels, reach, search
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import (
    ALWAYS_THERE,
    KINDS,
    PRIVATE,
    EntryError,
    Field,
    Kind,
    KindName,
    checked,
)
from roundsman_collector.store.sql import chunks, many, marks, run, upsert

Fields = Mapping[str, Any]
EARLIEST_MS = 0
Became = Literal["added", "changed", "same"]


class Version(NamedTuple):
    """What an entry is in [from_ms, to_ms), and who said so when. `to_ms` None: in force."""

    id: str
    from_ms: int
    to_ms: int | None
    made_ms: int
    made_by: str
    fields: dict[str, Any]

    def holds_at(self, at_ms: int) -> bool:
        """Whether it is in force at an instant."""
        return self.from_ms <= at_ms and (self.to_ms is None or at_ms < self.to_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Laid:
    """What a change does to a chain: the version that is cut (or whose place is taken), and the one that is new."""

    before: Version | None
    new: Version


# --- the algebra: pure -----------------------------------------------------------------------------------------------


def laid(chain: Sequence[Version], wanted: Version) -> Laid | None:
    """What putting `wanted` into a chain does, its `to_ms` not looked at; None: it is so already."""
    held = next((one for one in chain if one.holds_at(wanted.from_ms)), None)
    if held is not None and held.fields == wanted.fields:
        return None
    later = [one.from_ms for one in chain if one.from_ms > wanted.from_ms]
    to_ms = held.to_ms if held is not None else min(later, default=None)
    return Laid(before=held, new=wanted._replace(to_ms=to_ms))


# --- reading ---------------------------------------------------------------------------------------------------------


def one(
    connection: Connection, kind_name: KindName, entry: str, *, at_ms: int | None = None, scope: Scope = EVERYTHING
) -> Version | None:
    """An entry as it is in force, now or at a time, if the scope reaches it."""
    kind = KINDS[kind_name]
    found = _select(connection, kind, f"t.{kind.key} = ?", [entry], at_ms=at_ms, scope=scope, limit=1)
    return found[0] if found else None


def some(
    connection: Connection,
    kind_name: KindName,
    *,
    at_ms: int | None = None,
    scope: Scope = EVERYTHING,
    after: str = "",
    limit: int = 1000,
    where: Mapping[str, str] | None = None,
) -> list[Version]:
    """Entries in force, now or at a time, that the scope reaches, by id; `where` names fields and their values."""
    kind = KINDS[kind_name]
    wanted = dict(where or {})
    assert set(wanted) <= set(kind.names)
    conditions = " AND ".join([f"t.{kind.key} > ?", *(f"t.{name} = ?" for name in wanted)])
    return _select(connection, kind, conditions, [after, *wanted.values()], at_ms=at_ms, scope=scope, limit=limit)


def named(connection: Connection, kind_name: KindName, ids: Iterable[str]) -> dict[str, Version]:
    """These entries, as they are in force now."""
    chains = _chains(connection, KINDS[kind_name], ids)
    return {entry: chain[-1] for entry, chain in chains.items() if chain[-1].to_ms is None}


def history(connection: Connection, kind_name: KindName, entry: str, *, scope: Scope = EVERYTHING) -> list[Version]:
    """All versions of an entry that the scope reaches, the oldest first: each as it stood when it was last in force."""
    found = _chains(connection, KINDS[kind_name], [entry]).get(entry, [])
    if scope.everything:
        return found
    now = one(connection, kind_name, entry, scope=scope)
    return [version for version in found if _is_seen(connection, KINDS[kind_name], version, scope, now)]


def _is_seen(connection: Connection, kind: Kind, version: Version, scope: Scope, now: Version | None) -> bool:
    """Whether a version of the past may be told: one that belonged to somebody else is not."""
    if kind.name == "site":
        return scope.holds(version.fields["group_id"], version.fields["customer"])
    if kind.name == "point":
        return scope.holds(version.fields["group_id"], None) or (now is not None and version == now)
    if kind.name == "contract":
        return now is not None
    if kind.name == "place":
        return version.fields["site"] in _reached(connection, "site", [version.fields["site"]], scope)
    if kind.name == "installation":
        return version.fields["place"] in _reached(connection, "place", [version.fields["place"]], scope)
    return now is not None


def _select(
    connection: Connection,
    kind: Kind,
    where: str,
    values: Sequence[object],
    *,
    at_ms: int | None,
    scope: Scope,
    limit: int,
) -> list[Version]:
    seen, bound = sight(kind.name, scope, at_ms)
    rows = run(
        connection,
        f"SELECT {_columns(kind)} FROM {kind.table.name} t WHERE {where} AND {_in_force('t', at_ms)} AND {seen} "
        f"ORDER BY t.{kind.key} LIMIT ?",
        *values,
        *_instants(at_ms),
        *bound,
        limit,
    )
    return [_version(kind, row) for row in rows]


def _columns(kind: Kind) -> str:
    return ", ".join(f"t.{name}" for name in (kind.key, "from_ms", "to_ms", "made_ms", "made_by", *kind.names))


def _version(kind: Kind, row: Sequence[Any]) -> Version:
    entry, from_ms, to_ms, made_ms, made_by, *values = row
    return Version(entry, from_ms, to_ms, made_ms, made_by, dict(zip(kind.names, values, strict=True)))


def _in_force(alias: str, at_ms: int | None) -> str:
    """The condition of being in force; None: now. It has as many marks as _instants() has values."""
    if at_ms is None:
        return f"{alias}.to_ms IS NULL"
    return f"{alias}.from_ms <= ? AND ({alias}.to_ms IS NULL OR {alias}.to_ms > ?)"


def _instants(at_ms: int | None) -> tuple[int, ...]:
    return () if at_ms is None else (at_ms, at_ms)


def _chains(connection: Connection, kind: Kind, entries: Iterable[str]) -> dict[str, list[Version]]:
    """All versions of these entries, each chain by time."""
    found: dict[str, list[Version]] = {}
    for part in chunks(entries):
        rows = run(
            connection,
            f"SELECT {_columns(kind)} FROM {kind.table.name} t WHERE t.{kind.key} IN ({marks(len(part))}) "
            f"ORDER BY t.{kind.key}, t.from_ms",
            *part,
        )
        for row in rows:
            version = _version(kind, row)
            found.setdefault(version.id, []).append(version)
    return found


# --- what a scope sees -----------------------------------------------------------------------------------------------


def sight(kind: KindName, scope: Scope, at_ms: int | None = None) -> reach.Condition:
    """The condition under which an entry `t` is seen: its own, and what it belongs to.

    A group sees its sites, what stands there, and whose they are; a customer sees itself, its sites, and their groups.
    Calendars are seen by whom they came for with the program, and by whose sites name them; a service point by its
    group, and by the customers whose sites name it.
    """
    if scope.everything:
        return reach.ALL, []
    parts, values = [], list[object]()
    for condition, targets in _sights(kind, scope, at_ms):
        if targets:
            parts.append(condition.replace("{}", marks(len(targets))))
            values += [*_instants(at_ms) * condition.count("from_ms <= ?"), *targets]
    return (f"({' OR '.join(parts)})", values) if parts else (reach.NONE, [])


def _sights(kind: KindName, scope: Scope, at_ms: int | None) -> Sequence[tuple[str, list[str]]]:
    groups, customers = sorted(scope.groups), sorted(scope.customers)
    site = f"FROM site s WHERE {_in_force('s', at_ms)} AND s."
    place = f"SELECT p.id FROM place p WHERE {_in_force('p', at_ms)} AND p.site IN (SELECT s.id {site}"
    match kind:
        case "group":
            return (("t.id IN ({})", groups), (f"t.id IN (SELECT s.group_id {site}customer IN ({{}}))", customers))
        case "customer":
            return (("t.id IN ({})", customers), (f"t.id IN (SELECT s.customer {site}group_id IN ({{}}))", groups))
        case "contract":
            return (
                ("t.customer IN ({})", customers),
                (f"t.id IN (SELECT s.contract {site}group_id IN ({{}}))", groups),
            )
        case "calendar":
            return (
                ("t.id IN ({})", list(ALWAYS_THERE)),
                (f"t.id IN (SELECT s.calendar {site}customer IN ({{}}))", customers),
                (f"t.id IN (SELECT s.calendar {site}group_id IN ({{}}))", groups),
            )
        case "site":
            return (("t.customer IN ({})", customers), ("t.group_id IN ({})", groups))
        case "point":
            return (("t.group_id IN ({})", groups), (f"t.id IN (SELECT s.point {site}customer IN ({{}}))", customers))
        case "place":
            return (
                (f"t.site IN (SELECT s.id {site}customer IN ({{}}))", customers),
                (f"t.site IN (SELECT s.id {site}group_id IN ({{}}))", groups),
            )
        case "plan":
            held = f"SELECT s.contract {site}group_id IN ({{}})"
            mine = f"SELECT c.id FROM contract c WHERE {_in_force('c', at_ms)} AND c.customer IN ({{}})"
            return (
                (f"t.contract IN ({mine})", customers),
                (f"t.site IN (SELECT s.id {site}customer IN ({{}}))", customers),
                (f"t.contract IN ({held})", groups),
                (f"t.site IN (SELECT s.id {site}group_id IN ({{}}))", groups),
            )
        case "installation":
            return (
                (f"t.place IN ({place}customer IN ({{}})))", customers),
                (f"t.place IN ({place}group_id IN ({{}})))", groups),
            )


def _reached(connection: Connection, kind_name: KindName, entries: Iterable[str], scope: Scope) -> set[str]:
    """Which of these entries are in force now and seen."""
    kind = KINDS[kind_name]
    seen, values = sight(kind_name, scope)
    found: set[str] = set()
    for part in chunks(sorted(set(entries))):
        rows = run(
            connection,
            f"SELECT t.{kind.key} FROM {kind.table.name} t WHERE t.to_ms IS NULL "
            f"AND t.{kind.key} IN ({marks(len(part))}) AND {seen}",
            *part,
            *values,
        )
        found.update(rows.scalars())
    return found


# --- changing --------------------------------------------------------------------------------------------------------


def put(
    connection: Connection,
    kind_name: KindName,
    entry: str,
    fields: Mapping[str, object],
    *,
    deed: Deed,
    from_ms: int | None = None,
    scope: Scope = EVERYTHING,
) -> Became:
    """Let an entry be like this from a time on (now, if not said); what is not named gets its usual value."""
    return put_all(connection, kind_name, {entry: fields}, deed=deed, from_ms=from_ms, scope=scope)[entry]


def put_all(
    connection: Connection,
    kind_name: KindName,
    entries: Mapping[str, Mapping[str, object]],
    *,
    deed: Deed,
    from_ms: int | None = None,
    scope: Scope = EVERYTHING,
) -> dict[str, Became]:
    """As put(), for many entries of one kind; one that cannot be put refuses all."""
    kind = KINDS[kind_name]
    begin = _instant(deed, from_ms, kind)
    wanted = [
        Version(entry, begin, None, deed.at_ms, deed.who, checked(kind, entry, fields))
        for entry, fields in entries.items()
    ]
    chains = _chains(connection, kind, entries)
    changes = {one.id: laid(chains.get(one.id, ()), one) for one in wanted}
    new = [change for change in changes.values() if change is not None]
    _check_right(connection, kind, new, scope)
    _check_references(connection, kind, new, scope)
    _check_kept_promises(connection, kind, new)
    many(
        connection,
        f"UPDATE {kind.table.name} SET to_ms = ? WHERE {kind.key} = ? AND from_ms = ?",
        [(begin, one.before.id, one.before.from_ms) for one in new if one.before and one.before.from_ms < begin],
    )
    many(connection, upsert(kind.table), [(*one.new[:5], *one.new.fields.values()) for one in new])
    told = [(_subject(kind, one.new.id), None if one.before is None else _told(one.before), one.new) for one in new]
    audit.add_all(
        connection, deed, [(f"put {kind.name}", subject, before, _told(one)) for subject, before, one in told]
    )
    search.forget_of(connection, kind_name, [one.new.id for one in new])
    return {entry: _became(change) for entry, change in changes.items()}


def end(
    connection: Connection,
    kind_name: KindName,
    entry: str,
    *,
    deed: Deed,
    at_ms: int | None = None,
    scope: Scope = EVERYTHING,
) -> bool:
    """Let an entry end, now or earlier; False: it had ended before. What others name cannot end."""
    kind = KINDS[kind_name]
    at = _instant(deed, at_ms, kind)
    chain = _chains(connection, kind, [entry]).get(entry, [])
    if not chain:
        raise no_entry(kind, entry)
    held = chain[-1]
    _check_right(connection, kind, [Laid(before=held, new=held)], scope)
    if held.to_ms is not None:
        return False
    if at < held.from_ms:
        raise EntryError(
            what=f"{kind.name} {entry} was changed later, at {held.from_ms}",
            where=f"{kind.name} {entry}",
            expected=f"an end at {held.from_ms} or later",
            do="end it later",
            cause="conflict",
            field="at",
        )
    _check_unused(connection, kind, entry, at)
    if at == held.from_ms:
        run(connection, f"DELETE FROM {kind.table.name} WHERE {kind.key} = ? AND from_ms = ?", entry, at)
    else:
        run(connection, f"UPDATE {kind.table.name} SET to_ms = ? WHERE {kind.key} = ? AND to_ms IS NULL", at, entry)
    audit.add(connection, deed, f"end {kind.name}", _subject(kind, entry), before=_told(held), after={"to_ms": at})
    search.forget_of(connection, kind_name, [entry])
    return True


def _became(change: Laid | None) -> Became:
    if change is None:
        return "same"
    return "added" if change.before is None else "changed"


def _instant(deed: Deed, at_ms: int | None, kind: Kind) -> int:
    if at_ms is None:
        return deed.at_ms
    if not EARLIEST_MS <= at_ms <= deed.at_ms:
        raise EntryError(
            what=f"a change cannot take effect at {at_ms}",
            where=kind.name,
            expected=f"a time from 1970 up to now ({deed.at_ms})",
            do="tell it when it happens, or give the dates of a contract, which may lie ahead",
            field="from",
        )
    return at_ms


def _subject(kind: Kind, entry: str) -> str:
    return f"{kind.name}:{entry}"


def _told(version: Version) -> dict[str, Any]:
    fields = {name: masked(value) if name in PRIVATE and value else value for name, value in version.fields.items()}
    return {"from_ms": version.from_ms, "to_ms": version.to_ms, **fields}


# --- what refuses a change -------------------------------------------------------------------------------------------


def no_entry(kind: Kind, entry: str) -> EntryError:
    return EntryError(
        what=f"there is no {kind.name} {entry}",
        where=f"{kind.name} {entry}",
        expected=f"the id of a {kind.name} that is in force",
        do="look it up in the list",
        cause="missing",
        field="id",
    )


def _closed(kind: Kind, entry: str) -> EntryError:
    """Not yours, whether it exists or not: who may not see it learns nothing."""
    return EntryError(
        what=f"you cannot write {kind.name} {entry}",
        where=f"{kind.name} {entry}",
        expected="an entry of your own groups or customers, before and after the change",
        do="check the ids, or ask an administrator to widen your scope",
        cause="closed",
        field="id",
    )


def _check_right(connection: Connection, kind: Kind, changes: Sequence[Laid], scope: Scope) -> None:
    """Refuse what lies, or would lie, beyond the scope."""
    if scope.everything:
        return
    both = [(one.new.id, one.new.fields) for one in changes]
    both += [(one.before.id, one.before.fields) for one in changes if one.before is not None]
    if kind.name == "plan":
        _check_plans(connection, kind, both, scope)
    else:
        _check_mine(connection, kind, changes, both, scope)


def _check_mine(
    connection: Connection, kind: Kind, changes: Sequence[Laid], both: Sequence[tuple[str, Fields]], scope: Scope
) -> None:
    sites = _reached(connection, "site", (str(f["site"]) for _, f in both), scope) if kind.name == "place" else set()
    places: set[str] = set()
    devices: set[str] = set()
    if kind.name == "installation":
        places = _reached(connection, "place", (str(f["place"]) for _, f in both), scope)
        devices = _foreign_devices(connection, [one.new.id for one in changes], scope)
    for entry, fields in both:
        match kind.name:
            case "group":
                is_mine = entry in scope.groups
            case "customer":
                is_mine = entry in scope.customers
            case "contract":
                is_mine = fields["customer"] in scope.customers
            case "site":
                is_mine = scope.holds(fields["group_id"], fields["customer"])
            case "place":
                is_mine = fields["site"] in sites
            case "point":
                is_mine = scope.holds(fields["group_id"], None)
            case "installation":
                is_mine = fields["place"] in places and entry not in devices
            case _:  # sites of others may have a calendar
                is_mine = False
        if not is_mine:
            raise _closed(kind, entry)


def _check_plans(connection: Connection, kind: Kind, plans: Sequence[tuple[str, Fields]], scope: Scope) -> None:
    """Refuse plans of other customers' contracts (a centre whose sites stand under one shares it) and others' sites."""
    sites = _reached(connection, "site", (str(fields["site"]) for _, fields in plans), scope)
    contracts = named(connection, "contract", (str(fields["contract"]) for _, fields in plans))
    mine = {one.id for one in contracts.values() if one.fields["customer"] in scope.customers}
    for entry, fields in plans:
        if fields["site"] not in sites and fields["contract"] not in mine:
            raise _closed(kind, entry)


def _foreign_devices(connection: Connection, devices: Sequence[str], scope: Scope) -> set[str]:
    """Which of these devices are there and not reached."""
    condition, values = reach.within(scope)
    found: set[str] = set()
    for part in chunks(devices):
        rows = run(
            connection,
            f"SELECT device.id FROM device WHERE device.id IN ({marks(len(part))}) AND NOT ({condition})",
            *part,
            *values,
        )
        found.update(rows.scalars())
    return found


def _check_references(connection: Connection, kind: Kind, changes: Sequence[Laid], scope: Scope) -> None:
    """Refuse names of what is not in force for the whole time of the version, or is not seen."""
    for field in kind.fields:
        if field.refers_to is None:
            continue
        naming = [one.new for one in changes if one.new.fields[field.name] is not None]
        if field.refers_to == "person":  # somebody who has left since may stay named
            naming = [one.new for one in changes if _is_newly_named(one, field.name)]
        targets = sorted({version.fields[field.name] for version in naming})
        if field.refers_to == "person" or field.refers_to == "level":  # noqa: PLR1714  mypy tells by == what is left
            known = _persons(connection, targets) if field.refers_to == "person" else set(levels.newest(connection))
            _must_be_known(kind, naming, field, known)
            continue
        target = KINDS[field.refers_to]
        if target.name == "calendar":
            naming = [version for version in naming if version.fields[field.name] not in ALWAYS_THERE]
        chains = _chains(connection, target, targets)
        seen = set(targets) if scope.everything else _reached(connection, field.refers_to, targets, scope)
        for version in naming:
            name = version.fields[field.name]
            chain = chains.get(name, [])
            if name not in seen or not chain:
                raise _no_reference(kind, version, field.name, target.name)
            if not _covers(chain, version):
                raise _not_in_force(kind, version, field.name, target.name, chain)
            if kind.name == "site" and field.name == "contract":
                _check_own_contract(version, chain)


def _must_be_known(kind: Kind, naming: Iterable[Version], field: Field, known: Collection[str]) -> None:
    for version in naming:
        if version.fields[field.name] not in known:
            raise _no_reference(kind, version, field.name, str(field.refers_to))


def _is_newly_named(change: Laid, field: str) -> bool:
    name = change.new.fields[field]
    return name is not None and (change.before is None or change.before.fields[field] != name)


def _persons(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for part in chunks(ids):
        sql = f"SELECT id FROM person WHERE disabled_ms IS NULL AND id IN ({marks(len(part))})"
        found.update(run(connection, sql, *part).scalars())
    return found


def _covers(chain: Sequence[Version], version: Version) -> bool:
    """Whether a chain has no hole in the time of a version."""
    reached: int | None = version.from_ms
    for one in chain:
        if reached is not None and one.holds_at(reached):
            reached = one.to_ms
    return reached is None or (version.to_ms is not None and reached >= version.to_ms)


def _check_own_contract(site: Version, contract: Sequence[Version]) -> None:
    for one in contract:
        meets = (site.to_ms is None or one.from_ms < site.to_ms) and (one.to_ms is None or one.to_ms > site.from_ms)
        if meets and one.fields["customer"] != site.fields["customer"]:
            raise EntryError(
                what=f"contract {one.id} belongs to another customer than site {site.id}",
                where=f"site {site.id}",
                expected=f"a contract of customer {site.fields['customer']}",
                do="name a contract of the site's own customer, or none",
                cause="conflict",
                field="contract",
            )


def _no_reference(kind: Kind, version: Version, field: str, target: str) -> EntryError:
    name = str(version.fields[field])
    return EntryError(
        what=f"there is no {target} {name}",
        where=f"{kind.name} {version.id}",
        expected=f"the id of a {target} that is there",
        do=f"enter the {target} first, or mend the id",
        cause="conflict",
        field=field,
    )


def _not_in_force(kind: Kind, version: Version, field: str, target: str, chain: Sequence[Version]) -> EntryError:
    return EntryError(
        what=f"{target} {version.fields[field]} is not in force all the time from {version.from_ms} on",
        where=f"{kind.name} {version.id}",
        expected=f"a {target} in force as long as the {kind.name}; this one began at {chain[0].from_ms}",
        do=f"let the {kind.name} begin later, or the {target} earlier",
        cause="conflict",
        field=field,
    )


def _check_kept_promises(connection: Connection, kind: Kind, changes: Sequence[Laid]) -> None:
    """A contract stays its customer's: sites stand on it."""
    if kind.name != "contract":
        return
    for one in changes:
        if one.before is not None and one.before.fields["customer"] != one.new.fields["customer"]:
            raise EntryError(
                what=f"contract {one.new.id} belongs to customer {one.before.fields['customer']}",
                where=f"contract {one.new.id}",
                expected="the customer that it was made with",
                do="make a new contract for the other customer",
                cause="conflict",
                field="customer",
            )


def _check_unused(connection: Connection, kind: Kind, entry: str, at_ms: int) -> None:
    """Refuse the end of what something else names at that time or later, and of what is always there."""
    if kind.name == "calendar" and entry in ALWAYS_THERE:
        raise EntryError(
            what=f"calendar {entry} came with the program, and new sites name it",
            where=f"calendar {entry}",
            expected="the end of a calendar that people made",
            do="let it be; change its days, or give sites another calendar",
            cause="conflict",
            field="id",
        )
    for holder_name, field in kind.held_by:
        holder = KINDS[holder_name]
        found = run(
            connection,
            f"SELECT t.{holder.key} FROM {holder.table.name} t WHERE t.{field} = ? "
            "AND (t.to_ms IS NULL OR t.to_ms > ?) LIMIT 4",
            entry,
            at_ms,
        ).scalars()
        names = list(dict.fromkeys(found))
        if names:
            raise EntryError(
                what=f"{kind.name} {entry} still has {holder.name} {', '.join(names[:3])}{' …' if names[3:] else ''}",
                where=f"{kind.name} {entry}",
                expected=f"no {holder.name} that names it at its end",
                do=f"end or move the {holder.name} first",
                cause="conflict",
                field="id",
            )
