"""The arithmetic of check digits. Each function takes a number with its check digit last, of a form that fits it.

Which carrier uses which, and where that is published, is in `formats`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

_S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
_FEDEX_WEIGHTS: Final = (3, 1, 7)


def with_check_digit(body: str, is_right: Callable[[str], bool]) -> str:
    """The number with the digit behind it that one of the rules below takes."""
    return next(number for digit in "0123456789" if is_right(number := body + digit))


def modulo_10(digits: str) -> bool:
    """Weights 3 and 1 in turn, 3 for the digit before the check digit; all together a multiple of 10.

    Finds every single wrong digit, since neither weight shares a factor with 10. GS1 General Specifications, 7.9.
    """
    return _sum_of_products(map(int, reversed(digits)), (1, 3)) % 10 == 0


def modulo_10_of_letters(characters: str) -> bool:
    """Weights 1 and 2 in turn from the left, letters counted as A = 2, B = 3 … H = 9, I = 0 …; a multiple of 10.

    A digit at an even place that is wrong by 5 is not found, nor a letter for its digit (A for 2).
    """
    values = (int(one) if one.isdigit() else (ord(one) - 63) % 10 for one in characters[:-1])
    return (_sum_of_products(values, (1, 2)) + int(characters[-1])) % 10 == 0


def modulo_11_s10(digits: str) -> bool:
    """Eight digits with the weights 8 6 4 2 3 5 9 7: 11 less the remainder of 11, where 10 is 0 and 11 is 5.

    UPU S10, "Identification of postal items: 13-character identifier", check digit. Remainders of 0 and 6 have both
    the check digit 5, so a wrong digit that makes one of the other is not found.
    """
    left = 11 - _sum_of_products(map(int, digits[:8]), _S10_WEIGHTS) % 11
    return int(digits[8]) == {10: 0, 11: 5}.get(left, left)


def modulo_11_fedex(digits: str) -> bool:
    """Eleven digits with the weights 3 1 7 in turn from the left; the remainder of 11, where 10 is 0.

    Remainders of 0 and 10 have both the check digit 0, so a wrong digit that makes one of the other is not found.
    """
    remainder = _sum_of_products(map(int, digits[:-1]), _FEDEX_WEIGHTS) % 11
    return int(digits[-1]) == remainder % 10


def modulo_7(digits: str) -> bool:
    """The number before the check digit, divided by 7: the remainder. A digit that is wrong by 7 is not found."""
    return int(digits[-1]) == int(digits[:-1]) % 7


def _sum_of_products(values: Iterable[int], weights: Sequence[int]) -> int:
    return sum(value * weights[place % len(weights)] for place, value in enumerate(values))
