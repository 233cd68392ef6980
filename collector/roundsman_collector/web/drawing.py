"""The uptime strip as SVG: green, red, hatched grey, amber, blue; what is not normal stands out by two pixels.

Drawn by the server, without scripts or inline styles. On a screen colours come from the style sheet by class, the
hatching from a pattern that each page defines once (templates/layout.html). On paper a strip carries its own: what
makes PDFs reads neither style sheets nor another picture's patterns, and black and white must tell states apart.
Lengths are percent: the strip is as wide as its place.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from markupsafe import Markup

from roundsman_collector.web.strip import Piece, StripState

RAISED = 2
LOW = 5
"""How much lower time without trouble is drawn on paper."""
RESTING = ("up", "future")


class Ink(NamedTuple):
    """How a state looks on paper: a colour, and lines over it (an SVG path in a square of 4) that need none."""

    fill: str
    lines: str = ""


PAPER: Mapping[StripState, Ink] = {
    "up": Ink("#bfe3cc"),
    "down": Ink("#7d130d"),
    "warning": Ink("#f3c77f", "M2 0V4"),
    "maintenance": Ink("#dbe6f6", "M0 2H4"),
    "unknown": Ink("#ffffff", "M-1 3L3 -1M1 5L5 1"),
}


def svg(pieces: Iterable[Piece], *, height: int, text: str) -> Markup:
    """A strip `height` pixels high; `text` is what somebody hears who cannot see it."""
    bars = Markup("".join(_bar(piece, height) for piece in pieces if piece.state != "future"))
    return Markup(
        '<svg class="strip" role="img" aria-label="{text}" width="100%" height="{height}" '
        'shape-rendering="crispEdges"><title>{text}</title>{bars}</svg>'
    ).format(text=text, height=height, bars=bars)


def _bar(piece: Piece, height: int) -> str:
    """Nothing but numbers and our own words goes into it: it is written plainly, a page has hundreds."""
    top = RAISED if piece.state in RESTING else 0
    place = _place(piece, top, height - 2 * top)
    bar = f'<rect class="s-{piece.state}" {place}/>'
    return f'{bar}<rect fill="url(#hatch)" {place}/>' if piece.state == "unknown" else bar


def _place(piece: Piece, top: int, high: int) -> str:
    from_, wide = 100 * piece.from_, 100 * (piece.to - piece.from_)
    return f'x="{from_:.3f}%" y="{top}" width="{wide:.3f}%" height="{high}"'


def paper_svg(pieces: Iterable[Piece], *, height: int, text: str, key: str) -> Markup:
    """The same for paper; `key` is the strip's own name on its page."""
    drawn = [piece for piece in pieces if piece.state in PAPER]
    lined = [state for state, ink in PAPER.items() if ink.lines and any(piece.state == state for piece in drawn)]
    patterns = "".join(_pattern(state, key) for state in lined)
    bars = "".join(_ink(piece, height, key) for piece in drawn)
    return Markup(
        '<svg class="strip" role="img" aria-label="{text}" width="100%" height="{height}">'
        "<title>{text}</title>{drawn}</svg>"
    ).format(text=text, height=height, drawn=Markup(f"<defs>{patterns}</defs>{bars}" if patterns else bars))


def _pattern(state: StripState, key: str) -> str:
    return (
        f'<pattern id="{key}-{state}" width="4" height="4" patternUnits="userSpaceOnUse">'
        f'<path d="{PAPER[state].lines}" stroke="#333" stroke-width=".9" fill="none"/></pattern>'
    )


def _ink(piece: Piece, height: int, key: str) -> str:
    top = LOW if piece.state in RESTING else 0
    place = _place(piece, top, height - top)
    bar = f'<rect fill="{PAPER[piece.state].fill}" {place}/>'
    return f'{bar}<rect fill="url(#{key}-{piece.state})" {place}/>' if PAPER[piece.state].lines else bar
