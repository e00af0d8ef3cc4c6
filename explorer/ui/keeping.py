"""Runs at full size that the page shows: their pictures, the files they become, a truth to judge them by. No Gradio."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from explorer import api, images, inference
from explorer.cards import ClassInfo
from explorer.checked import json_ready
from explorer.errors import ExplorerError
from explorer.images import Photograph
from explorer.masks import Remark
from explorer.models import MODELS
from explorer.results import bundle, truth
from explorer.training.sets import numberings
from explorer.ui.asked import SegmentQuestion
from explorer.ui.catalog import device_words, image_notes, legend, network_notes, told
from explorer.ui.i18n import in_all
from explorer.ui.stage.payload import png
from explorer.ui.state import Bounded, Files

MOST_SHOWN = 2048  # pixels of the longer side on the page; files hold all
CLASS_OF = ("first", "background")  # details of remarks that name a class
KEPT_BYTES = 400 * 2**20
BYTES_A_PIXEL = 16  # that judging a result or making its files takes at most


@dataclass(frozen=True, eq=False)
class Kept:
    """A finished run that files may still be asked of; `names` are the files made so far."""

    result: api.Result
    stem: str
    names: list[str]


class Keeper:
    """The last runs, by tokens that only the page that asked for them knows."""

    def __init__(self, files: Files, most_bytes: int = KEPT_BYTES) -> None:
        self.files = files
        self._kept: Bounded[Kept] = Bounded(most_bytes, lambda kept: files.release(kept.names))

    def add(self, result: api.Result, photograph: Photograph, **more: np.ndarray) -> dict[str, Any]:
        """Keep a run, and say of it what the page shows. `more` are further maps of codes (H x W uint8) by name."""
        shown = images.resize(photograph.pixels, MOST_SHOWN)
        size = shown.shape[:2]
        outputs = result.labelling.outputs
        small = {name: images.at_places(codes, size) for name, codes in {"labels": result.labels, **more}.items()}
        small["confidence"] = np.rint(images.at_places(outputs.confidence, size) * 255).astype(np.uint8)
        if result.instances is not None:
            small["outlines"] = bundle.pictures.outlines(images.at_places(result.instances, size)).astype(np.uint8)
        pictures = {"image": self.files.add(jpeg(shown), ".jpg")}
        pictures |= {name: self.files.add(png(codes), ".png") for name, codes in small.items()}
        kept = Kept(result, Path(photograph.name).stem[:80] or "image", list(pictures.values()))
        token = secrets.token_urlsafe(12)
        arrays = (result.labels, result.instances, outputs.confidence, outputs.scores, photograph.pixels)
        self._kept.put(token, kept, sum(array.nbytes for array in arrays if array is not None))
        return {"token": token, "pictures": pictures, "shown": list(size), **_facts(result)}

    def need(self, question: SegmentQuestion) -> int:
        """Bytes of memory that judging or exporting takes. Raises ExplorerError."""
        kept = [self._get(token) for token in question.tokens or [question.token]]
        return BYTES_A_PIXEL * max(one.result.labels.size for one in kept)

    def export(self, question: SegmentQuestion) -> dict[str, Any]:
        """A file of a run, or all files of several as a ZIP; the page fetches it by its name."""
        kept, kind = [self._get(token) for token in question.tokens], question.file
        if not kept:
            raise ExplorerError("bad_selection", "no result is named")
        if kind == "zip":
            content, name = _zipped(kept), f"{kept[0].stem}.zip" if len(kept) == 1 else "segmented.zip"
        elif kind in bundle.kinds_of(kept[0].result):
            content, name = _made(kept[0].result, kind), f"{kept[0].stem}.{bundle.KINDS[kind][0]}"
        else:
            raise ExplorerError("bad_selection", f"there is no file {kind!r} of this result")
        file = self._add(question.tokens[0], content, Path(name).suffix)
        return {"kind": "exported", "file": file, "name": name}

    def judge(self, question: SegmentQuestion) -> dict[str, Any]:
        """Compare a run, or several of one image, with true labels that the person gave as a file.

        Of several, those whose classes the labels are not of have no figures. Raises ExplorerError if none has.
        """
        path = question.path or Path()
        if not question.tokens:
            return {"kind": "judged", **self._judged(question.token, path)}
        each: list[dict[str, Any] | None] = []
        refused = None
        for token in question.tokens:
            try:
                each.append(self._judged(token, path))
            except ExplorerError as error:
                refused = refused or error
                each.append(None)
        if refused and not any(each):
            raise refused
        return {"kind": "judged", "each": each}

    def _judged(self, token: str, path: Path) -> dict[str, Any]:
        result = self._get(token).result
        judged, classes = truth.judge_result(result, path, others=numberings(result.card.classes))
        errors = images.at_places(judged.errors, images.resized_shape(result.labels.shape, MOST_SHOWN))
        file = self._add(token, png(errors), ".png")
        return {
            "errors": file,
            "names": [in_all(c.name) for c in classes],
            "matrix": judged.matrix.tolist(),
            **judged.figures(classes),
            "remarks": [_told(remark, classes) for remark in judged.remarks],
            "iou": json_ready(truth.metrics.iou(judged.matrix).tolist()),
        }

    def _add(self, token: str, content: bytes, suffix: str) -> str:
        """A file that goes when the run goes, and is counted with it."""
        kept, file = self._get(token), self.files.add(content, suffix)
        if file in kept.names:  # made before
            self.files.release([file])
        else:
            kept.names.append(file)
            self._kept.grow(token, len(content))
        return file

    def _get(self, token: str) -> Kept:
        kept = self._kept.get(token)
        if not kept:
            raise ExplorerError("result_gone")
        return kept


def _told(remark: Remark, classes: Sequence[ClassInfo]) -> dict[str, Any]:
    """A remark on true labels for the page, which says a class's name in its own language."""
    names = {info.name["en"]: in_all(info.name) for info in classes}
    details = {key: names.get(value, value) if key in CLASS_OF else value for key, value in remark.details.items()}
    return {"code": remark.code, "details": details}


