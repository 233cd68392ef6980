"""A storm of faults that somebody is killed in, told by a seed: real processes, `kill -9`, and the account at its end.

    template(folder)                                       a register with all of them, to be copied for each storm
    tell(seed, folder, template, deaths=10) -> Storm       its diary, and the flaws of its account: none

Six gateways poll twenty-four devices each. In the first minutes a third of everything behind three gateways falls
silent with its switch, a third runs out of paper, and nearly all of it is well again later, some of it only for a
while. Minutes of the storm are told, a tick each; what wall clocks say plays no part.

A collector (engine and store; no broker: every report is handed over until its acknowledgement was owed) is a child
process. It dies at a named point of a commit, or whenever its parent says so, and the next one takes up where the
files are. Meanwhile the parent is everybody at the console: it looks at tickets, asks for steps by commands with keys,
and asks now and then for the same again.

What is accounted for at the end, from the database alone:

    numbers        a series without a gap, none twice
    tickets        each of a fault that was recorded, at most one live for a fault; every fault that holds has one
    log            the row is what the log says; every promise, warning and breach once
    notices        each opening, dispatch and breach has its notice
    commands       each answered; a step that was done is in a log once, one that was refused nowhere
"""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from roundsman_collector import fault
from roundsman_collector.config import Config, service_levels
from roundsman_collector.core.lifecycle import BY_PERSON, LIVE, OVER, standing_of
from roundsman_collector.core.policy import Builtin, Is, Policy
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.engine import rules, timely
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.rebuilds import Rebuilds
from roundsman_collector.store import Deed, Office
from roundsman_collector.store.behind import Wanted
from roundsman_collector.store.door import Store
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.reads import View
from roundsman_collector.store.register import DeviceEntry
from roundsman_collector.store.tickets import TicketRow
from roundsman_collector.store.ways import EVENTS, Filter
from tests.collector.core.desk import START, at, rule
from tests.collector.engine.desk import GROUP, Agent

GATEWAYS, CHILDREN = 6, 24
TICKS = 32
"""Minutes of a storm."""
POINTS = ("store.before_commit", "store.in_commit", "store.after_commit")
EXPLAINED = ("power", "uplink")
POLICY = Policy(
    rules=(
        replace(rule("agent.silent", Builtin(what="silent"), effect=""), explains="uplink", explained_by=EXPLAINED),
        replace(
            rule("host.unreachable", Builtin(what="unanswered"), for_s=60), explains="uplink", explained_by=EXPLAINED
        ),
        rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), for_s=60, clear_for_s=60),
    )
)
ASKED_A_TICK = 6
"""So much people ask for in a minute of the storm."""
MOMENT_S = 0.005
DEED = Deed(who="wang", at_ms=at(-100))
PATIENCE_S = 60.0
"""No life of a collector takes longer."""
STEPS = {
    "open": (("acknowledge", {}), ("plan", {"mode": "visit"}), ("dispatch", {"engineer": "li"}), ("note", {})),
    "acknowledged": (("plan", {"mode": "visit"}), ("dispatch", {"engineer": "sun"}), ("resolve", {"how": "phone"})),
    "planned": (("dispatch", {"engineer": "li"}), ("transfer", {}), ("wait", {"reason": "customer_absent"})),
    "dispatched": (("depart", {}), ("arrive", {}), ("dispatch", {"engineer": "sun"})),
    "departed": (("arrive", {}), ("note", {})),
    "on_site": (("fix", {"work": "mended", "cause": "product"}), ("leave", {"reason": "parts", "analysis": "none"})),
    "fixed": (("verify", {}), ("note", {})),
    "verified": (("report", {"forms": ["work_order"]}), ("follow_up", {"reached": True})),
    "resolved": (("follow_up", {"reached": True}), ("reopen", {}), ("close", {})),
}
"""What people do with a ticket in a state; some of it is not allowed."""


class Wish(NamedTuple):
    """What somebody asks for, under a key of theirs."""

    who: str
    verb: str
    args: dict[str, object]
    key: str


@dataclass
class Storm:
    """What happened, and what is wrong with the account."""

    seed: int
    deaths: int = 0
    tickets: int = 0
    diary: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    """Key -> command."""
    asking: Wish | None = None
    """What somebody asks for until it is taken down."""

    def __str__(self) -> str:
        again = f"again: python -m tests.soak --storms 1 --seed {self.seed}"
        return "\n".join([*self.flaws, f"seed {self.seed}: " + "; ".join(self.diary), again])


