"""The nine situations in which nothing is heard, and what is made of each. Those that need a store, a broker or a new
start of the collector are told in tests/collector/engine/test_no_data.py."""

from tests.collector.core.tale import comes_true


def test_what_was_never_seen_is_unknown_and_no_percentage_at_all() -> None:
    comes_true("""
    - name: a device that nobody has heard of
      signals:
        ups-2: {ups.output_source: normalx60}
      expect:
        - {at: 60m, device: nvr-2, conditions: [], tickets: [], ledger: [{state: unknown, cause: never_seen}]}
        - {at: 60m, device: nvr-2, availability: {up: 0s, down: 0s, unknown: 60m, coverage: 0, outages: 0}}
    """)


def test_silent_then_back_with_a_new_boot_was_off_from_its_last_sample_to_the_boot() -> None:
    comes_true("""
    - name: somebody pulled the plug
      signals:
        kiosk-7: {host.cpu_percent: 10x60}
      trouble:
        - {power_off: kiosk-7, from: 10m, to: 40m}
      expect:
        - at: 39m
          device: kiosk-7
          ledger: [{state: up, to: 10m30s}, {state: unknown, cause: silent}]
        - at: 39m
          tickets: [{device: '@kiosk-7', code: agent.silent, status: open, fault_from: 9m, opened: 12m}]
        - at: 60m
          device: kiosk-7
          ledger: [{state: up}, {state: down, cause: 'off', from: 10m30s, to: 40m}, {state: up}]
          availability: {up: 30m30s, down: 29m30s, unknown: 0s, outages: 1}
        - at: 60m
          tickets: [{device: '@kiosk-7', code: agent.silent, status: resolved, outcome: 'off'}]
    """)


def test_silent_then_back_with_the_same_boot_and_no_samples_is_unknown() -> None:
    comes_true("""
    - name: the agent was stopped
      signals:
        kiosk-7: {host.cpu_percent: 10x60}
      trouble:
        - {stopped: kiosk-7, from: 10m, to: 40m}
      expect:
        - at: 60m
          device: kiosk-7
          ledger: [{state: up}, {state: unknown, cause: agent_stopped, from: 10m30s, to: 40m}, {state: up}]
          availability: {up: 30m30s, down: 0s, unknown: 29m30s, percent: 100}
        - at: 60m
          tickets: [{device: '@kiosk-7', code: agent.silent, status: resolved, outcome: agent_stopped}]
    """)


def test_silent_then_back_with_its_samples_gets_its_uptime_back() -> None:
    comes_true("""
    - name: the line was cut, the kiosk worked
      signals:
        kiosk-7: {host.cpu_percent: 10x60}
      trouble:
        - {line: kiosk-7, from: 10m, to: 40m, arrives: 45m}
      expect:
        - at: 44m
          device: kiosk-7
          availability: {up: 14m30s, down: 0s, unknown: 29m30s}
        - at: 44m
          tickets: [{device: '@kiosk-7', code: agent.silent, status: open}]
        - at: 60m
          device: kiosk-7
          ledger: [{state: up, from: 0s, to: 60m}]
        - at: 60m
          conditions: []
          tickets: [{device: '@kiosk-7', code: agent.silent, status: resolved, outcome: communication, closed: 45m}]
    """)


def test_a_gateway_that_is_down_is_one_ticket_and_says_nothing_of_what_it_polls() -> None:
    comes_true("""
    - name: the gateway lost its power, the recorders may work
      signals:
        nvr-2: {host.cpu_percent: 10x60}
        nvr-3: {host.cpu_percent: 10x60}
        ups-2: {ups.output_source: normalx60}
      trouble:
        - {power_off: gw-2, from: 10m, to: 40m}
      expect:
        - at: 39m
          tickets: [{device: '@gw-2', code: agent.silent, status: open}]
        - at: 60m
          device: nvr-2
          conditions: []
          ledger: [{state: up}, {state: unknown, cause: agent_off, from: 10m30s, to: 40m}, {state: up}]
        - at: 60m
          tickets: [{device: '@gw-2', code: agent.silent, status: resolved, outcome: 'off'}]
    """)


def test_a_laid_up_vehicle_is_excluded_and_nobody_is_sent() -> None:
    comes_true("""
    - name: the bus stands in the yard
      signals:
        kiosk-7: {host.cpu_percent: 10x120}
      trouble:
        - {power_off: kiosk-7, from: 20m, to: 90m}
      laid_over:
        - {exclusion: kiosk-7, reason: laid_up, from: 15m, to: 100m, counts: 10m}
      expect:
        - {at: 80m, tickets: []}
        - at: 120m
          device: kiosk-7
          availability: {up: 35m, down: 0s, unknown: 0s, excluded: 85m, percent: 100, coverage: 100}
    """)


def test_maintenance_during_a_silence_opens_no_ticket_and_counts_for_nobody() -> None:
    comes_true("""
    - name: the cabinet is moved
      signals:
        kiosk-7: {host.cpu_percent: 10x120}
      trouble:
        - {stopped: kiosk-7, from: 20m, to: 50m}
      laid_over:
        - {maintenance: kiosk-7, reason: planned_work, from: 10m, to: 60m}
      expect:
        - {at: 120m, tickets: []}
        - {at: 120m, device: kiosk-7, availability: {up: 70m, unknown: 0s, excluded: 50m}}
    """)


def test_a_silence_that_outlasts_the_maintenance_opens_its_ticket_when_that_is_over() -> None:
    comes_true("""
    - name: the cabinet was moved and not plugged in again
      signals:
        kiosk-7: {host.cpu_percent: 10x20}
      laid_over:
        - {maintenance: kiosk-7, reason: planned_work, from: 10m, to: 60m}
      expect:
        - {at: 59m, tickets: []}
        - {at: 61m, tickets: [{device: '@kiosk-7', code: agent.silent, status: open, fault_from: 19m, opened: 60m}]}
        - {at: 70m, device: kiosk-7, availability: {up: 10m, excluded: 50m, unknown: 10m}}
    """)


def test_a_line_that_flaps_costs_no_uptime_and_each_silence_is_told_as_what_it_was() -> None:
    comes_true("""
    - name: the radio link in the rain
      signals:
        kiosk-7: {host.cpu_percent: 10x60}
      trouble:
        - {line: kiosk-7, from: 10m, to: 15m}
        - {line: kiosk-7, from: 16m, to: 17m30s}
        - {line: kiosk-7, from: 20m, to: 30m, arrives: 32m}
        - {line: kiosk-7, from: 33m, to: 39m}
      expect:
        - at: 60m
          device: kiosk-7
          ledger: [{state: up, from: 0s, to: 60m}]
        - at: 60m
          conditions: []
          tickets:
            - {device: '@kiosk-7', code: agent.silent, status: resolved, outcome: communication, closed: 15m}
            - {device: '@kiosk-7', code: agent.silent, status: resolved, outcome: communication, closed: 32m}
            - {device: '@kiosk-7', code: agent.silent, status: resolved, outcome: communication, closed: 39m}
    """)
