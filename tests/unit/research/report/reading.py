"""What a reader who trusts nothing finds in a page: its elements, its attributes, its text."""

import re
from html.parser import HTMLParser

VOID = frozenset({"meta", "br"})
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")


class Page(HTMLParser):
    """Parses a page; raises AssertionError where an element is closed that is not open.

    Attributes:
        elements: names with their attributes, in order; text: of the page, without that of its style.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def names(self) -> set[str]:
        return {name for name, _ in self.elements}

    def points(self) -> list[tuple[float, float, float, float]]:
        """Every place that a picture draws at, with the width and the height of its picture."""
        found, size = [], (0.0, 0.0)
        for name, attributes in self.elements:
            if name == "svg":
                _, _, width, height = (float(n) for n in str(attributes["viewbox"]).split())
                size = (width, height)
            found += [(x, y, *size) for x, y in _places(attributes)]
        return found


def _places(attributes: dict[str, str | None]) -> list[tuple[float, float]]:
    path = [float(n) for n in _NUMBERS.findall(attributes.get("d") or "")]
    places = list(zip(path[::2], path[1::2], strict=True))
    for x, y in (("x", "y"), ("x1", "y1"), ("x2", "y2")):
        if x in attributes and y in attributes:
            places.append((float(str(attributes[x])), float(str(attributes[y]))))
    if "width" in attributes and "height" in attributes:
        left, top = places[-1]
        places.append((left + float(str(attributes["width"])), top + float(str(attributes["height"]))))
    return places
