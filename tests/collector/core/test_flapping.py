"""What comes and goes: recognised by how long it does, not by how often it is reported; and restarts that roll."""

import pytest

from tests.collector.core.tale import comes_true


def reported(every_s: int, minutes_open: list[tuple[int, int]], to_minute: int) -> str:
    """The cover's series, sampled so often, of a cover that is open in these minutes."""
    samples = range(0, to_minute * 60, every_s)
    return " ".join("open" if any(a * 60 <= at < b * 60 for a, b in minutes_open) else "closed" for at in samples)


EVERY_OTHER_MINUTE = [(minute, minute + 1) for minute in range(10, 30, 2)]


@pytest.mark.parametrize("every_s", [60, 30, 20, 10, 5])
def test_a_cover_that_opens_every_other_minute_is_one_fault_however_often_it_is_reported(every_s: int) -> None:
    comes_true(
        f"""
        - name: opens and closes for twenty minutes, reported every {every_s} s
          signals:
            kiosk-7: {{printer.cover: "{reported(every_s, EVERY_OTHER_MINUTE, 60)}"}}
          expect:
            - at: 29m
              device: kiosk-7
              tickets: [{{code: printer.cover_open, status: open}}]
              conditions: [{{code: printer.cover_open, to: null, flapping: true}}]
            - at: 59m
              device: kiosk-7
              tickets: [{{code: printer.cover_open, status: resolved}}]
              conditions: [{{code: printer.cover_open, to: 29m}}]
        """,
        f"every: {every_s}s\n",
    )


@pytest.mark.parametrize("every_s", [60, 10, 1])
def test_a_cover_that_opens_now_and_then_is_no_flapping_fault_however_often_it_is_reported(every_s: int) -> None:
    every_ten_minutes = [(minute, minute + 3) for minute in range(10, 60, 10)]

    comes_true(
        f"""
        - name: five customers change the paper, reported every {every_s} s
          signals:
            kiosk-7: {{printer.cover: "{reported(every_s, every_ten_minutes, 60)}"}}
          expect:
            - at: 59m
              device: kiosk-7
              conditions:
                - {{code: printer.cover_open, from: 10m, to: 13m, flapping: false}}
                - {{code: printer.cover_open, from: 20m, to: 23m, flapping: false}}
                - {{code: printer.cover_open, from: 30m, to: 33m, flapping: false}}
                - {{code: printer.cover_open, from: 40m, to: 43m, flapping: false}}
                - {{code: printer.cover_open, from: 50m, to: 53m, flapping: false}}
        """,
        f"every: {every_s}s\n",
    )


def test_reports_that_only_repeat_a_state_are_no_restlessness() -> None:
    comes_true(
        """
        - name: a thousand samples of an open cover are one fault
          signals:
            kiosk-7: {printer.cover: closedx100 openx1000 closedx200}
          expect:
            - at: 20m
              device: kiosk-7
              conditions: [{code: printer.cover_open, from: 1m40s, to: 18m20s, flapping: false}]
        """,
        "every: 1s\n",
    )


def test_what_flapped_while_the_line_was_down_is_one_fault_when_its_samples_come() -> None:
    comes_true(
        f"""
        - name: late news flap like early ones
          signals:
            kiosk-7: {{printer.cover: "{reported(60, EVERY_OTHER_MINUTE, 60)}"}}
          trouble:
            - {{line: kiosk-7, from: 5m, to: 50m}}
          expect:
            - at: 59m
              device: kiosk-7
              tickets: []
              conditions: [{{code: printer.cover_open, to: 29m}}]
        """
    )


def reboots(*minutes: int) -> str:
    return "\n".join(f"            - {{reboot: kiosk-7, at: {minute}m}}" for minute in minutes)


def test_three_starts_within_an_hour_are_a_storm_wherever_the_hour_begins() -> None:
    comes_true(
        f"""
        - name: 50, 80 and 105 minutes
          signals:
            kiosk-7: {{host.cpu_percent: 5x240}}
          trouble:
{reboots(50, 80, 105)}
          expect:
            - {{at: 100m, device: kiosk-7, conditions: []}}
            - {{at: 106m, device: kiosk-7, conditions: [{{code: host.reboot_storm, from: 105m, to: null}}]}}
            - {{at: 230m, device: kiosk-7, conditions: [{{code: host.reboot_storm, from: 105m, to: 110m}}]}}
        """
    )


def test_starts_that_never_are_three_within_an_hour_are_no_storm() -> None:
    comes_true(
        f"""
        - name: one every forty minutes
          signals:
            kiosk-7: {{host.cpu_percent: 5x300}}
          trouble:
{reboots(40, 80, 120, 160, 200)}
          expect:
            - {{at: 290m, device: kiosk-7, conditions: [], tickets: []}}
        """
    )
