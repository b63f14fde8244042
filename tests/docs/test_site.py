"""Does the site hold what it promises: every public name, true tables of names, pictures and links as they are?"""

import ast
import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from sklearn.neural_network import MLPClassifier

import balanced_nn
from balanced_nn import BalancedNNClassifier, exceptions

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))
OURS = inspect.signature(BalancedNNClassifier).parameters


def reference_entries() -> dict[str, list[str]]:
    """Names in the API reference, by the module that they stand under."""
    entries: dict[str, list[str]] = {}
    module = ""
    for line in (DOCS / "reference.md").read_text().splitlines():
        module = line.partition(":: ")[2] if "currentmodule" in line else module
        if re.fullmatch(r"   \w+", line):
            entries.setdefault(module, []).append(line.strip())
    return entries


def table_of_names(key: str) -> list[list[str]]:
    """Cells of a table of docs/migration.md, without its head."""
    text = (DOCS / "migration.md").read_text()
    lines = text.partition(f"<!-- {key}: begin -->")[2].partition(f"<!-- {key}: end -->")[0].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def table_rows(text: str) -> dict[str, dict[str, str]]:
    """Rows of a Markdown table by their first cell, each as a dict from heading to cell."""
    head, _, *lines = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines())
    return {cells[0]: dict(zip(head, cells, strict=True)) for cells in lines}


def between(text: str, begin: str, end: str) -> str:
    return text.partition(begin)[2].partition(end)[0].strip()


# The API reference


def test_the_reference_holds_every_public_name_once() -> None:
    entries = reference_entries()
    assert sorted(entries["balanced_nn"]) == sorted(balanced_nn.__all__)
    assert sorted(entries["balanced_nn.exceptions"]) == sorted(exceptions.__all__)


# The tables of names


def test_every_parameter_of_mlp_classifier_has_its_row() -> None:
    named = [cells[0].strip("`") for cells in table_of_names("mlp")]
    assert named == list(inspect.signature(MLPClassifier).parameters)


@pytest.mark.parametrize("key", ["mlp", "keras", "scikeras"])
def test_every_name_of_ours_is_a_parameter(key: str) -> None:
    rows = table_of_names(key)
    ours = [name for cells in rows for name in re.findall(r"`(\w+)`", cells[1])]
    assert len(ours) >= 10
    assert [name for name in ours if name not in OURS] == []


# Pictures and tables that are made from something


def test_the_picture_of_the_layers_is_that_of_the_contract() -> None:
    script = runpy.run_path(str(DOCS / "draw_layers.py"))
    drawn = script["picture"]()
    assert script["PICTURE"].read_text() == drawn, "the layers have changed: python docs/draw_layers.py"
    assert all(f">{path.stem}</text>" in drawn for path in (ROOT / "balanced_nn").glob("_[a-z]*.py"))


def test_the_picture_of_the_problem_shows_a_collapse_and_none() -> None:
    script = runpy.run_path(str(DOCS / "draw_problem.py"))
    plain, moved, ours = map(script["recalls"], script["fitted"]().values())
    assert plain.tolist() == [1.0, 0.0]
    assert min(moved.min(), ours.min()) > 0.8


def test_the_table_of_the_readme_is_part_of_that_of_the_quality_page() -> None:
    short = table_rows(
        between((ROOT / "README.md").read_text(), "<!-- short table: begin -->", "<!-- short table: end -->")
    )
    section = between((DOCS / "quality.md").read_text(), "### Ours against each method", "![")
    full = table_rows(section[section.index("|") :])
    assert len(short) >= 4
    for method, cells in short.items():
        shares = [full[method][head] for head in full[method] if head.endswith("ours better on")]
        assert list(cells.values())[1:4] == [f"on {share} of {full[method]['sets']} tables" for share in shares]


# The examples


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_begins_with_a_title_and_shows_a_picture(path: Path) -> None:
    title, underline = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[:2]
    assert underline == "=" * len(title)
    assert "plt.show()" in path.read_text()


# The links of the built site


@pytest.fixture
def broken_links() -> Any:
    return runpy.run_path(str(DOCS / "check_links.py"))["broken_links"]


def test_a_link_to_a_page_to_a_part_of_it_and_to_the_world_is_fine(broken_links: Any, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#part">b</a> <a href="#top" id="top">a</a> <a href="https://x.org/y">x</a><img src="p%20q.png">'
    )
    (tmp_path / "b.html").write_text('<h2 id="part">b</h2>')
    (tmp_path / "p q.png").touch()
    assert broken_links(tmp_path) == []


@pytest.mark.parametrize("link", ["c.html", "b.html#other", "#nowhere", "picture.png"])
def test_a_link_that_leads_nowhere_is_named_with_its_page(link: str, broken_links: Any, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f'<a href="{link}">x</a>')
    (tmp_path / "b.html").write_text('<h2 id="part">b</h2>')
    assert broken_links(tmp_path) == [f"a.html: {link}"]
