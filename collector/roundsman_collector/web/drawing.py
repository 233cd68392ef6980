"""The uptime strip as SVG: green, red, hatched grey, amber, blue; what is not normal stands out by two pixels.

Drawn by the server, without scripts or inline styles: colours come from the style sheet by class, the hatching from a
pattern that each page defines once (templates/layout.html). Lengths are percent: the strip is as wide as its place.
"""

from collections.abc import Iterable

from markupsafe import Markup

from roundsman_collector.web.strip import Piece

RAISED = 2
RESTING = ("up", "future")


def svg(pieces: Iterable[Piece], *, height: int, text: str) -> Markup:
    """A strip `height` pixels high; `text` is what somebody hears who cannot see it."""
    bars = Markup("").join(_bar(piece, height) for piece in pieces if piece.state != "future")
    return Markup(
        '<svg class="strip" role="img" aria-label="{text}" width="100%" height="{height}" '
        'shape-rendering="crispEdges"><title>{text}</title>{bars}</svg>'
    ).format(text=text, height=height, bars=bars)


def _bar(piece: Piece, height: int) -> Markup:
    top = RAISED if piece.state in RESTING else 0
    place = Markup('x="{:.3f}%" y="{}" width="{:.3f}%" height="{}"').format(
        100 * piece.from_, top, 100 * (piece.to - piece.from_), height - 2 * top
    )
    bar = Markup('<rect class="s-{}" {}/>').format(piece.state, place)
    if piece.state != "unknown":
        return bar
    return bar + Markup('<rect fill="url(#hatch)" {}/>').format(place)
