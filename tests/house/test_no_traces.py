"""Nothing in the repository names a registry's host or a path of somebody's machine."""

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files, name

# Each with a sample that it must find, so that a pattern cannot rot. Written in pieces, or this file would name them.
TRACES = {
    "a Python index": (r"(pypi\.org|pythonhosted\.org)", "https://py" + "pi.org/simple"),
    "an index option": (r"--(extra-)?index-url|--find-links|index-url\s*=", "--index-" + "url x"),
    "an npm or crates registry": (r"registry\.npmjs|registry\.yarnpkg|crates\.io", "registry." + "npmjs.org"),
    "a mirror": (r"\bmirrors?\.[a-z0-9-]+\.(com|cn|org|edu)|deb\.debian\.org", "mirrors." + "aliyun.com"),
    "a path of a machine": (r"(?<![\w.$}~*-])/(work|root|home/[a-z][\w-]*|Users/\w+)/", " /ro" + "ot/x"),
}
# pip's own words for leaving an index out, or a link that a reader follows.
ALLOWED = re.compile(r"--no-emit-(index-url|find-links)|https://pypi\.org/project/")


def lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        return []  # a recording, an image


@pytest.mark.parametrize("trace", TRACES)
def test_no_file_holds(trace: str) -> None:
    pattern = re.compile(TRACES[trace][0])

    found = [
        f"{name(path)}:{number}: {line.strip()[:120]}"
        for path in files()
        if path != Path(__file__)
        for number, line in enumerate(lines(path), 1)
        if pattern.search(ALLOWED.sub("", line))
    ]

    assert found == []


@pytest.mark.parametrize("trace", TRACES)
def test_the_search_finds(trace: str) -> None:
    pattern, sample = TRACES[trace]

    assert re.search(pattern, sample)


def test_every_locked_requirement_has_a_hash() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    bare = [
        f"{lock.name}: {match[0]}"
        for lock in locks
        for match in re.finditer(r"^[a-z0-9][^\s#]*==.*(?<!\\)$", lock.read_text("utf-8"), re.M)
    ]

    assert {lock.stem for lock in locks} == {"agent", "agent-test", "demo", "dev", "pdf", "run"}
    assert bare == []
