"""Golden messages: what version 1 wrote once is read for ever. A file here is never changed, only added."""

import json
from pathlib import Path
from typing import Any

import pytest

from roundsman_wire import VERSION, codec
from roundsman_wire.report import MESSAGES

FOLDER = Path(__file__).parent / "golden" / "v1"
FILES = sorted(FOLDER.glob("*.json"))
REPORTS = [path for path in FILES if path.name.startswith("report.")]


def name(path: Path) -> str:
    return path.name


def read(path: Path) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(path.read_bytes())
    return message


def test_there_is_a_golden_message_of_every_kind() -> None:
    assert {path.name.partition(".")[0] for path in FILES} == set(MESSAGES)


def test_every_kind_of_record_is_in_a_golden_report() -> None:
    kinds = {record["kind"] for path in REPORTS for record in codec.rows(read(path))}  # type: ignore[arg-type]

    assert kinds == {"sample", "boot", "clock", "gap", "result", "weather"}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_golden_message_has_every_field_that_its_kind_requires(path: Path) -> None:
    message = read(path)

    assert message["v"] == VERSION
    assert MESSAGES[path.name.partition(".")[0]].__required_keys__ <= set(message)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_golden_message_is_the_same_after_writing_and_reading(path: Path) -> None:
    message = read(path)

    assert json.loads(codec.encode(message)) == message


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_golden_message_survives_every_content_coding(path: Path) -> None:
    plain = codec.encode(read(path))
    birth = read(FOLDER / "birth.json")
    dictionary = codec.birth_dictionary(birth["devices"], ["printer.paper", "host.cpu_percent"])

    codings = [plain, codec.pack(plain), codec.pack(plain, dictionary, birth["hash"])]

    assert [codec.unpack(payload, {birth["hash"]: dictionary}) for payload in codings] == [plain] * 3


def test_golden_columns_unfold_to_the_samples_they_were_folded_from() -> None:
    report = read(FOLDER / "report.columns.json")

    boot, *samples = codec.rows(report)  # type: ignore[arg-type]

    assert boot["kind"] == "boot"
    assert samples == [
        {
            "n": 202 + row,
            "kind": "sample",
            "boot": "b41e",
            "mono": mono,
            "t": t,
            "ntp": True,
            "device": "kiosk-7",
            "valid_s": 90,
            "readings": readings,
            **failed,
        }
        for row, (mono, t, readings, failed) in enumerate(
            [
                (8003456, 1795257420000, {"printer.paper": "ok", "host.cpu_percent": 12.5}, {}),
                (8063456, 1795257480000, {"printer.paper": "near_end", "host.cpu_percent": 13}, {}),
                (
                    8123456,
                    1795257540000,
                    {"printer.paper": "near_end", "host.cpu_percent": None},
                    {"failed": {"host.cpu_percent": ["absent", ""]}},
                ),
            ]
        )
    ]
    assert codec.columns(samples) == report["columns"][0]  # type: ignore[arg-type]


def test_golden_columns_by_point_unfold_to_the_samples_they_were_folded_from() -> None:
    report = read(FOLDER / "report.columns.point.json")

    samples = codec.rows(report)  # type: ignore[arg-type]

    assert [(one["n"], one["mono"], one["t"]) for one in samples] == [
        (300 + i, 8003456 + 60_000 * i, 1795257420000 + 60_000 * i) for i in range(4)
    ]
    assert [one["readings"] for one in samples] == [  # type: ignore[typeddict-item]
        {"printer.paper": "ok", "host.cpu_percent": 12.5, "net.rx_bytes": 4711000},
        {"printer.paper": "ok", "host.cpu_percent": 12.75, "net.rx_bytes": 4711250},
        {"printer.paper": "ok", "host.cpu_percent": 13.0, "net.rx_bytes": 4711500},
        {"printer.paper": "near_end", "host.cpu_percent": 13.25, "net.rx_bytes": 4711750},
    ]


def test_the_bytes_of_version_1_do_not_change() -> None:
    """What other programs computed over these bytes must stay true."""
    birth = read(FOLDER / "birth.json")
    devices = birth["devices"]

    assert codec.birth_hash(devices, birth["config_hash"]) == birth["hash"] == "9b0c44"
    assert codec.unpack(bytes.fromhex("01ab562a53b232ac0500")) == b'{"v":1}'
    assert (
        codec.unpack(
            bytes.fromhex("029b0c44c3e725cb2483641313a55a00"),
            {"9b0c44": codec.birth_dictionary(devices, ["printer.paper"])},
        )
        == b'{"v":1,"stream":"","birth":"9b0c44"}'
    )
