"""Law 4 as stories with a told clock: what silence means, how long a sample speaks, who wins a tie."""

from roundsman_collector.core.model import Item
from roundsman_collector.core.policy import Fails, Is, Policy
from tests.collector.core.desk import GATEWAY, KIOSK, Desk, Recorder, at, from_nothing, rule, story


def every_minute(agent: Recorder, device: str, first: int, last: int) -> list[Item]:
    return [agent.sample(minute, device, host__cpu_percent=5.0) for minute in range(first, last + 1)]


def told(agent: str, items: list[Item], device: str, now: float) -> list[tuple[float, float | None, str, str]]:
    desk = Desk(agent).take_all(items).tick(at(now))
    assert desk.truth == from_nothing(agent, items, at(now)).truth
    return story(desk.segments.get(device, ()))


def test_a_sample_speaks_until_the_next_one_or_until_its_validity_ends() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [agent.sample(minute, "kiosk-7", host__cpu_percent=5.0) for minute in (0, 1, 4)]

    assert told("kiosk-7", items, "kiosk-7", 5) == [
        (0, 2.5, "up", ""),
        (2.5, 4, "unknown", "agent_stopped"),
        (4, None, "up", ""),
    ]


def test_a_device_never_heard_of_has_no_ledger_at_all() -> None:
    agent = Recorder("gw-1", GATEWAY)

    assert told("gw-2", every_minute(agent, "gw-2", 0, 2), "nvr-2", 3) == []


def test_a_device_that_does_not_answer_while_its_neighbour_does_is_down_from_the_first_failed_poll() -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = []
    for minute in range(8):
        items.append(agent.sample(minute, "ups-2", host__cpu_percent=5.0))
        dark = 2 <= minute < 6
        items.append(agent.no_answer(minute, "nvr-2") if dark else agent.sample(minute, "nvr-2", host__cpu_percent=5.0))

    assert told("gw-2", items, "nvr-2", 8) == [
        (0, 2, "up", ""),
        (2, 6, "down", "host.unreachable"),
        (6, None, "up", ""),
    ]


def test_one_poll_without_an_answer_is_not_a_fault() -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = []
    for minute in range(4):
        items.append(agent.sample(minute, "ups-2", host__cpu_percent=5.0))
        items.append(
            agent.no_answer(1, "nvr-2") if minute == 1 else agent.sample(minute, "nvr-2", host__cpu_percent=5.0)
        )

    assert told("gw-2", items, "nvr-2", 4) == [
        (0, 1.5, "up", ""),
        (1.5, 2, "unknown", "no_answer"),
        (2, None, "up", ""),
    ]


def test_when_everything_behind_a_living_agent_is_silent_nobody_knows() -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = []
    for minute in range(7):
        items.append(agent.sample(minute, "gw-2", host__cpu_percent=5.0))
        for device in ("nvr-2", "ups-2"):
            dark = 2 <= minute < 5
            items.append(
                agent.no_answer(minute, device) if dark else agent.sample(minute, device, host__cpu_percent=5.0)
            )

    assert told("gw-2", items, "gw-2", 7) == [(0, None, "up", "")]
    assert told("gw-2", items, "nvr-2", 7) == [
        (0, 2.5, "up", ""),
        (2.5, 5, "unknown", "uplink"),
        (5, None, "up", ""),
    ]


def test_a_lone_device_behind_an_agent_that_does_not_answer_is_unknown_not_down() -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = []
    for minute in range(6):
        items.append(agent.sample(minute, "gw-2", host__cpu_percent=5.0))
        items.append(
            agent.no_answer(minute, "nvr-2") if minute else agent.sample(minute, "nvr-2", host__cpu_percent=5.0)
        )

    assert told("gw-2", items, "nvr-2", 6)[-1] == (1.5, None, "unknown", "uplink")


def test_a_neighbour_vouches_for_the_road_only_if_it_answered_before_and_after() -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = [
        agent.sample(0, "ups-2", host__cpu_percent=5.0),
        agent.sample(0.1, "nvr-2", host__cpu_percent=5.0),
        agent.no_answer(1, "ups-2"),
        *(agent.no_answer(minute + 0.1, "nvr-2") for minute in range(1, 4)),
        agent.sample(4, "ups-2", host__cpu_percent=5.0),
        agent.sample(4.1, "nvr-2", host__cpu_percent=5.0),
    ]

    assert [s[2:] for s in told("gw-2", items, "nvr-2", 5)] == [("up", ""), ("unknown", "uplink"), ("up", "")]


