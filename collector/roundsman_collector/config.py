"""The collector's configuration: a TOML file, every key of it optional.

    config = load(Path("roundsman.toml"))          or load(None): all defaults
    rules = rule_set(config)                       the fault catalogue it names, with its overrides

A setting is one line of data here: name, type, default, sentence. Validation and docs/configuration.md come from it.
Paths are relative to the file. An error names the file, the section and the key, what was expected, and the nearest
name that is known; all errors are told at once. Secrets never stand in the file: they are read from files of their own.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from roundsman_collector.core.recurrence import Rules as RecurrenceRules
from roundsman_collector.core.rulebook import RuleSet
from roundsman_collector.rules.calendars import CalendarFile, calendar_from
from roundsman_collector.rules.catalogue import Advice, advice_from, overridden, rule_set_from
from roundsman_collector.rules.levels import PRESETS, LevelFile
from roundsman_collector.rules.levels import file_from as level_file
from roundsman_collector.rules.recurrence import recurrence_from
from roundsman_collector.rules.shape import RulesError
from roundsman_collector.rules.trends import Trends, trends_from
from roundsman_collector.wording import got, key, nearest, short, wanted

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
"""An address in plain ASCII: what else some servers take could smuggle a line into a letter."""
DATABASE = "roundsman.sqlite3"
TOKEN = "api-token"
FIRST_LOGIN = "first-login"
TLS = "tls"
"""What stands in the data folder: the database, the token of the API, the link of the first administrator, and a folder
with the broker's own certificates."""
BROKER_FILES = ("password_file", "ca", "cert", "key", "tls_cert", "tls_key", "tls_ca")
EMBEDDED = {"listen", "tls_cert", "tls_key", "tls_ca"}
"""The keys of [broker] that name files; those that are for the embedded broker."""
LISTENABLE = re.compile(r"[0-9A-Za-z.:_-]+")
BUILT_IN = "built-in"
"""What [policy] says for files that travel with the program."""


class ConfigError(Exception):
    """The configuration cannot be used."""


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


File = Annotated[Path, Field(strict=False)]


def default_folder() -> Path:
    """The data folder if none is named: `roundsman` where this user's programs keep their data."""
    named = os.environ.get("XDG_DATA_HOME", "")
    return (Path(named) if named.startswith("/") else Path.home() / ".local" / "share") / "roundsman"


class Data(_Section):
    """Where everything is kept: database, broker, credentials."""

    folder: File = Field(
        default_factory=default_folder,
        description="the data folder; made if it is not there. If not given, `roundsman` where your user's programs "
        "keep their data: below XDG_DATA_HOME or `~/.local/share`",
    )


class Store(_Section):
    """The database: SQLite in the data folder, or PostgreSQL 15 or newer (docs/how-to/postgresql.md)."""

    url: str = Field(
        default="",
        description="`postgresql://user@host/database`, or `postgresql:///database` for the server of this machine; if "
        "not given, the file `roundsman.sqlite3` in the data folder. Beyond this machine TLS is a must, and the "
        "server has to prove itself: `?sslrootcert=FILE` names whom to trust, `?sslmode=disable` does without",
    )
    password_file: File | None = Field(
        default=None,
        description="a file that holds the user's password and nothing else; `PGPASSWORD` in the environment if not "
        "given",
    )


class Broker(_Section):
    """The MQTT broker, 3.1.1."""

    mode: Literal["embedded", "external"] = Field(
        default="embedded",
        description="`embedded`: a broker of our own as a child process; `external`: yours",
    )
    listen: str = Field(
        default="",
        description="`HOST:PORT` where agents reach the embedded broker, for instance `0.0.0.0:8883`; with TLS if "
        "there is a certificate, and never without one beyond this machine; if not given, a port of 127.0.0.1 that is "
        "drawn once",
    )
    tls_cert: File | None = Field(
        default=None,
        description="the embedded broker's certificate (and chain), PEM; `tls/server.pem` in the data folder if not "
        "given, which `roundsman init-tls` makes",
    )
    tls_key: File | None = Field(default=None, description="the key of `tls_cert`, PEM")
    tls_ca: File | None = Field(
        default=None,
        description="what agents are told to trust where `tls_cert` is given, PEM; what their system trusts if not "
        "given",
    )
    url: str = Field(
        default="", description="`mqtt://host:port` or, with TLS, `mqtts://host:port`; with `external` only"
    )
    user: str = Field(default="", description="the user the collector connects as; it may do everything below `rm/1/`")
    password_file: File | None = Field(
        default=None, description="a file that holds that user's password and nothing else"
    )
    ca: File | None = Field(default=None, description="the certificates to trust, PEM; the system's if not given")
    cert: File | None = Field(
        default=None, description="the collector's own certificate, PEM, where the broker asks for one"
    )
    key: File | None = Field(default=None, description="the key of that certificate, PEM")


