"""A child process that dies with us: `tethered(argv)`, or `tethered(argv, signal.SIGKILL)`.

On Linux the kernel sends the child SIGTERM, or the signal named, when the *thread* that started it ends
(PR_SET_PDEATHSIG is per thread), also after `kill -9`: so start tethered programs from the main thread. Elsewhere
`argv` comes back unchanged, and who starts a program must find its orphan at the next start.
"""

import os
import signal
import sys

# Runs in a bare interpreter (10 ms) before the program: ask for the signal, make sure that the parent is not gone
# already, become the program, which keeps the request and the pid. Not a preexec_fn: unsafe in a process with threads.
_PRELUDE = (
    "import ctypes, os, sys\n"
    "PR_SET_PDEATHSIG = 1\n"
    "ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sys.argv[2]), 0, 0, 0) == 0 or sys.exit('prctl failed')\n"
    "os.getppid() == int(sys.argv[1]) or sys.exit('the parent is gone')\n"
    "os.execv(sys.argv[3], sys.argv[3:])\n"
)


def tethered(argv: list[str], dies_by: int = signal.SIGTERM) -> list[str]:
    """`argv` (with a full path first) wrapped so that the program ends with the thread that starts it.

    `dies_by`: the signal it gets. SIGTERM may be handled; a program that somebody has stopped hears SIGKILL alone.
    """
    if not sys.platform.startswith("linux") or not sys.executable:
        return argv
    return [sys.executable, "-I", "-S", "-c", _PRELUDE, str(os.getpid()), str(int(dies_by)), *argv]