def test_a_silent_agent_is_unknown_from_the_end_of_its_last_sample() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = every_minute(agent, "kiosk-7", 0, 2)
    desk = Desk("kiosk-7").take_all(items)

    assert desk.tick(at(4.9)).conditions == {}
    assert story(desk.segments["kiosk-7"]) == [(0, None, "up", "")]

    desk.tick(at(7))

    assert [(c.subject, c.code, c.from_ms, c.to_ms) for c in desk.conditions.values()] == [
        ("@kiosk-7", "agent.silent", at(2), None)
    ]
    assert story(desk.segments["kiosk-7"]) == [(0, 3.5, "up", ""), (3.5, None, "unknown", "silent")]


def test_late_samples_that_cover_the_silence_give_the_uptime_back_and_take_the_silence_back() -> None:
    agent = Recorder("k7-1", KIOSK)
    before, meanwhile, after = (
        every_minute(agent, "kiosk-7", 0, 2),
        every_minute(agent, "kiosk-7", 3, 19),
        every_minute(agent, "kiosk-7", 20, 21),
    )
    desk = Desk("kiosk-7").take_all(before).tick(at(15)).take_all(after)

    assert story(desk.segments["kiosk-7"]) == [
        (0, 3.5, "up", ""),
        (3.5, 20, "unknown", "missing"),
        (20, None, "up", ""),
    ]
    assert [(c.from_ms, c.to_ms, c.cause) for c in desk.conditions.values()] == [(at(2), at(20), "missing")]

    desk.take_all(reversed(meanwhile)).tick(at(22))

    assert story(desk.segments["kiosk-7"]) == [(0, None, "up", "")]
    assert desk.conditions == {}


def test_no_samples_and_a_new_boot_mean_down_from_the_end_of_the_last_sample_to_the_boot() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [*every_minute(agent, "kiosk-7", 0, 2), agent.reboot(30), *every_minute(agent, "kiosk-7", 31, 32)]

    assert told("kiosk-7", items, "kiosk-7", 33) == [
        (0, 3.5, "up", ""),
        (3.5, 30, "down", "off"),
        (30, 31, "unknown", "starting"),
        (31, None, "up", ""),
    ]
    ended = Desk("kiosk-7").take_all(items).conditions.values()
    assert [(c.code, c.from_ms, c.to_ms, c.cause) for c in ended] == [("agent.silent", at(2), at(30) + 10_000, "off")]


def test_a_gateway_that_was_off_says_nothing_of_its_neighbours() -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = []
    for minute in (0, 1):
        items += [agent.sample(minute, d, host__cpu_percent=5.0) for d in ("gw-2", "nvr-2", "ups-2")]
    items.append(agent.reboot(20))
    items += [agent.sample(21, d, host__cpu_percent=5.0) for d in ("gw-2", "nvr-2", "ups-2")]

    assert told("gw-2", items, "gw-2", 22)[1] == (2.5, 20, "down", "off")
    assert told("gw-2", items, "nvr-2", 22)[1] == (2.5, 20, "unknown", "agent_off")


def test_no_samples_and_the_same_boot_mean_that_the_agent_was_stopped() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [*every_minute(agent, "kiosk-7", 0, 2), *every_minute(agent, "kiosk-7", 30, 31)]

    assert told("kiosk-7", items, "kiosk-7", 32)[1] == (3.5, 30, "unknown", "agent_stopped")


def test_a_power_cut_declares_its_last_seconds_and_is_off_after_them() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = every_minute(agent, "kiosk-7", 0, 2)
    agent.n = 64  # numbers 4..64 were reserved; nobody knows which were used
    booted = agent.reboot(30)
    declared = agent.gap(2, 3.6, (4, 64), "unclean_stop")
    items += [booted, declared, *every_minute(agent, "kiosk-7", 31, 32)]

    assert told("kiosk-7", items, "kiosk-7", 33) == [
        (0, 3.5, "up", ""),
        (3.5, 3.6, "unknown", "unclean_stop"),
        (3.6, 30, "down", "off"),
        (30, 31, "unknown", "starting"),
        (31, None, "up", ""),
    ]


def test_what_the_spool_had_to_drop_is_unknown_with_its_reason() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = every_minute(agent, "kiosk-7", 0, 2)
    agent.n += 20
    items += every_minute(agent, "kiosk-7", 23, 24)
    items.append(agent.gap(2, 22, (4, 23), "spool_full"))

    assert told("kiosk-7", items, "kiosk-7", 25) == [
        (0, 3.5, "up", ""),
        (3.5, 22, "unknown", "spool_full"),
        (22, 23, "unknown", "lost"),
        (23, None, "up", ""),
    ]


