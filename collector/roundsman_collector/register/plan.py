"""What a register file would do: compared with what is kept, row by row, every error at once. Reads, never writes.

    found = planned(view, sheet, scope=EVERYTHING)
    found.errors      RowError: row, column, value, and in both languages what is wrong, what was expected, what to do
    found.rows        per row: added, changed or same, and each field before and after
    found.entries     what entering.py hands to the store; found.devices, voices, groups: what it asks the engine for

A cell that is empty says nothing: what is kept stays. Rows may repeat what they say of a site or a contract, but not
contradict each other. The store checks all of it again when it is entered.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from roundsman_collector.core.causes import DEEPEST, Kind
from roundsman_collector.register.cells import Row, Titled, columns_of, number_notes, row_of
from roundsman_collector.register.columns import BEHIND, BY_NAME, COLUMNS, HOLDS, NOBODY, Column
from roundsman_collector.register.errors import RowError, error
from roundsman_collector.register.sheets import Note, Sheet
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import KINDS, Card, DeviceEntry, EntryError, KindName, View
from roundsman_collector.store.entry_kinds import ALWAYS_THERE, checked

Became = Literal["added", "changed", "same"]
# In the order in which one names the other; what a row says is entered in this order.
DATES = ("accepted_on", "warranty_until", "maintenance_until", "labour_until")
ORDER: tuple[KindName, ...] = ("customer", "contract", "site", "place")
PLACES_OWN = ("place_zh", "place_en", "place_engineer", "place_contact", "place_contact_phone")
"""Columns that speak of a place."""
COLUMN_OF: Mapping[tuple[str, str], Column] = {(one.of, one.field): one for one in COLUMNS}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldChange:
    """A field that would change: of which entry, from what, to what. `before` None: there was nothing."""

    subject: str
    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RowPlan:
    """What a row would do to its device, and to entries that it is the first to speak of."""

    row: int
    device: str
    became: Became
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a file would do. Nothing may be entered while there are errors."""

    rows: tuple[RowPlan, ...]
    errors: tuple[RowError, ...]
    notes: tuple[Note, ...]
    entries: Mapping[KindName, Mapping[str, Mapping[str, object]]] = field(default_factory=dict)
    installations: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[DeviceEntry, ...] = ()
    voices: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[tuple[str, Kind], str | None] = field(default_factory=dict)
    """(device, power or uplink) -> from whom it gets it; None: from nobody."""

    @property
    def counts(self) -> dict[str, int]:
        """How many rows add, change, and leave a device as it is."""
        return {name: sum(1 for one in self.rows if one.became == name) for name in ("added", "changed", "same")}

    @property
    def does_nothing(self) -> bool:
        """Whether all is so already."""
        return not (self.entries or self.installations or self.devices or self.voices or self.links)


def planned(view: View, sheet: Sheet, *, scope: Scope = EVERYTHING) -> Plan:
    """Compare a file with what is kept: headers, cells, rows with each other, references, scope."""
    errors: list[RowError] = []
    columns = columns_of(sheet, errors)
    if errors:
        return Plan(rows=(), errors=tuple(errors), notes=sheet.notes)
    rows = [one for number, cells in sheet.rows if (one := row_of(number, cells, columns, errors)) is not None]
    desk = _Comparison(view, rows, columns, scope, errors)
    plan = desk.plan()
    notes = (*sheet.notes, *number_notes(sheet, columns))
    errors.sort(key=lambda one: (one.row, _position(one, columns)))
    return Plan(**{**{name: getattr(plan, name) for name in _FIELDS}, "errors": tuple(errors), "notes": notes})


_FIELDS = ("rows", "entries", "installations", "devices", "voices", "groups", "links")


def _position(error: RowError, columns: Mapping[int, "Titled"]) -> int:
    return next((index for index, one in columns.items() if one.title == error.column), -1)


# --- rows, with each other and with what is kept ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    """What the file says of one entry: its fields, and in which row each was said first."""

    fields: dict[str, str]
    rows: dict[str, int]
    first: int


