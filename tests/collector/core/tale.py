"""Stories told as rule tests (docs/how-to/test-rules.md): `comes_true(text)` runs them against rules of our own.

The cast: kiosk-7 looks after itself; agent gw-2 runs on the machine gw-2 and polls nvr-2, nvr-3 and ups-2. nvr-2 and
nvr-3 get their power from ups-2; kiosk-7 and gw-2 reach us through switch-1, which gw-1 polls.
"""

from textwrap import dedent

from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.rules.rehearsal import outcomes
from roundsman_collector.rules.rule_tests import rule_tests_from

RULES = rule_set_from(
    """
functions:
  - {name: receipts, zh: 凭条, en: receipts}
faults:
  - {code: host.unreachable, zh: 离线, en: gone, when: {unanswered: true}, for_s: 120, severity: 1,
     service_class: maintenance, takes_down: device, explains: uplink, explained_by: [power, uplink]}
  - {code: agent.silent, zh: 失联, en: silent, when: {silent: true}, for_s: 0, severity: 2, service_class: maintenance,
     explains: uplink, explained_by: [power, uplink]}
  - {code: power.mains_lost, zh: 市电中断, en: mains lost, when: {reading: ups.output_source, is: [battery]}, for_s: 30,
     clear_for_s: 60, severity: 1, service_class: clerk, explains: power}
  - {code: printer.paper_end, zh: 缺纸, en: no paper, when: {reading: printer.paper, is: [end]}, for_s: 60,
     clear_for_s: 60, severity: 1, service_class: clerk, takes_down: receipts}
  - {code: printer.cover_open, zh: 开盖, en: cover open, when: {reading: printer.cover, is: [open]}, for_s: 60,
     clear_for_s: 60, flap_s: 120, severity: 2, service_class: clerk, takes_down: receipts}
  - {code: host.cpu_high, zh: 忙, en: busy, when: {reading: host.cpu_percent, above: 90, clear_below: 80}, for_s: 120,
     severity: 3, service_class: maintenance}
  - {code: host.reboot_storm, zh: 频繁重启, en: storm, when: {restarts: {count: 3, within_s: 3600}}, for_s: 0,
     severity: 2, service_class: maintenance}
""",
    source="tale.yaml",
)
CAST = """
devices:
  kiosk-7: {kind: kiosk, behind: {uplink: switch-1}}
  gw-1: {kind: gateway}
  switch-1: {kind: switch, agent: gw-1}
  router-1: {kind: router, agent: gw-1}
  gw-2: {kind: gateway, behind: {uplink: switch-1}}
  nvr-2: {kind: nvr, agent: gw-2, behind: {power: ups-2}}
  nvr-3: {kind: nvr, agent: gw-2, behind: {power: ups-2}}
  ups-2: {kind: ups, agent: gw-2}
"""


def comes_true(text: str, head: str = "") -> None:
    """Claim that the tests of `text` (a list in YAML) come true for the cast."""
    read = rule_tests_from(f"{head}{CAST}tests:\n{dedent(text)}", source="tale")

    failed = [f"{one.id}: expected {one.expected} got {one.got}" for one in outcomes(read, RULES) if not one.ok]
    assert not failed, "\n".join(failed)
