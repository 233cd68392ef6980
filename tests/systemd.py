"""A service manager that listens where systemd would."""

import os
import socket
from itertools import count
from pathlib import Path
from typing import Self

_MADE = count(1)


class Manager:
    """Hears what programs say of themselves, on a socket in a folder or, without one, on a name in the abstract space.

    A socket's path holds 107 bytes at most: a test's own folder may lie deeper than that.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.address = f"@roundsman-test-{os.getpid()}-{next(_MADE)}" if path is None else str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:] if path is None else self.address)
        self._socket.setblocking(False)
        self._words: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def heard(self) -> list[str]:
        """What was said since the last time: the kernel keeps few words, so who wants all of them asks often."""
        said = []
        while True:
            try:
                said.append(self._socket.recv(1000).decode())
            except BlockingIOError:
                return said

    def words(self) -> set[str]:
        """The first line of everything that was ever said."""
        self._words.update(said.splitlines()[0] for said in self.heard())
        return self._words

    def close(self) -> None:
        """Programs that speak from now on are not heard."""
        self._socket.close()
