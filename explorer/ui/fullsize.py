"""A person's image at its own size: what a run would take, the run, its files, a truth to judge it by. No Gradio."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from explorer import api, compare, images, inference
from explorer.inference import InferenceError, Wish
from explorer.inference.plan import WAYS
from explorer.models import MODELS
from explorer.results import bundle, truth
from explorer.results.truth import TruthError
from explorer.ui.session import Progress, StageError, Workbench
from explorer.ui.stage.payload import png
from explorer.ui.state import Bounded, Selection

MOST_SHOWN = 2048  # pixels of the longer side on the page; files hold all
KEPT_BYTES = 600 * 2**20
MOST_SCORES = 128 * 2**20  # bytes of class scores that are kept for a download
SMALLER = (1024, 640)  # longer sides of the smaller copies that are offered
MOST_COMPARED = 4


@dataclass(frozen=True, eq=False)
class Kept:
    """A finished run that files may still be asked of, and the files made so far."""

    found: api.Found
    stem: str
    names: list[str]


class FullSize:
    """Runs at full size of one server process."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.shown: Bounded[str] = Bounded(
            50, lambda name: bench.files.release([name])
        )  # pictures of images not run yet
        self.kept: Bounded[Kept] = Bounded(KEPT_BYTES, lambda kept: bench.files.release(kept.names))

    def answer(self, data: dict[str, Any], progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """What a page asks for by `what`. Raises StageError, or CancelledError when cancelled."""
        ways = {"plan": self._plan, "segment": self._segment, "compare": self._compare, "paper": self._paper}
        quick = {"export": self._export, "judge": self._judge}
        what = data.get("what")
        try:
            if what in quick:
                return quick[what](data)
            if what in ways:
                return ways[what](data, progress, cancelled)
        except (InferenceError, TruthError) as error:
            raise StageError(error.code, error.details) from error
        raise StageError("bad_selection")

    # ---- before the run

    def _plan(self, data: dict[str, Any], progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Read the image and say what each way of running it would take."""
        selection, wish, _ = self._asked(data)
        photograph = self.bench.image(selection.image)
        loaded = self.bench.network(selection)
        size = photograph.size
        offers = [self._offer(loaded, size, wish, way, None) for way in ("whole", "tiles")]
        for longest in SMALLER:
            if longest < max(size):
                small = images.resized_shape(size, longest)
                offers.append({**self._offer(loaded, small, wish, "auto", None), "longest": longest, "way": "smaller"})
        if loaded.spec.padding == "valid":
            papers = self._offer(loaded, size, wish, "paper", None)
            offers += [papers] if papers["tiles"] > 1 else []  # one alone is the whole image
        self.shown.put(
            selection.image, self.bench.files.add(_jpeg(images.resize(photograph.pixels, MOST_SHOWN)), ".jpg"), 1
        )
        chosen = next((i for i, offer in enumerate(offers) if offer["fits"]), len(offers) - 1)
        return {
            "kind": "planned",
            "image": selection.image,
            "name": photograph.name,
            "picture": self.shown.get(selection.image),
            "size": list(size),
            "page": photograph.page,
            "pages": photograph.pages,
            "notes": [{"code": f"image.{n.code}", "details": n.details} for n in photograph.notes],
            "offers": offers,
            "chosen": chosen,
            "device": inference.pick_device(wish.device),
            "precisions": inference.precisions(inference.pick_device(wish.device)),
        }

    @staticmethod
    def _offer(loaded: api.Loaded, size: tuple[int, int], wish: Wish, way: str, side: int | None) -> dict[str, Any]:
        made = inference.plan(loaded.spec, size, replace(wish, way=way, side=side))
        return {
            "way": way,
            "size": list(size),
            "side": made.side,
            "tiles": len(made.tiles),
            "bytes": made.forecast.bytes,
            "free": made.free,
            "fits": made.fits,
        }

    def _asked(self, data: dict[str, Any]) -> tuple[Selection, Wish, int | None]:
        """Selection, wish and working size out of what a page sent. Raises StageError for what is not on offer."""
        selection = self.bench.check(data.get("selection"))
        options = data.get("options", {})
        if not isinstance(options, dict):
            raise StageError("bad_selection")
        way, side, longest = options.get("way", "auto"), options.get("side"), options.get("longest")
        precision = options.get("precision", "float32")
        numbers = all(v is None or (type(v) is int and 1 <= v <= 100_000) for v in (side, longest))
        if way not in (*WAYS, "smaller") or precision not in inference.DTYPES or not numbers:
            raise StageError("bad_selection")
        way = "auto" if way == "smaller" else way
        return selection, Wish(selection.device, precision, way, side), longest

    # ---- the run

    def _segment(self, data: dict[str, Any], progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        selection, wish, longest = self._asked(data)
        photograph = self.bench.image(selection.image)
        with self.bench.turn(progress, cancelled):
            found = self._run(selection, photograph, wish, longest, progress, cancelled, (0.05, 0.95))
        return {"kind": "segmented", **self._keep(found, photograph, progress)}

    def _run(
        self,
        selection: Selection,
        photograph: images.Photograph,
        wish: Wish,
        longest: int | None,
        progress: Progress,
        cancelled: Callable[[], bool],
        span: tuple[float, float],
    ) -> api.Found:
        low, high = span
        loaded = self.bench.network(selection)

        def tell(at: inference.Progress) -> bool:
            known = at.seconds_left is not None
            details = {
                "model": MODELS[selection.model].title,
                "tile": at.tile,
                "tiles": at.tiles,
                "step": at.step,
                "seconds": round(at.seconds_left or 0),
            }
            progress(low + (high - low) * at.share, "progress.full.left" if known else "progress.full", details)
            return not cancelled()

        height, width = images.resized_shape(photograph.size, longest or max(photograph.size))
        keeps = 4 * height * width * loaded.spec.classes <= MOST_SCORES
        return api.segment(photograph, size=longest, wish=wish, scores=keeps, progress=tell, loaded=loaded)

    def _keep(self, found: api.Found, photograph: images.Photograph, progress: Progress) -> dict[str, Any]:
        """Keep a run for its files, and make the pictures that the page shows."""
        progress(0.97, "progress.pictures", {})
        token, files = secrets.token_urlsafe(12), self.bench.files
        shown = images.resize(photograph.pixels, MOST_SHOWN)
        rows, cols = (_places(n, m) for n, m in zip(shown.shape[:2], found.labels.shape, strict=True))
        small = np.ix_(rows, cols)
        pictures = {"image": files.add(_jpeg(shown), ".jpg"), "labels": files.add(png(found.labels[small]), ".png")}
        sure = found.labelling.outputs.confidence
        rows, cols = (_places(n, m) for n, m in zip(shown.shape[:2], sure.shape, strict=True))
        pictures["confidence"] = files.add(png(np.rint(sure[np.ix_(rows, cols)] * 255).astype(np.uint8)), ".png")
        if found.instances is not None:
            outline = bundle.pictures.outlines(found.instances[small])
            pictures["outlines"] = files.add(png(outline.astype(np.uint8)), ".png")
        stem = Path(photograph.name).stem[:80] or "image"
        kept = Kept(found, stem, list(pictures.values()))
        scores = found.labelling.outputs.scores
        weight = found.labels.nbytes * (5 if found.card.objects else 1) + sure.nbytes + photograph.pixels.nbytes
        weight += 0 if scores is None else scores.nbytes
        self.kept.put(token, kept, weight)
        return {"token": token, "pictures": pictures, "shown": list(shown.shape[:2]), **self._facts(found)}

    def _facts(self, found: api.Found) -> dict[str, Any]:
        run, plan = found.labelling, found.labelling.plan
        about = bundle.about(found)
        there = found.labelling.outputs.scores is not None
        kinds = [
            k
            for k in bundle.EVERY_KIND
            if (k != "scores" or there) and (found.instances is not None or k not in bundle.OBJECT_KINDS)
        ]
        return {
            **about,
            "classes": [{"name": c.name, "colour": c.colour} for c in found.card.classes],
            "size": [about["height"], about["width"]],
            "margin": inference.reach(plan.spec).margin,
            "boxes": [[*t.output.rows, *t.output.cols, *t.input.rows, *t.input.cols] for t in run.tiles],
            "remarks": [{"code": r.code, "details": r.details} for r in run.remarks],
            "notes": [{"code": f"image.{n.code}", "details": n.details} for n in found.notes],
            "deviceName": torch.get_num_threads() if run.device == "cpu" else inference.device_name(run.device),
            "weightsTitle": found.card.title,
            "kinds": kinds,
        }

    def _paper(self, data: dict[str, Any], progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """The paper's abutting tiles against the exact ones: how much differs, and where."""
        selection, wish, _ = self._asked(data)
        photograph = self.bench.image(selection.image)
        with self.bench.turn(progress, cancelled):
            pair = []
            for i, way in enumerate(("tiles", "paper")):
                loaded, mine = self.bench.network(selection), replace(wish, way=way, side=None)
                span = (0.05 + 0.45 * i, 0.5 + 0.45 * i)
                pair.append(self._scored(loaded, photograph, mine, progress, cancelled, span))
        exact, abutting = pair
        apart = np.abs(exact.labelling.outputs.scores - abutting.labelling.outputs.scores).max(0)
        differs = exact.labels != abutting.labels
        kept = self._keep(abutting, photograph, progress)
        rows, cols = (_places(n, m) for n, m in zip(kept["shown"], differs.shape, strict=True))
        kept["pictures"]["differs"] = self.bench.files.add(png(differs[np.ix_(rows, cols)].astype(np.uint8)), ".png")
        self.kept.get(kept["token"]).names.append(kept["pictures"]["differs"])  # type: ignore[union-attr]
        return {
            "kind": "segmented",
            **kept,
            "difference": {"share": float(differs.mean()), "score": float(apart.max())},
        }

    def _scored(
        self,
        loaded: api.Loaded,
        photograph: images.Photograph,
        wish: Wish,
        progress: Progress,
        cancelled: Callable[[], bool],
        span: tuple[float, float],
    ) -> api.Found:
        def tell(at: inference.Progress) -> bool:
            details = {"model": loaded.card.title["en"], "tile": at.tile, "tiles": at.tiles, "step": at.step}
            progress(span[0] + (span[1] - span[0]) * at.share, "progress.full", details)
            return not cancelled()

        return api.segment(photograph, wish=wish, progress=tell, loaded=loaded, scores=True)

    # ---- several networks on one image

    def _compare(self, data: dict[str, Any], progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Two to four selections of one image: each one's result, and every pair's agreement."""
        wanted = data.get("selections")
        if not isinstance(wanted, list) or not 2 <= len(wanted) <= MOST_COMPARED:
            raise StageError("bad_selection")
        image = self._asked(data)[0].image  # the one that was uploaded, if one was
        asked = [self._asked({**data, "selection": {**one, "image": image}}) for one in wanted if isinstance(one, dict)]
        photograph = self.bench.image(image)
        found = []
        with self.bench.turn(progress, cancelled):
            for i, (selection, wish, longest) in enumerate(asked):
                span = (0.05 + 0.9 * i / len(asked), 0.05 + 0.9 * (i + 1) / len(asked))
                found.append(self._run(selection, photograph, wish, longest, progress, cancelled, span))
        results = [self._keep(one, photograph, progress) for one in found]
        pairs = []
        for a in range(len(found)):
            for b in range(a + 1, len(found)):
                if found[a].card.classes == found[b].card.classes:
                    far = compare.apart(found[a].labels, found[b].labels)
                    same = compare.agreement(found[a].labels, found[b].labels)
                    pairs.append({"a": a, "b": b, "agreement": same, "apart": far and vars(far)})
        return {"kind": "compared", "image": image, "results": results, "pairs": pairs}

    # ---- files

    def _export(self, data: dict[str, Any]) -> dict[str, Any]:
        """A file of a run, or all files of several as a ZIP; the page fetches it by its name."""
        tokens, kind = data.get("tokens"), data.get("file")
        if not isinstance(tokens, list) or not tokens or kind not in (*bundle.EVERY_KIND, "zip"):
            raise StageError("bad_selection")
        kept = [self.kept.get(str(token)) for token in tokens]
        there = [one for one in kept if one]
        if len(there) < len(kept):
            raise StageError("result_gone")
        if kind == "zip":
            content, name = _zipped(there), f"{there[0].stem}.zip" if len(there) == 1 else "segmented.zip"
        elif kind == "scores":
            out = io.BytesIO()
            bundle.scores(there[0].found, out)
            content, name = out.getvalue(), f"{there[0].stem}.scores.npz"
        else:
            ending, make = (bundle.KINDS | bundle.OBJECT_KINDS)[kind]
            content, name = make(there[0].found), f"{there[0].stem}.{ending}"
        file = self.bench.files.add(content, Path(name).suffix)
        there[0].names.append(file)
        return {"kind": "exported", "file": file, "name": name}

    def _judge(self, data: dict[str, Any]) -> dict[str, Any]:
        """Compare a run with true labels that the person gave as a file."""
        kept = self.kept.get(str(data.get("token")))
        if not kept:
            raise StageError("result_gone")
        path = Path(str(data.get("path")))
        found = kept.found
        try:
            if found.instances is not None and found.card.objects:
                judged = truth.judge_objects(truth.read_instances(path, found.labels.shape), found.instances)
                classes = tuple(found.card.classes[i] for i in (found.card.background or 0, found.card.objects[0]))
            else:
                classes = found.card.classes
                judged = truth.judge(truth.read_labels(path, found.labels.shape, classes), found.labels, len(classes))
        finally:
            with suppress(OSError):
                path.unlink()
        shown = images.resized_shape(found.labels.shape, MOST_SHOWN)
        rows, cols = (_places(n, m) for n, m in zip(shown, judged.errors.shape, strict=True))
        file = self.bench.files.add(png(judged.errors[np.ix_(rows, cols)]), ".png")
        kept.names.append(file)
        names = [c.name for c in classes]
        return {
            "kind": "judged",
            "errors": file,
            "names": names,
            "matrix": judged.matrix.tolist(),
            **judged.figures(classes),
            "iou": [None if v != v else float(v) for v in truth.metrics.iou(judged.matrix)],
        }


def _places(n: int, of: int) -> np.ndarray:
    """Which of `of` pixels stand in the middle of each of n."""
    return (2 * np.arange(n) + 1) * of // (2 * n)


def _jpeg(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def _zipped(kept: list[Kept]) -> bytes:
    out, used = io.BytesIO(), set[str]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for one in kept:
            stem, number = one.stem, 2
            while stem in used:
                stem, number = f"{one.stem}-{number}", number + 1
            used.add(stem)
            for ending, make in (
                bundle.KINDS | (bundle.OBJECT_KINDS if one.found.instances is not None else {})
            ).values():
                file.writestr(f"{stem}.{ending}", make(one.found))
    return out.getvalue()