def _facts(result: api.Result) -> dict[str, Any]:
    """What the page says of a run."""
    run, plan = result.labelling, result.labelling.plan
    about = bundle.about(result)
    return {
        **about,
        "classes": legend(result.card),
        "size": [about["height"], about["width"]],
        "margin": inference.placement(plan.spec).margin,
        "boxes": [[*t.output.rows, *t.output.cols, *t.input.rows, *t.input.cols] for t in run.tiles],
        "remarks": [{"code": r.code, "details": told(r.details)} for r in result.remarks],
        "networkNotes": network_notes(result.loaded),
        "notes": image_notes(result.notes),
        "deviceName": device_words(run.device),
        "title": MODELS[plan.spec.model].title,
        "parameters": sum(tensor.numel() for tensor in result.loaded.module.parameters()),
        "macs": plan.macs,
        "weightsTitle": in_all(result.card.title),
        "kinds": bundle.kinds_of(result),
    }


def _made(result: api.Result, kind: str) -> bytes:
    out = io.BytesIO()
    bundle.write(result, kind, out)
    return out.getvalue()


def _zipped(kept: list[Kept]) -> bytes:
    """All files of some runs but their scores, which are as large as all else together."""
    out = io.BytesIO()
    stems = apart([(one.stem, bundle.settings(one.result)) for one in kept])
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for one, stem in zip(kept, stems, strict=True):
            for kind in bundle.kinds_of(one.result):
                if kind != "scores":
                    entry = zipfile.ZipInfo(f"{stem}.{bundle.KINDS[kind][0]}")  # without the time: the same file again
                    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                    file.writestr(entry, _made(one.result, kind))
    return out.getvalue()


def apart(results: Sequence[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Names for results, given as (stem, settings): those of one stem get as many settings as tell them apart.

    A number is added where none does.

    >>> apart([("cat", ("fcn8s", "same")), ("cat", ("fcn16s", "same")), ("dog", ("fcn8s", "same"))])
    ['cat-fcn8s', 'cat-fcn16s', 'dog']
    """
    made: list[str] = []
    for stem, settings in results:
        others = [them for name, them in results if name == stem]
        telling: list[int] = []
        for i in range(len(settings)):
            kinds = [len({tuple(them[k] for k in ks) for them in others}) for ks in (telling, [*telling, i])]
            telling += [i] if kinds[0] < kinds[1] else []
        full = "-".join([stem, *(settings[k] for k in telling)])
        names = chain([full], (f"{full}-{number}" for number in count(2)))
        made.append(next(name for name in names if name not in made))
    return made


def jpeg(pixels: np.ndarray) -> bytes:
    """Pixels (H x W x 3) as the page shows photographs."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()
