"""The demo: a small site, watched by the real agent and the real collector, with a story that checks itself.

    code = run(data=None, for_s=120.0, headless=True, fresh=False, lang=None)        what `roundsman demo` does

What is real and what is made up: docs/demo.md. The parts, each a process of its own and gone when this one is gone:

    play.py  one turn after the other: processes, story, screen      stage.py  the folder and the processes
    site.py  who is there and how they are configured (pure)         story.py  what happens, and whether it did
    look.py  the REST API as the demo sees it                        checks.py what must be true of answers (pure)
    screen.py words.py  what a person sees                           fakes/    devices that are not there
"""

from pathlib import Path
from typing import Literal


def run(
    *,
    data: Path | None = None,
    for_s: float | None = None,
    headless: bool = False,
    fresh: bool = False,
    lang: Literal["zh", "en"] | None = None,
) -> int:
    """Play the demo from the main thread; return the exit code: 0 only if everything happened that should.

    `data` None: a folder of its own where this user's programs keep their data. `for_s` None: until Ctrl-C, or headless
    until the story is over. `lang` None: as the environment says.
    """
    from roundsman_collector.demo.play import play  # the fakes are in this package too, and small

    return play(data=data, for_s=for_s, headless=headless, fresh=fresh, lang=lang)