class _Comparison:
    """The file beside what is kept. One walk per kind of entry; errors go to the list that it was given."""

    def __init__(
        self,
        view: View,
        rows: Sequence[Row],
        columns: Mapping[int, Titled],
        scope: Scope,
        errors: list[RowError],
    ) -> None:
        self.rows = self._without_repeats(rows, columns, errors)
        self.errors = errors
        self.scope = scope
        self.view = view
        self._roots: dict[str, dict[Kind, str]] = {}
        self.titles = {one.column.name: one.title for one in columns.values()}
        devices = [row.device for row in self.rows]
        self.cards = view.cards_named(devices)
        self.reached = set(self.cards) if scope.everything else set(view.cards_named(devices, scope=scope))
        self.agents = {one.id: one for one in view.agents()} if any("agent" in row.said for row in self.rows) else {}
        self.seen = {} if scope.everything else {kind: _seen(view, kind, scope) for kind in ORDER}
        self.place_of = {row.device: self._place(row) for row in self.rows}
        self.site_of = self._sites(view)
        self.said = {kind: self._of_kind(kind) for kind in ORDER}
        self.kept = {kind: self._kept(view, kind) for kind in ORDER}
        self.people = {one.id for one in view.persons() if one.disabled_ms is None}
        self.known: dict[str, set[str]] = {
            "person": self.people,
            "calendar": {*ALWAYS_THERE, *_seen(view, "calendar", scope)},
            "point": _seen(view, "point", scope),
            "level": set(view.newest_levels()),
        }
        self.wanted: dict[KindName, dict[str, dict[str, Any]]] = {}

    def plan(self) -> Plan:
        changes: dict[int, list[FieldChange]] = {row.number: [] for row in self.rows}
        entries: dict[KindName, Mapping[str, Mapping[str, object]]] = {}
        for kind in ORDER:
            new = self._compared(kind, changes)
            if new:
                entries[kind] = new
        devices, voices, groups, installations = self._devices(changes)
        links = self._roads(changes)
        plans = tuple(
            RowPlan(
                row=row.number,
                device=row.device,
                became="added" if row.device not in self.cards else "changed" if changes[row.number] else "same",
                changes=tuple(changes[row.number]),
            )
            for row in self.rows
        )
        return Plan(
            rows=plans,
            errors=(),
            notes=(),
            entries=entries,
            installations=installations,
            devices=devices,
            voices=voices,
            groups=groups,
            links=links,
        )

    # --- what the file says of what --------------------------------------------------------------------------------

    @staticmethod
    def _without_repeats(rows: Sequence[Row], columns: Mapping[int, Titled], errors: list[RowError]) -> list[Row]:
        first: dict[str, Row] = {}
        title = next((one.title for one in columns.values() if one.column.name == "device"), "device")
        for row in rows:
            before = first.setdefault(row.device, row)
            if before is not row:
                told = str(before.number)
                errors.append(error(row.number, title, row.device, "twice", (told, told)))
        return list(first.values())

    def _place(self, row: Row) -> str | None:
        """At which place a row says its device stands: named, or the one it has at that site, or one of its own."""
        if "place" in row.said:
            return row.said["place"]
        card = self.cards.get(row.device)
        standing = None if card is None else card.place
        if "site" not in row.said:
            speaks_of_it = any(name in row.said for name in PLACES_OWN)
            return standing if speaks_of_it else None
        if card is not None and standing is not None and card.site == row.said["site"]:
            return standing
        return row.device

    def _sites(self, view: View) -> dict[str, str]:
        """The site of each place: as the file says, else as it is kept."""
        named = {place for place in self.place_of.values() if place is not None}
        kept = {place: str(one.fields["site"]) for place, one in view.entries_named("place", named).items()}
        said = {
            place: row.said["site"]
            for row in reversed(self.rows)
            if (place := self.place_of[row.device]) is not None and "site" in row.said
        }
        return {**kept, **said}

    def _subject(self, kind: KindName, row: Row) -> str | None:
        """Which entry of a kind a row speaks of."""
        said = row.said
        place = self.place_of[row.device]
        card = self.cards.get(row.device)
        site = said.get("site") or self.site_of.get(place or "") or (None if card is None else card.site)
        match kind:
            case "place":
                return place
            case "site":
                return site
            case "customer" | "contract":
                return said.get(kind) or (None if card is None or "site" in said else getattr(card, kind))
            case _:
                return None

    def _of_kind(self, kind: KindName) -> dict[str, _Said]:
        """What all rows together say of the entries of a kind."""
        found: dict[str, _Said] = {}
        own = [one for one in COLUMNS if one.of == kind and one.field != "id"]
        for row in self.rows:
            fields = {one.field: row.said[one.name] for one in own if one.name in row.said}
            fields.update(self._links(kind, row))
            subject = self._subject(kind, row)
            if subject is None:
                self._say_homeless(kind, row, own)
                continue
            if not fields and kind not in row.said:
                continue
            self._merge(found, kind, subject, fields, row)
        return found

    def _links(self, kind: KindName, row: Row) -> dict[str, str]:
        """Which other entry an entry of this kind is tied to by the row."""
        said = row.said
        if kind == "contract" and "contract" in said:
            customer = said.get("customer") or self._customer_of(row)
            return {} if customer is None else {"customer": customer}
        if kind == "site":
            named = {"customer": "customer", "contract": "contract", "group_id": "group"}
            return {field: said[name] for field, name in named.items() if name in said}
        if kind == "place" and "site" in said:
            return {"site": said["site"]}
        return {}

    def _customer_of(self, row: Row) -> str | None:
        """Whose the device's site is, if it stays there."""
        card = self.cards.get(row.device)
        stays = card is not None and row.said.get("site", card.site) == card.site
        return card.customer if card is not None and stays else None

    def _merge(
        self, found: dict[str, _Said], kind: KindName, subject: str, fields: Mapping[str, str], row: Row
    ) -> None:
        held = found.setdefault(subject, _Said({}, {}, row.number))
        for name, value in fields.items():
            if held.fields.setdefault(name, value) == value:
                held.rows.setdefault(name, row.number)
            else:
                told = str(held.rows[name])
                self._complain(row.number, kind, name, value, "contradicts", (told, told))

    def _say_homeless(self, kind: KindName, row: Row, own: Iterable[Column]) -> None:
        """Fields of something that the row does not name."""
        for column in own:
            if column.name in row.said:
                titled = BY_NAME[kind]
                self._complain(row.number, kind, column.field, row.said[column.name], "needs", (titled.zh, titled.en))
                return

    # --- entries -----------------------------------------------------------------------------------------------------

    def _kept(self, view: View, kind: KindName) -> dict[str, dict[str, Any]]:
        """What is kept of the entries that the file speaks of, and of what those name."""
        named = set(self.said[kind])
        if kind == "site":
            named |= set(self.site_of.values())
        if kind in ("customer", "contract"):
            named |= {one.fields[kind] for one in self.said["site"].values() if kind in one.fields}
        return {entry: one.fields for entry, one in view.entries_named(kind, named).items()}

    def _compared(self, kind: KindName, changes: dict[int, list[FieldChange]]) -> dict[str, dict[str, object]]:
        """The entries of a kind that are new or different, all fields of each."""
        wanted: dict[str, dict[str, Any]] = {}
        self.wanted[kind] = wanted
        new: dict[str, dict[str, object]] = {}
        for entry, said in self.said[kind].items():
            before = self.kept[kind].get(entry)
            if not self._sees(kind, entry, before, said):
                continue
            try:
                after = checked(KINDS[kind], entry, {**_usual(kind, entry, before, said.fields), **said.fields})
            except EntryError as error:
                self._refuse(kind, entry, said, error)
                continue
            wanted[entry] = after
            if after == before:
                continue
            names_what_is = self._names_what_is(kind, said, before, after)
            if not (names_what_is and self._is_mine(kind, entry, said, before, after)):
                continue
            new[entry] = dict(after)
            changes[said.first] += [
                FieldChange(
                    subject=f"{kind}:{entry}",
                    field=name,
                    before=None if before is None else before[name],
                    after=value,
                )
                for name, value in after.items()
                if (None if before is None else before[name]) != value
            ]
        return new

    def _refuse(self, kind: KindName, entry: str, said: _Said, error: EntryError) -> None:
        """What the store would say of an entry, as an error of the row that spoke of it first."""
        row = said.rows.get(error.field, said.first)
        column = _column(kind, error.field)
        if error.field not in said.fields:
            needed = BY_NAME[column]
            self._complain(row, kind, "id", entry, "needs", (needed.zh, needed.en))
        elif kind == "contract" and error.field in DATES:
            self._complain(row, kind, error.field, said.fields[error.field], "dates", (error.what, error.what))
        else:
            self._complain(row, kind, error.field, said.fields[error.field], "bad_value")

    def _sees(self, kind: KindName, entry: str, before: Mapping[str, Any] | None, said: _Said) -> bool:
        """Whether an entry may be spoken of: it is new, or it is seen."""
        sees = self.scope.everything or before is None or entry in self.seen[kind]
        if not sees:
            self._complain(said.first, kind, "id", entry, "closed")
        return sees

    def _names_what_is(
        self, kind: KindName, said: _Said, before: Mapping[str, Any] | None, after: Mapping[str, Any]
    ) -> bool:
        """Whether everything that an entry names is there, or comes with this file."""
        is_good = True
        for one in KINDS[kind].fields:
            name = after[one.name]
            if one.refers_to is None or name is None or (before is not None and before[one.name] == name):
                continue
            if one.refers_to == "person" or one.refers_to == "level" or one.refers_to in self.known:  # noqa: PLR1714  mypy tells by == what is left
                is_there = name in self.known[one.refers_to]
            else:
                kept = self.kept[one.refers_to] if self.scope.everything else self.seen[one.refers_to]
                is_there = name in self.said[one.refers_to] or name in kept
            if not is_there:
                self._complain(said.rows.get(one.name, said.first), kind, one.name, name, "no_such", (name, name))
                is_good = False
        if kind == "contract" and before is not None and before["customer"] != after["customer"]:
            owner = str(before["customer"])
            self._complain(said.rows["customer"], "contract", "id", owner, "other_customer", (owner, owner))
            is_good = False
        return is_good and self._has_own_contract(kind, said, after)

    def _has_own_contract(self, kind: KindName, said: _Said, after: Mapping[str, Any]) -> bool:
        if kind != "site" or after["contract"] is None:
            return True
        contract = self._entry("contract", after["contract"])
        owner = None if contract is None else contract["customer"]
        if owner in (None, after["customer"]):
            return True
        told = str(owner) if self.scope.everything else "?"
        row = said.rows.get("contract", said.first)
        self._complain(row, "contract", "id", after["contract"], "other_customer", (told, told))
        return False

    def _entry(self, kind: KindName, entry: str) -> Mapping[str, Any] | None:
        """An entry as it would be after the import."""
        return self.wanted.get(kind, {}).get(entry) or self.kept[kind].get(entry)

    def _is_mine(
        self,
        kind: KindName,
        entry: str,
        said: _Said,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
    ) -> bool:
        """Whether the scope reaches an entry before and after; entries.py asks the same again."""
        now = before is None or self._reaches(kind, entry, before, self.kept["site"].get)
        then = self._reaches(kind, entry, after, lambda site: self._entry("site", site))
        if not (now and then):
            self._complain(said.first, kind, "id", entry, "closed")
        return now and then

    def _reaches(
        self,
        kind: KindName,
        entry: str,
        fields: Mapping[str, Any],
        site_of: Callable[[str], Mapping[str, Any] | None],
    ) -> bool:
        if self.scope.everything:
            return True
        match kind:
            case "customer":
                return entry in self.scope.customers
            case "contract":
                return fields["customer"] in self.scope.customers
            case "place":
                fields = site_of(fields["site"]) or {"group_id": None, "customer": None}
        return self.scope.holds(fields["group_id"], fields["customer"])

    # --- devices -----------------------------------------------------------------------------------------------------

    def _devices(
        self, changes: dict[int, list[FieldChange]]
    ) -> tuple[tuple[DeviceEntry, ...], dict[str, str], dict[str, str], dict[str, str]]:
        devices: list[DeviceEntry] = []
        voices: dict[str, str] = {}
        groups: dict[str, str] = {}
        installations: dict[str, str] = {}
        for row in self.rows:
            card = self.cards.get(row.device)
            if not self._may_touch(row, card):
                continue
            entry = self._device(row, card)
            if entry is not None and entry != _entry_of(card):
                devices.append(entry)
                changes[row.number] += _differences(row.device, _entry_of(card), entry)
            agent = row.said.get("agent")
            is_new = agent is not None and (card is None or card.agent != agent)
            if agent is not None and is_new and self._may_speak(row, agent, groups):
                voices[row.device] = agent
                changes[row.number].append(_changed(row.device, "agent", None if card is None else card.agent, agent))
            place = self.place_of[row.device]
            if place is not None and self._is_place(row, place) and (card is None or card.place != place):
                installations[row.device] = place
                changes[row.number].append(_changed(row.device, "place", None if card is None else card.place, place))
        return tuple(devices), voices, groups, installations

    # --- what stands behind what ---------------------------------------------------------------------------------

    def _roads(self, changes: dict[int, list[FieldChange]]) -> dict[tuple[str, Kind], str | None]:
        """What devices are to stand behind that they do not yet."""
        rows = [row for row in self.rows if any(one.name in row.said for one in BEHIND.values())]
        kept = self.view.behind_of({row.device for row in rows})
        links: dict[tuple[str, Kind], str | None] = {}
        number: dict[tuple[str, Kind], int] = {}
        roots = {row.said[one.name] for row in rows for one in BEHIND.values() if one.name in row.said} - {NOBODY}
        known = {row.device for row in self.rows} | set(self.view.cards_named(sorted(roots), scope=self.scope))
        for row in rows:
            card = self.cards.get(row.device)
            if card is not None and row.device not in self.reached:
                continue  # told of the device already
            for kind, column in BEHIND.items():
                name = row.said.get(column.name)
                root, before = None if name == NOBODY else name, kept.get(row.device, {}).get(kind)
                if name is None or root == before:
                    continue
                if root is not None and root not in known:
                    self._complain(row.number, "behind", kind, root, "no_such", (root, root))
                    continue
                links[row.device, kind], number[row.device, kind] = root, row.number
                changes[row.number].append(_changed(row.device, column.name, before, root))
        for (device, kind), at in number.items():
            path = self._circle(links, device, kind)
            if path:
                told = " <- ".join(one if self.scope.everything or one in known else "?" for one in path)
                self._complain(at, "behind", kind, path[1], "circle", (told, told))
        return links

    def _circle(self, links: Mapping[tuple[str, Kind], str | None], device: str, kind: Kind) -> list[str]:
        """The way from a device back to itself, as things would stand; empty: there is none."""
        path = [device]
        while len(path) <= DEEPEST:
            node = path[-1]
            if (node, kind) in links:
                root = links[node, kind]
            else:
                if node not in self._roots:
                    self._roots[node] = self.view.behind_of([node]).get(node, {})
                root = self._roots[node].get(kind)
            if root is None or (root in path and root != device):
                return []
            path.append(root)
            if root == device:
                return path
        return []

    def _may_touch(self, row: Row, card: Card | None) -> bool:
        """Whether the device is new, or reached; a new one of somebody with a scope has to stand somewhere."""
        if card is not None and row.device not in self.reached:
            self._complain(row.number, "device", "id", row.device, "closed")
            return False
        if card is None and not self.scope.everything and self.place_of[row.device] is None:
            self._complain(row.number, "device", "id", row.device, "needs", (BY_NAME["site"].zh, BY_NAME["site"].en))
            return False
        return True

    def _is_place(self, row: Row, place: str) -> bool:
        """Whether the place is there, or comes with this file."""
        site = self.site_of.get(place)
        if site is None:
            self._complain(row.number, "place", "id", place, "needs", (BY_NAME["site"].zh, BY_NAME["site"].en))
            return False
        if self.scope.everything:
            return True
        fields = self._entry("site", site)
        if fields is None or not self.scope.holds(fields["group_id"], fields["customer"]):
            self._complain(row.number, "place", "id", place, "closed")
            return False
        return True

    def _device(self, row: Row, card: Card | None) -> DeviceEntry | None:
        """The device as it would be; None with an error for a new one of unknown kind."""
        said = row.said
        kind = said.get("kind") or (None if card is None else card.kind)
        if kind is None:
            self._complain(row.number, "device", "id", row.device, "needs", (BY_NAME["kind"].zh, BY_NAME["kind"].en))
            return None
        held = _entry_of(card)
        name_zh, name_en = _names(row.device, None if held is None else (held.name_zh, held.name_en), said)
        return DeviceEntry(
            id=row.device,
            kind=kind,
            name_zh=name_zh,
            name_en=name_en,
            model=said.get("model") or (held.model if held else None),
            serial=said.get("serial") or (held.serial if held else None),
            vendor=said.get("vendor") or (held.vendor if held else None),
            batch=said.get("batch") or (held.batch if held else None),
        )

    def _may_speak(self, row: Row, agent: str, groups: dict[str, str]) -> bool:
        """Whether an agent may be given a device; one that is new gets the row's group."""
        known = self.agents.get(agent)
        if known is not None and known.removed_ms is not None:
            self._complain(row.number, "agent", "id", agent, "removed_agent")
            return False
        site = self._entry("site", self._subject("site", row) or "") or {}
        group = known.group_id if known is not None else row.said.get("group") or site.get("group_id")
        if group is None:
            self._complain(row.number, "agent", "id", agent, "needs", (BY_NAME["group"].zh, BY_NAME["group"].en))
            return False
        if not self.scope.everything and group not in self.scope.groups:
            self._complain(row.number, "agent", "id", agent, "closed")
            return False
        if known is None:
            groups.setdefault(agent, group)
        return True

    def _complain(self, row: int, of: str, field: str, value: str, code: str, fact: tuple[str, str] = ("", "")) -> None:
        column = BY_NAME[_column(of, field)]
        expected = HOLDS[column.holds]
        self.errors.append(
            error(
                row,
                self.titles.get(column.name, column.zh),
                str(value),
                code,
                fact,
                expected=(expected.expected_zh, expected.expected_en),
            )
        )


