"""Small generated data sets and recipes to train on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from explorer.models import ModelSpec

FCN = ModelSpec("fcn8s", "same", 1 / 32, 8, 3, 4)
UNET = ModelSpec("unet", "valid", 1 / 32, 4096, 3, 3)


def write_photos(folder: Path, count: int = 14, size: tuple[int, int] = (40, 48)) -> Path:
    """Photographs laid out like MSRC v2: green below (grass, 2), blue above (sky, 7), a void line between."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        line = int(rng.integers(10, 30))
        image = rng.integers(0, 60, (*size, 3))
        image[:line, :, 2] += 150
        image[line:, :, 1] += 150
        mask = np.full(size, 2, np.uint8)
        mask[:line], mask[line] = 7, 0
        Image.fromarray(image.astype(np.uint8)).save(folder / f"images/{i}_s.jpg")
        Image.fromarray(mask).save(folder / f"masks/{i}_s.png")
    return folder


def write_nuclei(folder: Path, count: int = 12) -> Path:
    for part in ("images", "instances16"):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        instances = np.zeros((64, 60), np.uint16)
        instances[10:30, 5 + i : 20 + i] = 300
        instances[30:50, 5 + i : 20 + i] = 7
        image = np.clip(rng.normal(10 + 5 * i, 3, (64, 60)) + 120 * (instances > 0), 0, 255).astype(np.uint8)
        Image.fromarray(image).convert("RGBA").save(folder / f"images/n{i}.png")
        Image.fromarray(instances).save(folder / f"instances16/n{i}.png")
    return folder


def write_recipe(path: Path, **changes: object) -> Path:
    settings = {
        "title": {"en": "tiny", "ko": "작은 것"},
        "note": {"en": "", "ko": ""},
        "data_set": "msrc_v2",
        "model": "fcn8s",
        "width": 1 / 32,
        "fc_channels": 8,
        "geometries": {"same": {"share": 1, "batch": 2, "crop": [24, 28]}},
        "mean": [0.4, 0.4, 0.4],
        "std": [0.25, 0.25, 0.25],
        "steps": 40,
        "coarser": {"fcn32s": 0.3},
        "norm_frozen_from": 0.5,
        "augmentation": {"scale": [0.8, 1.2], "rotate": 5},
    }
    path.write_text(json.dumps({**settings, **changes}))
    return path


def write_road_scenes(folder: Path) -> Path:
    """Laid out like CamVid, of one film each: sky (0) over road (3), a fence (7) that no everyday class is."""
    rng = np.random.default_rng(1)
    for part, count in (("train", 3), ("val", 2)):
        for sub in (part, f"{part}annot"):
            (folder / sub).mkdir(parents=True)
        for i in range(count):
            mask = np.full((40, 48), 3, np.uint8)
            mask[:15], mask[15:18] = 0, 7
            stem, noise = f"{part}film_{i:05}", rng.integers(0, 255, (40, 48, 3)).astype(np.uint8)
            Image.fromarray(noise).save(folder / part / f"{stem}.jpg")
            Image.fromarray(mask).save(folder / f"{part}annot" / f"{stem}.png")
    return folder


def write_voc(folder: Path) -> Path:
    """Laid out as torchvision unpacks PASCAL VOC 2012: palette masks, 255 around objects."""
    root = folder / "VOCdevkit/VOC2012"
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True)
    rng = np.random.default_rng(2)
    for name, stems in (("train", ("2007_000032", "2007_000039")), ("val", ("2007_000033",))):
        (root / f"ImageSets/Segmentation/{name}.txt").write_text("\n".join(stems) + "\n")
        for stem in stems:
            mask = np.zeros((30, 36), np.uint8)
            mask[10:20, 10:20], mask[9, 9:21] = 15, 255
            picture = Image.fromarray(mask, "P")
            picture.putpalette([0, 0, 0] * 256)
            picture.save(root / f"SegmentationClass/{stem}.png")
            Image.fromarray(rng.integers(0, 255, (30, 36, 3)).astype(np.uint8)).save(root / f"JPEGImages/{stem}.jpg")
    return folder


def write_pets(folder: Path) -> Path:
    """Laid out as torchvision unpacks Oxford-IIIT Pet: trimaps 1 pet, 2 background, 3 the line between."""
    root = folder / "oxford-iiit-pet"
    for part in ("images", "annotations/trimaps"):
        (root / part).mkdir(parents=True)
    for split, stems in (("trainval", ("Abyssinian_1", "beagle_2")), ("test", ("Bengal_3",))):
        lines = [f"{stem} {i + 1} 1 1" for i, stem in enumerate(stems)]
        (root / f"annotations/{split}.txt").write_text("\n".join(lines) + "\n")
        for stem in stems:
            mask = np.full((24, 28), 2, np.uint8)
            mask[5:15, 5:15], mask[15] = 1, 3
            Image.fromarray(mask).save(root / f"annotations/trimaps/{stem}.png")
            Image.fromarray(np.zeros((24, 28, 3), np.uint8)).save(root / f"images/{stem}.jpg")
    return folder
