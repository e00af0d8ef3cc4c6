"""What programs may ask of the page's server: typed endpoints for Gradio's clients, curl and MCP.

They are bounded as the page is: questions take turns, images are read within the same memory and have the same limits.
Answers are plain data, pictures in them data URLs. Annotations are not put off here: Gradio reads them.
"""

import base64
import binascii
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from explorer import weights as checkpoints
from explorer.errors import ExplorerError
from explorer.models import MODELS, shown
from explorer.results import bundle
from explorer.ui import plainly
from explorer.ui.answers import Data, Stop, image_messages
from explorer.ui.catalog import SIZES
from explorer.ui.image_store import ImageStore
from explorer.ui.labs import LABS
from explorer.ui.session import Workbench
from explorer.ui.state import Selection
from explorer.ui.turns import OnProgress
from explorer.ui.uploads import TOKEN
from explorer.ui.usual import following
from explorer.ui.words import sentence

MOST_SIDE = 2048  # pixels of an input whose geometry is asked for

Work = Callable[[Data, OnProgress, Stop], Data]


class Endpoints:
    """The endpoints of one workbench, by their names."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench

    def offer(self) -> None:
        """Put them into the Blocks that are being built."""
        for endpoint in (self.segment, self.trace, self.geometry, self.lab):
            gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None, concurrency_id="asked")

    async def segment(
        self,
        request: gr.Request,
        image: str,
        model: str = "fcn8s",
        weights: str = "",
        padding: str = "",
        longest: int = 0,
        page: int = 1,
        channels: str = "",
    ) -> dict[str, Any]:
        """Label every pixel of an image with FCN or U-Net: a PNG of class indices, and each class's share.

        Args:
            image: a data URL (data:image/png;base64,...), the name of an example such as pagoda.jpg, or of an upload
            model: fcn32s, fcn16s, fcn8s or unet
            weights: the name of weights on offer; empty for the usual ones for what the image shows
            padding: paper or same for FCN, valid or same for U-Net; empty for one that the weights were trained in
            longest: pixels of the longer side to run at; 0 for what suits the weights. Labels have the image's size
            page: of a TIFF, counted from 1
            channels: of an image with more than its colours, from 1: one, as grey, or three, as red, green and blue
        """

        def work(question: Data, progress: OnProgress, stop: Stop) -> Data:
            result = self.bench.segmenter.labelled(question, progress, stop)
            classes, labels = plainly.classes(result.card), plainly.url(bundle.mask(result), ".png")
            return {**bundle.about(result), "classes": classes, "labels": labels}

        with _refusing():
            question = self._question(image, page, channels, *self._selection(model, weights, padding))
            question |= {"what": "segment", "options": {"longest": longest or None}}
            return await self._answer(request, question, work)

    async def trace(
        self,
        request: gr.Request,
        image: str,
        model: str = "fcn8s",
        weights: str = "",
        padding: str = "",
        size: int = 320,
        page: int = 1,
        step: str = "",
        channels: str = "",
    ) -> dict[str, Any]:
        """Run a network step by step: each step's size, jump, receptive field, cost and statistics; crops and labels.

        Args:
            image: a data URL (data:image/png;base64,...), the name of an example such as pagoda.jpg, or of an upload
            model: fcn32s, fcn16s, fcn8s or unet
            weights: the name of weights on offer; empty for the usual ones for what the image shows
            padding: paper or same for FCN, valid or same for U-Net; empty for one that the weights were trained in
            size: pixels of the resized image's longer side: 192, 256, 320, 388, 500, 640, 800 or 1000
            page: of a TIFF, counted from 1
            step: name of a step whose maps are wanted, too: one PNG with a tile for each channel
            channels: of an image with more than its colours, from 1: one, as grey, or three, as red, green and blue
        """

        def work(question: Data, progress: OnProgress, stop: Stop) -> Data:
            run = self.bench.runs.run(self.bench.networks.check(question["selection"]), progress, stop)
            return plainly.run(self.bench.files.folder, run.file, step)

        with _refusing():
            _known("size", size, SIZES)
            question = self._question(image, page, channels, *self._selection(model, weights, padding, size))
            return await self._answer(request, question, work)

    async def geometry(
        self, request: gr.Request, model: str = "unet", padding: str = "", height: int = 572, width: int = 572
    ) -> dict[str, Any]:
        """A network of the paper's width, without an image: each step's size, jump, receptive field and cost; crops.

        Args:
            model: fcn32s, fcn16s, fcn8s, fcn8s-atonce or unet
            padding: paper or same for FCN, valid or same for U-Net; empty for the paper's
            height: of the input, in pixels
            width: of the input, in pixels
        """

        def work(_: Data, progress: OnProgress, stop: Stop) -> Data:
            with self.bench.looks.turn(progress, stop):
                return plainly.geometry(model, padding or MODELS[model].paddings[0], (height, width))

        with _refusing():
            _known("model", model, MODELS)
            _known("padding", padding, ("", *MODELS[model].paddings))
            for name, side in (("height", height), ("width", width)):
                if type(side) is not int or not 1 <= side <= MOST_SIDE:
                    raise _bad(f"the argument {name} is a whole number from 1 to {MOST_SIDE}, not {side!r}")
            return await self._answer(request, {}, work)

    async def lab(
        self,
        request: gr.Request,
        name: str,
        what: str = "geometry",
        image: str = "",
        model: str = "fcn8s",
        weights: str = "",
        padding: str = "",
        settings: dict[str, Any] | None = None,
        figures: bool = False,
        page: int = 1,
        channels: str = "",
    ) -> dict[str, Any]:
        """An experiment: where crops cut, what borders do, what shifts, how far fields reach, why a class was seen.

        Args:
            name: crop, border, tap, scale, shift, field, channel or cam
            what: geometry, which lists the settings and what needs no run, or an experiment such as values
            image: a data URL, the name of an example, or of an upload; empty for an example that fits the weights
            model: fcn32s, fcn16s, fcn8s or unet
            weights: the name of weights on offer; empty for the usual ones for what the image shows
            padding: paper or same for FCN, valid or same for U-Net; empty for one that the weights were trained in
            settings: those to be changed, by the names that geometry lists
            figures: whether the plots are wanted, too, as plotly's JSON
            page: of a TIFF, counted from 1
            channels: of an image with more than its colours, from 1: one, as grey, or three, as red, green and blue
        """

        def work(question: Data, progress: OnProgress, stop: Stop) -> Data:
            found = self.bench.labs.answer(question, progress, stop)
            return plainly.lab(self.bench.files.folder, found, figures is True)

        with _refusing():
            _known("name", name, LABS)
            _known("what", what, ("geometry", *LABS[name].RUNS))
            wish = self._selection(model, weights, padding)
            question = self._question(image, page, channels, *wish, or_example=True)
            question |= {"lab": name, "what": what, "settings": settings or {}}
            return await self._answer(request, question, work)

    # ---- from arguments to a question

    def _selection(self, model: str, weights: str, padding: str, size: int = SIZES[0]) -> tuple[Selection, list[str]]:
        """What is wanted, and what of it is left to the image."""
        _known("model", model, shown())
        cards = {card.name: card for card in checkpoints.cards_for(model, self.bench.networks.cards)}
        _known("weights", weights, ("", *cards))
        _known("padding", padding, ("", *MODELS[model].paddings))
        card = cards[weights] if weights else next(iter(cards.values()))
        wish = Selection(model, card.name, padding or checkpoints.usual_padding(card, model), "", size, "auto")
        return wish, [name for name, given in (("checkpoint", weights), ("padding", padding)) if not given]

    def _question(
        self, image: str, page: int, channels: str, wish: Selection, follow: list[str], or_example: bool = False
    ) -> Data:
        """What the page would send: an example in the selection, or an upload. Nothing is fetched from anywhere."""
        pictures = self.bench.pictures
        if or_example and image == "":
            domain = next(card.domain for card in self.bench.networks.cards if card.name == wish.checkpoint)
            image = next((e["file"] for e in pictures.listed if e["family"] == domain), pictures.listed[0]["file"])
        if not isinstance(image, str):
            raise _bad("the argument image is a text: a data URL, the name of an example or of an upload")
        if pictures.is_example(image):
            return {"selection": following(asdict(wish), follow, self.bench, image)}
        if type(page) is not int or page < 1:
            raise _bad(f"the argument page is a whole number from 1 on, not {page!r}")
        how = {"page": page - 1, "channels": _channels(channels), "follow": follow}
        sent = image if TOKEN.fullmatch(image) else _kept(pictures, image)
        return {"selection": asdict(wish), "upload": {"sent": sent, "name": "image"}, **how}

    async def _answer(self, request: gr.Request, question: Data, work: Work) -> Data:
        """What comes of a question, once it is its turn. Raises ExplorerError."""

        def answer(*how: Any) -> Data:
            try:
                return {"kind": "found", "found": work(*how)}
            except ExplorerError as error:
                return {"kind": "refused", "error": error}

        last: Data = {}
        with self.bench.questions.one(*who(request)) as gone:
            async for message in image_messages(self.bench, question, gone, answer):
                last = message
        if last["kind"] == "found":
            found: Data = last["found"]
            return found
        if last["kind"] == "refused":
            raise last["error"]
        code = last["code"] if last["kind"] == "error" else "gone"  # cancelled: nobody is there to hear it
        raise ExplorerError(code, **last.get("details", {}))


def who(request: gr.Request) -> tuple[str, str]:
    """The session and the address that a request comes from."""
    return str(request.session_hash), request.client.host if request.client else ""


async def misnamed(request: Request, error: Exception) -> Response:
    """What Gradio says of arguments that an endpoint does not have, or lacks, where it only says that it failed."""
    if "/call/" not in request.url.path:
        raise error
    return JSONResponse({"error": str(error).partition(" Please click")[0]}, 400)


@contextmanager
def _refusing() -> Iterator[None]:
    """What cannot be done is said in a sentence."""
    try:
        yield
    except ExplorerError as error:
        raise gr.Error(sentence(error), print_exception=False) from error


def _bad(said: str) -> ExplorerError:
    return ExplorerError("bad_selection", said)


def _known(name: str, value: Any, choices: Any) -> None:
    """Raises ExplorerError that names the choices."""
    if type(value) not in (str, int) or value not in choices:
        listed = ", ".join(str(one) for one in choices if one != "")
        raise _bad(f"the argument {name} is one of {listed}, not {str(value)[:100]!r}")


def _channels(text: str) -> list[int] | None:
    """Numbers from 1, commas between, as numbers from 0. Raises ExplorerError."""
    parts = text.split(",") if isinstance(text, str) and text else []
    if (text and len(parts) not in (1, 3)) or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise _bad(f"the argument channels is one number from 1 on, or three with commas between, not {text!r}")
    return [int(part) - 1 for part in parts] or None


def _kept(pictures: ImageStore, image: str) -> str:
    """The name of the upload that a data URL becomes. Raises ExplorerError."""
    head, comma, body = image.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        listed = ", ".join(str(example["file"]) for example in pictures.listed)
        raise _bad(f"the argument image is a data URL with base64, the name of an upload or of an example ({listed}); "
                   "addresses are not fetched")  # fmt: skip
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad("the data URL of the image is not base64") from error
    with pictures.uploads.room(len(content)):
        return pictures.uploads.put(io.BytesIO(content))
