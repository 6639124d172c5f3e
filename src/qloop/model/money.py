"""Amounts of money and other decimal numbers, exactly: integers of billionths, read from text or numbers.

Why integers: sums of a million calls must not drift, a journal's column and an SQL sum take them as they are, and every
provider's price is a whole number of them. An int64 holds nine thousand million in billionths, and billionths of a
second are the ns that times have everywhere else.
"""

from __future__ import annotations

from typing import Final

from qloop.errors import InvalidInput

UNIT: Final = 1_000_000_000
"""Billionths in one."""
LARGEST: Final = 2**62
CURRENCY_LETTERS: Final = 3


def billionths(what: str, value: object) -> int:
    """A number from 0, given as text, int or float, in billionths; InvalidInput if it is none or finer than that.

    A float is taken as the shortest decimal that reads back as it, so 0.1 is a tenth.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidInput(f"{what} is {value!r:.80}", "It is not a number", "Give a number from 0")
    found = _parse(repr(value) if isinstance(value, float) else str(value).strip())
    if found is None:
        raise InvalidInput(f"{what} is {value!r:.80}", "It is not a finite number from 0 with at most 9 decimals",
                           "Give a number such as 1.6, or '0.00035'")
    if found > LARGEST:
        raise InvalidInput(f"{what} is {value!r:.80}", f"The largest possible is {LARGEST // UNIT}",
                           "Give a smaller number")
    return found


def _parse(text: str) -> int | None:
    """A decimal number without a sign, with or without an exponent, in billionths; None if it is none."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, part = mantissa.removeprefix("+").partition(".")
    if not (whole + part).isascii() or not (whole + part).isdigit():
        return None
    sign, size = (-1, exponent[1:]) if exponent.startswith("-") else (1, exponent.removeprefix("+"))
    if "e" in text.lower() and not (size.isascii() and size.isdigit() and len(size) <= 3):
        return None
    power = 9 + sign * int(size or "0") - len(part)
    digits = int((whole + part)[:400])
    if len(whole + part) > 400:
        return None
    if power >= 0:
        return digits * int(10**power)
    scaled, rest = divmod(digits, int(10**-power))
    return None if rest else scaled


def decimal(value: int) -> str:
    """Billionths as a decimal number with two decimals, or as many more as it needs."""
    whole, part = divmod(value, UNIT)
    digits = f"{part:09d}".rstrip("0").ljust(2, "0")
    return f"{whole:,}.{digits}"


def money(value: int, currency: str) -> str:
    """An amount as people write it: `1,234.50 USD`; `free` without a currency."""
    return f"{decimal(value)} {currency}" if currency else "free" if value == 0 else decimal(value)


def check_currency(value: object) -> str:
    """The currency's code; InvalidInput unless it is three capital letters, as in ISO 4217."""
    if isinstance(value, str) and len(value) == CURRENCY_LETTERS and value.isascii() and value.isalpha() \
            and value.isupper():
        return value
    raise InvalidInput(f"The currency is {value!r:.80}", "A currency is named by three capital letters (ISO 4217)",
                       "Write 'USD' or 'EUR', for example")
