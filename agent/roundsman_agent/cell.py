"""Inside a cell: a small process for visits that the kernel may hold for ever (a disk, a serial line).

    serve(socket)                            in a fork of the agent, from before it is grown
    python -m roundsman_agent.cell           the same, with the socket to the agent (warden.py) as standard input

    {"module", "settings"} + the visit's own socket  --> main thread --> a thread per visit: fetch, parse
                         "." at once, then the outcome  <--------------- then the socket is closed

The outcome is {"readings", "failed", "bytes"}, {"error": [code, detail]} of a ProbeError, or {"crash": text} of
anything else. A thread that the kernel holds holds no other one. The cell lives as long as its agent has the other end
of the socket, and it ends without asking anybody: by the agent's signal, or when the socket is closed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import traceback
from importlib import import_module
from typing import Any, Final, NoReturn

from roundsman_agent.lean import lean

with lean(tls=False):
    from roundsman_agent.probe import Probe, ProbeError

STACK_BYTES: Final = 512 * 1024
REQUEST_LIMIT: Final = 64 * 1024
ACCEPTED: Final = b"."


def main() -> None:
    """Take visits until the agent is gone."""
    serve(socket.socket(fileno=0))


def serve(agent: socket.socket) -> NoReturn:
    """Take visits from this socket until it is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they go to the whole group; when to end is the agent's to say
    threading.stack_size(STACK_BYTES)
    while True:
        request, fds, _, _ = socket.recv_fds(agent, REQUEST_LIMIT, 1)
        if not request:
            os._exit(0)  # not `return`: a thread in the kernel's hands would keep an orderly exit waiting
        os.write(fds[0], ACCEPTED)
        threading.Thread(target=_visit, args=(request, fds[0]), daemon=True).start()


def _visit(request: bytes, fd: int) -> None:
    with socket.socket(fileno=fd) as visit:
        outcome = json.dumps(_outcome(json.loads(request))).encode()
        try:
            visit.sendall(outcome)
        except OSError:  # the agent has gone, or given the visit up
            return


def _outcome(request: dict[str, Any]) -> dict[str, Any]:
    try:
        probe = import_module(request["module"]).probe
        if not isinstance(probe, Probe):
            raise TypeError(f"{request['module']}.probe is {type(probe).__name__}, expected Probe")
        answer = probe.parse(probe.fetch(request["settings"]), request["settings"])
    except ProbeError as error:
        return {"error": [error.code, error.detail]}
    except BaseException as error:  # whatever a probe does, the agent hears of it
        print(f"{request['module']}: the probe itself broke", file=sys.stderr)
        traceback.print_exc()
        return {"crash": f"{type(error).__name__}: {error}"}
    return {"readings": dict(answer.readings), "failed": dict(answer.failed), "bytes": answer.bytes_moved}


if __name__ == "__main__":
    main()
