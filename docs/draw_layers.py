"""What may import what? `python docs/draw_layers.py` draws docs/images/layers.svg from pyproject.toml.

The picture is that of the contracts that `make layers` checks: a row for each layer, a box for each folder or module.
Imports go to lower rows only.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/images/layers.svg"
CHARACTER, ROW, BOX, GAP = 7.3, 30, 22, 10  # pixels: of a letter, a row, a box, between boxes
LEFT, TOP, HEIGHT = 46, 10, 1000
FONT = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px"


def layer_lists() -> dict[str, list[str]]:
    """The layers of each package, from the top, as import-linter writes them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {contract["containers"][0]: contract["layers"] for contract in contracts if contract["type"] == "layers"}


def names(layer: str) -> list[str]:
    """The names in a layer, which import-linter writes as "scalers | piecewise_linear"."""
    return re.findall(r"\w+", layer)


def width(name: str) -> float:
    """Pixels of a box."""
    return CHARACTER * len(name) + 14


def draw_rows(layers: list[str], left: float, top: float, colour: str) -> tuple[list[str], float]:
    """Return the boxes of some layers, and where the widest row ends."""
    shapes, end = [], left
    for number, layer in enumerate(layers):
        x, y = left, top + number * ROW
        for name in names(layer):
            shapes += [
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width(name):.1f}" height="{BOX}" rx="4" fill="{colour}" '
                'stroke="#555"/>',
                f'<text x="{x + width(name) / 2:.1f}" y="{y + 15:.1f}" text-anchor="middle">{name}</text>',
            ]
            x += width(name) + GAP
        end = max(end, x)
    return shapes, end


def draw_columns(groups: dict[str, list[str]], left: float, height: float) -> tuple[list[str], float, float]:
    """Return the boxes of the modules of each folder, in columns of about a height, and where they end."""
    shapes: list[str] = []
    end, top, bottom = left, float(TOP), 0.0
    for name, layers in groups.items():
        if top > TOP and top + (len(layers) + 1) * ROW > height:
            left, top = end + 30, float(TOP)
        shapes.append(f'<text x="{left:.1f}" y="{top + 15}" font-weight="bold">{name.partition(".")[2]}</text>')
        more, right = draw_rows(layers, left, top + ROW, "#fdf1e3")
        shapes, end, top = shapes + more, max(end, right), top + (len(layers) + 1.5) * ROW
        bottom = max(bottom, top)
    return shapes, end, bottom


def picture() -> str:
    """Return the SVG: the folders of the package, and to the right the modules of each."""
    (_, package), *others = layer_lists().items()
    shapes, end = draw_rows(package, LEFT, TOP, "#e8f0fa")
    more, right, bottom = draw_columns(dict(others), end + 30, HEIGHT)
    arrow = (
        f'<path d="M 22 {TOP} V {bottom - 14} m -5 -8 l 5 8 l 5 -8" fill="none" stroke="#555"/>'
        f'<text transform="translate(15 {bottom / 2:.0f}) rotate(-90)" text-anchor="middle">imports</text>'
    )
    size = f'width="{right:.0f}" height="{bottom:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{FONT}">'
    return "\n".join([head, f'<rect {size} fill="white"/>', arrow, *shapes, *more, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture())
