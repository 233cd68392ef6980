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
    bars = Markup("".join(_bar(piece, height) for piece in pieces if piece.state != "future"))
    return Markup(
        '<svg class="strip" role="img" aria-label="{text}" width="100%" height="{height}" '
        'shape-rendering="crispEdges"><title>{text}</title>{bars}</svg>'
    ).format(text=text, height=height, bars=bars)


def _bar(piece: Piece, height: int) -> str:
    """Nothing but numbers and our own words goes into it: it is written plainly, a page has hundreds."""
    top = RAISED if piece.state in RESTING else 0
    from_, wide = 100 * piece.from_, 100 * (piece.to - piece.from_)
    place = f'x="{from_:.3f}%" y="{top}" width="{wide:.3f}%" height="{height - 2 * top}"'
    bar = f'<rect class="s-{piece.state}" {place}/>'
    return f'{bar}<rect fill="url(#hatch)" {place}/>' if piece.state == "unknown" else bar
