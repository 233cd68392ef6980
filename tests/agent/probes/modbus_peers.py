"""The other side of Modbus: two independent servers of other people, and a fake for what they never do.

    PymodbusTcp(units), PymodbusLine(units, port)    pymodbus (BSD): TCP, and RTU on a serial port
    LibmodbusTcp(units), LibmodbusLine(units, port)  libmodbus (LGPL), the library itself, driven through ctypes
    Units(units)                                     our own, for devices.Line and Tcp below: it speaks the tables of
                                                     the specification, and can be silent, busy, or echoed

With `with`, a server of other people serves; a Cable is the pair of ports that it and the agent have.

    units = {1: {"input": {0: 268, 1: 652}, "discrete": {0: 1}}}       unit, table, address, value

All of them note what they were asked, and `assert_only_read` fails on any function that is not one of the four reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import select
import socket
import struct
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeAlias

import pytest

Tables: TypeAlias = Mapping[str, Mapping[int, int]]
UnitsGiven: TypeAlias = Mapping[int, Tables]

READS = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


def sealed(frame: bytes | str) -> bytes:
    """A frame with its CRC, reckoned bit by bit as the specification's appendix says."""
    data = bytes.fromhex(frame) if isinstance(frame, str) else frame
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return data + bytes((value & 0xFF, value >> 8))


class Peer:
    """What a peer was asked."""

    def __init__(self) -> None:
        self.functions: list[int] = []

    def assert_only_read(self) -> None:
        assert set(self.functions) <= set(READS), f"functions {sorted(set(self.functions))}: not all of them are reads"


# --- our own ----------------------------------------------------------------------------------------------------------


