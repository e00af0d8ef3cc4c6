"""How the pixels of a file may lie in it: the one table that small and giant images are read by.

A combination that stands here was compared with another reader (tests/images/test_layouts.py); any other is refused by
its name, because a library may misread it and say nothing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from explorer.images.directories import DESCRIPTION, LENGTH, WIDTH, Directory
from explorer.images.refusals import refusal

GREY, RGB, PALETTE, CMYK, YCBCR, LAB = "grey", "RGB", "palette", "CMYK", "YCbCr", "Lab"
COLOURS = {GREY: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3}  # samples of a pixel
PHOTOMETRIC = {0: GREY, 1: GREY, 2: RGB, 3: PALETTE, 5: CMYK, 6: YCBCR, 8: LAB}
OTHER_COLOURS = {4: "mask", 9: "ICC Lab", 10: "ITU Lab", 32844: "LogL", 32845: "LogLuv"}
MOSAICS = (32803, 34892)  # what a camera's sensor saw, before a picture is made of it
FORMS = {1: "u", 2: "i", 3: "f", 4: "u", 5: "complex integer", 6: "complex"}
DEEP = {*(f"u{n}" for n in (*range(1, 17), 32, 64)), "i8", "i16", "i32", "i64", "f16", "f32", "f64"}
DEPTHS = {GREY: DEEP, RGB: DEEP, PALETTE: {"u1", "u2", "u4", "u8", "u16"}, CMYK: {"u8", "u16"}}
DEPTHS |= {YCBCR: {"u8"}, LAB: {"u8"}}
WHOLE = {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64"}  # as C has them
COMPRESSIONS = {1: DEEP, 2: {"u1"}, 3: {"u1"}, 4: {"u1"}, 5: DEEP, 6: {"u8"}, 7: {"u8"}, 8: DEEP, 32946: DEEP}
COMPRESSIONS |= {32773: DEEP, 34887: WHOLE - {"u64", "i64"}, 34925: DEEP, 50000: DEEP, 50001: {"u8"}}
COMPRESSED = {1: "", 2: "CCITT", 3: "CCITT", 4: "CCITT", 5: "LZW", 6: "JPEG (old)", 7: "JPEG", 8: "Deflate"}
COMPRESSED |= {32773: "PackBits", 32946: "Deflate", 34887: "LERC", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP"}
COMPRESSED |= {33003: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 33004: "JPEG 2000", 22610: "JPEG XR"}
COMPRESSED |= {34934: "JPEG XR", 34933: "PNG", 50002: "JPEG XL", 52546: "JPEG XL", 34892: "JPEG (DNG)"}
COMPRESSED |= {34676: "SGI Log", 34677: "SGI Log", 32809: "ThunderScan", 32766: "NeXT", 34661: "JBIG", 9: "JBIG"}
COMPRESSED |= {10: "JBIG", 65000: "EER", 65001: "EER", 34926: "Zstandard (old)", 50013: "Pixtiff", 33007: "JPEG ALPHA"}
PREDICTORS = {1: DEEP, 2: {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"}, 3: {"f16", "f32", "f64"}}
PREDICTED = (5, 8, 32946, 34925, 50000)  # compressions that go with a predictor
UIC2, DEPTH, FILL_ORDER = 33629, 32997, 266  # tags: one value for each plane of MetaMorph; planes of a volume
MOST_SAMPLES = 4096
MOST_STRIPS = 2**18  # unless each has 256 values at least


@dataclass(frozen=True)
class Layout:
    """How the pixels of one picture lie in its file, as far as it matters for making a picture of them."""

    size: tuple[int, int]  # height, width
    colours: str  # GREY, RGB, PALETTE, CMYK, YCBCR or LAB
    samples: int  # of a pixel, those that are no colours included
    depth: str  # u, i or f and the number of bits
    alpha: int | None = None  # which sample says how opaque a pixel is
    associated: bool = False  # whether colours are multiplied with it
    inverted: bool = False  # 0 is white
    apart: bool = False  # planes one after the other
    tiled: bool = False  # or in strips
    compression: int = 1
    predictor: int = 1
    orientation: int = 1
    frames: int = 1  # pictures that follow one another without directories of their own
    start: int = 0  # where the first of them begins
    order: str = "<"

    @property
    def bits(self) -> int:
        return int(self.depth[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of the values in memory."""
        size = max(1, 2 ** math.ceil(math.log2(self.bits / 8)))
        return np.dtype(f"{self.order}{self.depth[0]}{size}")

    @property
    def bytes(self) -> int:
        """Of all values that are unpacked."""
        return self.size[0] * self.size[1] * self.samples * self.dtype.itemsize

    @property
    def name(self) -> str:
        """In the field's own terms, the same in every language: "RGB, 3 × uint16, planar, LZW"."""
        kind = {"u": "uint", "i": "int", "f": "float"}[self.depth[0]]
        packed = COMPRESSED.get(self.compression, f"compression {self.compression}")
        parts = [
            self.colours,
            f"{self.samples} × {kind}{self.bits}",
            "planar" * self.apart,
            "tiled" * self.tiled,
            packed,
        ]
        return ", ".join(filter(None, [*parts, f"predictor {self.predictor}" * (self.predictor != 1)]))