class Collector(_Section):
    """How the collector takes what comes in."""

    listen_grace_s: float | None = Field(
        default=None,
        ge=0,
        le=86_400,
        description="seconds to listen after a start, or after a lost broker, before anybody is called silent; "
        "if not given, the longest `arrive_by` of all agents and two minutes more",
    )
    ack_every_s: float = Field(
        default=10.0, ge=0, le=3600, description="seconds between two acknowledgements to one agent, at least"
    )
    batch_max: int = Field(default=1000, ge=1, le=2000, description="live reports that one transaction takes, at most")
    history_window: int = Field(
        default=200, ge=1, le=2000, description="backlog reports that one transaction takes, at most"
    )
    rebuild_pause_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="seconds without late news after which a device's past is reckoned anew",
    )
    rebuild_at_latest_s: float = Field(
        default=300.0, ge=1, le=86_400, description="seconds after which it is, even if late news goes on"
    )
    sweep_rows: int = Field(
        default=2000, ge=1, le=100_000, description="agents whose memory is written to disk each second, at most"
    )


class Keeping(_Section):
    """How long evidence is kept; docs/how-to/backup.md. Ledger, tickets and audit log are kept for ever."""

    evidence_days: int = Field(
        default=40,
        ge=2,
        le=36_500,
        description="days for which the bodies of reports are kept; what comes later speaks of no time before",
    )
    evidence_bytes: int = Field(
        default=10_000_000_000,
        ge=10_000_000,
        le=2**60,
        description="bytes of the disk that they may take; beyond this the oldest days go earlier. The newest day "
        "always stays",
    )
    evidence: Literal["full", "changes"] = Field(
        default="full",
        description="`full`: every report as it came; `changes`, for large fleets: reports older than an hour become "
        "runs and changes, which take a fiftieth of the room. Of readings in which no rule sees a difference only the "
        "first are kept then, and the times of all",
    )


class Api(_Section):
    """The REST API and its pages. This version listens on loopback only: put a reverse proxy with TLS before it."""

    host: Literal["127.0.0.1", "::1", "localhost"] = Field(default="127.0.0.1", description="the address to listen on")
    port: int = Field(default=8642, ge=0, le=65_535, description="the TCP port; 0: no API")
    public_url: str = Field(
        default="",
        description="under which address people open it through a reverse proxy, such as `https://rounds.example.com`; "
        "the proxy must pass the name on, and say who asks in `X-Forwarded-For`",
    )


