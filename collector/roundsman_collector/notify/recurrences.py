"""What a notice of a recurrence warning says: the same fault again and again, or what is at the root of it. Pure.

line_of(body, names, subject, faults, language)     in one line
rows_of(...)                                        rows of label and value
"""

from collections.abc import Mapping
from typing import Any

from roundsman_collector.core.recurrence import CAUSES, CONCERNS, LEVELS
from roundsman_collector.notify.words import of, say, word
from roundsman_collector.rules.shape import CATEGORIES
from roundsman_wire.catalogue import Label, Language


def warned_of(warning: Mapping[str, Any], faults: Mapping[str, Label], language: Language) -> str:
    """The fault, or the class of faults, that comes again and again."""
    names: Mapping[str, Label] = CATEGORIES if warning["same"] == "class" else faults
    what = str(warning["what"])
    return names[what].of(language) if what in names else what


def line_of(body: Mapping[str, Any], device: str, faults: Mapping[str, Label], language: Language) -> str:
    """What is told, in one line; `device`: what people call it, where the warning is of a device."""
    warning, found = body["warning"], body.get("found")
    return say(
        language,
        "title.recurred" if found is None else "title.analysed",
        event=of(LEVELS[warning["level"]], language),
        what=device or what_of(warning, language),
        fault=warned_of(warning, faults, language),
        period=warning["period"],
        faults=warning["faults"],
        cause="" if found is None else word(CAUSES, found["cause"], language),
    )


def what_of(warning: Mapping[str, Any], language: Language) -> str:
    """What it comes to again and again, where that is no device."""
    return say(language, f"of.{warning['about']}", model=warning["key"])


def rows_of(
    body: Mapping[str, Any], device: str, faults: Mapping[str, Label], language: Language
) -> list[tuple[str, str]]:
    """Keys of words.LABELS and what stands behind each; empty: not told."""
    warning, found = body["warning"], body.get("found")
    is_class, is_model = warning["same"] == "class", warning["about"] == "model"
    return [
        ("device", device),
        ("model", str(warning["key"]) if is_model else ""),
        ("class" if is_class else "fault", warned_of(warning, faults, language)),
        ("severity", of(LEVELS[warning["level"]], language)),
        ("period", str(warning["period"])),
        ("faults", str(warning["faults"])),
        ("devices", "" if device else str(warning["devices"])),
        ("months", str(warning["months"]) if warning["months"] > 1 else ""),
        ("cause", "" if found is None else word(CAUSES, found["cause"], language)),
        ("concerns", "" if found is None else word(CONCERNS, found["cause"], language)),
        ("text", "" if found is None else str(found["text"])),
        ("who", "" if found is None else str(found["who"])),
    ]