def layout_of(directory: Directory) -> Layout:
    """The layout of a TIFF's picture. Raises ExplorerError, by its name, for one that is not in the table."""
    number = directory.value(262, 1)
    if number in MOSAICS:
        first = directory.tiff.directory(directory.tiff.first)
        maker = "".join(c for c in first.text(271) if c.isprintable()).strip()[:40]
        raise refusal("raw_camera", format="DNG" if 50706 in first.places else maker or "TIFF")
    compression = directory.value(259, 1)
    if compression not in COMPRESSIONS:
        known = COMPRESSED.get(compression, str(compression))
        raise refusal("tiff_compression", compression=known)
    if number not in PHOTOMETRIC:
        raise refusal("tiff_layout", layout=OTHER_COLOURS.get(number, f"PhotometricInterpretation {number}"))
    colours, samples = PHOTOMETRIC[number], directory.value(277, 1)
    extra = directory.values(338, 8)
    depth = _depth(directory, samples)
    alpha = len(extra) == 1 and int(extra[0]) in (1, 2) and depth[0] != "i"
    alpha &= samples == COLOURS[colours] + 1 and colours in (GREY, RGB)
    layout = Layout(
        (directory.value(LENGTH, 0), directory.value(WIDTH, 0)),
        colours,
        samples,
        depth,
        samples - 1 if alpha else None,
        alpha and int(extra[0]) == 1,
        number == 0,
        directory.value(284, 1) == 2 and samples > 1,
        322 in directory.places,
        compression,
        directory.value(317, 1),
        directory.value(274, 1),
        order=directory.tiff.order,
    )
    if not _is_checked(layout, directory):
        raise refusal("tiff_layout", layout=layout.name)
    return _with_frames(layout, directory)


def _depth(directory: Directory, samples: int) -> str:
    """u16, f32 ... of all samples. Raises ExplorerError where they differ or are no plain numbers."""
    bits = {int(n) for n in directory.values(258, samples)} or {1}
    forms = {FORMS.get(int(n), str(int(n))) for n in directory.values(339, samples)} or {"u"}
    depth = min(forms) + str(min(bits))
    if len(bits) > 1 or len(forms) > 1 or depth not in DEEP:
        raise refusal("tiff_layout", layout=" + ".join(f"{form}{n}" for form in sorted(forms) for n in sorted(bits)))
    return depth


