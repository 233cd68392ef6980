"""What becomes of tickets in a rehearsal: which root's they are, who goes along, and what waits for late evidence."""

from roundsman_collector.core.rehearsal import Rehearsal
from roundsman_collector.core.rulebook import book_of
from tests.collector.core.desk import KIOSK, POLICY, Recorder, at
from tests.collector.core.tale import comes_true

# --- one after the other ---------------------------------------------------------------------------------------------


def test_tickets_are_numbered_in_the_order_in_which_they_open() -> None:
    rehearsal = Rehearsal(book_of(POLICY))
    recorder = Recorder("k7-1", KIOSK)
    for minute, (cover, paper) in enumerate((("open", "ok"), ("closed", "end"), ("closed", "end"))):
        item = recorder.sample(minute, "kiosk-7", printer__cover=cover, printer__paper=paper)
        rehearsal.take([item], agent="kiosk-7", now_ms=at(minute))

    assert [(one.id, one.code, one.status) for one in rehearsal.tickets] == [
        (1, "printer.cover_open", "resolved"),
        (2, "printer.paper_end", "open"),
    ]


def test_what_fails_again_gets_another_ticket() -> None:
    comes_true("""
    - name: somebody puts in the last roll
      signals:
        kiosk-7: {printer.paper: okx5 endx5 okx5 endx5}
      expect:
        - at: 20m
          tickets:
            - {code: printer.paper_end, status: resolved, fault_from: 5m, fault_to: 10m}
            - {code: printer.paper_end, status: open, fault_from: 15m}
    """)


def test_the_same_fault_of_another_agents_device_is_another_ticket() -> None:
    comes_true("""
    - name: two gateways go silent, one comes back
      signals:
        gw-1: {host.cpu_percent: 5x40}
        kiosk-7: {host.cpu_percent: 5x40}
      trouble:
        - {stopped: gw-1, from: 10m, to: 20m}
        - {stopped: kiosk-7, from: 12m}
      expect:
        - at: 30m
          tickets:
            - {device: '@gw-1', code: agent.silent, status: resolved, outcome: agent_stopped}
            - {device: '@kiosk-7', code: agent.silent, status: open}
    """)


# --- one cause, one ticket -------------------------------------------------------------------------------------------


def test_all_tickets_behind_a_root_are_absorbed_in_the_same_moment() -> None:
    comes_true("""
    - name: both recorders are lost, three minutes later the UPS says why
      signals:
        ups-2: {ups.output_source: normalx13 batteryx20}
        nvr-2: {host.cpu_percent: 10x10 -x22}
        nvr-3: {host.cpu_percent: 10x10 -x22}
      expect:
        - at: 13m
          tickets:
            - {device: nvr-2, code: host.unreachable, status: open}
            - {device: nvr-3, code: host.unreachable, status: open}
        - at: 14m
          tickets:
            - {device: nvr-2, code: host.unreachable, status: joined, cause: ups-2 power.mains_lost, closed: 14m}
            - {device: nvr-3, code: host.unreachable, status: joined, cause: ups-2 power.mains_lost, closed: 14m}
            - code: power.mains_lost
              status: open
              opened: 14m
              explains: [nvr-2 host.unreachable, nvr-3 host.unreachable]
    """)


def test_a_ticket_that_is_absorbed_takes_along_what_it_explained() -> None:
    comes_true("""
    - name: the switch and all behind it, three minutes later its UPS says why
      devices:
        ups-1: {kind: ups, agent: gw-1}
        switch-1: {kind: switch, agent: gw-1, behind: {power: ups-1}}
      signals:
        ups-1: {ups.output_source: normalx13 batteryx20}
        switch-1: {host.cpu_percent: 5x10 -x23}
        kiosk-7: {host.cpu_percent: 5x33}
      trouble:
        - {line: kiosk-7, from: 10m}
      expect:
        - at: 13m
          tickets:
            - {device: switch-1, code: host.unreachable, status: open, explains: ['@kiosk-7 agent.silent']}
        - at: 20m
          tickets:
            - {device: switch-1, code: host.unreachable, status: joined, cause: ups-1 power.mains_lost, explains: []}
            - code: power.mains_lost
              status: open
              explains: ['@kiosk-7 agent.silent', switch-1 host.unreachable]
    """)


def test_a_root_that_fails_again_explains_what_had_no_time_to_recover_from_the_first_time() -> None:
    comes_true("""
    - name: the mains are back for three minutes, too short for the recorder to start
      signals:
        ups-2: {ups.output_source: normalx10 batteryx8 normalx3 batteryx20}
        nvr-2: {host.cpu_percent: 10x11 -x30}
      expect:
        - at: 20m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: resolved, explains: [nvr-2 host.unreachable]}
        - at: 40m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: resolved, fault_to: 18m, explains: []}
            - code: power.mains_lost
              status: open
              fault_from: 21m
              explains: [nvr-2 host.unreachable]
    """)