def tell(seed: int, folder: Path, template: Path, deaths: int = 10) -> Storm:
    """Live through the storm of a seed in an empty folder."""
    storm = Storm(seed)
    shutil.copytree(template, folder, dirs_exist_ok=True)
    chance = random.Random(seed)
    for number in range(deaths):
        if _tick_of(folder) >= TICKS:
            break
        storm.deaths += _life(storm, folder, chance, _doom(chance, number, deaths))
    for _ in range(3):
        if _tick_of(folder) < TICKS or storm.deaths == 0:
            _life(storm, folder, chance, None)
    _life(storm, folder, chance, None, people=False)
    storm.flaws += account(storm, folder)
    return storm


# --- who there is ----------------------------------------------------------------------------------------------------


def _names(gateway: int) -> list[str]:
    return [f"gw-{gateway}", f"sw-{gateway}", *(f"dev-{gateway}-{child}" for child in range(CHILDREN))]


def _database(folder: Path) -> Path:
    return folder / "roundsman.sqlite3"


def template(folder: Path) -> Path:
    """The register, a contract with the kiosk level for all, and somebody who wants to be told everything."""
    with Store.open(_database(folder)) as store:
        rules.promise(store, service_levels(Config()), at(-200))
        links = []
        for gateway in range(GATEWAYS):
            names = _names(gateway)
            entries = [DeviceEntry(id=one, kind="kiosk", name_zh=one, name_en=one) for one in names]
            store.add_agent(f"gw-{gateway}", GROUP, entries, START - 1)
            links += [Wanted(one, "uplink", f"sw-{gateway}", DEED.at_ms) for one in names[2:] if gateway % 2]
        with Office.open(_database(folder)) as office:
            both = {"name_zh": "银行", "name_en": "Bank"}
            office.put_entry("customer", "bank", both, deed=DEED)
            contract = {"customer": "bank", "name": "2026", "service_level": "kiosk"}
            office.put_entry("contract", "c-1", contract, deed=DEED)
            site = {"customer": "bank", "group_id": GROUP, "contract": "c-1", "zone": "urban", **both}
            office.put_entry("site", "branch", site, deed=DEED)
            for name in (one for gateway in range(GATEWAYS) for one in _names(gateway)):
                office.put_entry("place", f"at-{name}", {"site": "branch", **both}, deed=DEED)
                office.put_entry("installation", name, {"place": f"at-{name}"}, deed=DEED)
            office.add_way(
                kind="webhook", name="desk", target="http://127.0.0.1:9/told", filter_=Filter(events=EVENTS), deed=DEED
            )
        store.put_behind(links, DEED)
    _note_tick(folder, 0)
    return folder


def _note_tick(folder: Path, tick: int) -> None:
    """How far the storm has come: a whole file or none, as a spool would keep it."""
    (folder / "tick.new").write_text(str(tick))
    (folder / "tick.new").replace(folder / "tick")


def _tick_of(folder: Path) -> int:
    return int((folder / "tick").read_text())


# --- the collector ---------------------------------------------------------------------------------------------------


def _reports(seed: int, gateway: int, agent: Agent, tick: int) -> list[dict[str, object]]:
    """The samples of a gateway's devices at a tick: a function of the seed, so that who comes again says the same."""
    chance = random.Random(f"{seed}/{gateway}")
    gone_from, gone_to = chance.randint(3, 5), chance.randint(14, 26)
    is_switch_gone = gateway % 2 == 1 and gone_from <= tick < gone_to
    samples = []
    for place, name in enumerate(_names(gateway)):
        chance = random.Random(f"{seed}/{name}")
        out_from, out_to = chance.randint(3, 6), chance.randint(9, 22)
        again_from, again_to = out_to + chance.randint(3, 8), out_to + chance.randint(9, 30)
        is_out = place % 3 == 2 and (out_from <= tick < out_to or (place % 2 and again_from <= tick < again_to))
        if is_switch_gone and place >= 1:
            fields = {"failed": {"snmp": ["timeout", "no answer in 3 s"]}, "readings": {}}
        else:
            fields = {"readings": {"printer.paper": "end" if is_out else "ok"}}
        samples.append(agent.record(tick, "sample", device=name, valid_s=90, **fields))
    return samples


def _collect(seed: int, folder: Path) -> None:
    """A collector's life: from where the files are to the end of the storm."""
    store = Store.open(_database(folder))
    engine = Engine(store, book_of(POLICY))
    tick = _tick_of(folder)
    engine.load(at(tick))
    agents = [
        Agent(f"gw-{gateway}", [(one, place == 0) for place, one in enumerate(_names(gateway))])
        for gateway in range(GATEWAYS)
    ]
    for agent in agents:
        agent.n = tick * (CHILDREN + 2)
    engine.take([agent.birth(tick) for agent in agents], (), at(tick))
    for minute in range(tick, TICKS):
        _note_tick(folder, minute)
        for gateway, agent in enumerate(agents):
            agent.n = minute * (CHILDREN + 2)
            engine.take([agent.report(minute, *_reports(seed, gateway, agent, minute))], (), at(minute))
            if gateway % 2:
                _look(engine, at(minute) + gateway * 10_000)
    _note_tick(folder, TICKS)
    for later in range(6):
        _look(engine, at(TICKS) + later * 10_000)
    store.close()


