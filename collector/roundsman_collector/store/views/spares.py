"""Spare stock, what fits a ticket, loan units, and parts by device, place and serial number (stock_reads.py …)."""

from roundsman_collector.core.parts import History
from roundsman_collector.core.stock import Spares
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    loans,
    parts,
    reservations,
    spots,
    stock,
    stock_reads,
    stock_register,
)
from roundsman_collector.store.loans import LoanRow
from roundsman_collector.store.parts import PartRow, Standing
from roundsman_collector.store.spots import Spot
from roundsman_collector.store.stock_reads import MoveFilter, MoveRow, OwedRow, ReservationRow, Statement, StockRow
from roundsman_collector.store.stock_register import ItemRow, LocationRow
from roundsman_collector.store.views.reading import Reading


class SpareReads(Reading):
    """What lies in stock, and what was built in."""

    def stock(self, *, scope: Scope = EVERYTHING, location: str = "", item: str = "") -> list[StockRow]:
        """How many there are of which item where the scope reaches, and how many are to be there."""
        with self._reading("the stock") as connection:
            return stock_reads.quantities(connection, scope, location=location, item=item)

    def stock_items(self) -> list[ItemRow]:
        """All items of the stock, by id."""
        with self._reading("stock items") as connection:
            return stock_register.items(connection)

    def stock_locations(self, *, scope: Scope = EVERYTHING) -> list[LocationRow]:
        """The locations of the stock that the scope reaches, by id."""
        with self._reading("stock locations") as connection:
            return stock_register.locations(connection, scope)

    def stock_moves(
        self,
        wanted: MoveFilter | None = None,
        *,
        scope: Scope = EVERYTHING,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[MoveRow]:
        """What came and went, the newest first."""
        with self._reading("stock moves") as connection:
            return stock_reads.moves(connection, scope, wanted, before_id=before_id, limit=limit)

    def stock_reservations(
        self, *, scope: Scope = EVERYTHING, state: str = "", before_id: int | None = None, limit: int = 100
    ) -> list[ReservationRow]:
        """What is kept for tickets, the newest first."""
        with self._reading("stock reservations") as connection:
            return stock_reads.reservations(connection, scope, state=state, before_id=before_id, limit=limit)

    def stock_statement(self, location: str, month: str, *, scope: Scope = EVERYTHING) -> Statement:
        """The statement of a month. Raises EntryError."""
        with self._reading(f"the stock statement of {month[:7]}") as connection:
            return stock_reads.statement(connection, location, month, scope)

    def stock_months(self, location: str) -> tuple[dict[str, tuple[str, str]], int | None]:
        """The months of a location that were signed, and when its first move was booked."""
        with self._reading("stock statements") as connection:
            return stock_reads.signed(connection, location), stock_reads.first_move_ms(connection, location)

    def loans(
        self,
        *,
        scope: Scope = EVERYTHING,
        only_out: bool = False,
        device: str = "",
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[LoanRow]:
        """Loan units for tickets that the scope reaches, the newest first; `device`: of it, or instead of it."""
        with self._reading("loans") as connection:
            return loans.page(connection, scope, only_out=only_out, device=device, before_id=before_id, limit=limit)

    def spares_of_ticket(self, ticket: int) -> tuple[list[MoveRow], list[ReservationRow], list[LoanRow]]:
        """What a ticket had, and has, of the stock: moves, reservations, loans."""
        with self._reading(f"the spares of ticket {ticket}") as connection:
            return (
                stock_reads.moves_of(connection, ticket),
                stock_reads.reservations(connection, ticket_id=ticket),
                loans.loans_of(connection, ticket),
            )

    def spots_of_ticket(self, ticket: int) -> list[Spot]:
        """Which spares fit a ticket and where they lie: by item, the nearest first."""
        with self._reading(f"what fits ticket {ticket}") as connection:
            return spots.spots_of(connection, ticket)

    def spares_with_ticket(self, ticket: int) -> tuple[Spares, dict[tuple[str, str], int]]:
        """How many spares are kept for a ticket, went along, were asked for; and which went along, not used yet."""
        with self._reading(f"the spares of ticket {ticket}") as connection:
            return reservations.spares_of(connection, ticket), stock.in_hand(connection, ticket)

    def stock_owed(self, *, scope: Scope = EVERYTHING) -> list[OwedRow]:
        """What was swapped and is not in the workshop yet."""
        with self._reading("what is to come in") as connection:
            return stock_reads.owed(connection, scope)

    def parts_of_device(self, device: str) -> list[PartRow]:
        """Every part that is or was in a device."""
        with self._reading(f"the parts of {device}") as connection:
            return parts.of_device(connection, device)

    def parts_of_place(self, place: str) -> list[Standing]:
        """Which devices stand or stood at a place, with the parts that were in them."""
        with self._reading(f"what stood at {place}") as connection:
            return parts.of_place(connection, place)

    def parts_of_serial(self, serial: str, *, scope: Scope = EVERYTHING) -> tuple[list[PartRow], list[str]]:
        """Where a serial number was built in, and the devices that bear it themselves."""
        with self._reading("a serial number") as connection:
            return parts.of_serial(connection, serial, scope), parts.devices_of_serial(connection, serial, scope)

    def bought_ms(self, device: str) -> int | None:
        """When a device was accepted or first installed, whichever is later; None: nobody wrote it down."""
        with self._reading(f"when {device} was bought") as connection:
            return parts.bought_ms(connection, device)

    def repair_history(self, ticket: int) -> History | None:
        """What is known of the part that a ticket is about; None where it is about nothing that can be replaced."""
        with self._reading(f"the repairs before ticket {ticket}") as connection:
            return parts.history_of(connection, ticket)
