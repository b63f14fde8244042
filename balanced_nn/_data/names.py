"""How are labels and columns named in a message, so that types can be told apart and many stay few words?"""

import numbers
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Self

import numpy as np

from balanced_nn._typing import Label

MOST_NAMES = 5  # that a finding lists
MOST_LABELS = 10  # that a message lists


class Worded(StrEnum):
    """Members that are their names, and know what they are in `words`."""

    words: str

    def __new__(cls, name: str, words: str = "") -> Self:
        """Make a member of its name and its words."""
        member = str.__new__(cls, name)
        member._value_, member.words = name, words
        return member


def listed(names: Iterable[str], most: int = MOST_NAMES) -> str:
    """Join names for a message, the first ones where there are many.

    >>> listed(["a", "b"]), listed("abc", most=2)
    ('a, b', 'a, b and 1 more')
    """
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def quoted(label: Label) -> str:
    """Write a label as it would be written in Python: text in quotes.

    >>> quoted("0"), quoted(np.int64(0)), quoted(np.str_("no")), quoted(np.float64(1.5))
    ("'0'", '0', "'no'", '1.5')
    """
    if isinstance(label, str):
        return repr(str(label))
    plain = isinstance(label, np.bool_ | np.integer | np.floating)
    return str(label) if plain or label_kind(label) == "number" else repr(label)


def listed_labels(labels: Iterable[Label], most: int = MOST_LABELS) -> str:
    """Join labels for a message, each as :func:`quoted` writes it.

    >>> listed_labels(["0", 0])
    "'0', 0"
    """
    return listed(map(quoted, labels), most)


def label_kind(label: Label) -> str:
    """Name what labels of one kind have in common; numbers of all types, and booleans, equal each other by value.

    >>> label_kind(np.int32(1)), label_kind(True), label_kind(np.str_("1"))
    ('number', 'number', 'text')
    """
    if isinstance(label, numbers.Number | Decimal | np.number | np.bool_):
        return "number"
    return "text" if isinstance(label, str | bytes) else type(label).__name__


def make_unique(names: Sequence[str]) -> list[str]:
    """Append _2, _3, ... to names that came before.

    >>> make_unique(["a", "b", "a"])
    ['a', 'b', 'a_2']
    """
    unique: dict[str, None] = {}
    for name in names:
        number, candidate = 1, name
        while candidate in unique:
            number += 1
            candidate = f"{name}_{number}"
        unique[candidate] = None
    return list(unique)
