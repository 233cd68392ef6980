"""What Roundsman installs to run may be passed on under Apache-2.0: nothing GPL only, nothing without a licence.

Read from the metadata of the distributions that are installed, following the requirements of our own three.
"""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

OURS = {"roundsman-wire": set(), "roundsman-agent": {"simulators"}, "roundsman-collector": {"demo", "pdf"}}
# GPL, AGPL and GNU's long names; LGPL is not meant, nor is a choice that leaves another licence.
GPL_ONLY = re.compile(r"(?<![A-Za-z])A?GPL|(?<!Lesser )(?<!Library )General Public License", re.I)
# A distribution whose metadata is silent is known by a sentence of the licence file that it carries.
SENTENCES = {
    "Redistribution and use in source and binary forms": "BSD",
    "Permission is hereby granted, free of charge": "MIT",
    "Apache License": "Apache-2.0",
    "GNU LESSER GENERAL PUBLIC LICENSE": "LGPL",
    "GNU GENERAL PUBLIC LICENSE": "GPL",
}
A_CHOICE = re.compile(r"\sor\s|/", re.I)


def required(name: str, extras: set[str], seen: dict[str, Distribution]) -> None:
    """Adds a distribution and all it requires here to `seen`. What this platform's markers leave out is not judged."""
    found = seen[canonical(name)] = distribution(name)
    for requirement in map(Requirement, found.requires or []):
        if applies(requirement, extras) and canonical(requirement.name) not in seen:
            required(requirement.name, requirement.extras, seen)


def applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(found: Distribution) -> list[str]:
    """Everything that a distribution says about its licence; the first line of a field that holds a whole licence."""
    data = found.metadata
    classifiers = [line for line in data.get_all("Classifier") or [] if line.startswith("License ::")]
    fields = [data.get("License-Expression"), (data.get("License") or "").strip().partition("\n")[0], *classifiers]
    stated = [field for field in fields if field and field != "License :: OSI Approved" and field.upper() != "UNKNOWN"]
    return stated or carried(found)


def carried(found: Distribution) -> list[str]:
    """The licences whose sentences stand in the licence files that travel with a distribution."""
    names = [path for path in found.files or [] if path.name.upper().startswith(("LICENSE", "LICENCE", "COPYING"))]
    texts = [Path(str(path.locate())).read_text("utf-8") for path in names]
    return [word for sentence, word in SENTENCES.items() if any(sentence in text for text in texts)]


@pytest.fixture(scope="module")
def runtime() -> dict[str, Distribution]:
    seen: dict[str, Distribution] = {}
    for name, extras in OURS.items():
        required(name, extras, seen)
    return seen


def test_nothing_that_is_installed_to_run_is_gpl_only(runtime: dict[str, Distribution]) -> None:
    stated = {name: licence(found) for name, found in runtime.items()}

    assert {name: words for name, words in stated.items() if is_gpl_only(words)} == {}


def test_everything_that_is_installed_to_run_states_a_licence(runtime: dict[str, Distribution]) -> None:
    assert [name for name, found in runtime.items() if not licence(found)] == []


def test_the_requirements_of_our_own_packages_were_followed(runtime: dict[str, Distribution]) -> None:
    assert set(runtime) >= {"roundsman-wire", "roundsman-agent", "paho-mqtt", "pyasn1", "pydantic-core", "snmpsim-data"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["GPL-3.0-or-later"], True),
        (["License :: OSI Approved :: GNU General Public License v2 (GPLv2)"], True),
        (["AGPL-3.0-only"], True),
        (["LGPL-3.0-or-later"], False),
        (["License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"], False),
        (["MIT OR GPL-2.0-only"], False),
        (["EPL-2.0 OR BSD-3-Clause"], False),
        (["MIT", "License :: OSI Approved :: MIT License"], False),
    ],
)
def test_gpl_is_told_from_lgpl_and_from_a_choice(words: list[str], expected: bool) -> None:
    assert is_gpl_only(words) is expected


def is_gpl_only(words: list[str]) -> bool:
    gpl = [word for word in words if GPL_ONLY.search(word)]
    return bool(gpl) and not any(A_CHOICE.search(word) for word in words)
