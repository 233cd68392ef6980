"""How the values of a document are set in type: one reader's language, one site's clock.

setting = Setting(document, saying)
setting.text(Share(997, 1000))       "99.70%"        as a line of text: pages, paper and workbooks say the same
setting.html(Found("pass"))          ✓ 合格          the same, with its sign where it has one
"""

import re
from collections.abc import Mapping
from typing import assert_never

from markupsafe import Markup, escape

from roundsman_collector.api import telling
from roundsman_collector.reports.document import (
    At,
    Component,
    Count,
    Day,
    Document,
    Found,
    Number,
    Phrase,
    Piece,
    Reading,
    ReadingName,
    Share,
    Span,
    Value,
    pieces_of,
)
from roundsman_collector.web.round import VERDICTS, Clock
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.zoned import zone_name
from roundsman_wire.catalogue import UNITS, Label

SIGNS: Mapping[str, str] = {"pass": "✓", "attention": "△", "fail": "✗", "unseen": "○"}
"""A verdict is read in black and white, too."""
HOLE = re.compile(r"\{(\d+)\}")
CLINGING = tuple(",.;:!?)%")
"""What an English text puts behind a word without a space."""


class Setting:
    """Sets the values of one document in type."""

    def __init__(self, document: Document, saying: Saying) -> None:
        self.saying = saying
        self.when = Clock({"time_zone": document.time_zone})
        self.zone = zone_name(saying, self.when.zone)

    def label(self, label: Label | None) -> str:
        """A label in the reader's language; empty where there is none."""
        return "" if label is None else label.of(self.saying.language)

    def text(self, value: Value) -> str:
        """A value as one line of text; empty where there is none."""
        found = pieces_of(value)
        joint = " " if any(isinstance(piece, At) for piece in found) else " · "
        return joint.join(said for piece in found if (said := self.piece(piece)))

    def html(self, value: Value) -> Markup:
        """The same for a page: a verdict has its sign."""
        if isinstance(value, Found):
            return Markup('<span class="verdict v-{}"><b aria-hidden="true">{}</b> {}</span>').format(
                value.verdict, SIGNS[value.verdict], self.piece(value)
            )
        return escape(self.text(value))

    def paragraph(self, value: Value) -> str:
        """A value whose pieces follow each other as in a sentence."""
        joint = "" if self.saying.language == "zh" else " "
        said = ""
        for piece in pieces_of(value):
            following = self.piece(piece)
            is_close = not said or not following or following.startswith(CLINGING)
            said += following if is_close else joint + following
        return said

    def piece(self, piece: Piece) -> str:
        """One piece as text."""
        match piece:
            case Label():
                return self.label(piece)
            case At(ms=ms):
                return self.when.minute(ms)
            case Day(day=day):
                return day.isoformat()
            case Count() | Number() | Share() | Span():
                return self._figure(piece)
            case Found(verdict=verdict):
                return self.saying(VERDICTS[verdict])
            case Phrase():
                return self._phrase(piece)
            case Reading(name=name, value=value):
                return self.saying.value(telling.reading(name, value))
            case ReadingName(name=name):
                return str(telling.reading(name, None)[f"name_{self.saying.language}"])
            case Component(name=name):
                return component_name(self.saying, name)
            case str():
                return piece.strip()
            case _:
                assert_never(piece)

    def _figure(self, figure: Count | Number | Share | Span) -> str:
        match figure:
            case Count(n=n, unit=unit):
                return f"{self.saying.count(n)} {self.label(unit)}".rstrip()
            case Number(value=value, unit=sign, digits=digits):
                return f"{value:,.{digits}f} {self.unit(sign)}".rstrip()
            case Share(digits=digits):
                return self.saying.percent(figure.fraction, digits)
            case Span(ms=ms):
                return self.saying.span(ms)
            case _:
                assert_never(figure)

    def unit(self, unit: str) -> str:
        """The sign of a unit; what is no unit of the catalogue is a sign already."""
        return UNITS[unit].of(self.saying.language) if unit in UNITS else unit

    def _phrase(self, phrase: Phrase) -> str:
        """The holes filled. No more than numbers between braces: a text may come from an operator's rules."""
        said = [self.piece(one) for one in phrase.values]
        return HOLE.sub(lambda hole: said[int(hole[1])], self.label(phrase.text))
