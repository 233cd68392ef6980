"""A QR code as a drawing: black on white with its quiet zone, as large as where it stands.

qr("https://rounds.example.com/r/7K3M9QXA2B4CD5EF")
"""

import segno
from markupsafe import Markup

QUIET = 4
"""Modules of white around it, as ISO/IEC 18004 wants; less, and some phones see nothing."""


def qr(text: str) -> Markup:
    """A text as an SVG that brings no size of its own. A sixth of it may be scratched off (level M) or more."""
    made = segno.make(text, error="m", micro=False)
    return Markup(
        made.svg_inline(omitsize=True, border=QUIET, dark="#000", light="#fff", svgclass=None, lineclass=None)
    )
