"""What holds for every link of a customer (store/links.py), whatever its purpose: who guesses waits, tries are noted.

row = opened(desk, "agree", key, address)         where the key leads; Problem where it leads nowhere
held(desk, "agree", key, address)                 the same of one that may be used or over: what became of it
spent(desk, "agree", key, address)                it was used: it leads nowhere any more
link, row = made(desk, deed, "agree", "task:12", "/agree/", for_whom=...)   its address, to be sent to the customer
"""

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.guard import network
from roundsman_collector.api.problem import Problem
from roundsman_collector.store import Deed, LinkRow

DAY_MS = 86_400_000
GOOD_DAYS = 30
STRANGER = "a customer"
"""Who tried, in the audit log, where the link does not say."""


def made(
    desk: Desk, deed: Deed, purpose: str, subject: str, path: str, *, for_whom: str = "", days: int = GOOD_DAYS
) -> tuple[str, LinkRow]:
    """The address that a customer may open, good for so many days, and its row. Older ones end. It is shown once."""
    row, key = desk.office.make_link(
        purpose, subject, for_whom=for_whom, expires_ms=deed.at_ms + days * DAY_MS, deed=deed
    )
    return desk.link(path + key), row


def opened(desk: Desk, purpose: str, key: str, address: str) -> LinkRow:
    """Where a key leads; Problem, one for whatever is no good."""
    now_ms = _checked(desk, address)
    found = desk.view.good_link(purpose, key, now_ms)
    if found is None:
        raise _refused(desk, purpose, key, address, now_ms)
    return found


def held(desk: Desk, purpose: str, key: str, address: str) -> LinkRow:
    """A link, good or over; Problem for a key of none."""
    now_ms = _checked(desk, address)
    found = desk.view.known_link(purpose, key)
    if found is None:
        raise _refused(desk, purpose, key, address, now_ms)
    return found


def spent(desk: Desk, purpose: str, key: str, address: str) -> LinkRow:
    """Use a link; Problem where somebody did already, or it is over."""
    now_ms = _checked(desk, address)
    found = desk.view.known_link(purpose, key)
    who = STRANGER if found is None else found.author
    used = desk.office.use_link(purpose, key, deed=Deed(who=who, at_ms=now_ms, address=address))
    if used is None:
        desk.links.note(network(address), now_ms)
        raise no_link()
    return used


def _checked(desk: Desk, address: str) -> int:
    now_ms = desk.now_ms()
    seconds = desk.links.wait_s(network(address), now_ms)
    if seconds:
        raise Problem(
            429,
            "too_many_tries",
            what="too many links that are not good were tried from this address",
            where="this link",
            expected=f"at most {desk.links.most} in {desk.links.window_ms // 60_000} minutes",
            do=f"wait {seconds} seconds",
            retry_after_s=seconds,
        )
    return now_ms


def _refused(desk: Desk, purpose: str, key: str, address: str, now_ms: int) -> Problem:
    desk.links.note(network(address), now_ms)
    desk.office.link_refused(purpose, key, deed=Deed(who=STRANGER, at_ms=now_ms, address=address))
    return no_link()


def no_link() -> Problem:
    """The one answer to whatever is no good."""
    return Problem(
        404,
        "no_link",
        what="this link is not known, was used already, or is too old",
        where="the link",
        expected="the newest link that was sent to you; each works once",
        do="ask whoever sent it for a new one",
    )
