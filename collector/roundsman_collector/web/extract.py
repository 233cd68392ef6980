"""Bring the words of the code into the Chinese file: `make words`, or `python -m roundsman_collector.web.extract`.

    code and templates  --extract-->  every English text  --merge-->  locale/zh_CN/LC_MESSAGES/roundsman.po

What is new comes without Chinese, for a person to write; what no code says any more is dropped. The file has no line
numbers and is sorted, so that a change of words is all that a change shows. `--check` writes nothing: exit 1 if the
file is not what it would be.
"""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from roundsman_collector.web.words import CHINESE_FILE

WEB = Path(__file__).parent
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
KEYWORDS: dict[str, tuple[int, ...] | tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "N_": None,
    "saying": None,
    "gettext": None,
    "ngettext": (1, 2),
    "plural": (1, 2),
    "pgettext": ((1, "c"), 2),
}
WIDTH = 120
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)


def template() -> Catalog:
    """Every text that the code says, in English."""
    found = Catalog(project="roundsman", creation_date=NO_DATE, fuzzy=False)
    for _file, _line, message, _comments, context in extract_from_dir(
        WEB, METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=()
    ):
        found.add(message, context=context)
    return found


def merged(text: bytes) -> bytes:
    """The Chinese file as it should be: this one's Chinese for the code's words."""
    chinese = read_po(io.BytesIO(text), locale="zh_CN")
    chinese.update(template(), no_fuzzy_matching=True)
    chinese.obsolete.clear()
    chinese.fuzzy = False
    chinese.project, chinese.version, chinese.header_comment = "roundsman", "1", "# Written by Chinese operators."
    chinese.creation_date = chinese.revision_date = NO_DATE
    chinese.last_translator, chinese.language_team = "", "zh_CN"
    chinese.msgid_bugs_address = ""
    written = io.BytesIO()
    write_po(written, chinese, width=WIDTH, no_location=True, sort_output=True, ignore_obsolete=True)
    return written.getvalue()


def main(argv: list[str] | None = None) -> int:
    """Write the file, or say whether it is as it should be."""
    is_check = "--check" in (sys.argv[1:] if argv is None else argv)
    before = CHINESE_FILE.read_bytes() if CHINESE_FILE.exists() else b""
    after = merged(before)
    if is_check:
        if before != after:
            print(f"{CHINESE_FILE}: not what the code says; run `make words` and write the Chinese", file=sys.stderr)
        return int(before != after)
    CHINESE_FILE.parent.mkdir(parents=True, exist_ok=True)
    CHINESE_FILE.write_bytes(after)
    for entry in read_po(io.BytesIO(after), locale="zh_CN"):
        if entry.id and not (entry.string if isinstance(entry.string, str) else all(entry.string or ())):
            print(f"no Chinese yet: {entry.id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
