"""What a document says line by line: comparing two, writing one down and reading it again."""

from datetime import date
from fractions import Fraction

from roundsman_collector.core.periods import period_named
from roundsman_collector.reports.document import (
    NONE,
    At,
    Bar,
    Bars,
    Component,
    Count,
    Day,
    Document,
    Facts,
    Field,
    Found,
    Heading,
    Notes,
    Number,
    Part,
    Phrase,
    Reading,
    ReadingName,
    Share,
    Span,
    StripRow,
    Strips,
    Table,
    Text,
    Trend,
)
from roundsman_collector.reports.head import Head, paper
from roundsman_collector.reports.lines import Difference, Line, differences, digest, lines, read, written
from roundsman_collector.reports.words import STATE
from roundsman_wire.catalogue import Label

A, B, TITLE = Label(zh="甲", en="A"), Label(zh="乙", en="B"), Label(zh="表", en="Table")


def document(*parts: Part, known_ms: int = 5) -> Document:
    held = period_named("2026-10")
    assert held is not None
    head = Head(
        number="X-2026-10",
        name=A,
        period=held[1],
        from_ms=1,
        to_ms=2,
        known_ms=known_ms,
        time_zone="Asia/Shanghai",
    )
    return paper(head, form="x", title=TITLE, parts=parts)


def table(*rows: tuple[str, int]) -> Table:
    return Table(title=TITLE, columns=(A, B), rows=tuple((name, Count(n)) for name, n in rows))


EVERYTHING = document(
    Heading(label=TITLE),
    Facts(fields=(Field(label=A, value=(At(7), "x", NONE)), Field(label=B))),
    table(("one", 1), ("one", 2)),
    Text(paragraphs=("words", Phrase(Label(zh="共 {0}", en="{0} in all"), (Count(3, A),)))),
    Strips(title=TITLE, rows=(StripRow("k", (("up", 0, 5), ("down", 5, 7), ("up", 7, 9))),), from_ms=0, to_ms=9),
    Trend(title=TITLE, points=((date(2026, 10, 1), 1.5), (date(2026, 10, 2), None)), unit="%"),
    Bars(title=TITLE, rows=(Bar(A, 2.0),)),
    Table(
        title=TITLE,
        columns=(A, B, B, B, B, B),
        rows=((Reading("a.b", 1), ReadingName("a"), Component("c"), Found("pass"), Day(date(2026, 1, 2)), Span(9)),),
        total=("sum", Share(Fraction(1, 3)), Share(None), Number(1.5, "%", 2), None, ""),
    ),
    Notes(entries=("small print",)),
)


def test_every_kind_of_value_is_read_as_it_was_written() -> None:
    told = lines(EVERYTHING)

    assert read(written(told)) == told
    assert digest(told) == digest(read(written(told)))


def test_when_it_was_known_is_not_part_of_what_it_says() -> None:
    assert digest(lines(document(table(("a", 1)), known_ms=5))) == digest(lines(document(table(("a", 1)), known_ms=6)))


def test_the_time_of_a_strip_is_told_by_state() -> None:
    found = {one.column.en: one.value for one in lines(EVERYTHING) if one.row == "k"}

    assert found == {"Time up": Span(7), "Time down": Span(2)}


def test_differences_name_the_place_what_was_and_what_is() -> None:
    before, after = lines(document(table(("a", 1), ("b", 2)))), lines(document(table(("c", 3), ("a", 4))))

    assert differences(before, after) == (
        Difference(Line(TITLE, "c", B, Count(3)), None, Count(3)),
        Difference(Line(TITLE, "a", B, Count(4)), Count(1), Count(4)),
        Difference(Line(TITLE, "b", B, Count(2)), Count(2), None),
    )


def test_rows_of_the_same_name_are_told_apart_and_another_order_is_no_difference() -> None:
    before = lines(document(table(("a", 1), ("a", 2), ("b", 3))))

    assert differences(before, lines(document(table(("b", 3), ("a", 1), ("a", 2))))) == ()
    assert [one.line.again for one in differences(before, lines(document(table(("a", 1), ("a", 9), ("b", 3)))))] == [1]


def test_a_ticket_that_goes_on_makes_no_other_statement() -> None:
    first, later = (
        [Line(TITLE, "W-1", STATE, A), Line(TITLE, "W-1", B, Count(2))],
        [Line(TITLE, "W-1", STATE, B), Line(TITLE, "W-1", B, Count(2))],
    )

    assert differences(first, later) == ()
    assert digest(first) == digest(later) != digest([Line(TITLE, "W-1", STATE, A), Line(TITLE, "W-1", B, Count(3))])
    assert written(first) != written(later)