def test_nobody_waits_for_a_root_whose_agent_is_silent() -> None:
    comes_true("""
    - name: who polls the switch is gone when the kiosk goes
      signals:
        gw-1: {host.cpu_percent: 5x40}
        switch-1: {host.cpu_percent: 5x40}
        kiosk-7: {host.cpu_percent: 5x40}
      trouble:
        - {line: gw-1, from: 10m}
        - {line: kiosk-7, from: 12m}
      expect:
        - at: 30m
          tickets:
            - {device: '@gw-1', code: agent.silent, status: open, opened: 12m}
            - {device: '@kiosk-7', code: agent.silent, status: open, opened: 14m}
    """)


RING = """
      devices:
        switch-1: {kind: switch, agent: gw-1, behind: {uplink: switch-2}}
        switch-2: {kind: switch, agent: gw-1, behind: {uplink: switch-1}}
"""


def test_of_two_roots_that_stand_behind_each_other_the_first_is_the_cause() -> None:
    comes_true(f"""
    - name: a ring of two switches fails, the second first
{RING}
      signals:
        switch-1: {{host.cpu_percent: 5x11 -x19}}
        switch-2: {{host.cpu_percent: 5x10 -x20}}
        router-1: {{host.cpu_percent: 5x30}}
      expect:
        - at: 25m
          tickets:
            - {{device: switch-2, code: host.unreachable, status: open, explains: [switch-1 host.unreachable]}}
    - name: both at once, the name decides
{RING}
      signals:
        switch-1: {{host.cpu_percent: 5x10 -x20}}
        switch-2: {{host.cpu_percent: 5x10 -x20}}
        router-1: {{host.cpu_percent: 5x30}}
      expect:
        - at: 25m
          tickets:
            - {{device: switch-1, code: host.unreachable, status: open, explains: [switch-2 host.unreachable]}}
    """)


def test_of_two_causes_the_one_with_a_ticket_is_told() -> None:
    comes_true("""
    - name: the mains are lost while somebody works on the switch
      devices:
        kiosk-7: {kind: kiosk, behind: {uplink: switch-1, power: ups-2}}
      signals:
        ups-2: {ups.output_source: normalx10 batteryx30}
        switch-1: {host.cpu_percent: 5x8 -x32}
        router-1: {host.cpu_percent: 5x40}
        kiosk-7: {host.cpu_percent: 5x40}
      trouble:
        - {line: kiosk-7, from: 10m}
      laid_over:
        - {maintenance: switch-1, reason: planned_work, from: 5m}
      expect:
        - at: 30m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: open, explains: ['@kiosk-7 agent.silent']}
    """)


# --- late evidence ---------------------------------------------------------------------------------------------------


def test_what_comes_late_is_worked_in_though_nothing_comes_after_it() -> None:
    comes_true("""
    - name: the last that is heard for now is what was recorded at three
      signals:
        kiosk-7: {printer.paper: okx10}
      trouble:
        - {line: kiosk-7, from: 3m, to: 4m, arrives: 11m}
      expect:
        - {at: 10m, device: kiosk-7, availability: {up: 9m30s, unknown: 30s}}
        - {at: 11m, device: kiosk-7, from: 0s, availability: {up: 10m30s, unknown: 30s}, conditions: []}
    """)


def test_a_silence_that_proves_to_be_none_waits_for_what_is_still_missing() -> None:
    comes_true("""
    - name: the line breaks twice, what was recorded during the first break comes last
      signals:
        kiosk-7: {host.cpu_percent: 5x60}
      trouble:
        - {line: kiosk-7, from: 3m, to: 4m, arrives: 40m}
        - {line: kiosk-7, from: 10m, to: 20m}
      expect:
        - at: 30m
          device: '@kiosk-7'
          conditions: []
          tickets: [{code: agent.silent, status: open, fault_from: 9m}]
        - at: 41m
          tickets: [{device: '@kiosk-7', code: agent.silent, status: resolved, outcome: communication, closed: 40m}]
    """)


def test_a_silence_is_not_explained_while_the_very_first_records_are_missing() -> None:
    comes_true("""
    - name: the first two minutes come after forty
      signals:
        kiosk-7: {host.cpu_percent: 5x60}
      trouble:
        - {line: kiosk-7, from: 0s, to: 2m, arrives: 40m}
        - {stopped: kiosk-7, from: 10m, to: 20m}
      expect:
        - {at: 30m, tickets: [{device: '@kiosk-7', code: agent.silent, status: open}]}
        - {at: 41m, tickets: [{device: '@kiosk-7', code: agent.silent, status: resolved, closed: 40m}]}
    """)


def test_late_news_of_before_a_silence_do_not_end_it() -> None:
    comes_true("""
    - name: what was recorded at two comes while nothing is heard any more
      signals:
        kiosk-7: {host.cpu_percent: 5x20}
      trouble:
        - {line: kiosk-7, from: 2m, to: 3m, arrives: 12m30s}
        - {line: kiosk-7, from: 10m}
      expect:
        - {at: 12m15s, tickets: [{device: '@kiosk-7', code: agent.silent, status: open, opened: 12m}]}
        - {at: 20m, tickets: [{device: '@kiosk-7', code: agent.silent, status: open, opened: 12m}]}
    """)
