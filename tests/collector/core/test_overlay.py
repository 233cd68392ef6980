"""Overlays: from when on they count, who may do what with them, and what that makes of a ledger."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.availability import STATES
from roundsman_collector.core.causes import Explained
from roundsman_collector.core.overlay import (
    EXCLUDED,
    KINDS,
    REASONS,
    Event,
    Kind,
    Logged,
    Overlay,
    Standing,
    Verb,
    Why,
    in_force,
    quiet_until,
    refusal,
    standing,
    stated,
)
from roundsman_collector.core.reckoning import Stretch, figure_of, joined, stretches

NOW = 1000
WINDOW = (0, 100)


def overlay(id_: int = 1, kind: Kind = "correction", from_ms: int = 10, to_ms: int | None = 50, **more: Any) -> Overlay:
    fields = {"state": "up" if kind == "correction" else "", "reason": "other", "made_ms": 100, "made_by": "wang"}
    return Overlay(
        id=id_,
        kind=kind,
        scope="device",
        target="kiosk-7",
        from_ms=from_ms,
        to_ms=to_ms,
        text="why",
        document="",
        **{**fields, **more},
    )


def event(verb: Verb, at_ms: int, who: str = "li.na", *, id_: int = 0, to_ms: int | None = None) -> Event:
    return Event(id_ or at_ms, 1, at_ms, who, verb, to_ms, "")


def told(ledger: list[Explained], overlays: list[Logged], known_ms: int = NOW) -> list[Stretch]:
    """The ledger with what is in force over it, as known then."""
    return stretches(ledger, counted=(WINDOW,), overlays=in_force(overlays, known_ms))


def status(made: Overlay, *events: Event, known_ms: int = NOW) -> str:
    found = standing(made, events, known_ms)
    assert found is not None
    return found.status if found.counts_ms is None else f"{found.status} since {found.counts_ms}"


# --- what has become of one ------------------------------------------------------------------------------------------


def test_a_correction_counts_from_its_approval_by_somebody_else() -> None:
    made = overlay()

    assert status(made) == "proposed"
    assert status(made, event("approve", 200, "wang")) == "proposed", "the author's own word does not count"
    assert status(made, event("approve", 200)) == "in_force since 200"
    assert status(made, event("approve", 200), known_ms=199) == "proposed", "as it was known then"
    assert standing(made, (), 99) is None, "before it was made"


def test_planned_maintenance_counts_at_once_and_maintenance_entered_afterwards_does_not() -> None:
    planned = overlay(kind="maintenance", from_ms=100, to_ms=200)
    afterwards = overlay(kind="maintenance", from_ms=99, to_ms=200)
    excluded_ahead = overlay(kind="exclusion", from_ms=150, to_ms=200)

    assert status(planned) == "in_force since 100"
    assert status(afterwards) == "proposed"
    assert status(excluded_ahead) == "proposed", "what the contract does not count is agreed by two"


def test_what_is_refused_or_revoked_stays_so() -> None:
    made = overlay()

    assert status(made, event("refuse", 200), event("approve", 300)) == "refused"
    assert status(made, event("approve", 200), event("revoke", 300), event("approve", 400)) == "revoked"
    assert status(made, event("revoke", 150), event("approve", 200)) == "revoked", "withdrawn before anybody decided"
    assert status(made, event("approve", 200), event("refuse", 300)) == "in_force since 200", "too late to refuse"


def test_an_end_only_takes_away_and_leaves_something() -> None:
    made, approved = overlay(from_ms=10, to_ms=50), event("approve", 200)

    ends = {
        to_ms: standing(made, (approved, event("end", 300, to_ms=to_ms)), NOW).to_ms  # type: ignore[union-attr]
        for to_ms in (10, 11, 49, 50, 60, None)
    }
    assert ends == {10: 50, 11: 11, 49: 49, 50: 50, 60: 50, None: 50}
    assert standing(made, (event("end", 150, to_ms=20), approved), NOW) == Standing("in_force", 50, 200, (200, 200, 1))


def test_the_log_is_read_in_its_order_however_it_comes() -> None:
    made = overlay()
    log = [event("approve", 200, id_=1), event("revoke", 200, id_=2)]

    assert status(made, *log) == status(made, *reversed(log)) == "revoked"


@pytest.mark.parametrize(
    ("verb", "to_ms", "is_author", "may_approve", "expected"),
    [
        ("approve", None, False, True, None),
        ("approve", None, True, True, "second_person"),
        ("approve", None, False, False, "right"),
        ("refuse", None, False, True, None),
        ("refuse", None, True, True, "second_person"),
        ("revoke", None, True, False, None),  # withdrawn by its author
        ("revoke", None, False, True, None),
        ("revoke", None, False, False, "right"),
        ("end", 20, True, True, "end"),  # nothing is in force that could end
    ],
)
def test_what_may_be_done_with_a_proposal(
    verb: Verb, to_ms: int | None, is_author: bool, may_approve: bool, expected: Why | None
) -> None:
    made = overlay()
    now = standing(made, (), NOW)
    assert now is not None

    why = refusal(made, now, verb, is_author=is_author, may_approve=may_approve, now_ms=NOW, to_ms=to_ms)

    assert why == expected


@pytest.mark.parametrize(
    ("from_ms", "verb", "to_ms", "is_author", "may_approve", "expected"),
    [
        (10, "approve", None, False, True, "not_proposed"),
        (10, "refuse", None, False, True, "not_proposed"),
        (10, "revoke", None, True, True, "second_person"),
        (10, "revoke", None, False, True, None),
        (10, "revoke", None, False, False, "right"),
        (10, "end", NOW - 1, True, True, "second_person"),  # the past would look otherwise
        (10, "end", NOW, True, False, None),  # it was to go on; nothing is measured yet
        (10, "end", NOW - 1, False, True, None),
        (10, "end", 5000, False, True, "end"),
        (NOW, "revoke", None, True, False, None),  # it has not begun
        (NOW, "end", None, True, True, "end"),
    ],
)
def test_what_may_be_done_with_what_is_in_force(
    from_ms: int, verb: Verb, to_ms: int | None, is_author: bool, may_approve: bool, expected: Why | None
) -> None:
    made = overlay(kind="exclusion", from_ms=from_ms, to_ms=4000)
    now = standing(made, (event("approve", 200),), NOW)
    assert now is not None

    why = refusal(made, now, verb, is_author=is_author, may_approve=may_approve, now_ms=NOW, to_ms=to_ms)

    assert why == expected


def test_nothing_becomes_of_what_is_over() -> None:
    made = overlay()
    for log in ((event("refuse", 200),), (event("revoke", 200),)):
        now = standing(made, log, NOW)
        assert now is not None
        for verb in ("approve", "refuse", "revoke", "end"):
            assert refusal(made, now, verb, is_author=False, may_approve=True, now_ms=NOW, to_ms=20) == "over"  # type: ignore[arg-type]


# --- over one thing --------------------------------------------------------------------------------------------------


def test_what_was_approved_later_wins_not_what_was_made_later() -> None:
    first = overlay(1, state="down", made_ms=100), (event("approve", 300),)
    second = overlay(2, state="up", made_ms=150), (event("approve", 250),)

    assert [one.overlay for one in in_force([first, second], NOW)] == [2, 1]
    assert [one.state for one in told([], [first, second])] == ["unknown", "down", "unknown"]


def test_two_approvals_of_one_moment_count_in_the_order_of_the_log() -> None:
    first = overlay(1, state="down"), (event("approve", 300, id_=8),)
    second = overlay(2, state="up"), (event("approve", 300, id_=7),)

    assert [one.overlay for one in in_force([first, second], NOW)] == [2, 1]


def test_an_explicit_unknown_is_not_no_correction() -> None:
    up = Explained(0, 100, "up", "", "")

    found = figure_of(told([up], [(overlay(state="unknown"), (event("approve", 200),))]))

    assert (found.up_ms, found.unknown_ms) == (60, 40)
    with pytest.raises(ValueError, match="expected one of up, down, unknown"):
        stated("")


def test_an_open_overlay_goes_on_to_the_end_of_any_window() -> None:
    laid = in_force([(overlay(kind="exclusion", to_ms=None), (event("approve", 200),))], NOW)

    found = stretches([], counted=((0, 10**12),), overlays=laid)[-1]
    assert (found.from_ms, found.to_ms, found.state) == (10, 10**12, EXCLUDED)


def test_only_maintenance_and_laid_up_vehicles_are_quiet() -> None:
    approved = (event("approve", 200),)
    overlays: list[Logged] = [
        (overlay(1, "maintenance", 900, 1100), approved),
        (overlay(2, "exclusion", 900, None, reason="laid_up"), approved),
        (overlay(3, "exclusion", 900, None, reason="customer_power"), approved),
        (overlay(4, "correction", 900, None), approved),
        (overlay(5, "maintenance", 900, 1000), approved),
        (overlay(6, "maintenance", 1001, 1100), approved),
        (overlay(7, "maintenance", 90, 1100), ()),
    ]

    assert quiet_until(overlays, NOW) == {1: 1100, 2: None}


def test_every_kind_has_reasons_in_both_languages() -> None:
    for kind in KINDS:
        assert [one for one in REASONS.values() if kind in one.kinds and one.zh and one.en]


# --- properties ------------------------------------------------------------------------------------------------------

kinds = st.sampled_from(sorted(KINDS))
times = st.integers(-10, 110)


@st.composite
def overlays_drawn(draw: st.DrawFn) -> list[Logged]:
    """Up to five overlays that overlap, approved in another order than they were made, some revoked or ended."""
    count = draw(st.integers(0, 5))
    approvals = draw(st.permutations(range(count)))
    listed: list[Logged] = []
    for at in range(count):
        kind = draw(kinds)
        begin, length = draw(times), draw(st.none() | st.integers(1, 60))
        state = draw(st.sampled_from(STATES)) if kind == "correction" else ""
        made = overlay(at + 1, kind, begin, None if length is None else begin + length, state=state, made_ms=200 + at)
        log = [event("approve", 300 + approvals[at])]
        if draw(st.booleans()):
            log.append(event("end", 400 + at, to_ms=draw(times)))
        if draw(st.integers(0, 3)) == 0:
            log.append(event("revoke", 500 + at))
        listed.append((made, tuple(log)))
    return listed


def by_instants(overlays: list[Logged], ledger: list[Explained], known_ms: int) -> list[str]:
    """The definition, an instant at a time: excluded, else the correction approved last, else the evidence."""
    found: list[str] = []
    for now in range(*WINDOW):
        state = next((one.state for one in ledger if one.from_ms <= now < (one.to_ms or 0)), "unknown")
        last = -1
        is_excluded = False
        for made, log in overlays:
            become = standing(made, log, known_ms)
            if become is None or become.counts_ms is None:
                continue
            if made.from_ms <= now and (become.to_ms is None or now < become.to_ms):
                if made.kind != "correction":
                    is_excluded = True
                elif become.counts_ms > last:
                    last, state = become.counts_ms, stated(made.state)
        found.append(EXCLUDED if is_excluded else state)
    return found


@st.composite
def ledgers(draw: st.DrawFn) -> list[Explained]:
    """A ledger from the beginning of the window on, that ends before the window or behind it."""
    at, found = 0, []
    for state, length in draw(st.lists(st.tuples(st.sampled_from(STATES), st.integers(1, 40)), max_size=5)):
        found.append(Explained(at, at + length, state, "", ""))
        at += length
    return found


@given(overlays_drawn(), ledgers(), st.sampled_from((199, 250, 302, 404, 502, NOW)))
def test_five_overlapping_overlays_are_what_each_instant_says(
    overlays: list[Logged], ledger: list[Explained], known_ms: int
) -> None:
    expected = by_instants(overlays, ledger, known_ms)

    strip = told(ledger, overlays, known_ms)

    found = figure_of(strip)
    assert [one.state for one in strip for _ in range(one.from_ms, one.to_ms)] == expected
    assert [expected.count(state) for state in (*STATES, EXCLUDED)] == [
        found.up_ms,
        found.down_ms,
        found.unknown_ms,
        found.excluded_ms,
    ]


@given(overlays_drawn(), ledgers())
def test_what_is_revoked_restores_what_was_told(overlays: list[Logged], ledger: list[Explained]) -> None:
    revoked: list[Logged] = [(made, (*log, event("revoke", 900))) for made, log in overlays]

    assert joined(told(ledger, revoked)) == joined(told(ledger, []))
    assert figure_of(told(ledger, revoked)) == figure_of(told(ledger, []))
    assert told(ledger, revoked, known_ms=899) == told(ledger, overlays, known_ms=899), "as it was known then"


@given(overlays_drawn(), st.randoms())
def test_the_order_of_making_does_not_matter(overlays: list[Logged], random: Any) -> None:
    shuffled = list(overlays)
    random.shuffle(shuffled)

    assert in_force(shuffled, NOW) == in_force(overlays, NOW)
