"""Do labels and sentences fit where they are written, and can they be told apart?"""

from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._displays.labels import name_classes, shorten, wrap


@given(st.text(min_size=1), st.integers(4, 40))
def test_a_shortened_text_is_never_longer_than_asked(text, most):
    assert len(shorten(text, most)) <= most


@given(st.lists(st.from_regex(r"[a-z_$]{1,40}", fullmatch=True), min_size=2, max_size=60, unique=True))
def test_names_of_classes_differ_and_hold_no_mathematics(labels):
    names = name_classes(labels, 8)
    assert len(set(names)) == len(labels)
    assert all(name.count("$") == name.count(r"\$") for name in names)


def test_names_that_differ_in_the_middle_show_the_difference():
    names = name_classes([f"a_very_long_beginning_{i}_and_end" for i in range(3)], 12)
    assert [str(i) in name for i, name in enumerate(names)] == [True] * 3
    assert max(map(len, names)) <= 12


@given(st.text(alphabet="ab ", max_size=300), st.integers(6, 80), st.integers(1, 4))
def test_a_wrapped_text_has_no_more_lines_than_asked(text, width, most_lines):
    lines = wrap(text, width, most_lines=most_lines).splitlines()
    assert len(lines) <= most_lines
    assert all(len(line) <= width for line in lines)
