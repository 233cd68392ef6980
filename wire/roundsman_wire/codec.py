"""Bytes <-> messages.

    encode(message)                      a message as compact UTF-8 JSON
    pack(json) / unpack(bytes)           content coding by the first byte:  `{` JSON · 0x01 deflate · 0x02 deflate with
                                         the dictionary of the birth whose hash (3 bytes) follows
    rows(report)                         all records of a report, its columns unfolded
    columns(samples)                     samples of one device with the same readings, folded

A person with mosquitto_sub can read the default coding; deflate is for metered lines.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from roundsman_wire import turned
from roundsman_wire.report import MESSAGE_LIMIT, PLAIN_LIMIT, Columns, Device, Record, Report, Sample

DEFLATE = 0x01
DEFLATE_WITH_BIRTH = 0x02
BIRTH_BYTES = 3
_JSON_START = 0x7B


class CodecError(ValueError):
    """Bytes that are not a message of this contract."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
        """One word for counters: too_large, coding, no_dictionary, columns."""


def encode(message: Mapping[str, Any]) -> bytes:
    """The message as compact JSON. NaN and infinity raise ValueError: they are not readings.

    Half a surrogate pair (Python's way to hold a file name that is not UTF-8) is written as `?`: nothing may block the
    queue.
    """
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def canonical(value: object) -> bytes:
    """JSON with sorted keys: equal values give equal bytes."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, sort_keys=True)
    return text.encode("utf-8", "replace")


def birth_hash(devices: Sequence[Device], config_hash: str, points: Sequence[str] = ()) -> str:
    """Six hex digits naming what a birth says: SHA-256 over its devices, the config's hash and its points, if any."""
    said = [devices, config_hash, *([list(points)] if points else [])]
    return hashlib.sha256(canonical(said)).hexdigest()[:6]


def config_hash(body: Mapping[str, Any]) -> str:
    """Twelve hex digits naming a configuration that is pushed: SHA-256 over its canonical JSON, both ends alike."""
    return hashlib.sha256(canonical(body)).hexdigest()[:12]


def birth_dictionary(devices: Sequence[Device], points: Sequence[str]) -> bytes:
    """The deflate dictionary both ends build from a birth: the words its reports repeat, the likeliest last.

    The points stand as they do in a columns block, so that all of its names are one match.
    """
    words = [*(d["device"] for d in devices), '","'.join(points)]
    frame = (
        '{"v":1,"stream":"","birth":"","sent":{"boot":"","mono":,"wall":},"columns":[{"device":"","n":[,],"boot":"",'
    )
    frame += '"mono":[,"t":[,"ntp":false,"valid_s":,"points":["","values":[[,"failed":{"0":{"timeout","no answer"}}}]}'
    return (" ".join(words) + frame).encode("utf-8", "replace")[-32_768:]


def pack(plain: bytes, dictionary: bytes | None = None, birth: str = "") -> bytes:
    """Deflate `plain`, with the dictionary of the birth `birth` (its six hex digits) if given."""
    if dictionary is None:
        return bytes([DEFLATE]) + _deflate(zlib.compressobj(9, zlib.DEFLATED, -15), plain)
    name = bytes.fromhex(birth)
    if len(name) != BIRTH_BYTES:
        raise ValueError(f"birth {birth!r} is not six hex digits, as birth_hash makes them")
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=dictionary)
    return bytes([DEFLATE_WITH_BIRTH]) + name + _deflate(coder, plain)


def unpack(payload: bytes, dictionaries: Mapping[str, bytes] | None = None) -> bytes:
    """The JSON text of a payload. Raises CodecError for anything too large, unknown or damaged."""
    if len(payload) > MESSAGE_LIMIT:
        raise CodecError("too_large", f"{len(payload)} bytes; the limit is {MESSAGE_LIMIT}")
    if not payload:
        raise CodecError("coding", "the payload is empty")
    first = payload[0]
    if first == _JSON_START:
        return payload
    if first == DEFLATE:
        return _inflate(payload[1:], None)
    if first == DEFLATE_WITH_BIRTH:
        if len(payload) <= BIRTH_BYTES:
            raise CodecError("coding", f"{len(payload)} bytes; the birth of the dictionary should follow the first")
        birth = payload[1 : 1 + BIRTH_BYTES].hex()
        dictionary = (dictionaries or {}).get(birth)
        if dictionary is None:
            raise CodecError("no_dictionary", f"deflated with the dictionary of birth {birth}, which is not known here")
        return _inflate(payload[1 + BIRTH_BYTES :], dictionary)
    raise CodecError("coding", f"first byte 0x{first:02x}; expected '{{', 0x01 or 0x02")


