"""The code of an address, read by another program."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from explorer.errors import ExplorerError
from explorer.ui import sharing

ADDRESS = "https://example.org/space/?model=unet&step=crop_d0c&unit=3%2C20%2C40&lesson=7-crop&at=3"


def drawn(svg: str) -> np.ndarray:
    """A QR code's SVG as pixels: its dark modules are one path of horizontal lines (m, h) of height 1."""
    root = ET.parse(io.StringIO(svg)).getroot()
    side, scale = int(root.get("width")), 4
    image = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(image)
    path = next(p for p in root.iter() if p.tag.endswith("path") and p.get("stroke"))
    x = y = 0.0
    for kind, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", path.get("d")):
        if kind == "h":
            wide = float(first)
            pen.rectangle([x * scale, (y - 0.5) * scale, (x + wide) * scale - 1, (y + 0.5) * scale - 1], fill=0)
            x += wide
        else:
            x, y = (x if kind == "m" else 0) + float(first), (y if kind == "m" else 0) + float(second)
    return np.asarray(image)


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS + "&pins=" + "a" * 1200, "http://127.0.0.1:7860/"])
def test_the_code_says_the_address(address):
    found = zxingcpp.read_barcodes(drawn(sharing.code(address)["svg"]))
    assert [one.text for one in found] == [address]


@pytest.mark.parametrize("odd", [None, 3, ["a"], "javascript:alert(1)", "file:///etc/passwd", "http://a/" + "b" * 3000])
def test_what_is_no_address_is_refused(odd):
    with pytest.raises(ExplorerError, match="no address"):
        sharing.code(odd)
