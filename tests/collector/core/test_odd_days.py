"""Days of 23 and 25 hours, and people who correct each other: the whole way from samples to the figure."""

from tests.collector.core.tale import comes_true

RIGA_SPRING = "start: 2026-03-29 00:00\ntime_zone: Europe/Riga\nevery: 10m\n"
RIGA_AUTUMN = "start: 2026-10-25 00:00\ntime_zone: Europe/Riga\nevery: 10m\n"
SHANGHAI = "start: 2026-03-29 00:00\ntime_zone: Asia/Shanghai\nevery: 10m\n"


def test_a_spring_day_in_riga_has_23_hours_and_its_office_hours_begin_an_hour_sooner() -> None:
    comes_true(
        """
        - name: 24 x 7, out of paper from the second hour to the fourth
          signals:
            kiosk-7: {printer.paper: okx6 endx18 okx240}
          expect:
            - at: 23h
              device: kiosk-7
              availability: {up: 20h, down: 3h, unknown: 0s, percent: 86.9565}
        """,
        RIGA_SPRING,
    )
    comes_true(
        """
        - name: 02:00 to 05:00 are two hours, the first of them is the second of the day
          signals:
            kiosk-7: {printer.paper: okx15 endx6 okx240}
          expect:
            - at: 23h
              device: kiosk-7
              ledger:
                - {state: up, from: 2h, to: 2h30m}
                - {state: down, from: 2h30m, to: 3h30m}
                - {state: up, from: 3h30m, to: 4h}
        """,
        f"service_hours: 02:00-05:00\n{RIGA_SPRING}",
    )


def test_an_autumn_day_in_riga_has_25_hours_and_its_night_shift_an_hour_more() -> None:
    comes_true(
        """
        - name: three hours of the clock are four
          signals:
            kiosk-7: {printer.paper: okx300}
          expect:
            - {at: 25h, device: kiosk-7, availability: {up: 4h, down: 0s, unknown: 0s}}
        """,
        f"service_hours: 02:00-05:00\n{RIGA_AUTUMN}",
    )
    comes_true(
        """
        - name: the day is over after 25 hours
          signals:
            kiosk-7: {printer.paper: okx300}
          expect:
            - {at: 30h, device: kiosk-7, availability: {up: 25h}}
        """,
        f"service_hours: 7 00:00-24:00\n{RIGA_AUTUMN}",
    )


def test_the_same_day_in_shanghai_has_24_hours() -> None:
    comes_true(
        """
        - name: nobody sets a clock there
          signals:
            kiosk-7: {printer.paper: okx300}
          expect:
            - {at: 30h, device: kiosk-7, availability: {up: 24h}}
        """,
        f"service_hours: 7 00:00-24:00\n{SHANGHAI}",
    )
    comes_true(
        """
        - name: 02:00 to 05:00 are three hours
          signals:
            kiosk-7: {printer.paper: okx15 endx6 okx240}
          expect:
            - {at: 24h, device: kiosk-7, availability: {up: 2h, down: 1h}}
        """,
        f"service_hours: 02:00-05:00\n{SHANGHAI}",
    )


FIVE = """
  laid_over:
    - {correction: kiosk-7, state: up, reason: found_working, from: 10m, to: 40m, counts: 101m}
    - {correction: kiosk-7, state: down, reason: found_off, from: 20m, to: 50m, counts: 102m}
    - {correction: kiosk-7, state: unknown, reason: wrong_measurement, from: 30m, to: 60m, counts: 103m}
    - {correction: kiosk-7, state: up, reason: found_working, from: 25m, to: 35m, counts: 104m}
    - {correction: kiosk-7, state: down, reason: found_off, from: 0m, to: 28m, counts: 105m}
"""


def test_of_five_corrections_that_overlap_each_holds_from_its_approval_and_the_later_wins() -> None:
    comes_true(f"""
- name: five people were there
  signals:
    kiosk-7: {{printer.paper: okx10 endx50 okx60}}
{FIVE}
  expect:
    - {{at: 100m, device: kiosk-7, availability: {{up: 50m, down: 50m, unknown: 0s, outages: 1}}}}
    - {{at: 101m, device: kiosk-7, availability: {{up: 81m, down: 20m, unknown: 0s, outages: 1}}}}
    - {{at: 102m, device: kiosk-7, availability: {{up: 62m, down: 40m, unknown: 0s, outages: 1}}}}
    - {{at: 103m, device: kiosk-7, availability: {{up: 63m, down: 10m, unknown: 30m, outages: 1}}}}
    - {{at: 104m, device: kiosk-7, availability: {{up: 74m, down: 5m, unknown: 25m, outages: 1}}}}
    - at: 105m
      device: kiosk-7
      ledger:
        - {{state: down, cause: 'off', from: 0s, to: 28m, by: correction}}
        - {{state: up, from: 28m, to: 35m, by: correction}}
        - {{state: unknown, from: 35m, to: 60m, by: correction}}
        - {{state: up, from: 60m, to: 105m, by: ''}}
      availability: {{up: 52m, down: 28m, unknown: 25m, outages: 1, percent: 65}}
    """)


def test_what_is_excluded_is_excluded_whatever_corrections_say_and_whenever_they_do() -> None:
    comes_true(f"""
- name: the customer had cut the power
  signals:
    kiosk-7: {{printer.paper: okx10 endx50 okx60}}
{FIVE}    - {{exclusion: kiosk-7, reason: customer_power, from: 5m, to: 45m, counts: 90m}}
  expect:
    - at: 105m
      device: kiosk-7
      ledger:
        - {{state: down, cause: 'off', from: 0s, to: 5m}}
        - {{state: excluded, cause: customer_power, from: 5m, to: 45m, by: exclusion}}
        - {{state: unknown, from: 45m, to: 60m, by: correction}}
        - {{state: up, from: 60m, to: 105m}}
    """)
