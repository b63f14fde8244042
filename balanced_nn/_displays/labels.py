"""How are labels and sentences made short enough for a picture?"""

import textwrap
from collections.abc import Sequence
from itertools import takewhile
from typing import Any


def escape_mathematics(text: object) -> str:
    r"""Text in which nothing is read as mathematics, in one line.

    Examples
    --------
    >>> escape_mathematics("a  $price$")
    'a \\$price\\$'
    """
    return " ".join(str(text).split()).replace("$", r"\$")


def shorten(text: object, most: int) -> str:
    """Leave out the middle of what is longer than `most` letters.

    Examples
    --------
    >>> shorten("strongly_disagree", 9), shorten("no", 9)
    ('stro…gree', 'no')
    """
    line = " ".join(str(text).split())
    if len(line) <= most:
        return line
    head = most // 2
    return f"{line[:head]}…{line[len(line) - (most - head - 1) :]}"


def name_classes(labels: Sequence[Any], most: int) -> list[str]:
    """Names of classes, of at most `most` letters; those that would be the same lose what they have in common.

    Examples
    --------
    >>> name_classes(["strongly_disagree", "b"], 9)
    ['stro…gree', 'b']
    >>> name_classes(["the_class_1_of_all", "the_class_2_of_all"], 9)
    ['…ass_1_o…', '…ass_2_o…']
    """
    lines = [" ".join(str(label).split()) for label in labels]
    names = [shorten(line, most) for line in lines]
    if len(set(names)) < len(names):
        head = _count_common_head(lines)
        tail = min(_count_common_head([line[::-1] for line in lines]), min(map(len, lines)) - head)
        # what is left for letters around the difference
        room = max(0, most - 2 - max(len(line) - head - tail for line in lines))
        left, right = max(0, head - (room - room // 3)), max(0, tail - room // 3)
        cores = [line[left : len(line) - right] for line in lines]
        names = [shorten(f"{'…' * (left > 0)}{core}{'…' * (right > 0)}", most) for core in cores]
    if len(set(names)) < len(names):
        names = [shorten(f"{i}: {line}", most) for i, line in enumerate(lines)]
    return [escape_mathematics(name) for name in names]


def _count_common_head(lines: list[str]) -> int:
    """How many letters all lines begin with."""
    return sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*lines, strict=False)))


def wrap(text: str, width: int, *, most_lines: int) -> str:
    """Break a text into lines, and leave out what has no room.

    Examples
    --------
    >>> print(wrap("balanced accuracy of held-out rows", 18, most_lines=2))
    balanced accuracy
    of held-out rows
    """
    lines = textwrap.wrap(text, width, max_lines=most_lines, placeholder=" …")
    for narrower in range(width - 1, 5, -1):  # lines of about the same length
        broken = textwrap.wrap(text, narrower)
        if len(broken) > len(lines):
            break
        lines = broken
    return "\n".join(escape_mathematics(line) for line in lines)