class Units(Peer):
    """Units that answer as the specification says; `rtu` and `tcp` are replies for devices.Line and Tcp.

    `echo` gives the question back first, as two-wire adapters do; a unit of `gateway_silent` is one that a TCP gateway
    does not reach; a place of `busy` is refused that many times.
    """

    def __init__(self, units: UnitsGiven, *, echo: bool = False, gateway_silent: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.asked: list[tuple[int, int, int, int]] = []
        self.busy = 0
        self._units, self._echo, self._gateway_silent = units, echo, gateway_silent

    def rtu(self, asked: bytes) -> bytes:
        assert len(asked) == 8, f"{asked.hex(' ')} is no question of eight bytes"
        assert sealed(asked[:-2]) == asked, f"{asked.hex(' ')} has a wrong CRC"
        answer = self.answer(asked[0], asked[1:-2])
        return (asked if self._echo else b"") + (b"" if answer is None else sealed(asked[:1] + answer))

    def tcp(self, asked: bytes) -> bytes:
        transaction, protocol, length, unit = struct.unpack(">HHHB", asked[:7])
        assert (protocol, length) == (0, len(asked) - 6), f"{asked.hex(' ')} is no question over TCP"
        answer = self.answer(unit, asked[7:])
        return b"" if answer is None else struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer

    def answer(self, unit: int, asked: bytes) -> bytes | None:
        function, address, count = struct.unpack(">BHH", asked)
        self.functions.append(function)
        self.asked.append((unit, function, address, count))
        if unit in self._gateway_silent:
            return bytes((function | 0x80, 11))
        if unit not in self._units:
            return None
        if self.busy:
            self.busy -= 1
            return bytes((function | 0x80, 6))
        table = self._units[unit].get(READS.get(function, ""))
        if table is None:
            return bytes((function | 0x80, 1))
        if any(address + i not in table for i in range(count)):
            return bytes((function | 0x80, 2))
        values = [table[address + i] for i in range(count)]
        if function > 2:
            return bytes((function, 2 * count)) + struct.pack(f">{count}H", *values)
        packed = sum(bit << i for i, bit in enumerate(values)).to_bytes((count + 7) // 8, "little")
        return bytes((function, len(packed))) + packed


def _has_hung_up(one: socket.socket) -> bool:
    try:
        return one.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class Tcp:
    """A TCP port on loopback that answers what comes with what `reply` makes of it; None closes the connection."""

    def __init__(self, reply: Callable[[bytes], bytes | None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.at = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.most_at_once = 0
        self._reply = reply
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        open_: list[socket.socket] = []
        while True:
            ready, _, _ = select.select([self._stop_r, self._listener, *open_], [], [], 5)
            if self._stop_r in ready:
                break
            for one in [one for one in open_ if one in ready]:
                if not self._served(one):
                    one.close()
                    open_.remove(one)
            if self._listener in ready:
                # Who hung up before the next one came is gone, whether or not we have noticed.
                for one in [one for one in open_ if _has_hung_up(one)]:
                    one.close()
                    open_.remove(one)
                open_.append(self._listener.accept()[0])
                self.connections += 1
                self.most_at_once = max(self.most_at_once, len(open_))
        for one in open_:
            one.close()

    def _served(self, one: socket.socket) -> bool:
        try:
            data = one.recv(4096)
            answer = self._reply(data) if data else None
            if answer is not None:
                one.sendall(answer)
        except OSError:
            return False
        return answer is not None

    def close(self) -> None:
        os.write(self._stop_w, b"x")
        self._thread.join(10)
        self._listener.close()
        os.close(self._stop_r)
        os.close(self._stop_w)


# --- pymodbus ---------------------------------------------------------------------------------------------------------


class _Served(Peer):
    """A server in a thread of its own, from `with` to its end."""

    def __init__(self, units: UnitsGiven) -> None:
        super().__init__()
        self.at = ""
        self._units = units
        self._is_up = threading.Event()
        self._broken: BaseException | None = None
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(20), "the server does not start"
        if self._broken is not None:
            raise self._broken
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop_w, b"x")
        self._thread.join(20)
        os.close(self._stop_r)
        os.close(self._stop_w)
        if self._broken is not None:
            raise self._broken

    def _run(self) -> None:
        try:
            self.serve()
        except BaseException as error:  # told to the test, which is in another thread
            self._broken = error
        finally:
            self._is_up.set()

    def serve(self) -> None:
        """Serve until there is something to read from `_stop_r`; `_is_up` is set when it can be asked."""
        raise NotImplementedError


class _Pymodbus(_Served):
    def serve(self) -> None:
        asyncio.run(self._served())

    async def _served(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._stop_r, stop.set)
        server = self._server()
        await server.serve_forever(background=True)
        if not self.at:
            self.at = f"127.0.0.1:{server.transport.sockets[0].getsockname()[1]}"
        self._is_up.set()
        await stop.wait()
        loop.remove_reader(self._stop_r)
        await server.shutdown()

    def _server(self) -> Any:
        raise NotImplementedError

    def _heard(self, is_sent: bool, pdu: Any) -> Any:
        if not is_sent:
            self.functions.append(pdu.function_code)
        return pdu

    def _devices(self) -> list[Any]:
        from pymodbus.simulator import DataType, SimData, SimDevice

        def bits(table: Mapping[int, int]) -> list[Any]:
            # Whole groups of 16 bits from 0: that is how pymodbus keeps bits.
            size = 16 * (max(table, default=0) // 16 + 1)
            packed = [bool(table.get(i, 0)) for i in range(size)]
            return [SimData(address=0, values=packed, datatype=DataType.BITS)]

        def registers(table: Mapping[int, int]) -> list[Any]:
            rows = [SimData(address=at, values=value, datatype=DataType.REGISTERS) for at, value in table.items()]
            return rows or [SimData(address=0xFFFF, datatype=DataType.REGISTERS)]

        return [
            SimDevice(
                id=unit,
                simdata=(
                    bits(tables.get("coil", {})),
                    bits(tables.get("discrete", {})),
                    registers(tables.get("holding", {})),
                    registers(tables.get("input", {})),
                ),
            )
            for unit, tables in self._units.items()
        ]


class PymodbusTcp(_Pymodbus):
    """pymodbus over TCP; `at` is where."""

    def _server(self) -> Any:
        from pymodbus.server import ModbusTcpServer

        return ModbusTcpServer(self._devices(), address=("127.0.0.1", 0), trace_pdu=self._heard)


class PymodbusLine(_Pymodbus):
    """pymodbus on a serial line, RTU."""

    def __init__(self, units: UnitsGiven, port: str) -> None:
        super().__init__(units)
        self.at = port

    def _server(self) -> Any:
        from pymodbus.server import ModbusSerialServer

        return ModbusSerialServer(
            self._devices(), port=self.at, baudrate=19200, ignore_missing_devices=True, trace_pdu=self._heard
        )


# --- libmodbus --------------------------------------------------------------------------------------------------------


class _Mapping(ctypes.Structure):
    """modbus_mapping_t of libmodbus 3.1."""

    _fields_ = [
        *((f"{what}_{kind}", ctypes.c_int) for kind in ("bits", "input_bits") for what in ("nb", "start")),
        *((f"{what}_{kind}", ctypes.c_int) for kind in ("input_registers", "registers") for what in ("nb", "start")),
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    ]


_TABLES = (
    ("coil", "tab_bits"),
    ("discrete", "tab_input_bits"),
    ("holding", "tab_registers"),
    ("input", "tab_input_registers"),
)


def libmodbus() -> Any:
    """The library, with the types of what is called; the test is skipped where it is not installed."""
    try:
        library = ctypes.CDLL("libmodbus.so.5", use_errno=True)
    except OSError:
        pytest.skip("Debian's libmodbus5 is not installed")
    library.modbus_new_tcp.restype = library.modbus_new_rtu.restype = ctypes.c_void_p
    library.modbus_mapping_new_start_address.restype = ctypes.POINTER(_Mapping)
    return library


class _Libmodbus(_Served):
    def __init__(self, units: UnitsGiven) -> None:
        super().__init__(units)
        self._library = libmodbus()

    @contextlib.contextmanager
    def _mapping(self, tables: Tables) -> Iterator[Any]:
        spans = [(min(table, default=0), max(table, default=-1)) for table in (tables[name] for name, _ in _TABLES)]
        wanted = [part for begin, last in spans for part in (begin, last - begin + 1)]
        mapping = self._library.modbus_mapping_new_start_address(*wanted)
        assert mapping, "libmodbus has no memory"
        for (name, array), (begin, _) in zip(_TABLES, spans, strict=True):
            for at, value in tables[name].items():
                getattr(mapping.contents, array)[at - begin] = value
        yield mapping
        self._library.modbus_mapping_free(mapping)

    def _answer(self, context: Any, mapping: Any) -> bool:
        """Take a question and answer it; whether the peer is still there."""
        asked = (ctypes.c_uint8 * 260)()
        length = self._library.modbus_receive(context, asked)
        if length > 0:
            self.functions.append(asked[self._library.modbus_get_header_length(context)])
            self._library.modbus_reply(context, asked, length, mapping)
        return bool(length >= 0)

    def _is_asked(self, fd: int) -> bool:
        """Wait for something on a descriptor; False when it is time to stop."""
        return self._stop_r not in select.select([self._stop_r, fd], [], [])[0]


class LibmodbusTcp(_Libmodbus):
    """libmodbus over TCP, one connection at a time; `at` is where. It does not look at the unit."""

    def serve(self) -> None:
        library = self._library
        context = ctypes.c_void_p(library.modbus_new_tcp(b"127.0.0.1", 0))
        listener = ctypes.c_int(library.modbus_tcp_listen(context, 1))
        assert listener.value >= 0, os.strerror(ctypes.get_errno())
        with socket.socket(fileno=os.dup(listener.value)) as known:
            self.at = f"127.0.0.1:{known.getsockname()[1]}"
        self._is_up.set()
        (tables,) = self._units.values()
        with self._mapping(tables) as mapping:
            while self._is_asked(listener.value):
                fd = library.modbus_tcp_accept(context, ctypes.byref(listener))
                while self._is_asked(fd) and self._answer(context, mapping):
                    pass
                library.modbus_close(context)
        os.close(listener.value)
        library.modbus_free(context)


class LibmodbusLine(_Libmodbus):
    """libmodbus on a serial line, RTU, 19200 8E1."""

    def __init__(self, units: UnitsGiven, port: str) -> None:
        super().__init__(units)
        self.at = port

    def serve(self) -> None:
        library = self._library
        context = ctypes.c_void_p(library.modbus_new_rtu(self.at.encode(), 19200, ctypes.c_char(b"E"), 8, 1))
        ((unit, tables),) = self._units.items()
        library.modbus_set_slave(context, unit)
        assert library.modbus_connect(context) == 0, os.strerror(ctypes.get_errno())
        self._is_up.set()
        fd = library.modbus_get_socket(context)
        with self._mapping(tables) as mapping:
            while self._is_asked(fd):
                self._answer(context, mapping)
        library.modbus_close(context)
        library.modbus_free(context)


# --- pairs of pseudo-terminals ----------------------------------------------------------------------------------------


class Cable:
    """Two serial ports with a cable between them: what is written to one comes out of the other."""

    def __init__(self) -> None:
        self._masters = []
        names = []
        for _ in range(2):
            master, slave = os.openpty()
            tty.setraw(slave)
            names.append(os.ttyname(slave))
            os.close(slave)
            os.set_blocking(master, False)
            self._masters.append(master)
        self.ours, self.theirs = names
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        a, b = self._masters
        while self._stop_r not in select.select([self._stop_r, a, b], [], [], 5)[0]:
            idle = True
            for source, sink in ((a, b), (b, a)):
                try:
                    data = os.read(source, 4096)
                    idle = False
                    os.write(sink, data)
                except OSError:  # EIO: nobody has that end open; EAGAIN: nothing to read
                    continue
            if idle and select.select([self._stop_r], [], [], 0.002)[0]:
                return

    def close(self) -> None:
        os.write(self._stop_w, b"x")
        self._thread.join(10)
        for fd in (*self._masters, self._stop_r, self._stop_w):
            os.close(fd)
