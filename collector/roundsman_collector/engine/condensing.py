"""Fleet mode: reports older than an hour become runs and changes (`[keeping] evidence = "changes"`, law 8).

    condensing.step(now_ms)      a slice of the work, some hundredths of a second; how many rows it made fewer

Reports are taken as ever: a row each, durable before it is acknowledged. Behind them this goes round all agents, once
in ROUND_MS, and lets rows that follow one another become one of kind `runs` (store/runs.py):

    newest                                                                                          oldest
    o--o--o--o--o--o--o--o--o--o--o--B--o--o--o--R ...     o a report, B a birth, R condensed before
    |<- the last hour, whole ->|<- one ->|<- joins R ->|   of one day's table, one stream and one birth

A run is a device's samples of one boot with the same readings by name, the same words, and numbers on which every rule
in force at that time says the same, whether the fault is suspected or not. What some rule may hold against, a sample
without an answer or with a failed probe, and every record that is no sample stay word for word. So a rebuild from what
is kept gives what a rebuild from the reports gives. A report of a clock that nobody set, or with the result of an
errand, is a row of its own: when it came, and where it stands, has a meaning.

Left alone: units that are dirty, and rows that memory on disk does not know of yet (a restart reads them again).
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import structlog

from roundsman_collector.core.policy import Above, Below, Policy, Rule, judged
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.turn import has_answer
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.unit import Unit
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.evidence import RECORDS, RUNS, EvidenceRow, Link, Merge
from roundsman_collector.store.runs import UPTIME, Run, Runs, begun, packed, unpacked
from roundsman_collector.store.samples import told_in

log = structlog.get_logger(__name__)

AFTER_MS = 60 * 60 * 1000
"""So old is what is condensed: an agent that asks again does so sooner, and faults are looked at whole."""
ROUND_MS = 60 * 60 * 1000
UNITS_AT_ONCE = 50
UNITS_TOGETHER = 10
ROWS_AT_ONCE = 1_500
BYTES_AT_ONCE = 1_500_000
"""How many units, rows and bytes of bodies a step takes up at most; two rows at least. Units are due ten together, so
that a commit serves several."""
LINKS_AT_ONCE = 10_000
RECORDS_KEPT = 2_000
WORDS_KEPT = 500
"""A row has at most about so many records, and records word for word or runs: it is read as a whole."""
PLAIN = {"n", "kind", "boot", "mono", "t", "ntp", "device", "valid_s", "readings", "failed"}
_NUMBER = ...
_NUMBERS = frozenset({int, float})
_LOOKS_KEPT = 5_000


class Look(NamedTuple):
    """What of readings with some names matters to some rules, where none of them holds for a device that is well.

    bands     the limits at which a suspected fault is over, where they are not those at which it begins: (reading,
              whether above it is bad, limit). Other limits say the same of all that is well, words speak for themselves
    judges    what is not so simple: rules that look at a second reading too
    uptimes   the readings that tell for how long a device has been up
    """

    policy: Policy
    bands: tuple[tuple[str, bool, float], ...]
    judges: tuple[tuple[str, Rule, str], ...]
    uptimes: tuple[str, ...]
    is_uptime_judged: bool


class Seen(NamedTuple):
    """What is the same in all samples of a run; `exact`: what each says of its uptime is kept."""

    key: Hashable
    exact: bool


class Eyes:
    """What rules see of samples."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self._looks: dict[tuple[int, tuple[str, ...]], Look] = {}

    def sees(self, sample: Mapping[str, Any], is_local: bool, exact: bool | None = None) -> Seen | None:
        """What a sample shares with others of its run; None for one that is kept word for word."""
        if sample.get("failed") or not sample.get("ntp", True) or not PLAIN.issuperset(sample):
            return None
        readings: Mapping[str, Any] = sample["readings"]
        policy = self.book.at(sample["device"], sample["t"])
        if not has_answer(sample) or not policy.finds_well(readings):
            return None
        look = self._look(policy, tuple(readings))
        if exact is None:
            exact = bool(look.uptimes) and (look.is_uptime_judged or not is_local)
        words = [_NUMBER if type(value) in _NUMBERS else value for value in readings.values()]
        bands = [
            (value > clear if is_above else value < clear) if type(value := readings[name]) in _NUMBERS else None
            for name, is_above, clear in look.bands
        ]
        verdicts = [judged(rule, name, component, readings, True) for name, rule, component in look.judges]
        named = sample["device"], sample["boot"], sample["valid_s"], tuple(sample), tuple(readings)
        return Seen((*named, id(policy), exact, *words, *bands, *verdicts), exact)

    def _look(self, policy: Policy, names: tuple[str, ...]) -> Look:
        known = self._looks.get((id(policy), names))
        if known is None:
            if len(self._looks) >= _LOOKS_KEPT:
                self._looks.clear()
            # It holds the policy, so that its id is nobody else's.
            known = self._looks[id(policy), names] = _looked(policy, names)
        return known