def _look(engine: Engine, now_ms: int) -> None:
    """What time brings, as the clockwork does it."""
    timely.obey(engine, engine.store.new_commands(100), now_ms)
    timely.wake(engine, now_ms)
    engine.desk.step(now_ms)
    engine.promises.step(now_ms)
    Rebuilds(engine, pause_ms=0, at_latest_ms=0).step(now_ms)
    timely.sweep(engine, 10, now_ms)


def _doom(chance: random.Random, number: int, deaths: int) -> str | float:
    """How a collector dies: at a point of a commit to come, or so many seconds after its start."""
    if chance.random() < 0.7:
        return f"{chance.choice(POINTS)}:{chance.randint(1, 60 if number < deaths // 2 else 300)}"
    return chance.uniform(0.05, 0.5)


def _life(storm: Storm, folder: Path, chance: random.Random, doom: str | float | None, people: bool = True) -> int:
    """Let a collector live; people act meanwhile. Returns whether it was killed."""
    child = os.fork()
    if child == 0:
        _be_the_collector(storm.seed, folder, doom if isinstance(doom, str) else None)
    begun = time.monotonic()
    status: int | None = None
    while status is None:
        if people:
            with contextlib.suppress(StoreError):  # a console says so, too, and its user asks again
                _act(storm, folder, chance)
            time.sleep(MOMENT_S)
        ended, code = os.waitpid(child, os.WNOHANG if people else 0)
        status = code if ended else None
        lived = time.monotonic() - begun
        if status is None and (lived > PATIENCE_S or (isinstance(doom, float) and lived > doom)):
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
    storm.diary.append(f"{doom} at minute {_tick_of(folder)}")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and doom is not None:
        return 1
    if status != 0:
        storm.flaws.append(f"the collector ended with {status}: {(folder / 'collector.err').read_text()[-3000:]}")
    return 0


def _be_the_collector(seed: int, folder: Path, doom: str | None) -> None:
    """The child: never returns."""
    code = 1
    try:
        with (folder / "collector.err").open("w") as told:
            os.dup2(told.fileno(), 1)
            os.dup2(told.fileno(), 2)
            if doom is not None:
                fault._hit = fault._armed(doom)
            try:
                _collect(seed, folder)
                code = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


# --- people ----------------------------------------------------------------------------------------------------------


def _act(storm: Storm, folder: Path, chance: random.Random) -> None:
    """Somebody looks at the tickets and takes a step with one; now and then the same request comes twice."""
    tick = _tick_of(folder)
    if len(storm.asked) >= ASKED_A_TICK * (tick + 1):
        return
    with View.open(_database(folder)) as view:
        if storm.asking is None:
            storm.asking = _wish(storm, view, chance)
        wish = storm.asking
        for _ in range(chance.choice((1, 1, 1, 2))):
            storm.asked[wish.key] = view.ask(
                who=wish.who, verb=wish.verb, args=wish.args, now_ms=at(tick), key=wish.key
            )
        storm.asking = None


def _wish(storm: Storm, view: View, chance: random.Random) -> Wish:
    """What somebody asks for next."""
    key = f"key-{storm.seed}-{len(storm.asked)}"
    found = [one for one in view.tickets() if one.state in STEPS]
    if not found or chance.random() < 0.1:
        device = f"dev-{chance.randrange(GATEWAYS)}-{chance.randrange(CHILDREN)}"
        args = {"subject": device, "code": chance.choice(["", "printer.paper_end"]), "text": key}
        return Wish("wang", "open", args, key)
    one = chance.choice(found)
    verb, data = chance.choice(STEPS[one.state])
    return Wish("li", verb, {"ticket": one.id, "text": key, "data": dict(data)}, key)


# --- the account -----------------------------------------------------------------------------------------------------


def account(storm: Storm, folder: Path) -> list[str]:
    """What is wrong."""
    with Store.open(_database(folder)) as store, View.open(_database(folder)) as view:
        rows = sorted(view.tickets(limit=100_000), key=lambda one: one.id)
        storm.tickets = len(rows)
        with sqlite3.connect(f"file:{_database(folder)}?mode=ro", uri=True) as line:
            return [
                *_wrong_numbers(rows),
                *_wrong_tickets(store, rows, line),
                *_wrong_logs(store, rows),
                *_wrong_notices(rows, line),
                *_wrong_commands(storm, line),
            ]


