"""The strips in the terminal: what the ledger says, in characters that read without colour."""

from rich.console import Console

from roundsman_collector.demo.checks import Told
from roundsman_collector.demo.screen import STRIP_MS, Picture, Screen, strip_line

NOW = 1_795_000_000_000
BEGIN = NOW - STRIP_MS


def interval(state: str, from_ms: int, to_ms: int | None) -> Told:
    return {"state": state, "from_ms": from_ms, "to_ms": to_ms}


def ledger(covered_to_ms: int) -> Told:
    third = STRIP_MS // 3
    return {
        "covered_to_ms": covered_to_ms,
        "intervals": [
            interval("up", BEGIN, BEGIN + third),
            interval("down", BEGIN + third, BEGIN + 2 * third),
            interval("up", BEGIN + 2 * third, None),
        ],
    }


def test_a_strip_is_the_last_minutes_of_the_ledger() -> None:
    assert strip_line(ledger(NOW + 5000), NOW, 30).plain == "█" * 10 + "▄" * 10 + "█" * 10


def test_what_evidence_does_not_cover_is_shown_unknown_though_the_interval_is_open() -> None:
    assert strip_line(ledger(NOW - STRIP_MS // 6), NOW, 30).plain == "█" * 10 + "▄" * 10 + "█" * 5 + "▒" * 5


def test_a_device_without_a_ledger_is_unknown() -> None:
    assert strip_line(None, NOW, 4).plain == "▒▒▒▒"


def test_a_picture_has_word_icon_strip_and_open_tickets() -> None:
    devices = [{"id": "kiosk-7", "state": "fault", "why": "printer.paper_end"}]
    tickets = [
        {
            "number": "2026-000007",
            "subject": "kiosk-7",
            "name_zh": "打印机缺纸",
            "name_en": "printer is out of paper",
            "fault_from_ms": NOW,
        }
    ]
    picture = Picture(now_ms=NOW, devices=devices, ledgers={"kiosk-7": ledger(NOW)}, tickets=tickets)
    console = Console(width=100, color_system=None, record=True)

    console.print(Screen("zh", is_live=False).drawn(picture, 100))

    shown = console.export_text()
    assert "✖ 故障" in shown
    assert "printer.paper_end" in shown
    assert "█▄" in shown
    assert "2026-000007  kiosk-7  打印机缺纸" in shown
