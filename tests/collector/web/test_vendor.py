"""What is not ours: unchanged, named with its version, each with the licence that it comes under."""

import hashlib
import re
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[3] / "collector/roundsman_collector/web/static/vendor"
ROW = re.compile(r"^\| `([^`]+)` \| (\S+) ([\d.]+), .* \| (\w+), `([^`]+)` \| `([0-9a-f]{64})` \|$", re.M)
ROWS = ROW.findall((VENDOR / "VENDORED.md").read_text("utf-8"))
PERMISSIVE = {"MIT": "Permission is hereby granted", "0BSD": "Permission to use, copy, modify, and/or distribute"}


@pytest.mark.parametrize(("file", "package", "version", "licence", "text", "sha256"), ROWS, ids=lambda one: one[:30])
def test_a_file_is_what_its_makers_published(
    file: str, package: str, version: str, licence: str, text: str, sha256: str
) -> None:
    assert hashlib.sha256((VENDOR / file).read_bytes()).hexdigest() == sha256
    assert version in file
    assert PERMISSIVE[licence] in " ".join((VENDOR / text).read_text("utf-8").split())


def test_every_file_is_in_the_list() -> None:
    listed = {row[0] for row in ROWS} | {row[4] for row in ROWS} | {"VENDORED.md"}

    assert {path.name for path in VENDOR.iterdir()} == listed
