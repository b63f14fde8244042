"""How does a display become the content of a file?"""

import io
from typing import Any

from balanced_nn._displays.style import find_pyplot


def file_content(display: Any, kind: str) -> bytes:
    """Return a drawn display as the content of a file, and close its figure.

    Parameters
    ----------
    display : display
        One of this package, drawn on a figure of its own.
    kind : {"svg", "png", "pdf"}
        The format. An SVG file holds no date, so that the same picture is the same file.
    """
    plt = find_pyplot(type(display).__name__)
    content = io.BytesIO()
    display.figure_.savefig(content, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    plt.close(display.figure_)
    return content.getvalue()
