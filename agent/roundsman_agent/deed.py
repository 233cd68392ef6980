"""Running what the configuration allows: a fixed argument list, never a shell, nothing from the line. In a thread.

do(["systemctl", "restart", "kiosk.service"]) -> Deed(code, said)
"""

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

WITHIN_S: Final = 60.0
_SAID_BYTES: Final = 2_000


class Deed(NamedTuple):
    """How a program ended and the end of what it said. `code` None: it did not end in time and was killed."""

    code: int | None
    said: str


def do(argv: Sequence[str], within_s: float = WITHIN_S) -> Deed:
    """Run it and wait; OSError when it cannot be started."""
    import subprocess  # only who is asked to do something pays for it
    import tempfile

    with tempfile.TemporaryFile() as out:
        program = subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, cwd="/"
        )
        code: int | None
        try:
            code = program.wait(within_s)
        except subprocess.TimeoutExpired:
            _kill(program.pid)
            program.kill()
            program.wait()
            code = None
        size = out.seek(0, os.SEEK_END)
        out.seek(max(size - _SAID_BYTES, 0))
        return Deed(code=code, said=out.read(_SAID_BYTES).decode("utf-8", "replace").strip())


def _kill(pid: int) -> None:
    """It and whatever it started, where there are process groups."""
    if hasattr(os, "killpg"):
        import signal

        os.killpg(pid, signal.SIGKILL)
