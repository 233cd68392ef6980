"""Keeping out of a running agent what it would load and never use: about 7 MB of 24.

    with lean(tls=False):
        from roundsman_agent.agent import Agent

* paho imports urllib.request, and with it http, email and tempfile, to ask for a proxy when it connects. It never
  connects here: uplink.py hands it a socket.
* paho imports ssl, hashlib imports OpenSSL's _hashlib. Without TLS nobody needs OpenSSL: Python has SHA-256 of its own.
* dataclasses imports inspect, and with it ast and dis, to write the signature of a class into its docstring.

Stand-ins are there during the imports only; whoever imports these modules later gets the real ones.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


@contextmanager
def lean(*, tls: bool) -> Iterator[None]:
    """Import modules inside; what is in memory already stays as it is."""
    stands_in: dict[str, ModuleType | None] = {"urllib.request": ModuleType("urllib.request")}
    if not tls:
        stands_in |= {"ssl": _no_ssl(), "_hashlib": None}
    stands_in["inspect"] = _Inspect("inspect")
    stands_in = {name: module for name, module in stands_in.items() if name not in sys.modules}
    sys.modules.update(stands_in)  # type: ignore[arg-type]  # None is how Python itself marks "cannot be imported"
    try:
        yield
    finally:
        for name, module in stands_in.items():
            if name in sys.modules and sys.modules[name] is module:
                del sys.modules[name]


class _Inspect(ModuleType):
    """The one function that dataclasses asks for; whoever wants another one gets the module itself."""

    @staticmethod
    def signature(*_: object, **__: object) -> str:
        return ""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get("inspect") is self:
            del sys.modules["inspect"]
        return getattr(import_module("inspect"), name)


def _no_ssl() -> ModuleType:
    """paho asks every error of a socket whether it is one of these two."""
    module = ModuleType("ssl")
    module.SSLWantReadError = type("SSLWantReadError", (OSError,), {})  # type: ignore[attr-defined]
    module.SSLWantWriteError = type("SSLWantWriteError", (OSError,), {})  # type: ignore[attr-defined]
    return module
