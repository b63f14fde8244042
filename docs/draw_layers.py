"""Which room may import which? `python docs/draw_layers.py` draws docs/images/layers.svg from pyproject.toml.

The picture is that of the contracts that `make layers` checks: a row for each layer, a box for each room. A room
imports from lower rows only; rooms of one row that touch may import one another.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/images/layers.svg"
CHARACTER, ROW, BOX, GAP = 7.3, 30, 22, 10  # pixels: of a letter, a row, a box, between boxes
LEFT, TOP = 46, 10
FONT = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px"


def layer_lists() -> dict[str, list[str]]:
    """The layers of each package, from the top, as import-linter writes them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {contract["containers"][0]: contract["layers"] for contract in contracts if contract["type"] == "layers"}


def rooms(layer: str) -> list[str]:
    """The names in a layer, which import-linter writes as "(_scalers) | _bins"."""
    return re.findall(r"\w+", layer)


def width(name: str) -> float:
    """Pixels of a box."""
    return CHARACTER * len(name) + 14


def draw_rows(layers: list[str], left: float, top: float, colour: str) -> tuple[list[str], float]:
    """Return the boxes of some layers, and where the widest row ends."""
    shapes, end = [], left
    for number, layer in enumerate(layers):
        gap, x, y = (0.0 if ":" in layer else GAP), left, top + number * ROW
        for name in rooms(layer):
            shapes += [
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width(name):.1f}" height="{BOX}" rx="4" fill="{colour}" '
                'stroke="#555"/>',
                f'<text x="{x + width(name) / 2:.1f}" y="{y + 15:.1f}" text-anchor="middle">{name}</text>',
            ]
            x += width(name) + gap
        end = max(end, x)
    return shapes, end


def picture() -> str:
    """Return the SVG: the rooms of the package, and to the right those within rooms that have layers of their own."""
    (_, package), *others = layer_lists().items()
    shapes, end = draw_rows(package, LEFT, TOP, "#e8f0fa")
    right, ends, top = end + 30, [end], TOP
    for name, inner in others:
        shapes.append(f'<text x="{right:.1f}" y="{top + 15}">inside {name.rpartition(".")[2]}:</text>')
        more, end = draw_rows(inner, right, top + ROW, "#fdf1e3")
        shapes, ends, top = shapes + more, [*ends, end], top + (len(inner) + 2) * ROW
    bottom = TOP + max(len(package) * ROW, top)
    arrow = (
        f'<path d="M 22 {TOP} V {bottom - 14} m -5 -8 l 5 8 l 5 -8" fill="none" stroke="#555"/>'
        f'<text transform="translate(15 {bottom / 2:.0f}) rotate(-90)" text-anchor="middle">imports</text>'
    )
    size = f'width="{max(ends):.0f}" height="{bottom}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{FONT}">'
    return "\n".join([head, f'<rect {size} fill="white"/>', arrow, *shapes, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture())