def _deflate(coder: "zlib._Compress", plain: bytes) -> bytes:
    return coder.compress(plain) + coder.flush()


def _inflate(data: bytes, dictionary: bytes | None) -> bytes:
    decoder = zlib.decompressobj(-15, zdict=dictionary) if dictionary is not None else zlib.decompressobj(-15)
    try:
        plain = decoder.decompress(data, PLAIN_LIMIT + 1)
    except zlib.error as error:
        raise CodecError("coding", f"cannot inflate: {error}") from error
    if len(plain) > PLAIN_LIMIT:
        raise CodecError("too_large", f"inflates beyond {PLAIN_LIMIT} bytes")
    if not decoder.eof:
        raise CodecError("coding", "the deflated data ends early")
    if decoder.unused_data:
        raise CodecError("coding", f"{len(decoder.unused_data)} bytes follow the deflated data")
    return plain


def rows(report: Report) -> list[Record]:
    """All records of a report by number, columns unfolded. Raises CodecError where columns disagree in length."""
    records = list(report.get("records", ()))
    if len(records) == 1 and "columns" not in report:  # nearly every report
        return records
    for block in report.get("columns", ()):
        records.extend(unfold(block))
    records.sort(key=_number)
    return records


def _number(record: Record) -> int:
    return record["n"]


def misfolded(block: Columns) -> str | None:
    """Why a columns block cannot be unfolded (its lists disagree, a point stands twice), or None when it can."""
    if "by" in block:
        flaw = turned.flaw(block)
        if flaw is not None:
            return flaw
        block = turned.straight(block)
    first, last = block["n"]
    count = last - first + 1
    points, values = block["points"], block["values"]
    if count < 1:
        return f"device {block['device']}: n {first}..{last} does not run upwards"
    if not count == len(block["mono"]) == len(block["t"]) == len(values):
        return (
            f"device {block['device']}: n {first}..{last} asks for {count} rows; "
            f"mono has {len(block['mono'])}, t {len(block['t'])}, values {len(values)}"
        )
    if len(set(points)) != len(points):
        return f"device {block['device']}: a point stands twice"
    for i, row in enumerate(values):
        if len(row) != len(points):
            return f"device {block['device']}: row {i} has {len(row)} values for {len(points)} points"
    return None


def by_row(block: Columns) -> Columns:
    """The block with a list of values for each row, however it was told; it must not be `misfolded`."""
    return turned.straight(block) if "by" in block else block


def unfold(block: Columns) -> list[Sample]:
    """The samples of one columns block. Raises CodecError for one that is `misfolded`."""
    flaw = misfolded(block)
    if flaw is not None:
        raise CodecError("columns", flaw)
    block = by_row(block)
    first, _ = block["n"]
    points = block["points"]
    failed = block.get("failed", {})
    samples = []
    for i, row in enumerate(block["values"]):
        sample: dict[str, Any] = {
            "n": first + i,
            "kind": "sample",
            "boot": block["boot"],
            "mono": block["mono"][i],
            "t": block["t"][i],
            "device": block["device"],
            "valid_s": block["valid_s"],
            "readings": dict(zip(points, row, strict=True)),
        }
        if "ntp" in block:
            sample["ntp"] = block["ntp"]
        if str(i) in failed:
            sample["failed"] = failed[str(i)]
        samples.append(cast(Sample, sample))
    return samples


def foldable(one: Record, other: Record) -> bool:
    """Whether `other` may follow `one` in the same columns block."""
    return (
        one["kind"] == "sample"
        and other["kind"] == "sample"
        and other["n"] == one["n"] + 1
        and other["device"] == one["device"]
        and other["boot"] == one["boot"]
        and other["valid_s"] == one["valid_s"]
        and other.get("ntp") == one.get("ntp")
        and list(other["readings"]) == list(one["readings"])
    )


def columns(samples: Sequence[Sample]) -> Columns:
    """Fold samples that are `foldable` one after the other."""
    head = samples[0]
    block: dict[str, Any] = {
        "device": head["device"],
        "n": [head["n"], samples[-1]["n"]],
        "boot": head["boot"],
        "mono": [s["mono"] for s in samples],
        "t": [s["t"] for s in samples],
        "valid_s": head["valid_s"],
        "points": list(head["readings"]),
        "values": [list(s["readings"].values()) for s in samples],
    }
    if "ntp" in head:
        block["ntp"] = head["ntp"]
    failed = {str(i): s["failed"] for i, s in enumerate(samples) if s.get("failed")}
    if failed:
        block["failed"] = failed
    return cast(Columns, block)