def _seen(view: View, kind: KindName, scope: Scope) -> set[str]:
    """The entries of a kind that somebody with this scope sees."""
    return {one.id for one in view.entries(kind, scope=scope, limit=1_000_000)}


def _column(of: str, field: str) -> str:
    """The column that holds a field of a kind of entry."""
    found = COLUMN_OF.get((of, field))
    if found is not None:
        return found.name
    return {"customer": "customer", "contract": "contract", "group_id": "group", "site": "site"}.get(field, of)


def _usual(
    kind: KindName, entry: str, before: Mapping[str, Any] | None, said: Mapping[str, str]
) -> Mapping[str, object]:
    """What an entry has where the file says nothing: what is kept, else what goes without saying."""
    if before is not None:
        return before
    if kind == "contract":
        return {"name": entry}
    name_zh, name_en = _names(entry, None, said)
    return {"name_zh": name_zh, "name_en": name_en}


def _names(entry: str, held: tuple[str, str] | None, said: Mapping[str, str]) -> tuple[str, str]:
    """Both names: what is said, what is kept, the other one, the id."""
    zh, en = said.get("name_zh"), said.get("name_en")
    if held is not None:
        return zh or held[0], en or held[1]
    return zh or en or entry, en or zh or entry


def _entry_of(card: Card | None) -> DeviceEntry | None:
    if card is None:
        return None
    return DeviceEntry(
        id=card.device,
        kind=card.kind,
        name_zh=card.name_zh,
        name_en=card.name_en,
        model=card.model,
        serial=card.serial,
        vendor=card.vendor,
        batch=card.batch,
    )


def _differences(device: str, before: DeviceEntry | None, after: DeviceEntry) -> list[FieldChange]:
    return [
        _changed(device, name, was, now)
        for name in ("kind", "model", "serial", "vendor", "batch", "name_zh", "name_en")
        if (was := getattr(before, name, None)) != (now := getattr(after, name))
    ]


def _changed(device: str, field: str, before: str | None, after: str | None) -> FieldChange:
    return FieldChange(subject=f"device:{device}", field=field, before=before, after=after)