class Mail(_Section):
    """The mail server that notices are handed to (docs/how-to/notifications.md). Without `host` no mail is sent."""

    host: str = Field(default="", description="the SMTP server's name", max_length=253)
    port: int = Field(default=587, ge=1, le=65_535, description="its TCP port; 465 is usual with `tls`")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls`: TLS after the greeting, never without; `tls`: from the first byte; `none`: for a "
        "server on this machine only",
    )
    sender: str = Field(default="", description="the address that notices come from", max_length=320)
    user: str = Field(default="", description="the user to sign in as; nobody if not given")
    password_file: File | None = Field(
        default=None, description="a file that holds that user's password and nothing else"
    )
    ca: File | None = Field(default=None, description="the certificates to trust, PEM; the system's if not given")


class Webhook(_Section):
    """How webhooks and bots are reached (docs/how-to/notifications.md)."""

    allow_http: bool = Field(
        default=False,
        description="let notices leave this machine and the private networks without TLS: everybody on the way can "
        "read them",
    )
    ca: File | None = Field(default=None, description="the certificates to trust, PEM; the system's if not given")


class Company(_Section):
    """What stands on every form (docs/how-to/forms.md)."""

    name: str = Field(default="", description="the company's name", max_length=120)
    name_en: str = Field(default="", description="its name on English forms; `name` if not given", max_length=120)
    service_phone: str = Field(default="", description="the service line, day and night", max_length=60)
    supervision_phone: str = Field(default="", description="the line for complaints about the service", max_length=60)
    copies: int = Field(
        default=3,
        ge=1,
        le=4,
        description="how many copies of a work order are printed: customer, headquarters, service point, finance",
    )
    letterhead: File | None = Field(
        default=None, description="a folder with head and foot of papers of your own (docs/how-to/reports.md)"
    )


class Files(_Section):
    """Photos, documents, videos and signatures of tickets (docs/how-to/forms.md)."""

    photo_bytes: int = Field(default=10_000_000, ge=100_000, le=50_000_000, description="bytes of a photo, at most")
    document_bytes: int = Field(
        default=20_000_000, ge=100_000, le=100_000_000, description="bytes of a document, at most"
    )
    video_bytes: int = Field(default=50_000_000, ge=100_000, le=200_000_000, description="bytes of a video, at most")
    signature_bytes: int = Field(default=300_000, ge=10_000, le=2_000_000, description="bytes of a signature, at most")
    ticket_bytes: int = Field(
        default=500_000_000, ge=1_000_000, le=2**40, description="bytes of all files of one ticket, at most"
    )
    total_bytes: int = Field(
        default=20_000_000_000,
        ge=1_000_000,
        le=2**50,
        description="bytes of all files in the database, at most; the health page and `roundsman doctor` warn at 80 %",
    )


class Labels(_Section):
    """Labels with a QR code by which anybody can report a fault (docs/how-to/labels.md)."""

    phone: Literal["never", "optional", "required"] = Field(
        default="optional", description="whether who reports by a label is asked for a telephone number"
    )
    tells: Literal["nothing", "known", "arrival"] = Field(
        default="known",
        description="what anybody learns who scans a label: `nothing` of tickets; whether the fault is `known` and "
        "somebody is on the way; with `arrival` also by when",
    )


class Reports(_Section):
    """Reports that customers get (docs/how-to/reports.md)."""

    settle_days: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="days after the end of a period for which late news may still change its report; then it is final. "
        "At most a fourteenth of the period: half a day for a week's",
    )
    link_days: int = Field(
        default=30, ge=1, le=365, description="days for which a link is good by which a customer confirms a report"
    )


class Rules(_Section):
    """What counts as a fault (docs/policy.md)."""

    faults: File | None = Field(
        default=None, description="a fault catalogue of your own; the built-in one if not given"
    )
    levels: list[File] = Field(
        default_factory=list,
        description="files of service levels beside the built-in ones; one of the same name replaces it",
    )
    overrides: list[File] = Field(
        default=[], description="files that change fields of its rows, applied one after the other"
    )


class Config(_Section):
    """The whole configuration."""

    data: Data = Field(default_factory=Data)
    store: Store = Store()
    broker: Broker = Broker()
    collector: Collector = Collector()
    keeping: Keeping = Keeping()
    api: Api = Api()
    mail: Mail = Mail()
    webhook: Webhook = Webhook()
    company: Company = Company()
    files: Files = Files()
    labels: Labels = Labels()
    reports: Reports = Reports()
    policy: Rules = Rules()
    source: Path | None = Field(default=None, exclude=True)

    @property
    def database(self) -> str | Path:
        """Where the database is, as the store's doors take it: a path, or a URL that names the file of its password."""
        if not self.store.url:
            return self.data.folder / DATABASE
        if self.store.password_file is None:
            return self.store.url
        joint = "&" if "?" in self.store.url else "?"
        return f"{self.store.url}{joint}password_file={quote(str(self.store.password_file))}"


SECTIONS: Mapping[str, type[_Section]] = {
    "data": Data,
    "store": Store,
    "broker": Broker,
    "collector": Collector,
    "keeping": Keeping,
    "api": Api,
    "mail": Mail,
    "webhook": Webhook,
    "company": Company,
    "files": Files,
    "labels": Labels,
    "reports": Reports,
    "policy": Rules,
}


class Setting(NamedTuple):
    """A setting as the documentation shows it."""

    section: str
    name: str
    kind: str
    default: str
    sentence: str


def settings() -> Iterator[Setting]:
    """All settings, in the order of the file."""
    for section, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            default = "" if field.default in (None, PydanticUndefined) else _toml(field.default)
            yield Setting(section, name, _kind(model, name), default, field.description or "")


def load(path: Path | None, data_folder: Path | None = None) -> Config:
    """The configuration in a file, or all defaults; `data_folder` wins over the file's. Raises ConfigError."""
    said: dict[str, Any] = {} if path is None else _toml_of(path)
    source = str(path)
    try:
        config = Config.model_validate({name: section for name, section in said.items() if name != "source"})
    except ValidationError as error:
        problems = [_problem(each) for each in error.errors(include_url=False, include_context=False)]
    else:
        problems = [
            *_no_database(config.store),
            *_contradictions(config.broker),
            *_not_an_origin(config.api.public_url),
            *_no_mail(config.mail),
        ]
    if "source" in said:
        problems.append(f"source: unknown section; expected one of {', '.join(SECTIONS)}")
    if problems:
        raise ConfigError("\n".join(f"{source}, {problem}" for problem in dict.fromkeys(problems)))
    base = Path.cwd() if path is None else path.resolve().parent
    folder = data_folder.resolve() if data_folder is not None else None
    return _anchored(config, base, folder).model_copy(update={"source": path})


def _toml_of(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; name the configuration with --config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def _anchored(config: Config, base: Path, folder: Path | None) -> Config:
    """Every path made absolute: those of the file from where it lies."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else base / path.expanduser()

    broker = {name: at(getattr(config.broker, name)) for name in BROKER_FILES}
    return config.model_copy(
        update={
            "data": Data(folder=folder or base / config.data.folder.expanduser()),
            "broker": config.broker.model_copy(update=broker),
            "store": config.store.model_copy(update={"password_file": at(config.store.password_file)}),
            "mail": config.mail.model_copy(
                update={"password_file": at(config.mail.password_file), "ca": at(config.mail.ca)}
            ),
            "webhook": config.webhook.model_copy(update={"ca": at(config.webhook.ca)}),
            "policy": Rules(
                faults=at(config.policy.faults),
                overrides=[base / one.expanduser() for one in config.policy.overrides],
                levels=[base / one.expanduser() for one in config.policy.levels],
            ),
        }
    )


def _not_an_origin(url: str) -> Iterator[str]:
    """A public address is a scheme and a name: what a browser sends as Origin."""
    parts = urlsplit(url)
    is_origin = parts.scheme in ("http", "https") and bool(parts.netloc) and url == f"{parts.scheme}://{parts.netloc}"
    if url and not (is_origin and url == url.lower()):
        yield (
            f"[api] public_url: got {short(url)}; expected https:// and a name in small letters, without a path or a "
            "slash at the end, such as https://rounds.example.com"
        )


def _no_database(store: Store) -> Iterator[str]:
    if not store.url:
        if store.password_file:
            yield "[store] password_file: expected url with it, postgresql://user@host/database"
        return
    try:
        url = urlsplit(store.url)
        is_one = url.scheme == "postgresql" and len(url.path) > 1 and (url.port is None or url.port > 0)
        has_password = url.password is not None
    except ValueError:
        is_one, has_password = False, "@" in store.url
    if has_password:
        yield "[store] url: expected no password in it; use password_file, or PGPASSWORD in the environment"
    elif not is_one:
        yield f"[store] url: expected postgresql://user@host/database, got {short(store.url)}"
    elif "password_file" in url.query:
        yield "[store] url: expected password_file beside it, not in it"


def _no_mail(mail: Mail) -> Iterator[str]:
    if not mail.host:
        if given := sorted(name for name in mail.model_fields_set if getattr(mail, name)):
            yield f"[mail] {given[0]}: expected host with it, the name of the SMTP server"
        return
    if not MAIL_ADDRESS.fullmatch(mail.sender):
        yield f"[mail] sender: expected one mail address, such as rounds@example.com, got {short(mail.sender)}"
    if mail.security == "none" and mail.host not in LOOPBACK:
        yield f"[mail] security: none is for a server on this machine; expected starttls or tls for {short(mail.host)}"
    if bool(mail.user) != bool(mail.password_file):
        yield "[mail] user: expected password_file with it, and no password_file without it"


def _contradictions(broker: Broker) -> Iterator[str]:
    given = {name for name in broker.model_fields_set if name != "mode" and getattr(broker, name)}
    if broker.mode == "embedded":
        if others := sorted(given - EMBEDDED):
            yield f'[broker] {others[0]}: is for another broker than our own; expected mode = "external" with it'
        yield from _listening(broker)
        return
    if ours := sorted(given & EMBEDDED):
        yield f'[broker] {ours[0]}: is for our own broker; expected mode = "embedded" with it'
    try:
        url = urlsplit(broker.url)
        is_broker = url.scheme in ("mqtt", "mqtts") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        is_broker = False
    if not is_broker:
        got_it = "one with a password in it" if "@" in broker.url else short(broker.url)
        yield f"[broker] url: expected mqtt://host:port or mqtts://host:port, got {got_it}"
        return
    if url.password or url.username:
        yield "[broker] url: expected no user or password in it; use user and password_file"
    if url.scheme == "mqtt" and (broker.ca or broker.cert or broker.key):
        yield "[broker] url: expected mqtts:// where ca, cert or key are given"
    if bool(broker.cert) != bool(broker.key):
        yield "[broker] cert: a certificate needs its key, and a key its certificate"


def _listening(broker: Broker) -> Iterator[str]:
    if broker.listen:
        try:
            listen_at(broker.listen)
        except ValueError:
            yield f"[broker] listen: expected HOST:PORT, for instance 0.0.0.0:8883, got {short(broker.listen)}"
    elif broker.tls_cert or broker.tls_key or broker.tls_ca:
        yield '[broker] tls_cert, tls_key, tls_ca: expected listen with them, for instance listen = "0.0.0.0:8883"'
    if bool(broker.tls_cert) != bool(broker.tls_key):
        yield "[broker] tls_cert: a certificate needs its key, and a key its certificate"
    if broker.tls_ca and not broker.tls_cert:
        yield "[broker] tls_ca: expected tls_cert and tls_key with it; what init-tls makes brings its own"


def listen_at(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`; ValueError where it is neither."""
    url = urlsplit(f"//{listen}")
    if (
        not url.hostname
        or not url.port
        or url.netloc != listen
        or "@" in listen
        or not LISTENABLE.fullmatch(url.hostname)
    ):
        raise ValueError(listen)
    return url.hostname, url.port


def _problem(error: ErrorDetails) -> str:
    section, *steps = (str(step) for step in error["loc"])
    model = SECTIONS.get(section)
    if model is None:
        return f"[{key(section)}]: unknown section; expected one of {', '.join(SECTIONS)}{nearest(section, SECTIONS)}"
    if not steps:
        return f"[{section}]: expected a section, got {got(error)}"
    where = f"[{section}] {key(steps[0])}" + "".join(f"[{step}]" for step in steps[1:] if step.isdigit())
    if error["type"] == "extra_forbidden":
        known = model.model_fields
        return f"{where}: unknown key; expected one of {', '.join(known)}{nearest(steps[0], known)}"
    hint = "; this version listens on loopback only" if (section, steps[0]) == ("api", "host") else ""
    return f"{where}: expected {wanted(error)}, got {got(error)}{hint}"


def _kind(model: type[_Section], name: str) -> str:
    schema = model.model_json_schema()["properties"][name]
    found = next(one for one in schema.get("anyOf", [schema]) if one.get("type") != "null")
    if "enum" in found:
        return " or ".join(f'"{word}"' for word in found["enum"])
    if found.get("format") == "path":
        return "path"
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "array": "list of paths",
        "boolean": "true or false",
    }
    return words[found["type"]]


def _toml(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- rules -----------------------------------------------------------------------------------------------------------


def rule_set(config: Config) -> RuleSet:
    """The rules that the configuration names; ConfigError says what is wrong with their files."""
    text, source = _faults(config)
    try:
        found = rule_set_from(text, source=source)
        for path in config.policy.overrides:
            found = overridden(found, _text(path), source=str(path))
    except RulesError as error:
        raise ConfigError(str(error)) from error
    return found


def advice(config: Config) -> Mapping[str, Advice]:
    """Probable causes and remedies of the faults in the catalogue, by code."""
    text, source = _faults(config)
    try:
        found = dict(advice_from(text, source=source))
        for path in config.policy.overrides:
            found |= advice_from(_text(path), source=str(path))
    except RulesError as error:
        raise ConfigError(str(error)) from error
    return found


def service_levels(config: Config) -> dict[str, LevelFile]:
    """The service levels that travel with the program and those that the configuration names, by name."""
    found = {name: level_file(built_in(f"levels/{name}.yaml"), source=f"{name}.yaml") for name in PRESETS}
    try:
        for path in config.policy.levels:
            mine = level_file(_text(path), source=str(path))
            found[mine.level] = mine
    except RulesError as error:
        raise ConfigError(str(error)) from error
    return found


@cache
def trends() -> Trends:
    """What is watched for getting worse."""
    return trends_from(built_in("trends.yaml"), source="trends.yaml")


def recurrence() -> RecurrenceRules:
    """When the same fault comes again and again."""
    return recurrence_from(built_in("recurrence.yaml"), source="recurrence.yaml")


def calendar() -> CalendarFile:
    """The calendar that travels with the program: China's holidays and adjusted working days."""
    return calendar_from(built_in("calendars/cn.yaml"), source="cn.yaml")


def built_in(name: str) -> str:
    """A rules file that travels with the program: `faults.yaml`, `demo.yaml`, `calendars/cn.yaml`."""
    return resources.files("roundsman_collector.rules").joinpath(name).read_text("utf-8")


def _faults(config: Config) -> tuple[str, str]:
    if config.policy.faults is None:
        return built_in("faults.yaml"), f"{BUILT_IN} faults.yaml"
    return _text(config.policy.faults), str(config.policy.faults)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; see [policy] in the configuration") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
