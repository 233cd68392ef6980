"""The messages of the wire: their types are what every record must be, and an agent imports them cheaply."""

import subprocess
import sys
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from roundsman_wire import report
from roundsman_wire.report import GAP_REASONS, MESSAGES, Limit, Record

RECORDS = get_args(Record)
EVERY = [*MESSAGES.values(), *RECORDS, report.Columns, report.Device, report.StreamRange, report.Behind, report.Sent]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_record_has_what_it_takes_to_number_and_date_it(record: Any) -> None:
    assert {"n", "kind", "boot", "mono", "t"} <= record.__required_keys__
    assert record.__optional_keys__ >= {"ntp"}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_record_is_known_by_the_kind_of_its_name(record: Any) -> None:
    assert get_args(get_type_hints(record)["kind"]) == (record.__name__.lower(),)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=list(MESSAGES))
def test_every_message_says_its_version(message: Any) -> None:
    assert get_args(get_type_hints(message)["v"]) == (1,)
    assert "v" in message.__required_keys__


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_type_says_what_it_is(kind: Any) -> None:
    assert is_typeddict(kind)
    assert (kind.__doc__ or "").strip()


def texts_without_end(hint: Any, path: str, limited: bool = False) -> list[str]:
    """Where in a type a text, a list or an object may be of any length."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = [one for one in arguments[1:] if isinstance(one, Limit)]
        return texts_without_end(arguments[0], path, any(one.max_length or one.pattern for one in limits))
    if origin in (Required, NotRequired):
        return texts_without_end(arguments[0], path, limited)
    if hint is str:
        return [] if limited else [path]
    return [found for each in arguments for found in texts_without_end(each, path)]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_no_text_on_the_wire_is_of_any_length(kind: Any) -> None:
    hints = get_type_hints(kind, include_extras=True)

    assert [where for name, hint in hints.items() for where in texts_without_end(hint, name)] == []


def test_the_reasons_of_gaps_are_words() -> None:
    assert len(set(GAP_REASONS)) == len(GAP_REASONS)
    assert all(reason.replace("_", "").isalpha() and reason.islower() for reason in GAP_REASONS)


def test_importing_the_wire_loads_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules)\n"
        "from roundsman_wire import catalogue, codec, ranges, report, topics\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - set(sys.stdlib_module_names) - {'roundsman_wire'}))"
    )

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)

    assert said.stdout.strip() == "[]"
