"""The cast as the store sees it, and short ways to write what it stores."""

from pathlib import Path

from sqlalchemy import Connection, inspect

from roundsman_collector.core.model import Condition, Ref, Retold, Segment
from roundsman_collector.store import DeviceEntry, EvidenceRow, Store, TicketOpen
from roundsman_wire.codec import encode

DAY = 86_400_000
TODAY = 20_000 * DAY  # 2024-10-04, a Friday

KIOSK = DeviceEntry(id="kiosk-7", kind="kiosk", name_zh="自助终端 7", name_en="Kiosk 7")
NVR = DeviceEntry(id="nvr-2", kind="nvr", name_zh="录像机 2", name_en="Recorder 2", model="DS-7616")
UPS = DeviceEntry(id="ups-2", kind="ups", name_zh="不间断电源 2", name_en="UPS 2")
BUS = DeviceEntry(id="bus-31", kind="vehicle", name_zh="31 路车载机", name_en="Bus 31")


def staffed(where: str | Path) -> Store:
    """A store with the cast in its register: agent 1 kiosk-7, agent 2 gateway-2 (nvr-2 and ups-2), agent 3 bus-31."""
    store = Store.open(where)
    store.add_agent("kiosk-7", "south", [KIOSK], TODAY)
    store.add_agent("gateway-2", "south", [NVR, UPS], TODAY)
    store.add_agent("bus-31", "south", [BUS], TODAY)
    return store


def tables(connection: Connection) -> list[str]:
    """The names of all tables."""
    return sorted(inspect(connection).get_table_names())


def evidence(seq: int, agent_no: int, prev_seq: int | None, at_ms: int = TODAY, body: bytes = b"{}") -> EvidenceRow:
    return EvidenceRow(seq, agent_no, prev_seq, "report", "s1", seq, seq, at_ms, None, body)


def report(device: str, *samples: tuple[int, int]) -> bytes:
    """The body of a report with samples (n, t) of a device."""
    records = [
        {
            "n": n,
            "kind": "sample",
            "boot": "b",
            "mono": t,
            "t": t,
            "device": device,
            "valid_s": 60,
            "readings": {"cpu.load": n},
        }
        for n, t in samples
    ]
    sent = {"boot": "b", "mono": 0, "wall": 0}
    return encode({"v": 1, "stream": "s1", "birth": "000000", "sent": sent, "records": records})


def told(device: str, from_ms: int, *segments: tuple[int, int | None, str]) -> Retold:
    return Retold(device, from_ms, tuple(Segment(begin, end, state, "", "") for begin, end, state in segments))


def condition(subject: str, from_ms: int, to_ms: int | None = None, code: str = "printer.paper_out") -> Condition:
    ref = Ref("s1", from_ms, from_ms)
    return Condition(subject, "printer", code, from_ms, to_ms, ref, ref)


def ticket(subject: str = "kiosk-7", fault_from_ms: int = TODAY, handle: int = 0) -> TicketOpen:
    return TicketOpen(
        subject=subject,
        agent_no=1,
        component="printer",
        code="printer.paper_out",
        severity="minor",
        service_class="consumables",
        fault_from_ms=fault_from_ms,
        opened_ms=fault_from_ms + 5,
        year=2026,
        text="没纸了",
        data={"first": ["s1", 1, fault_from_ms]},
        ticket=handle,
    )