def _is_checked(layout: Layout, directory: Directory) -> bool:
    """Whether the combination stands in the table."""
    jpeg, depth = layout.compression in (6, 7), layout.depth
    known = depth in DEPTHS[layout.colours] and depth in COMPRESSIONS[layout.compression]
    known &= depth in PREDICTORS.get(layout.predictor, ())
    known &= layout.bits >= 8 or layout.samples == COLOURS[layout.colours]
    known &= layout.predictor == 1 or layout.compression in PREDICTED
    known &= COLOURS[layout.colours] <= layout.samples <= MOST_SAMPLES
    if layout.colours in (PALETTE, YCBCR, LAB) or layout.compression in (2, 3, 4):
        known &= layout.samples == COLOURS[layout.colours] and not layout.apart
    if layout.colours == YCBCR and not jpeg:
        known &= list(directory.values(530, 2)) == [1, 1] and not layout.tiled  # 1, 1: no colour is coarser than grey
    if layout.compression == 50001:
        known &= layout.samples in (3, 4) and layout.colours == RGB and not layout.apart
    if jpeg:
        known &= layout.colours in (GREY, RGB, YCBCR, CMYK) and layout.samples == COLOURS[layout.colours]
    return known


def _with_frames(layout: Layout, directory: Directory) -> Layout:
    """Pictures may follow one directory: of MetaMorph, of volumes, of ImageJ beyond 4 GiB, of tifffile's `truncate`.

    The tags of the former two say it for certain; the texts of the latter two are often kept by those who copy a page.
    """
    stack, depth = directory.places.get(UIC2, (0, 1, 0))[1], directory.value(DEPTH, 1)
    said, start = max(stack, depth), directory.value(273, 0)
    wanted = said if said > 1 else _frames_in(directory.text(DESCRIPTION), layout)
    frames = min(wanted, (directory.tiff.size - start) // max(1, layout.bytes))
    if wanted < 2 or not _is_one_block(layout, directory):
        if said > 1:
            name = f"MetaMorph STK ({stack} planes" if stack > 1 else f"TIFF (ImageDepth {depth}"
            raise refusal("science_format", format=f"{name}, {layout.name})")
        return layout
    return replace(layout, frames=max(1, frames), start=start)


def _frames_in(text: str, layout: Layout) -> int:
    """How many pictures a description says that there are: ImageJ's or tifffile's."""
    if text.startswith("ImageJ="):
        count = dict(line.split("=", 1) for line in text.split("\n") if "=" in line).get("images", "1").strip()
        return int(count) if count.isdecimal() else 1
    if found := re.match(r'{"shape": \[([\d, ]{1,200})\]', text):
        values = math.prod(int(n) for n in found[1].split(",") if n.strip())
        return values // max(1, math.prod(layout.size) * layout.samples)
    return 1


def _is_one_block(layout: Layout, directory: Directory) -> bool:
    """Whether the picture lies in the file as in memory, so that another can follow it."""
    if layout.compression != 1 or layout.apart or layout.tiled or layout.bits % 8:
        return False
    starts, counts = directory.values(273).astype(np.int64), directory.values(279).astype(np.int64)
    if starts.size != counts.size or not starts.size:
        return False
    whole = int(counts.sum()) in (layout.bytes, layout.bytes * directory.value(DEPTH, 1))
    ordered = whole and directory.value(FILL_ORDER, 1) == 1
    return bool(ordered and (starts[:-1] + counts[:-1] == starts[1:]).all())


def check_pieces(layout: Layout, directory: Directory) -> None:
    """Refuse a picture whose strips or tiles would cost far more than its pixels, or lie behind the file's end."""
    height, width = layout.size
    tile = [directory.value(tag, 1) for tag in (322, 323)]
    strips = max(directory.places.get(tag, (0, 0, 0))[1] for tag in (273, 324))
    values = height * width * layout.samples
    cost = tile[0] * tile[1] * layout.samples * layout.dtype.itemsize
    if min(tile) < 1 or cost > max(2**26, 2 * layout.bytes) or strips > max(MOST_STRIPS, values // 256):
        raise ValueError("too many strips or tiles, or too large tiles")
    offsets, counts = map(directory.values, (324, 325) if 324 in directory.places else (273, 279))
    if not offsets.size:
        raise ValueError("no strips or tiles")
    if offsets.size == counts.size and layout.compression != 6:
        behind = offsets.astype(np.uint64) + counts.astype(np.uint64)
        if int(behind.max()) > directory.tiff.size:
            raise EOFError("strips or tiles behind the end of the file")
