"""Label maps as polygons along the pixels' edges (GDAL's polygonise): GeoJSON and COCO.

Coordinates are (x, y) in pixels, x to the right, y downwards; pixel (row, column) is the square from (column, row) to
(column + 1, row + 1). A region is 4-connected.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio import features

from explorer.cards import ClassInfo

Ring = list[tuple[float, float]]


@dataclass(frozen=True)
class Polygon:
    """A region of equal values: closed rings, the outer one first, then the holes."""

    value: int
    rings: list[Ring]

    @property
    def area(self) -> float:
        """Pixels: the outer ring's area less that of the holes."""
        return abs(_shoelace(self.rings[0])) - sum(abs(_shoelace(hole)) for hole in self.rings[1:])

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, width, height."""
        xs, ys = zip(*self.rings[0], strict=True)
        return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _shoelace(ring: Ring) -> float:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in itertools.pairwise(ring)) / 2


def polygons(values: Any, without: int | None = None) -> Iterator[Polygon]:
    """The regions of an H x W array of integers, or of a band of an open raster, but for those of value `without`."""
    source = values
    if isinstance(values, np.ndarray):
        source = values if values.dtype == np.uint8 else values.astype(np.int32)
    for shape, value in features.shapes(source, connectivity=4):
        if value != without:
            yield Polygon(int(value), [[(float(x), float(y)) for x, y in ring] for ring in shape["coordinates"]])


def geojson(found: Iterable[Polygon], classes: Sequence[ClassInfo], one_class: int | None = None) -> dict[str, Any]:
    """A FeatureCollection in pixels (not a place on Earth: a viewer should not look for it on a map).

    one_class  the class of all polygons, whose values are then numbers of objects.
    """
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": _class(polygon, classes, one_class) | {"pixels": polygon.area},
                "geometry": {"type": "Polygon", "coordinates": polygon.rings},
            }
            for polygon in found
        ],
    }


def _class(polygon: Polygon, classes: Sequence[ClassInfo], one_class: int | None) -> dict[str, Any]:
    index = polygon.value if one_class is None else one_class
    about: dict[str, Any] = {"class": index, **{f"name_{lang}": text for lang, text in classes[index].name.items()}}
    return about if one_class is None else about | {"object": polygon.value}


def coco(
    found: Iterable[Polygon],
    classes: Sequence[ClassInfo],
    name: str,
    size: tuple[int, int],
    one_class: int | None = None,
    info: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An "instances" file of COCO with one image; categories count from 1, as COCO's do. `info` says what made it.

    A polygon in COCO has no holes, so a region with holes is written as run lengths, which all readers know.
    """
    height, width = size
    annotations = []
    for number, polygon in enumerate(found, 1):
        index = polygon.value if one_class is None else one_class
        plain = len(polygon.rings) == 1
        annotations.append(
            {
                "id": number,
                "image_id": 1,
                "category_id": index + 1,
                "segmentation": [[c for point in polygon.rings[0][:-1] for c in point]]
                if plain
                else _runs(polygon, size),
                "area": polygon.area,
                "bbox": list(polygon.box),
                "iscrowd": 0,
            }
        )
    return {
        "info": info or {},
        "images": [{"id": 1, "file_name": name, "height": height, "width": width}],
        "categories": [{"id": i, "name": info.name["en"]} for i, info in enumerate(classes, 1)],
        "annotations": annotations,
    }


def _runs(polygon: Polygon, size: tuple[int, int]) -> dict[str, Any]:
    """Run lengths of a region, column by column, beginning with the pixels outside of it."""
    shape = {"type": "Polygon", "coordinates": polygon.rings}
    flat = features.rasterize([shape], size).T.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=0)) if flat.size else np.array([], int)
    return {"size": list(size), "counts": np.diff([0, *edges, flat.size]).tolist()}