def test_a_gateway_that_polls_one_device_less_often_says_so() -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = [agent.sample(m, "gw-2", host__cpu_percent=5.0) for m in range(3)]
    items += [agent.sample(0, "nvr-2", host__cpu_percent=5.0)]
    items = [*items, agent.sample(3, "gw-2", host__cpu_percent=5.0), agent.sample(4, "nvr-2", host__cpu_percent=5.0)]

    assert told("gw-2", items, "nvr-2", 5) == [
        (0, 1.5, "up", ""),
        (1.5, 4, "unknown", "not_polled"),
        (4, None, "up", ""),
    ]


def test_a_fault_is_dated_at_the_first_sample_of_its_run_and_its_end_at_the_first_of_the_other() -> None:
    agent = Recorder("k7-1", KIOSK)
    papers = ["ok", "ok", "end", "end", "end", "ok", "ok", "ok"]
    items = [agent.sample(minute, "kiosk-7", printer__paper=paper) for minute, paper in enumerate(papers)]

    assert told("kiosk-7", items, "kiosk-7", 8) == [
        (0, 2, "up", ""),
        (2, 5, "down", "printer.paper_end"),
        (5, None, "up", ""),
    ]
    (fault,) = Desk("kiosk-7").take_all(items).conditions.values()
    assert (fault.first.n, fault.confirmed.n, fault.from_ms, fault.to_ms) == (3, 4, at(2), at(5))


def test_a_blip_is_not_a_fault() -> None:
    agent = Recorder("k7-1", KIOSK)
    papers = ["ok", "end", "ok", "end", "ok"]
    items = [agent.sample(minute, "kiosk-7", printer__paper=paper) for minute, paper in enumerate(papers)]

    assert told("kiosk-7", items, "kiosk-7", 5) == [(0, None, "up", "")]


def test_a_short_recovery_does_not_end_a_fault() -> None:
    agent = Recorder("k7-1", KIOSK)
    papers = ["end", "end", "ok", "end", "ok", "ok"]
    items = [agent.sample(minute, "kiosk-7", printer__paper=paper) for minute, paper in enumerate(papers)]

    assert told("kiosk-7", items, "kiosk-7", 6) == [(0, 4, "down", "printer.paper_end"), (4, None, "up", "")]


def test_a_run_does_not_hold_over_time_nobody_saw() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [agent.sample(0, "kiosk-7", printer__paper="end"), agent.sample(10, "kiosk-7", printer__paper="end")]

    assert [s[2] for s in told("kiosk-7", items, "kiosk-7", 11)] == ["up", "unknown", "up"]


def test_a_fault_stays_open_through_a_gap_which_is_unknown() -> None:
    agent = Recorder("k7-1", KIOSK)
    minutes = [(0, "end"), (1, "end"), (10, "end"), (11, "ok"), (12, "ok")]
    items = [agent.sample(minute, "kiosk-7", printer__paper=paper) for minute, paper in minutes]

    assert told("kiosk-7", items, "kiosk-7", 13) == [
        (0, 2.5, "down", "printer.paper_end"),
        (2.5, 10, "unknown", "agent_stopped"),
        (10, 11, "down", "printer.paper_end"),
        (11, None, "up", ""),
    ]


def test_a_warning_is_a_condition_but_the_device_is_up() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [agent.sample(minute, "kiosk-7", host__cpu_percent=95) for minute in range(4)]

    assert told("kiosk-7", items, "kiosk-7", 4) == [(0, None, "up", "")]
    assert [c.code for c in Desk("kiosk-7").take_all(items).conditions.values()] == ["host.cpu_high"]


def test_hysteresis_holds_a_fault_between_its_limits() -> None:
    agent = Recorder("k7-1", KIOSK)
    values = [95, 95, 95, 85, 85, 79]
    items = [agent.sample(minute, "kiosk-7", host__cpu_percent=value) for minute, value in enumerate(values)]

    (fault,) = Desk("kiosk-7").take_all(items).conditions.values()

    assert (fault.from_ms, fault.to_ms) == (at(0), at(5))


def test_a_printer_that_does_not_answer_is_a_fault_of_the_printer_not_of_the_paper() -> None:
    agent = Recorder("k7-1", KIOSK)
    failed = {"escpos": ["timeout", "1 s"]}
    items = [agent.sample(minute, "kiosk-7", failed, host__cpu_percent=5.0) for minute in range(3)]
    items += [agent.sample(3, "kiosk-7", printer__paper="ok")]

    assert told("kiosk-7", items, "kiosk-7", 4) == [(0, 3, "down", "printer.offline"), (3, None, "up", "")]