def _looked(policy: Policy, names: Sequence[str]) -> Look:
    bands: list[tuple[str, bool, float]] = []
    judges: list[tuple[str, Rule, str]] = []
    for name in names:
        for rule, component in policy.judges(name):
            match rule.when:
                case Above(per=per, limit=limit, clear=clear) | Below(per=per, limit=limit, clear=clear):
                    if per or rule.only_while is not None:
                        judges.append((name, rule, component))
                    elif clear != limit:
                        bands.append((name, isinstance(rule.when, Above), clear))
                case _:
                    pass
    uptimes = tuple(name for name in names if name.endswith(UPTIME))
    return Look(policy, tuple(bands), tuple(judges), uptimes, any(policy.judges(name) for name in uptimes))


class Folding:
    """One row of kind `runs` in the making: records of one stream, of reports that name one birth."""

    def __init__(self, birth: str, locals_: frozenset[str], eyes: Eyes) -> None:
        self.birth = birth
        self.rows: list[EvidenceRow] = []
        self.has_own_row = False
        self._locals = locals_
        self._eyes = eyes
        self._records: list[dict[str, Any]] = []
        self._runs: list[Run] = []
        self._of: dict[Hashable, Run] = {}
        self._count = 0
        self._first_n = self._last_n = 0

    @property
    def is_full(self) -> bool:
        """Whether no more rows should be taken up."""
        return self._count >= RECORDS_KEPT or len(self._records) + len(self._runs) >= WORDS_KEPT

    def unfold(self, row: EvidenceRow, kept: Runs) -> None:
        """Begin with what is condensed already."""
        for record in kept.records:
            self._add(record)
        for run in kept.runs:
            self._noted(run.n)
            self._runs.append(run)
            exact = any(said is not None for said in run.uptimes.values())
            seen = self._eyes.sees(run.first, run.first["device"] in self._locals, exact)
            if seen is not None:
                self._of[seen.key] = run
        self.rows.append(row)
        self.has_own_row = has_own_row(kept.records)

    def fold(self, row: EvidenceRow, records: Iterable[dict[str, Any]]) -> None:
        """Take up a report."""
        for record in records:
            self._add(record)
        self.rows.append(row)

    def _add(self, record: dict[str, Any]) -> None:
        self._noted([record["n"]])
        is_sample = record["kind"] == "sample"
        seen = self._eyes.sees(record, record["device"] in self._locals) if is_sample else None
        if seen is None:
            self._records.append(record)
            return
        run = self._of.get(seen.key)
        if run is not None:
            run.add(record)
        else:
            self._of[seen.key] = begun(record, seen.exact)
            self._runs.append(self._of[seen.key])

    def _noted(self, numbers: Sequence[int]) -> None:
        lowest, highest = min(numbers), max(numbers)
        self._first_n = min(self._first_n, lowest) if self._count else lowest
        self._last_n = max(self._last_n, highest)
        self._count += len(numbers)

    def merge(self) -> Merge | None:
        """What the rows become; None where that is what they are."""
        if len(self.rows) == 1 and self.rows[0].kind == RUNS:
            return None
        into = self.rows[-1]._replace(
            prev_seq=self.rows[0].prev_seq,
            kind=RUNS,
            first_n=self._first_n,
            last_n=self._last_n,
            taken=None,
            body=packed(self.birth, self._records, self._runs),
        )
        return Merge(tuple(self.rows), into)


