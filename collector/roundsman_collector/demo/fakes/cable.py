"""A line that can be cut: a TCP relay on loopback between an agent and its broker, so that neither is touched.

    cable = Cable(control=Path("cable.mode"), link=Path("cable.port"), to=1883)
    await cable.run()                            # for ever; cable.port then holds the port to connect to
    switch(Path("cable.mode"), "cut")            # every connection breaks, every new one breaks at once

It keeps its port while it is cut: another program that took it would get the agent's password.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from roundsman_collector.demo.fakes.line import Mode, switch

__all__ = ["MODES", "Cable", "switch"]

MODES: Final = ("whole", "cut")
HOST: Final = "127.0.0.1"
LOOK_S: Final = 0.1
CHUNK: Final = 65_536


class Cable:
    """See the module. ``to`` is the port it leads to; ``link`` is written with the port it listens on."""

    def __init__(self, *, control: Path, link: Path, to: int) -> None:
        self._mode = Mode(control=control, words=MODES)
        self._link, self._to = link, to
        self._ends: set[asyncio.StreamWriter] = set()

    async def run(self) -> None:
        """Carry bytes for ever, look at the mode ten times a second."""
        server = await asyncio.start_server(self._carry, HOST, 0)
        async with server:
            switch(self._link, str(server.sockets[0].getsockname()[1]))
            while True:
                if self._is_cut():
                    self._break()
                await asyncio.sleep(LOOK_S)

    def _is_cut(self) -> bool:
        return self._mode.word() == "cut"

    def _break(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        if self._is_cut():
            near_out.transport.abort()
            return
        try:
            far_in, far_out = await asyncio.open_connection(HOST, self._to)
        except OSError:  # the broker is not there: so is no line to it
            near_out.transport.abort()
            return
        self._ends |= {near_out, far_out}
        try:
            await asyncio.gather(_flow(near_in, far_out), _flow(far_in, near_out))
        finally:
            self._ends -= {near_out, far_out}


async def _flow(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry one direction until either end is gone; then the other one goes too."""
    try:
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        sink.transport.abort()
    finally:
        sink.close()
