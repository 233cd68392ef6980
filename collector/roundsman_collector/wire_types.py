"""The wire's types as pydantic understands them on every Python: `typed(Report)`.

`roundsman_wire` stands on the standard library alone: its messages are `typing.TypedDict`s whose limits stand in
`Annotated[..., Limit(...)]`. pydantic wants `typing_extensions.TypedDict` before Python 3.12, and its own constraints.
The door validates with what is made here, and the schemas are generated from it, so neither can lie about the other.
"""

import types
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import typing_extensions
from pydantic import AfterValidator, ConfigDict, Field

from roundsman_wire.report import Limit, Milliseconds, Mono, Number, Record, Token

STRICT = ConfigDict(strict=True, allow_inf_nan=False)
KINDS: dict[str, type] = {get_args(get_type_hints(kind)["kind"])[0]: kind for kind in get_args(Record)}
"""The kinds of records that this version knows."""

_TYPED_DICT: Any = typing_extensions.TypedDict  # called with data, which a type checker cannot follow
_NOTHING: frozenset[str] = frozenset()


class Plain(TypedDict):
    """A record of a kind that this version does not know: kept, settled, and a sign of life."""

    n: Number
    kind: str
    boot: Token
    mono: Mono
    t: Milliseconds
    ntp: NotRequired[bool]


def typed(kind: Any, skip: frozenset[str] = _NOTHING) -> Any:
    """A type of the wire for a strict TypeAdapter; `skip` leaves fields of a typed dictionary out."""
    if kind == Record:
        return _record()
    if is_typeddict(kind):
        return _typed_dict(kind, skip)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[(typed(arguments[0]), *map(_constraint, arguments[1:]))]
    if origin is Literal and len(arguments) == 1 and type(arguments[0]) is int:
        # A Literal[1] of pydantic also takes true and 1.0.
        return Annotated[int, Field(ge=arguments[0], le=arguments[0], json_schema_extra={"const": arguments[0]})]
    if origin in (Union, types.UnionType):
        return _either(*map(typed, arguments))
    if origin in (list, dict, tuple):
        return origin[tuple(map(typed, arguments))]
    return kind


def _typed_dict(kind: Any, skip: frozenset[str]) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    fields = {
        name: typed(_bare(hint)) if name in kind.__required_keys__ else NotRequired[typed(_bare(hint))]
        for name, hint in hints.items()
        if name not in skip
    }
    if kind is Plain:
        fields["kind"] = _UNKNOWN_KIND
    made = _TYPED_DICT(kind.__name__, fields)
    made.__doc__ = kind.__doc__
    made.__pydantic_config__ = STRICT
    return made


def _record() -> Any:
    """By `kind`, and only where that fails a plain record, which takes the kinds nobody knows."""
    known: Any = Annotated[_either(*map(typed, KINDS.values())), Field(discriminator="kind")]
    return Annotated[_either(known, typed(Plain)), Field(union_mode="left_to_right")]


def _unknown_kind(kind: str) -> str:
    if kind in KINDS:
        raise ValueError(f"a {kind} has other fields")
    return kind


_UNKNOWN_KIND = Annotated[
    str,
    Field(min_length=1, max_length=160, json_schema_extra={"not": {"enum": [*sorted(KINDS)]}}),
    AfterValidator(_unknown_kind),
]


def _either(*some: Any) -> Any:
    return Union[some]  # noqa: UP007  made from data


def _bare(hint: Any) -> Any:
    while get_origin(hint) in (Required, NotRequired):
        hint = get_args(hint)[0]
    return hint


def _constraint(limit: object) -> object:
    if not isinstance(limit, Limit):
        return limit
    bounds = {name: getattr(limit, name) for name in ("ge", "le", "pattern", "min_length", "max_length")}
    return Field(**{name: bound for name, bound in bounds.items() if bound is not None})
