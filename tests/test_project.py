"""Does the project keep the promises that are easy to break unseen?"""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import balanced_nn

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "balanced_nn"
MODULES = sorted(PACKAGE.rglob("*.py"))
DOCUMENTS = [path for pattern in ("*.md", "docs/*.md", "benchmarks/**/*.md") for path in sorted(ROOT.glob(pattern))]
TEXTS = [
    *(path for folder in ("balanced_nn", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))),
    *(path for pattern in ("docs/*.py", "examples/*.*") for path in sorted(ROOT.glob(pattern))),
    *DOCUMENTS,
    *sorted(ROOT.glob("changelog.d/*.md")),
    *(ROOT / name for name in ("pyproject.toml", "Makefile", ".ci/run", "CITATION.cff")),
]
DISTRIBUTION_OF = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn"}
FORBIDDEN = re.compile(r"\bissue #?\d{1,2}\b|\.\./shared|/work/|/root/|/home/", re.IGNORECASE)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_names(path: Path) -> Iterator[str]:
    """Dotted names that a module imports, deferred imports included, but for those of types alone."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def public_callables() -> list[tuple[str, Callable[..., Any], str]]:
    """Name, signature holder and docstring of public functions, classes, and methods that document parameters."""
    found = []
    for name in balanced_nn.__all__:
        thing = getattr(balanced_nn, name)
        if not callable(thing) or not str(getattr(thing, "__module__", "")).startswith("balanced_nn"):
            continue
        if inspect.isfunction(thing):
            found.append((name, thing, inspect.getdoc(thing) or ""))
        elif inspect.isclass(thing) and not issubclass(thing, Enum):
            found.append((name, thing, inspect.getdoc(thing) or ""))
            for method_name, method in vars(thing).items():
                docstring = inspect.getdoc(method) or ""
                if inspect.isfunction(method) and method_name[0] != "_" and documented_parameters(docstring):
                    found.append((f"{name}.{method_name}", method, docstring))
    return found


def documented_parameters(docstring: str) -> dict[str, str]:
    """Map each name in a numpydoc "Parameters" section to its type line."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", docstring, flags=re.M | re.S)
    entries: dict[str, str] = {}
    for names, kind in re.findall(r"^(\w+(?:, \w+)*) : (.*)$", section.group(1) if section else "", flags=re.M):
        entries.update(dict.fromkeys(names.split(", "), kind))
    return entries


@pytest.mark.parametrize("heavy", ["tensorflow", "keras", "matplotlib", "onnx", "polars"])
def test_importing_the_package_does_not_load(heavy: str) -> None:
    code = f"import sys, balanced_nn; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_versions_agree() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert balanced_nn.__version__ == declared
    assert version("balanced-nn") == declared, "the installed metadata is old: remove .venv/.installed and run make"
    assert f"\nversion: {declared}\n" in (ROOT / "CITATION.cff").read_text()


def test_public_names_are_those_of_the_architecture_page() -> None:
    section = (ROOT / "docs/architecture.md").read_text().split("## 3. Public API")[1]
    block = re.search(r"```python\n(.*?)```", section, flags=re.S)
    assert block is not None
    documented = [
        alias.name
        for node in ast.parse(block.group(1)).body
        if isinstance(node, ast.ImportFrom) and node.module == "balanced_nn"
        for alias in node.names
    ]
    assert sorted(documented) == sorted(name for name in balanced_nn.__all__ if name != "__version__")


def test_every_public_name_exists() -> None:
    assert [name for name in balanced_nn.__all__ if not hasattr(balanced_nn, name)] == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_is_in_the_table_of_the_house(path: Path) -> None:
    house = (ROOT / "docs/architecture.md").read_text().split("## 2.")[0]
    folder = relative(path.parent).removeprefix("balanced_nn").removeprefix("/")
    if path.name == "__init__.py":
        assert not folder or f"`{folder}/`" in house
    elif folder:
        assert f"`{path.stem}`" in house, f"docs/architecture.md does not name {relative(path)}"
    else:
        assert f"`{path.name}`" in house, f"docs/architecture.md does not name {path.name}"


def test_the_house_is_small_enough_to_be_seen_at_a_glance() -> None:
    folders = {path.parent for path in MODULES}
    assert len(list(PACKAGE.glob("*.py"))) <= 6
    assert [folder for folder in folders if len(list(folder.glob("*.py"))) > 15] == []
    lines = {relative(path): len(path.read_text().splitlines()) for path in MODULES if path.name != "_classifier.py"}
    assert {path: number for path, number in lines.items() if number > 450} == {}


@pytest.mark.parametrize(
    ("name", "function", "docstring"),
    public_callables(),
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_every_parameter_is_documented_with_its_default(
    name: str, function: Callable[..., Any], docstring: str
) -> None:
    parameters = {key: parameter for key, parameter in inspect.signature(function).parameters.items() if key != "self"}
    documented = documented_parameters(docstring)
    assert list(documented) == list(parameters), f"{name}: documented are {list(documented)}"
    for key, parameter in parameters.items():
        stated = re.search(r"default=(.+)$", documented[key])
        if documented[key] in {"None", "Ignored"}:  # scikit-learn's way to write a y that a transformer ignores
            assert parameter.default is None
        elif parameter.default is inspect.Parameter.empty:
            assert stated is None, f"{name}: {key} has no default, but one is documented"
        else:
            assert stated is not None, f"{name}: the default of {key} is not documented"
            assert ast.literal_eval(stated.group(1)) == parameter.default, f"{name}: default of {key}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_begins_with_what_it_answers(path: Path) -> None:
    assert path.read_text().startswith('"""')


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "_sklearn.py"], ids=relative)
def test_private_scikit_learn_names_come_through_one_door(path: Path) -> None:
    private = [name for name in imported_names(path) if re.match(r"sklearn\b.*\._", name)]
    assert private == [], "import them from balanced_nn._sklearn"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_imports_a_data_frame_library(path: Path) -> None:
    # What is loaded does not tell: scikit-learn imports pandas where it is installed.
    reads_files = path in (PACKAGE / "_streaming" / "files.py", PACKAGE / "_streaming" / "source.py")
    needed = {"pandas", "pyarrow"} if reads_files else set()  # an extra
    assert {name.partition(".")[0] for name in imported_names(path)} & {"pandas", "polars", "pyarrow"} <= needed


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_import_is_a_declared_dependency(path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = (project["optional-dependencies"][name] for name in ("onnx", "arrow"))
    declared = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    allowed = {re.split(r"[<>=!~]", requirement)[0] for requirement in declared}
    roots = {name.partition(".")[0] for name in imported_names(path)} - set(sys.stdlib_module_names) - {"balanced_nn"}
    optional = {"matplotlib"} if path.parent.name == "_displays" else set()  # an extra, and a message says so
    assert {DISTRIBUTION_OF.get(root, root) for root in roots} - optional <= set(allowed)


@pytest.mark.parametrize("path", [path for path in TEXTS if path != Path(__file__)], ids=relative)
def test_no_text_speaks_of_the_places_where_it_was_written(path: Path) -> None:
    assert FORBIDDEN.findall(path.read_text()) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_dependency_has_a_lower_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    unbounded = [requirement for requirement in requirements if ">=" not in requirement]
    assert [requirement for requirement in unbounded if not requirement.startswith("balanced-nn[")] == []


def test_the_command_is_what_the_entry_point_names() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["balanced-nn"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