def test_a_busy_port_says_nothing_of_the_printer() -> None:
    policy = Policy(rules=(rule("printer.offline", Fails(probe="escpos", component="printer", codes=("timeout",))),))
    agent = Recorder("k7-1", KIOSK)
    busy, mute = {"escpos": ["busy_port", "held by app"]}, {"escpos": ["timeout", "1 s"]}
    items = [agent.sample(minute, "kiosk-7", busy, host__cpu_percent=5.0) for minute in range(3)]
    items += [agent.sample(3, "kiosk-7", mute, host__cpu_percent=5.0)]
    items += [agent.sample(4, "kiosk-7", busy, host__cpu_percent=5.0)]

    desk = Desk("kiosk-7", policy).take_all(items)

    assert story(desk.segments["kiosk-7"]) == [(0, 3, "up", ""), (3, None, "down", "printer.offline")]


def test_the_second_probe_of_a_name_fails_for_itself_and_is_well_for_itself() -> None:
    policy = Policy(rules=(rule("web.down", Fails(probe="http", component="web")),))
    agent = Recorder("k7-1", KIOSK)
    first, second = {"http": ["timeout", "1 s"]}, {"http#2": ["refused", "nobody"]}
    items = [
        agent.sample(0, "kiosk-7", web__ms=5.0),
        agent.sample(1, "kiosk-7", second, web__ms=5.0),
        agent.sample(2, "kiosk-7", {**first, **second}, host__cpu_percent=5.0),
        agent.sample(3, "kiosk-7", first, web__ms=5.0),
        agent.sample(4, "kiosk-7", {"http#x": ["timeout", "1 s"]}, web__ms=5.0),
    ]

    desk = Desk("kiosk-7", policy).take_all(items)

    told = sorted((one.component, one.from_ms, one.to_ms) for one in desk.conditions.values())
    assert told == [("web", at(2), at(4)), ("web#2", at(1), at(3))]


def test_a_word_that_the_collector_does_not_know_neither_opens_nor_ends_a_fault() -> None:
    when = Is(reading="printer.paper", words=("end",), others=("ok", "near_end"))
    agent = Recorder("k7-1", KIOSK)
    papers = ["ok", "end", "jumbled", "end", "unknown", "near_end"]
    items = [agent.sample(minute, "kiosk-7", printer__paper=paper) for minute, paper in enumerate(papers)]

    desk = Desk("kiosk-7", Policy(rules=(rule("printer.paper_end", when),))).take_all(items)

    assert story(desk.segments["kiosk-7"]) == [
        (0, 1, "up", ""),
        (1, 5, "down", "printer.paper_end"),
        (5, None, "up", ""),
    ]


def test_within_a_stream_the_larger_number_wins_a_tie() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [agent.sample(0, "kiosk-7", printer__cover=word) for word in ("open", "closed")]

    assert told("kiosk-7", items, "kiosk-7", 1) == [(0, None, "up", "")]
    assert told("kiosk-7", items[::-1], "kiosk-7", 1) == [(0, None, "up", "")]


def test_across_streams_down_beats_up_and_known_beats_unknown() -> None:
    one, other = Recorder("k7-1", KIOSK), Recorder("k7-2", KIOSK)
    bad, good = one.sample(0, "kiosk-7", printer__cover="open"), other.sample(0, "kiosk-7", printer__cover="closed")
    mute, heard = one.no_answer(1, "kiosk-7"), other.sample(1, "kiosk-7", printer__cover="open")

    assert told("kiosk-7", [bad, good], "kiosk-7", 1) == [(0, None, "down", "printer.cover_open")]
    assert told("kiosk-7", [bad, good, heard, mute], "kiosk-7", 2) == [(0, None, "down", "printer.cover_open")]


def test_a_silence_that_was_never_told_leaves_its_record_all_the_same() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [*every_minute(agent, "kiosk-7", 0, 1), *every_minute(agent, "kiosk-7", 10, 11)]

    (silence,) = Desk("kiosk-7").take_all(items).conditions.values()

    assert (silence.code, silence.from_ms, silence.to_ms, silence.cause) == (
        "agent.silent",
        at(1),
        at(10),
        "agent_stopped",
    )


def test_numbers_that_were_reserved_and_never_used_are_no_loss() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = every_minute(agent, "kiosk-7", 0, 2)
    agent.n = 64
    items += [agent.gap(2, 2, (4, 64), "unclean_stop"), *every_minute(agent, "kiosk-7", 10, 11)]

    assert told("kiosk-7", items, "kiosk-7", 12) == [
        (0, 3.5, "up", ""),
        (3.5, 10, "unknown", "agent_stopped"),
        (10, None, "up", ""),
    ]


def test_readings_that_are_all_null_are_no_answer() -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = []
    for minute in range(6):
        items.append(agent.sample(minute, "ups-2", host__cpu_percent=5.0))
        items.append(agent.sample(minute, "nvr-2", host__cpu_percent=None if minute >= 2 else 5.0))

    assert told("gw-2", items, "nvr-2", 6) == [(0, 2, "up", ""), (2, None, "down", "host.unreachable")]
