"""The collector's configuration: what stands in the file, what is built in, and what is said of mistakes."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roundsman_collector import config
from roundsman_collector.config import Broker, ConfigError, load
from roundsman_collector.core.rulebook import resolved

KNOWN = "data, store, broker, collector, keeping, api, mail, webhook, company, files, labels, reports, policy"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "roundsman.toml"


def mistakes(file: Path, text: str) -> list[str]:
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(str(file)) for line in lines)
    return [line.removeprefix(str(file)).removeprefix(", ").removeprefix(": ") for line in lines]


# --- what is built in ------------------------------------------------------------------------------------------------


def test_without_a_file_everything_is_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    found = load(None)

    assert found.data.folder == tmp_path / "roundsman"
    assert found.broker == Broker()
    assert (found.broker.mode, found.api.host, found.api.port) == ("embedded", "127.0.0.1", 8642)
    assert found.collector.listen_grace_s is None
    assert found.source is None


def test_without_a_named_folder_data_lies_where_the_users_programs_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    for not_a_folder in ("", "relative/folder"):
        monkeypatch.setenv("XDG_DATA_HOME", not_a_folder)

        assert load(None).data.folder == Path("/somewhere/.local/share/roundsman")


def test_an_empty_file_is_the_same_as_none(file: Path) -> None:
    file.write_text("", "utf-8")

    assert load(file).model_dump() == load(None).model_dump()


def test_a_folder_on_the_command_line_wins_and_is_where_the_caller_stands(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('[data]\nfolder = "elsewhere"', "utf-8")
    monkeypatch.chdir(tmp_path)

    assert load(file, Path("here")).data.folder == tmp_path / "here"


# --- what stands in the file -----------------------------------------------------------------------------------------


def test_paths_lie_beside_the_file_and_home_is_understood(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    file.write_text(
        """
        [data]
        folder = "data"
        [broker]
        mode = "external"
        url = "mqtts://broker.example"
        user = "collector"
        password_file = "/etc/password"
        ca = "ca.pem"
        cert = "~/own.pem"
        key = "../own.key"
        [policy]
        faults = "faults.yaml"
        overrides = ["a.yaml", "/etc/b.yaml"]
        """,
        "utf-8",
    )

    found = load(file)

    base = file.parent
    assert found.source == file
    assert found.data.folder == base / "data"
    assert found.broker.model_dump(include={"password_file", "ca", "cert", "key"}) == {
        "password_file": Path("/etc/password"),
        "ca": base / "ca.pem",
        "cert": Path("/somewhere/own.pem"),
        "key": base / "../own.key",
    }
    assert found.policy.faults == base / "faults.yaml"
    assert found.policy.overrides == [base / "a.yaml", Path("/etc/b.yaml")]


def test_a_whole_number_is_as_good_as_one_with_a_point_but_a_text_is_not(file: Path) -> None:
    file.write_text("[collector]\nack_every_s = 5\nlisten_grace_s = 0.5", "utf-8")

    found = load(file).collector

    assert (found.ack_every_s, found.listen_grace_s) == (5, 0.5)
    assert mistakes(file, '[collector]\nack_every_s = "5"') == [
        "[collector] ack_every_s: expected a valid number, got '5'"
    ]


# --- what is said of mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[borker]",
            f"[borker]: unknown section; expected one of {KNOWN}; did you mean broker?",
        ),
        ("x = 1", f"[x]: unknown section; expected one of {KNOWN}"),
        ('source = "x"', f"source: unknown section; expected one of {KNOWN}"),
        ("broker = 7", "[broker]: expected a section, got 7"),
        (
            '[broker]\npassword = "secret-word"',
            "[broker] password: unknown key; expected one of mode, listen, tls_cert, tls_key, tls_ca, url, user, "
            "password_file, ca, cert, key; did you mean password_file?",
        ),
        ('[broker]\nmode = "internal"', "[broker] mode: expected 'embedded' or 'external', got 'internal'"),
        (
            '[broker]\nurl = "mqtt://x"',
            '[broker] url: is for another broker than our own; expected mode = "external" with it',
        ),
        ('[broker]\nmode = "external"', "[broker] url: expected mqtt://host:port or mqtts://host:port, got ''"),
        (
            '[api]\nhost = "0.0.0.0"',
            "[api] host: expected '127.0.0.1', '::1' or 'localhost', got '0.0.0.0'; "
            "this version listens on loopback only",
        ),
        ("[api]\nport = 65536", "[api] port: expected less than or equal to 65535, got 65536"),
        ("[api]\nport = true", "[api] port: expected a valid integer, got True"),
        ("[collector]\nbatch_max = 2001", "[collector] batch_max: expected less than or equal to 2000, got 2001"),
        ("[collector]\nack_every_s = nan", "[collector] ack_every_s: expected a finite number, got nan"),
        (
            "[collector]\nack_evry_s = 3",
            "[collector] ack_evry_s: unknown key; expected one of listen_grace_s, ack_every_s, batch_max, "
            "history_window, rebuild_pause_s, rebuild_at_latest_s, sweep_rows; did you mean ack_every_s?",
        ),
        ("[data]\nfolder = 7", "[data] folder: expected a path, got 7"),
        ("[policy]\noverrides = [7]", "[policy] overrides[0]: expected a path, got 7"),
        ("a = ", "is not TOML: Invalid value (at end of document)"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_section_key_and_the_nearest_name(file: Path, text: str, expected: str) -> None:
    assert mistakes(file, text) == [expected]


def test_a_secret_in_the_wrong_place_is_not_repeated_in_the_error(file: Path) -> None:
    told = mistakes(file, '[broker]\npassword = "secret-word"')
    for url in ("mqtt://collector:secret-word@broker.example", "mqtt://collector:secret-word@broker.example:abc"):
        told += mistakes(file, f'[broker]\nmode = "external"\nurl = "{url}"')

    assert "secret-word" not in "".join(told)


@pytest.mark.parametrize(
    "url",
    [
        "broker.example",
        "http://broker.example",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://x:abc",
        "mqtt://x:99999",
        "mqtt://[",
    ],
)
def test_an_external_broker_has_a_url_with_a_host(file: Path, url: str) -> None:
    told = mistakes(file, f'[broker]\nmode = "external"\nurl = "{url}"')

    assert told == [f"[broker] url: expected mqtt://host:port or mqtts://host:port, got {url!r}"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('url = "mqtts://x"\ncert = "c.pem"', "[broker] cert: a certificate needs its key, and a key its certificate"),
        ('url = "mqtts://x"\nkey = "c.pem"', "[broker] cert: a certificate needs its key, and a key its certificate"),
        ('url = "mqtt://x"\nca = "c.pem"', "[broker] url: expected mqtts:// where ca, cert or key are given"),
    ],
)
def test_what_contradicts_itself_is_told(file: Path, more: str, expected: str) -> None:
    assert mistakes(file, f'[broker]\nmode = "external"\n{more}') == [expected]


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    told = mistakes(file, "[api]\nport = -1\n[collector]\nbatch_max = 0\n[borker]\n")

    assert [line.partition(":")[0] for line in told] == ["[collector] batch_max", "[api] port", "[borker]"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file or directory; name the conf"):
        load(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_text_is_told(file: Path) -> None:
    file.write_bytes(b"[api]\nhost = '\xff'")

    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 14\)"):
        load(file)


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers(), max_size=2)
)


@given(
    st.dictionaries(st.sampled_from([*config.SECTIONS, "other"]), st.dictionaries(st.text(max_size=5), values) | values)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_file_says_it_is_a_configuration_or_a_config_error(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, object]
) -> None:
    monkeypatch.setattr(config, "_toml_of", lambda path: said)

    try:
        load(Path("some.toml"))
    except ConfigError as error:
        assert all(line.startswith("some.toml, ") for line in str(error).splitlines())


# --- the settings as data --------------------------------------------------------------------------------------------


def test_every_setting_has_a_kind_and_a_sentence() -> None:
    found = list(config.settings())

    assert {one.section for one in found} == set(config.SECTIONS)
    assert [one for one in found if not one.kind or len(one.sentence) < 10] == []
    assert ("api", "port", "whole number", "8642") in [one[:4] for one in found]
    assert ("broker", "mode", '"embedded" or "external"', '"embedded"') in [one[:4] for one in found]


# --- the rules that it names -----------------------------------------------------------------------------------------


def test_without_rules_of_its_own_the_built_in_ones_hold(file: Path) -> None:
    assert "printer.paper_end" in {rule.code for rule in config.rule_set(load(None)).rules}
    assert "printer.paper_end" in config.advice(load(None))


def test_overrides_are_applied_one_after_the_other(file: Path) -> None:
    for name, seconds in (("a", 11), ("b", 22)):
        rows = f"overrides:\n  - {{code: printer.paper_end, for_s: {seconds}}}\n"
        (file.parent / f"{name}.yaml").write_text(rows, "utf-8")
    file.write_text('[policy]\noverrides = ["a.yaml", "b.yaml"]', "utf-8")

    rule = resolved(config.rule_set(load(file))).rule("printer.paper_end")

    assert rule is not None
    assert rule.for_ms == 22_000


def test_a_catalogue_of_ones_own_takes_the_place_of_the_built_in_one(file: Path) -> None:
    rows = config.built_in("faults.yaml").partition("  - code: agent.silent")[0]
    (file.parent / "own.yaml").write_text(rows, "utf-8")
    file.write_text('[policy]\nfaults = "own.yaml"', "utf-8")

    found = load(file)

    assert [rule.code for rule in config.rule_set(found).rules] == ["host.unreachable"]
    assert list(config.advice(found)) == ["host.unreachable"]


@pytest.mark.parametrize("key", ['faults = "own.yaml"', 'overrides = ["own.yaml"]'])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file or directory; see [policy] in the configuration"),
        (b"\xff", "is not UTF-8 text (byte 0)"),
        (b"nonsense", "expected an object, got 'nonsense'"),
    ],
)
def test_a_rules_file_that_cannot_be_used_is_a_config_error_that_names_it(
    file: Path, key: str, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (file.parent / "own.yaml").write_bytes(content)
    file.write_text(f"[policy]\n{key}", "utf-8")

    with pytest.raises(ConfigError) as caught:
        config.rule_set(load(file))

    assert str(caught.value) == f"{file.parent / 'own.yaml'}: {expected}"


# --- the database ----------------------------------------------------------------------------------------------------


def test_the_database_is_a_file_in_the_data_folder_unless_a_url_names_a_servers(file: Path) -> None:
    file.write_text('[data]\nfolder = "data"', "utf-8")
    assert load(file).database == file.parent / "data" / "roundsman.sqlite3"

    file.write_text('[store]\nurl = "postgresql:///roundsman"', "utf-8")
    assert load(file).database == "postgresql:///roundsman"

    file.write_text('[store]\nurl = "postgresql://r@db/r?sslmode=require"\npassword_file = "a b&c"', "utf-8")
    quoted = str(file.parent / "a%20b%26c")
    assert load(file).database == f"postgresql://r@db/r?sslmode=require&password_file={quoted}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'url = "postgresql://r:hush@db/r"',
            "[store] url: expected no password in it; use password_file, or PGPASSWORD",
        ),
        ('url = "mysql://r@db/r"', "[store] url: expected postgresql://user@host/database, got 'mysql://r@db/r'"),
        ('url = "postgresql://r@db"', "[store] url: expected postgresql://user@host/database"),
        ('url = "postgresql://r@db:x/r"', "[store] url: expected"),
        ('url = "postgresql://r@db/r?password_file=x"', "[store] url: expected password_file beside it"),
        ('password_file = "x"', "[store] password_file: expected url with it"),
    ],
)
def test_a_database_that_cannot_be_meant_is_told_without_its_password(file: Path, text: str, expected: str) -> None:
    (said,) = mistakes(file, f"[store]\n{text}")

    assert said.startswith(expected)
    assert "hush" not in said
