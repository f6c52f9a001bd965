"""The values of IoT SQL: their types, Undefined, the number line, the language versions.

Owns what a value is and how a number is written. Knows nothing of JSON text, messages or syntax.

The types of the language and what they are here:

    Int         int, at most 34 digits
    Decimal     Decimal (34 significant digits), or float where a payload's number has at most 15
                digits and no exponent: such a float stands for its shortest text, exactly
    Boolean     bool             Null       None
    String      str              Undefined  UNDEFINED
    Array       list             Object     dict

Invariants: a float never comes out of arithmetic, only out of a payload; an int never has more
than 34 digits; a Decimal is always finite.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL reference", "Data types".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import Enum
from typing import Final, TypeAlias

__all__ = [
    "BETA",
    "CONTEXT",
    "DEFAULT_VERSION",
    "DIALECTS",
    "INT_LIMIT",
    "MAX_DIGITS",
    "MAX_TEXT_CHARACTERS",
    "UNDEFINED",
    "V2015",
    "V2016",
    "Dialect",
    "Number",
    "Undefined",
    "Value",
    "bounded",
    "decimal_of_float",
    "decimal_of_text",
    "finite",
    "is_huge",
    "number_text",
]


class Undefined(Enum):
    """The type of `UNDEFINED`: no value, as of a missing member or a conversion that fails."""

    UNDEFINED = "Undefined"


UNDEFINED: Final = Undefined.UNDEFINED

Number: TypeAlias = int | Decimal
Value: TypeAlias = (
    "bool | int | float | Decimal | str | list[Value] | dict[str, Value] | Undefined | None"
)

MAX_DIGITS: Final = 34

# What a function or operator makes is at most eight times AWS's largest payload; a longer text (or
# an array of more items) is Undefined. Without a bound, thirty doublings fill the memory.
MAX_TEXT_CHARACTERS: Final = 1024 * 1024
INT_LIMIT: Final = 10**MAX_DIGITS
MAX_EXPONENT: Final = 999

# IEEE decimal128 arithmetic with the range AWS documents. No traps: what leaves the range becomes
# an infinity or NaN, which `finite` turns into Undefined.
CONTEXT: Final = Context(
    prec=MAX_DIGITS,
    rounding=ROUND_HALF_EVEN,
    Emin=-MAX_EXPONENT,
    Emax=MAX_EXPONENT,
    capitals=1,
    clamp=0,
    traps=[],
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One version of the language.

    Attributes:
        version: The value of `awsIotSqlVersion`.
        since: The dated version whose features it has, for comparing.
        whole_numbers_are_int: Whether `10.0` is the Int 10 and printed as `10`.
    """

    version: str
    since: str
    whole_numbers_are_int: bool


V2015: Final = Dialect("2015-10-08", "2015-10-08", whole_numbers_are_int=False)
V2016: Final = Dialect("2016-03-23", "2016-03-23", whole_numbers_are_int=True)
BETA: Final = Dialect("beta", "2016-03-23", whole_numbers_are_int=True)
DIALECTS: Final = {dialect.version: dialect for dialect in (V2015, V2016, BETA)}
DEFAULT_VERSION: Final = V2015.version


def bounded(number: int) -> Number:
    """Return an integer result as an Int, or rounded to a Decimal where it needs over 34 digits."""
    if -INT_LIMIT < number < INT_LIMIT:
        return number
    return CONTEXT.create_decimal(number)


def finite(number: Decimal) -> Decimal | Undefined:
    """Return a result of `CONTEXT`, or Undefined where it left the range of numbers.

    What is too small to be told from zero has become zero; who multiplies and divides looks.
    """
    if number.is_finite() and (number.adjusted() >= -MAX_EXPONENT or not number):
        return number
    return UNDEFINED


def decimal_of_float(number: float) -> Decimal:
    """Return the decimal that a payload's float stands for.

    A decimal of at most 15 digits survives the way through binary64, and `repr` is the shortest
    text that reads back as the same float: so this is the number as the payload wrote it.
    """
    return Decimal(repr(number))


def decimal_of_text(text: str) -> Decimal | None:
    """Return the number a JSON or SQL number text means, rounded to 34 digits.

    None where the text is no number or the number is outside 1E-999 ... 9.99E999.
    """
    number = CONTEXT.create_decimal(text)
    if not number.is_finite():
        return None
    if number:
        return number if number.adjusted() >= -MAX_EXPONENT else None
    # zero, or too small to be told from it
    return number if not text.lower().partition("e")[0].strip("-0.") else None


def is_huge(number: Decimal) -> bool:
    """Whether a number is too large for the whole numbers of 34 digits (and so is whole itself)."""
    return number.adjusted() >= MAX_DIGITS and bool(number)


def number_text(number: float | Number, dialect: Dialect) -> str:
    """Write a number as JSON and as strings have it.

    The text depends on the value only, not on how the payload spelled it (`2.50` is `2.5`), nor on
    whether the number came as float or Decimal. Whole Decimals are `10` where they are Ints and
    `10.0` in 2015-10-08. An exponent appears below 1E-6 and for whole numbers over 34 digits.
    """
    if type(number) is int:
        return str(number)
    exact = decimal_of_float(number) if isinstance(number, float) else Decimal(number)
    text = str(exact)
    if "." in text and text[-1] != "0" and "E" not in text:
        return text  # most are this: a fraction without zeros at its end
    text = str(exact.normalize(CONTEXT))
    if "E+" in text:
        if is_huge(exact):
            return text
        whole = format(exact.to_integral_value(), "f")
    elif "." in text or "E" in text:
        return text
    else:
        whole = "0" if text == "-0" else text
    return whole if dialect.whole_numbers_are_int else f"{whole}.0"
