"""What every request needs at hand: the database's door, the clock, the names of faults, where we are found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from roundsman_collector.rules.catalogue import Advice
from roundsman_collector.store import View
from roundsman_wire.catalogue import Label, Language


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What every request needs at hand.

    `token_place` is told to a person who comes without a token. `faults` and `advice` are the catalogue in force, by
    code. `answer_within_s`: how long a person's command is waited for before the answer is "not yet".
    """

    view: View
    now_ms: Callable[[], int]
    port: int
    token_place: str
    faults: Mapping[str, Label] = field(default_factory=dict)
    advice: Mapping[str, Advice] = field(default_factory=dict)
    answer_within_s: float = 2.0

    @property
    def hosts(self) -> frozenset[str]:
        """The only names under which we are to be called: another one is a page that plays DNS tricks."""
        return frozenset(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))

    def fault_name(self, code: str, language: Language) -> str:
        """What people call a fault; its code where the catalogue has no row for it (any more)."""
        label = self.faults.get(code)
        return code if label is None else label.of(language)


def desk_of(request: HTTPConnection) -> Desk:
    """The desk that the application was made with."""
    desk: Desk = request.app.state.desk
    return desk
