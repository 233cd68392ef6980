"""What every request needs at hand: the database's door, the clock, the names of faults, where we are found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from roundsman_collector.api.guard import Guard, Scans, Tries, link_tries
from roundsman_collector.api.reckonings import Reckonings
from roundsman_collector.core.label import LabelTerms
from roundsman_collector.core.lifecycle import REPORTED
from roundsman_collector.core.rulebook import Function
from roundsman_collector.reports.dossier import Company
from roundsman_collector.reports.words import NOT_NAMED
from roundsman_collector.rules.catalogue import Advice
from roundsman_collector.store import Office, View
from roundsman_collector.store.files import FileLimits
from roundsman_wire.catalogue import Label, Language


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What every request needs at hand.

    `token_place` is told to a program that comes without a token. `public_url` is under which name people open us
    through a reverse proxy; empty: only on this machine. `faults` and `advice` are the catalogue in force, by
    code. `answer_within_s`: how long a person's command is waited for before the answer is "not yet".
    `functions`: what devices are there for, by name. `lists_every_s`: how old a list of the whole fleet may be
    (api/summary.py). `has_mail`: [mail] names a server. `company`: what stands on every form. `file_limits`: how
    large files of tickets may be. `takes`: which function each fault takes away, by code. `labels`: what the page
    behind a label asks and tells.
    """

    view: View
    office: Office
    now_ms: Callable[[], int]
    port: int
    token_place: str
    faults: Mapping[str, Label] = field(default_factory=dict)
    advice: Mapping[str, Advice] = field(default_factory=dict)
    answer_within_s: float = 2.0
    lists_every_s: float = 1.0
    public_url: str = ""
    has_mail: bool = False
    company: Company = field(default_factory=Company)
    file_limits: FileLimits = field(default_factory=FileLimits)
    functions: Mapping[str, Function] = field(default_factory=dict)
    takes: Mapping[str, str] = field(default_factory=dict)
    labels: LabelTerms = field(default_factory=LabelTerms)
    guard: Guard = field(default_factory=Guard)
    scans: Scans = field(default_factory=Scans)
    links: Tries = field(default_factory=link_tries)
    reckonings: Reckonings = field(default_factory=Reckonings)

    @cached_property
    def origins(self) -> frozenset[str]:
        """Scheme and name under which we are to be called; what comes from another page is not ours."""
        local = {f"http://{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        return frozenset(local | ({self.public_url} if self.public_url else set()))

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The only names under which we are to be called: another one is a page that plays DNS tricks."""
        return frozenset(urlsplit(origin).netloc for origin in self.origins)

    @property
    def is_secure(self) -> bool:
        """Whether people come by TLS: then cookies travel by it only."""
        return self.public_url.startswith("https:")

    def link(self, path: str) -> str:
        """The address of one of our pages, for a mail or a terminal."""
        return f"{self.public_url or f'http://127.0.0.1:{self.port}'}{path}"

    def knows_fault(self, code: str) -> bool:
        """Whether the catalogue has a fault of this code."""
        return code in self.faults

    def fault_name(self, code: str, language: Language) -> str:
        """What people call a fault; its code where the catalogue has no row for it (any more)."""
        label = NOT_NAMED if code == REPORTED else self.faults.get(code)
        return code if label is None else label.of(language)


def desk_of(request: HTTPConnection) -> Desk:
    """The desk that the application was made with."""
    desk: Desk = request.app.state.desk
    return desk
