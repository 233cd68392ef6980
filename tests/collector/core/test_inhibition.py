"""One cause, one ticket: timelines of a source and its targets, as Alertmanager's inhibition rules are tested by."""

from tests.collector.core.tale import comes_true


def test_a_target_that_fails_after_its_source_opens_no_ticket() -> None:
    comes_true("""
    - name: the mains are lost, then the recorder is
      signals:
        ups-2: {ups.output_source: normalx10 batteryx20 normalx20}
        nvr-2: {host.cpu_percent: 10x12 -x18 10x20}
      expect:
        - at: 20m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: open, opened: 11m, explains: [nvr-2 host.unreachable]}
          conditions:
            - {device: ups-2, code: power.mains_lost, from: 10m, to: null}
            - {device: nvr-2, code: host.unreachable, from: 12m, to: null}
        - at: 20m
          device: nvr-2
          ledger:
            - {state: up, to: 12m}
            - {state: down, cause: power, fault: power.mains_lost, by: 'cause:ups-2'}
    """)


def test_a_target_that_was_first_is_absorbed_by_its_sources_ticket() -> None:
    comes_true("""
    - name: the recorder is lost, three minutes later the UPS says why
      signals:
        ups-2: {ups.output_source: normalx13 batteryx20}
        nvr-2: {host.cpu_percent: 10x10 -x22}
      expect:
        - at: 13m
          tickets:
            - {device: nvr-2, code: host.unreachable, status: open, opened: 12m}
        - at: 20m
          tickets:
            - {device: nvr-2, code: host.unreachable, status: joined, cause: ups-2 power.mains_lost}
            - {device: ups-2, code: power.mains_lost, status: open, explains: [nvr-2 host.unreachable]}
    """)


def test_a_target_waits_as_long_as_its_source_is_suspected() -> None:
    comes_true("""
    - name: the recorder is known to be gone when the UPS begins to tell
      signals:
        ups-2: {ups.output_source: normalx12 batteryx20}
        nvr-2: {host.cpu_percent: 10x10 -x22}
      expect:
        - {at: 12m30s, tickets: []}
        - at: 20m
          tickets:
            - {device: ups-2, code: power.mains_lost, opened: 13m, explains: [nvr-2 host.unreachable]}
    """)


def test_a_target_whose_source_was_only_suspected_gets_its_ticket_at_once() -> None:
    comes_true("""
    - name: the UPS was on battery for a moment
      signals:
        ups-2: {ups.output_source: normalx12 battery normalx20}
        nvr-2: {host.cpu_percent: 10x10 -x22}
      expect:
        - {at: 12m30s, tickets: []}
        - at: 14m
          tickets:
            - {device: nvr-2, code: host.unreachable, status: open, fault_from: 10m}
    """)


def test_a_target_that_failed_long_before_keeps_its_ticket() -> None:
    comes_true("""
    - name: the recorder hung, ten minutes later the mains are lost
      signals:
        ups-2: {ups.output_source: normalx20 batteryx20}
        nvr-2: {host.cpu_percent: 10x10 -x30}
      expect:
        - at: 40m
          tickets:
            - {device: nvr-2, code: host.unreachable, status: open, fault_from: 10m}
            - {device: ups-2, code: power.mains_lost, status: open, explains: []}
    """)


def test_a_target_that_is_still_gone_when_its_source_is_well_gets_its_own_ticket_with_its_own_beginning() -> None:
    comes_true("""
    - name: the mains are back, the recorder is not
      signals:
        ups-2: {ups.output_source: normalx10 batteryx20 normalx30}
        nvr-2: {host.cpu_percent: 10x12 -x48}
      expect:
        - at: 33m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: resolved, explains: [nvr-2 host.unreachable]}
        - at: 40m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: resolved, explains: []}
            - {device: nvr-2, code: host.unreachable, status: open, fault_from: 12m}
    """)


def test_a_target_that_is_back_before_its_source_leaves_no_ticket_behind() -> None:
    comes_true("""
    - name: the recorder has a battery of its own
      signals:
        ups-2: {ups.output_source: normalx10 batteryx40 normalx10}
        nvr-2: {host.cpu_percent: 10x12 -x8 10x40}
      expect:
        - at: 60m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: resolved}
          conditions:
            - {device: ups-2, code: power.mains_lost, from: 10m, to: 50m}
            - {device: nvr-2, code: host.unreachable, from: 12m, to: 20m}
    """)


