"""How is the documentation site built? `make docs` runs Sphinx over the Markdown pages of this folder.

The pages are written to be read on their own too, so they link to files: to `../CONTRIBUTING.md`, or to the source of
an example. Here those files become pages, under `generated/`, and links to them lead there. Nothing is fetched.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx

import balanced_nn

DOCS = Path(__file__).parent
ROOT = DOCS.parent
GENERATED = DOCS / "generated"
NEWEST = "<!-- towncrier release notes start -->"  # below it the newest release comes first
LINK = re.compile(r"(\]\()(?!https?://|mailto:|#)([^)#\s]+)")
# A file outside this folder, and the page that it becomes.
PAGE_OF = {
    ROOT / "README.md": DOCS / "index.md",
    ROOT / "CONTRIBUTING.md": GENERATED / "contributing.md",
    ROOT / "benchmarks/README.md": GENERATED / "benchmarks.md",
    ROOT / "CHANGELOG.md": GENERATED / "changelog.md",
    ROOT / "examples/README.rst": GENERATED / "gallery/index.rst",
    **{path: GENERATED / "gallery" / f"{path.stem}.rst" for path in (ROOT / "examples").glob("plot_*.py")},
}

project = "balanced_nn"
author = "balanced_nn developers"
release = balanced_nn.__version__
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["**sg_execution_times.rst", "templates"]
templates_path = ["templates"]
default_role = "literal"  # docstrings write `name`, as scikit-learn's do
nitpicky = True
# An attribute that is a property: numpydoc links its name to an entry of its own, which the page of the class has not.
nitpick_ignore = [
    ("py:obj", attribute)
    for thing in (getattr(balanced_nn, name) for name in balanced_nn.__all__)
    if isinstance(thing, type)
    for attribute, value in vars(thing).items()
    if isinstance(value, property)
]
myst_heading_anchors = 4

toc_object_entries_show_parents = "hide"  # in the list beside a page
autodoc_typehints = "none"  # the docstrings say shapes and ranges, annotations do not
numpydoc_show_class_members = False  # templates/class.rst lists the methods, without those of the base classes
numpydoc_validation_checks = {"all", "ES01", "EX01", "SA01", "SA04", "GL01", "GL02", "RT02", "RT03"}
numpydoc_validation_exclude = {
    r"\.on_(train|epoch)_",  # Keras documents the arguments of its callbacks
    r"\.Cause$",  # nobody calls it
    r"\.collapse_aware_scorer$",  # an object, whose call is that of every scorer
}

html_theme = "pydata_sphinx_theme"
html_title = "balanced_nn"
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
copyright = "balanced_nn developers, BSD-3-Clause"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "generated/gallery",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("balanced_nn",),
    "within_subsection_order": "ExampleTitleSortKey",
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
}


def relinked(text: str, folder: Path, target: Path) -> str:
    """Rewrite the links of a page that lies in one folder as those of a page in another one."""

    def relink(match: re.Match[str]) -> str:
        file = (folder / match[2]).resolve()
        return match[1] + os.path.relpath(PAGE_OF.get(file, file), target)

    return LINK.sub(relink, text)


def changelog() -> str:
    """Return the news of the releases, before them those that no release holds yet."""
    released = (ROOT / "CHANGELOG.md").read_text()
    if not any((ROOT / "changelog.d").glob("*.md")):
        return released
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "Next release"]
    draft = subprocess.run(
        [*command, "--date", "not yet released"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return released.replace(NEWEST, f"{NEWEST}\n{draft}")


def write_pages(app: Sphinx) -> None:
    """Write the pages whose text lies elsewhere."""
    GENERATED.mkdir(exist_ok=True)
    for file, page in PAGE_OF.items():
        if file.suffix == ".md" and page.parent == GENERATED:
            text = changelog() if page.stem == "changelog" else file.read_text()
            page.write_text(relinked(text, file.parent, GENERATED))


def relink_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Let the links of a page of this folder lead to pages too."""
    if (DOCS / f"{name}.md").parent == DOCS:
        source[0] = relinked(source[0], DOCS, DOCS)


def setup(app: Sphinx) -> None:
    """Hook the functions above into the build."""
    app.connect("builder-inited", write_pages, priority=100)  # before autosummary looks for pages
    app.connect("source-read", relink_page)
