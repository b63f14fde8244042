"""Does every link of the built site lead somewhere? `python docs/check_links.py FOLDER`

Sphinx checks the links that it writes. This reads the pages as a browser does, those that sphinx-gallery made included:
each file that is linked to or shown must be there, and so must the part of a page that a link names.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The names that a page gives its parts, and what it links to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: set[str] = set()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names and links to."""
        for key, value in attrs:
            if value and key in {"id", "name"}:
                self.names.add(value)
            elif value and key in {"href", "src"} and not (tag == "link" and ("rel", "preconnect") in attrs):
                self.links.add(value)


def broken_links(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere."""
    pages = {file.resolve(): Page(file) for file in site.rglob("*.html") if "_static" not in file.parts}
    broken = []
    for file, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue  # other people's pages
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            known = pages.get(target)
            fragment = unquote(parts.fragment)
            if not target.exists() or (fragment and known is not None and fragment not in known.names):
                broken.append(f"{file.relative_to(site.resolve())}: {link}")
    return broken


if __name__ == "__main__":
    if not list(Path(sys.argv[1]).rglob("*.html")):
        sys.exit(f"There are no pages in {sys.argv[1]}.")
    lines = broken_links(Path(sys.argv[1]))
    print(*lines, sep="\n", end="\n" if lines else "")
    sys.exit(f"{len(lines)} links lead nowhere." if lines else 0)