def has_own_row(records: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a report is not to be joined with others: of a clock that nobody set, or with the result of an errand."""
    return any(record["kind"] == "result" or not record.get("ntp", True) for record in records)


def folded(rows: Iterable[EvidenceRow], eyes: Eyes, locals_of: Callable[[str], frozenset[str]]) -> Iterator[Merge]:
    """What rows of one table and stream, which follow one another in a chain, oldest first, become. Pure.

    `locals_of`: which devices are the agent's own machine, by the birth that a report names.
    """
    folding: Folding | None = None
    for row in rows:
        if row.kind == RUNS:
            yield from _merge_of(folding)
            kept = unpacked(row.body)
            folding = Folding(kept.birth, locals_of(kept.birth), eyes)
            folding.unfold(row, kept)
            continue
        birth, records = told_in(row)
        is_own = has_own_row(records)
        if folding is None or folding.birth != birth or folding.is_full or folding.has_own_row or is_own:
            yield from _merge_of(folding)
            folding = Folding(birth, locals_of(birth), eyes)
            folding.has_own_row = is_own
        folding.fold(row, records)
    yield from _merge_of(folding)


def _merge_of(folding: Folding | None) -> Iterator[Merge]:
    merge = None if folding is None else folding.merge()
    if merge is not None:
        yield merge


class Condensing:
    """See the module. One for the life of a collector; where it was does not matter after a restart."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._eyes = Eyes(engine.book)
        self._numbers: list[int] = []
        self._due = 0.0
        self._looked_ms: int | None = None
        self._failed: set[int] = set()
        """Units whose evidence could not be condensed, and that this was told of."""

    def step(self, now_ms: int) -> int:
        """Condense what is due; return how many rows there are fewer."""
        self._reckon(now_ms)
        if self._eyes.book is not self.engine.book:
            self._eyes = Eyes(self.engine.book)
        merges: list[Merge] = []
        if self._due < min(UNITS_TOGETHER, len(self.engine.units)):
            return 0
        rows, size, units = ROWS_AT_ONCE, BYTES_AT_ONCE, UNITS_AT_ONCE
        while self._due >= 1 and rows > 0 and size > 0 and units > 0:
            unit = self._next()
            if unit is None:
                break
            found, is_done = self._condensed(unit, now_ms, rows, size)
            merges += found
            rows -= sum(len(one.rows) for one in found)
            size -= sum(len(row.body) for one in found for row in one.rows)
            units -= 1
            if not is_done:  # its rows are read again only when these have become one
                self._numbers.append(unit.no)
                break
            self._due -= 1
        if merges:
            self.engine.store.merge(merges)
        return sum(len(one.rows) - 1 for one in merges)

    def _reckon(self, now_ms: int) -> None:
        """How many units are due by now, so that all are looked at once in a round."""
        count = len(self.engine.units)
        gone_ms = 0 if self._looked_ms is None else max(0, now_ms - self._looked_ms)
        self._looked_ms = now_ms
        self._due = min(float(count), self._due + count * gone_ms / ROUND_MS)

    def _next(self) -> Unit | None:
        if not self._numbers:
            self._numbers = list(self.engine.units)[::-1]
        return self.engine.units.get(self._numbers.pop()) if self._numbers else None

    def _condensed(self, unit: Unit, now_ms: int, rows: int, size: int) -> tuple[list[Merge], bool]:
        """What becomes of a unit's rows, the oldest of them, and whether that is all; a failure is told once."""
        try:
            found, is_done = self._folded(unit, now_ms, rows, size)
        except StoreError as error:
            if error.again:
                raise
            problem: Exception = error
        except Exception as error:  # what one agent sent must not stop the others
            problem = error
        else:
            self._failed.discard(unit.no)
            return found, is_done
        if unit.no not in self._failed:
            self._failed.add(unit.no)
            log.error(
                "evidence cannot be condensed; it stays whole", agent=unit.agent, cause=str(problem), exc_info=problem
            )
        return [], True

    def _folded(self, unit: Unit, now_ms: int, rows: int, size: int) -> tuple[list[Merge], bool]:
        if unit.dirty_from_ms is not None or unit.head_seq is None:
            return [], True
        links = self.engine.store.links_of(unit.no, unit.head_seq, LINKS_AT_ONCE)
        unswept = self.engine.unswept.get(unit.no, unit.head_seq + 1)
        begin = min(unswept, self.engine.days.from_seq)  # what a start would read again stays as it came
        old = [one for one in reversed(links) if one.seq < begin and one.received_ms <= now_ms - AFTER_MS]
        specs = unit.memory.specs

        def locals_of(birth: str) -> frozenset[str]:
            spec = specs.get(birth)
            return frozenset() if spec is None else frozenset(name for name, is_local, _ in spec.devices if is_local)

        merges: list[Merge] = []
        for group in _groups(old):
            taken, is_all = _within(group, rows, size)
            merges += folded(self.engine.store.evidence_at([one.seq for one in taken]), self._eyes, locals_of)
            rows -= len(taken)
            size -= sum(one.size for one in taken)
            if not is_all or rows <= 0 or size <= 0:
                return merges, False
        return merges, True


def _groups(links: Iterable[Link]) -> Iterator[list[Link]]:
    """Links of one table and stream that follow one another, with something new in it, oldest first."""

    def key(link: Link) -> tuple[bool, str, str]:
        return link.kind in RECORDS, link.table, link.stream

    for (holds_records, _, _), group in groupby(links, key=key):
        found = list(group)
        if holds_records and any(one.kind != RUNS for one in found):
            yield found


def _within(links: Sequence[Link], rows: int, size: int) -> tuple[list[Link], bool]:
    """As many of the links as the limits allow, but two at least, and whether these are all."""
    taken: list[Link] = []
    for one in links:
        if len(taken) >= 2 and (rows <= 0 or size < one.size):
            return taken, False
        taken.append(one)
        rows, size = rows - 1, size - one.size
    return taken, True
