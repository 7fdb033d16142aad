"""What every figure must have, and a reader of PNGs and pages."""

from __future__ import annotations

import re
import struct
import zlib
from html.parser import HTMLParser

from matplotlib.figure import Figure

DIMENSIONLESS = ("epoch", "class", "channel", "representation")


def check_figure(figure: Figure) -> None:
    """Assert a title, and on every axes (or one that shares its axis) labels with a unit."""
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    assert any(titles), "no title"
    for axes in figure.axes:
        if not (axes.axison and axes.get_visible()):
            continue
        is_bar = hasattr(axes, "_colorbar")
        groups = {
            "x": axes.get_shared_x_axes().get_siblings(axes),
            "y": axes.get_shared_y_axes().get_siblings(axes),
        }
        labels = {side: [getattr(a, f"get_{side}label")() for a in group] for side, group in groups.items()}
        wanted = [labels["x"] + labels["y"]] if is_bar else list(labels.values())
        for candidates in wanted:
            label = next((text for text in candidates if text), "")
            first = label.split("\nRMSE")[0]
            has_unit = re.search(r"\(.+\)", first, flags=re.DOTALL)
            assert has_unit or any(word in first for word in DIMENSIONLESS), (
                f"label without a unit: {label!r}"
            )


def texts(figure: Figure) -> str:
    """All text of a figure in one string."""
    import matplotlib.text

    return "\n".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))


def check_png(data: bytes) -> tuple[int, int]:
    """Assert that the bytes are one whole PNG without dates or program names; give its width and height."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, kinds, pixels = 8, [], b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert zlib.crc32(kind + body) == crc
        kinds.append(kind)
        pixels += body if kind == b"IDAT" else b""
        at += 12 + length
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    assert not {b"tEXt", b"iTXt", b"zTXt", b"tIME"} & set(kinds)
    width, height = struct.unpack(">II", data[16:24])
    assert len(zlib.decompress(pixels)) == height * (1 + 4 * width)
    return width, height


class Page(HTMLParser):
    """Read a page: its tags, text and whether every tag was closed."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """Attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]