def test_a_source_that_comes_and_goes_does_not_move_its_targets_each_time() -> None:
    comes_true("""
    - name: the mains come and go within a minute
      signals:
        ups-2: {ups.output_source: normalx10 batteryx8 normal batteryx8 normal batteryx8 normalx30}
        nvr-2: {host.cpu_percent: 10x11 -x26 10x30}
      expect:
        - at: 60m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: resolved, fault_from: 10m, fault_to: 36m}
    """)


def test_many_targets_of_one_source_are_one_ticket() -> None:
    comes_true("""
    - name: both recorders go dark
      signals:
        ups-2: {ups.output_source: normalx10 batteryx20}
        nvr-2: {host.cpu_percent: 10x11 -x19}
        nvr-3: {host.cpu_percent: 10x13 -x17}
      expect:
        - at: 30m
          tickets:
            - code: power.mains_lost
              status: open
              explains: [nvr-2 host.unreachable, nvr-3 host.unreachable]
    """)


def test_a_fault_of_the_same_code_behind_another_root_is_not_explained() -> None:
    comes_true("""
    - name: a switch fails beside a power cut that is not its own
      signals:
        ups-2: {ups.output_source: normalx10 batteryx20}
        switch-1: {host.cpu_percent: 5x11 -x19}
        router-1: {host.cpu_percent: 5x30}
      expect:
        - at: 30m
          tickets:
            - {device: ups-2, code: power.mains_lost, status: open, explains: []}
            - {device: switch-1, code: host.unreachable, status: open}
    """)


def test_a_fault_of_its_own_kind_is_not_explained_by_a_root() -> None:
    comes_true("""
    - name: a kiosk behind a dead switch is out of paper, and says so when it is heard again
      signals:
        switch-1: {host.cpu_percent: 5x10 -x20 5x20}
        router-1: {host.cpu_percent: 5x50}
        kiosk-7: {printer.paper: okx5 endx45}
      trouble:
        - {line: kiosk-7, from: 10m, to: 30m}
      expect:
        - at: 45m
          tickets:
            - {device: kiosk-7, code: printer.paper_end, status: open, fault_from: 5m, opened: 6m}
            - {device: switch-1, code: host.unreachable, status: resolved, explains: ['@kiosk-7 agent.silent']}
    """)


def test_a_silent_agent_behind_a_dead_switch_has_the_switchs_ticket_and_its_devices_are_unknown() -> None:
    comes_true("""
    - name: the switch takes the gateway along, and what the gateway polls
      signals:
        switch-1: {host.cpu_percent: 5x10 -x20}
        router-1: {host.cpu_percent: 5x30}
        nvr-2: {host.cpu_percent: 10x30}
        ups-2: {ups.output_source: normalx30}
      trouble:
        - {line: gw-2, from: 10m}
      expect:
        - at: 25m
          tickets:
            - {device: switch-1, code: host.unreachable, status: open, explains: ['@gw-2 agent.silent']}
        - at: 25m
          device: nvr-2
          availability: {up: 10m30s, down: 0s, unknown: 14m30s}
    """)


def test_maintenance_of_a_source_opens_no_ticket_for_it_or_its_targets() -> None:
    comes_true("""
    - name: the electrician is there
      signals:
        ups-2: {ups.output_source: normalx10 batteryx20 normalx20}
        nvr-2: {host.cpu_percent: 10x12 -x18 10x20}
      laid_over:
        - {maintenance: ups-2, reason: planned_work, from: 5m, to: 40m}
      expect:
        - {at: 50m, tickets: []}
    """)


def test_a_fault_that_outlasts_the_maintenance_opens_its_ticket_then() -> None:
    comes_true("""
    - name: the work is over, the recorder is not back
      signals:
        nvr-2: {host.cpu_percent: 10x10 -x50}
        nvr-3: {host.cpu_percent: 10x60}
      laid_over:
        - {maintenance: nvr-2, reason: planned_work, from: 5m, to: 30m}
      expect:
        - {at: 29m, tickets: []}
        - at: 45m
          tickets:
            - {device: nvr-2, code: host.unreachable, status: open, fault_from: 10m}
        - {at: 45m, device: nvr-2, availability: {up: 5m, excluded: 25m, down: 15m}}
    """)
