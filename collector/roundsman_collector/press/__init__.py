"""Pages of paper: HTML to PDF, in a process of its own with limits, one at a time.

    press(html, to=Path("reports/R-2026-10.pdf")) -> Pressed(pages=18, ...)      PressError: why not, and what to do

pressing.py     starts the process, follows it page by page, and names the file when it is whole
sheets.py       the process: WeasyPrint, which reads nothing but the HTML it is given and the fonts of the machine
fonts.py        which Chinese fonts there are

WeasyPrint is an extra, `roundsman-collector[pdf]`. Without it nothing here works, and says so; pages are still printed.
"""

from roundsman_collector.press.fonts import INSTALL, chinese_fonts, has_rare
from roundsman_collector.press.pressing import (
    LIMITS,
    WHY,
    Limits,
    Pressed,
    PressError,
    is_installed,
    lacking,
    press,
    why,
)

__all__ = [
    "INSTALL",
    "LIMITS",
    "WHY",
    "Limits",
    "PressError",
    "Pressed",
    "chinese_fonts",
    "has_rare",
    "is_installed",
    "lacking",
    "press",
    "why",
]
