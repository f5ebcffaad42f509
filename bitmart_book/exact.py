"""Numbers side by side: a float by its own name, and beside it the exact Decimal.

`order.price` is a float, as the price of a book is, and `order.exact` has the numbers that the
venue sent, to the last digit. A value is made of whatever numbers there are (Decimal, int, float,
text); its floats are the nearest to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar, cast, overload

import msgspec
from msgspec.structs import force_setattr

from bitmart_book.errors import UsageError

__all__ = ["UNTOLD", "Amount", "AmountOrNone", "Exact", "Number", "Numbered", "exact_number"]

Number = Decimal | int | float | str
P = TypeVar("P", bound=Decimal | None)
S = TypeVar("S", bound=Decimal | None)

if TYPE_CHECKING:
    # What a type checker is told: any number may be given, and a float is read.
    class Amount:
        @overload
        def __get__(self, owner: None, kind: Any) -> Amount: ...
        @overload
        def __get__(self, owner: object, kind: Any) -> float: ...
        def __get__(self, owner: Any, kind: Any) -> Any: ...
        def __set__(self, owner: Any, value: Number) -> None: ...

    class AmountOrNone:
        @overload
        def __get__(self, owner: None, kind: Any) -> AmountOrNone: ...
        @overload
        def __get__(self, owner: object, kind: Any) -> float | None: ...
        def __get__(self, owner: Any, kind: Any) -> Any: ...
        def __set__(self, owner: Any, value: Number | None) -> None: ...
else:
    Amount = float
    AmountOrNone = float | None

UNTOLD = cast(AmountOrNone, None)
"""The default of an amount that the venue need not send."""

_NONE_BEFORE: dict[str, Decimal] = {}
# Its own context, because the user's may round, or return NaN where this one raises.
_READ = Context(prec=1, traps=[InvalidOperation])


class Exact(tuple[P, S], Generic[P, S]):
    """The exact numbers of a value: `price, size = fill.exact`, as of a `Level`.

    All of them, these two as well, by the names that they have there: `order.exact.filled_size`.
    What the venue did not send is None.
    """

    NAMES: ClassVar[tuple[str, ...]] = ("price", "size")

    def __new__(cls, numbers: Iterable[Decimal | None]) -> Exact[P, S]:
        """Of the numbers, in the order of `NAMES`."""
        values = tuple(numbers)
        self = tuple.__new__(cls, values[:2])
        self.__dict__.update(zip(cls.NAMES, values, strict=True))
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("exact numbers do not change")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Exact):
            return self.__dict__ == other.__dict__
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    # Of the pair alone, so that a plain tuple that equals it has the same hash.
    __hash__ = tuple.__hash__

    def __repr__(self) -> str:
        told = (f"{name}={value}" for name, value in self.__dict__.items() if value is not None)
        return f"{type(self).__name__}({', '.join(told)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (tuple(self.__dict__.values()),)


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """A value with amounts. Its field `exact` has them as Decimals, and follows from them."""

    EXACT: ClassVar[type[Exact[Any, Any]]] = Exact
    """The type of `exact`: it says which fields are amounts."""

    def __post_init__(self) -> None:
        told: Exact[Any, Any] | None = getattr(self, "exact", None)
        # A copy brings floats along, and beside them the exact numbers they were made of.
        before = _NONE_BEFORE if told is None else told.__dict__
        exact = self.EXACT
        found: list[Decimal | None] = []
        for name in exact.NAMES:
            number = given = getattr(self, name)
            if given is not None:
                number = before.get(name)
                if number is None or type(given) is not float or float(number) != given:
                    number = _plain(exact_number(given, name))
                    force_setattr(self, name, float(number))
            found.append(number)
        force_setattr(self, "exact", exact(found))

    def __repr__(self) -> str:
        told = (
            f"{name}={repr(str(value)) if isinstance(value, str) else repr(value)}"
            for name in self.__struct_fields__
            if name != "exact" and (value := getattr(self, name)) is not None
        )
        return f"{type(self).__name__}({', '.join(told)})"


def _plain(number: Decimal) -> Decimal:
    """Without superfluous zeros: live numbers have thirty decimals."""
    text = str(number)
    if "E" in text:
        return number if number else Decimal(0)
    return Decimal(text.rstrip("0")) if text[-1] == "0" and "." in text else number


def exact_number(value: Number, name: str = "a number") -> Decimal:
    """The exact value of a number given by hand; a float means its shortest text. UsageError for
    what is none."""
    if isinstance(value, Decimal):
        if value.is_finite():
            return value
        exact = value
    else:
        # Numbers of numpy are floats too, and call themselves by their own names.
        text = float.__repr__(value) if isinstance(value, float) else str(value)
        try:
            exact = Decimal(text, _READ)
        except InvalidOperation:
            raise UsageError(f"{name} must be a number, was {value!r}") from None
    if isinstance(value, bool) or not exact.is_finite():
        raise UsageError(f"{name} must be a finite number, was {value!r}")
    return exact