def _wrong_numbers(rows: list[TicketRow]) -> Iterator[str]:
    wanted = [f"2026-{number:06d}" for number in range(1, len(rows) + 1)]
    if [one.number for one in rows] != wanted:
        yield f"numbers have a gap or come twice: {sorted(set(wanted) ^ {one.number for one in rows})[:5]}"


def _wrong_tickets(store: Store, rows: list[TicketRow], line: sqlite3.Connection) -> Iterator[str]:
    faults = set(line.execute("SELECT subject, component, code FROM condition"))
    for one in rows:
        if one.watched and (one.subject, one.component, one.code) not in faults:
            yield f"{one.number} is of a fault that never was: {one.subject} {one.code}"
    live = Counter(
        (one.subject, one.component, one.code)
        for one in rows
        if one.watched and one.state in LIVE and not _is_only_to_be_closed(store, one)
    )
    yield from (f"{count} live tickets of {key}" for key, count in live.items() if count > 1)
    yield from (f"no ticket of {one.subject} {one.component} {one.code}" for one in store.unticketed())


def _is_only_to_be_closed(store: Store, row: TicketRow) -> bool:
    """Whether a fault went away by itself and its customer was called: whoever reports it anew gets a number."""
    found = store.ticket_with_log(row.id)
    assert found is not None
    return row.state == "followed_up" and standing_of(found[1]).visits == 0


def _wrong_logs(store: Store, rows: list[TicketRow]) -> Iterator[str]:
    for row in rows:
        found = store.ticket_with_log(row.id)
        assert found is not None
        standing = standing_of(found[1])
        said = (standing.state, standing.engineer or None, standing.waiting, standing.acknowledged_ms)
        if said != (row.state, row.engineer, row.waiting, row.acknowledged_ms):
            yield f"{row.number}: the log says {said}, the row {row}"
        if row.outcome != BY_PERSON and standing.fault_is_over != (row.resolved_ms is not None):
            yield f"{row.number}: the log says over: {standing.fault_is_over}, the row {row.resolved_ms}"
        said_once = Counter(
            (one.verb, one.data.get("clock"), one.data.get("percent"), one.data.get("start_ms"))
            for one in found[1]
            if one.verb in ("open", "promise", "warn", "breach")
        )
        if row.state not in OVER and ("promise", None, None, None) not in said_once:
            yield f"{row.number} was promised nothing"
        yield from (f"{row.number}: {key} {count} times" for key, count in said_once.items() if count > 1)


def _wrong_notices(rows: list[TicketRow], line: sqlite3.Connection) -> Iterator[str]:
    keys = Counter(key for (key,) in line.execute("SELECT key FROM notice"))
    yield from (f"notice {key} {count} times" for key, count in keys.items() if count > 1)
    over = (
        "SELECT ticket_id FROM ticket_event JOIN ticket ON ticket.id = ticket_id "
        "WHERE verb = 'recover' AND at_ms = opened_ms"
    )
    never = {ticket for (ticket,) in line.execute(over)}  # went on for another whose fault was over: no news
    wanted = (one for one in rows if one.id not in never)
    yield from (f"nobody hears of {one.number}" for one in wanted if f"opened:{one.id}" not in keys)
    events = {"dispatch": "dispatched:{}:{}", "breach": "breached:{}:{}:{}"}
    sql = (
        "SELECT ticket_id, at_ms, verb, json_extract(data, '$.clock') FROM ticket_event "
        "WHERE verb IN ('dispatch', 'breach')"
    )
    for ticket, at_ms, verb, clock in line.execute(sql):
        if events[verb].format(ticket, at_ms, clock) not in keys:
            yield f"nobody hears of {verb} {clock or ''} of ticket {ticket}"


def _wrong_commands(storm: Storm, line: sqlite3.Connection) -> Iterator[str]:
    lines = Counter(text for (text,) in line.execute("SELECT text FROM ticket_event WHERE text LIKE 'key-%'"))
    told = {
        key: (number, state)
        for number, key, state in line.execute("SELECT id, key, state FROM command WHERE key LIKE 'key-%'")
    }
    if extra := told.keys() - storm.asked.keys():
        yield f"nobody asked for these: {extra}, {storm.asking}"
    for key, number in storm.asked.items():
        known, state = told.get(key, (None, "lost"))
        if known != number or state not in ("done", "failed"):
            yield f"command {number} ({key}) is {state}"
        verb = line.execute("SELECT verb FROM command WHERE id = ?", (number,)).fetchone()[0]
        wanted = 0 if state == "failed" else 2 if verb == "transfer" else 1
        if lines[key] != wanted:
            yield f"{verb} {key} is {state} and stands in logs {lines[key]} times"
