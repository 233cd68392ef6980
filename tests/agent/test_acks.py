"""Acknowledgements: what is believed of them."""

from typing import Any

import pytest

from roundsman_agent.acks import Ack, Known, read, without


def ack(upto: int = 0, **changes: Any) -> Ack:
    fields: dict[str, Any] = {
        "stream": "s", "epoch": "e", "upto": upto, "also": [], "refused": [], "at": 1, "echo": 1,
        "slow_down_s": 0.0, "need_birth": False,
    }  # fmt: skip
    return Ack(**{**fields, **changes})


def test_what_an_earlier_process_may_have_sent_is_believed() -> None:
    verdict = Known(newest=9).judge(ack(9), newest=9)

    assert (verdict.settled, verdict.unsent, verdict.beyond) == ([(1, 9)], [], 0)


def test_what_went_out_in_this_process_is_believed_and_what_did_not_is_named() -> None:
    known = Known(newest=4)
    known.sent(5, 6)
    known.sent(8, 8)

    verdict = known.judge(ack(6, also=[(7, 9)]), newest=9)

    assert verdict.unsent == [(7, 7), (9, 9)]
    assert without(verdict.settled, verdict.unsent) == [(1, 6), (8, 8)]


@pytest.mark.parametrize(
    "claim",
    [ack(10), ack(3, also=[(5, 10)]), ack(3, refused=[(10, 10, "schema")]), ack(2**53)],
    ids=["upto", "also", "refused", "the most there is"],
)
def test_who_claims_a_number_that_was_never_given_out_is_not_believed_in_anything(claim: Ack) -> None:
    verdict = Known(newest=9).judge(claim, newest=9)

    assert verdict.beyond >= 10
    assert (verdict.settled, verdict.unsent, verdict.refused) == ([], [], [])


def test_the_same_acknowledgement_again_settles_nothing_and_complains_of_nothing() -> None:
    known = Known(newest=9)
    said = ack(5, also=[(7, 7)], refused=[(8, 8, "schema")])
    first = known.judge(said, newest=9)
    known.settle(first.settled)

    again = known.judge(said, newest=9)

    assert first.refused == [(8, 8, "schema")]
    assert (again.settled, again.refused) == ([], [])


def test_numbers_that_were_declared_lost_do_not_pile_up() -> None:
    known = Known(newest=0)
    for n in range(1, 1001):
        if n % 2:
            known.sent(n, n)
    verdict = known.judge(ack(1000), newest=1000)

    known.settle(verdict.settled)

    assert len(known._reached) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b'{"v":1,"stream":"s","epoch":"e","upto":-1,"at":1,"echo":1}',
        b'{"v":1,"stream":"s","epoch":"e","upto":%d,"at":1,"echo":1}' % 10**30,
        b'{"v":1,"stream":"s","epoch":"e","upto":1,"at":1,"echo":1,"also":[[1,%d]]}' % 10**30,
        b'{"v":1,"stream":"s","epoch":"e","upto":1,"at":%d,"echo":1}' % 10**30,
        b'{"v":1,"stream":"","epoch":"e","upto":1,"at":1,"echo":1}',
        b'{"v":1,"stream":"s","epoch":"%s","upto":1,"at":1,"echo":1}' % (b"e" * 5000),
        b'{"v":1,"stream":"s","epoch":"e","upto":1,"at":1,"echo":1,"also":[%s]}' % b",".join([b"[1,1]"] * 33),
        b'{"v":1,"stream":"s","epoch":"e","upto":1' + b"0" * 100_000 + b',"at":1,"echo":1}',
    ],
    ids=["below 0", "huge upto", "huge range", "huge time", "no stream", "long epoch", "33 ranges", "long number"],
)
def test_numbers_and_words_beyond_the_contract_are_no_acknowledgement(payload: bytes) -> None:
    assert read(payload) is None


def test_nobody_can_silence_an_agent_for_more_than_an_hour() -> None:
    said = read(b'{"v":1,"stream":"s","epoch":"e","upto":1,"at":1,"echo":1,"slow_down_s":999999999}')

    assert said is not None
    assert said.slow_down_s == 3600
