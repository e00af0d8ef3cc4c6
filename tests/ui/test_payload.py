"""What the page gets of a run: exact geometry, the papers' crops, pictures that decode to what was put in."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from explorer import geometry
from explorer.figures.mosaic import mosaic
from explorer.geometry import Grid
from explorer.inference import placement, prepare, trace_and_label
from explorer.models import MODELS, ModelSpec, build
from explorer.trace import Stats, trace
from explorer.ui.stage.payload import Recorder, png
from explorer.ui.state import Files
from tests.ui.made import FCN, MEAN, STD, UNET, noise, random_network

CASES = {
    "fcn8s-paper": ("fcn8s", "paper", (150, 101)),
    "fcn8s-same": ("fcn8s", "same", (75, 100)),
    "fcn32s-paper": ("fcn32s", "paper", (64, 90)),
    "fcn32s-same": ("fcn32s", "same", (64, 90)),
    "fcn16s-paper": ("fcn16s", "paper", (64, 50)),
    "fcn16s-same": ("fcn16s", "same", (64, 50)),
    "unet-valid": ("unet", "valid", (388, 388)),
    "unet-same": ("unet", "same", (100, 75)),
}
ABOUT = {"title": "a title", "classes": [{"name": {"en": "a", "ko": "가"}, "colour": (1, 2, 3)}] * 7, "notes": []}


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def made(model: str, padding: str, size: tuple[int, int], original: tuple[int, int] | None = None) -> SimpleNamespace:
    base = UNET if model == "unet" else FCN
    spec = ModelSpec(**{**base.dict(), "model": model, "padding": padding})
    pixels = noise(*(original or size))
    prepared = prepare(pixels, spec, max(size))
    files = Files()
    recorder = Recorder(files)
    maps = {}

    def visit(step, value):
        recorder.visit(step, value)
        maps[step.name] = mosaic(value)

    done = trace_and_label(random_network(spec), prepared, MEAN, STD, visit=visit)
    fields = {step.name: ((-3, 4), (-1, 4)) for step in done.trace.steps[:-1]}
    name = recorder.finish(done, prepared, pixels, fields, ABOUT)
    data = json.loads((files.folder / name).read_text("utf-8"), parse_constant=refuse)
    return SimpleNamespace(
        spec=spec, pixels=pixels, prepared=prepared, files=files, done=done, maps=maps, data=data, fields=fields,
        names=recorder.names, name=name,
    )  # fmt: skip


@pytest.fixture(scope="module")
def payloads():
    made_already: dict[str, SimpleNamespace] = {}

    def get(case: str) -> SimpleNamespace:
        if case not in made_already:
            made_already[case] = made(*CASES[case])
        return made_already[case]

    return get


@pytest.fixture(params=CASES)
def case(request, payloads):
    return payloads(request.param)


def picture(case: SimpleNamespace, file: str) -> np.ndarray:
    with Image.open(io.BytesIO((case.files.folder / file).read_bytes())) as image:
        assert image.format == "PNG"
        return np.array(image)


# ---- the table of steps


def test_every_step_is_told(case):
    """Names, operations, shapes and the graph, against a second trace of the same network on the meta device."""
    with torch.device("meta"):
        module = build(case.spec)
    size = case.prepared.network.shape[:2]
    again = trace(module, torch.empty(1, 3, *size, device="meta"))
    steps = case.data["steps"]
    assert [s["name"] for s in steps] == [s.name for s in again.steps]
    for step, want in zip(steps, again.steps, strict=True):
        assert (step["op"], tuple(step["inputs"]), tuple(step["shape"])) == (
            want.operation,
            want.inputs,
            want.shape[1:],
        )
        assert (step["parameters"], step["macs"]) == (want.parameters, want.macs)
        assert step["ms"] >= 0
        assert (step["settings"], step["numbers"]) == tuple(json.loads(json.dumps([want.settings, want.numbers])))
        assert (step["role"], step["level"], step["scores"]) == (want.role, want.level, want.scores)
        assert step["reads"] == list(want.reads)
        assert [(axis["code"], axis["values"]) for axis in step["size"]] == [(f.code, f.values) for f in want.size]
        assert step["misaligned"] == [float(pixels) for pixels in want.misalignment]
        known = step["name"] in case.fields
        assert step["field"] == ([6, 8] if known else [])
        assert step["reach"] == ([[-3, 4], [-1, 4]] if known else [])
        assert set(step["stats"]) == {"min", "max", "mean", "std", "zeros"}
        for key, axis in (("rows", want.rows), ("cols", want.cols)):
            told = case.data["axes"][step[key]]
            assert (Fraction(told["jump"]), Fraction(told["start"])) == (axis.grid.jump, axis.grid.start)
            empty = axis.lo > axis.hi
            lo, hi = np.array(told["lo"]), np.array(told["hi"])
            np.testing.assert_array_equal(lo > hi, empty)
            np.testing.assert_array_equal(lo[~empty], axis.lo[~empty])
            np.testing.assert_array_equal(hi[~empty], axis.hi[~empty])
            assert {(a, b) for a, b in zip(lo[empty], hi[empty], strict=True)} <= {(0, -1)}
    assert case.data["parameters"] == sum(s["parameters"] for s in steps)
    assert case.data["macs"] == sum(s["macs"] for s in steps)


def test_axes_are_shared(case):
    axes = case.data["axes"]
    assert len({json.dumps(axis) for axis in axes}) == len(axes)
    used = {step[key] for step in case.data["steps"] for key in ("rows", "cols")}
    assert used == set(range(len(axes)))


GRIDS = {  # FACTS: jump and centre of unit 0
    "fcn8s-paper": {
        "conv1_1": (1, -99), "pool1": (2, -98.5), "pool2": (4, -97.5), "pool3": (8, -95.5), "pool4": (16, -91.5),
        "pool5": (32, -83.5), "fc6": (32, 12.5), "score_fr": (32, 12.5), "upscore2": (16, -11.5),
        "upscore_pool4": (8, -23.5), "upscore8": (1, -31), "score": (1, 0),
    },
    "fcn32s-paper": {"upscore": (1, -19), "score": (1, 0)},
    "fcn8s-same": {"score_fr": (32, 15.5), "score": (1, 0)},
    "unet-valid": {
        "relu_d0c": (1, 2), "relu_d1c": (2, 6.5), "relu_d2c": (4, 15.5), "relu_d3c": (8, 33.5), "relu_d4c": (16, 69.5),
        "upconv_u3a": (8, 65.5), "relu_u3d": (8, 81.5), "upconv_u2a": (4, 79.5), "upconv_u1a": (2, 86.5),
        "upconv_u0a": (1, 90), "score": (1, 92),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GRIDS)
def test_grids_are_those_of_the_papers(payloads, name):
    data = payloads(name).data
    steps = {step["name"]: step for step in data["steps"]}
    for step, grid in GRIDS[name].items():
        for key in ("rows", "cols"):
            axis = data["axes"][steps[step][key]]
            assert (axis["jump"], axis["start"]) == grid, step


def test_what_the_first_and_last_output_of_the_papers_tile_sees(payloads):
    data = payloads("unet-valid").data
    rows = data["axes"][data["steps"][-1]["rows"]]
    assert (rows["lo"][0], rows["hi"][0], rows["lo"][-1], rows["hi"][-1], len(rows["lo"])) == (0, 187, 384, 571, 388)


def test_padding_alone_is_told_as_empty(payloads):
    """conv1_1's unit i reads pixels i - 100 .. i - 98, so the outermost 98 units a side see no pixel of the image."""
    data = payloads("fcn8s-paper").data
    rows = data["axes"][next(s for s in data["steps"] if s["name"] == "conv1_1")["rows"]]
    empty = [lo > hi for lo, hi in zip(rows["lo"], rows["hi"], strict=True)]
    assert empty == [True] * 98 + [False] * (len(empty) - 196) + [True] * 98


# ---- crops

OFFSETS = {
    "fcn8s-paper": {"crop_pool4": 5, "crop_pool3": 9, "score": 31},
    "fcn16s-paper": {"crop_pool4": 5, "score": 27},
    "fcn32s-paper": {"score": 19},
    "fcn8s-same": [1, 1, 4],
    "fcn16s-same": [1, 8],
    "fcn32s-same": [16],
    "unet-valid": {"crop_d3c": 4, "crop_d2c": 16, "crop_d1c": 40, "crop_d0c": 88},
    "unet-same": [0, 0, 0, 0],
}


@pytest.mark.parametrize("name", OFFSETS)
def test_offsets_are_those_of_the_papers(payloads, name):
    crops, want = payloads(name).data["crops"], OFFSETS[name]
    if isinstance(want, dict):
        assert {crop["step"]: crop["offset"] for crop in crops} == want
    else:
        assert [crop["offset"] for crop in crops] == want
    assert all(crop["dropsNothing"] for crop in crops) == (name == "unet-same")


def test_what_the_kept_skips_of_the_papers_tile_see(payloads):
    crops = {crop["step"]: crop for crop in payloads("unet-valid").data["crops"]}
    facts = {  # name: (first and last pixel seen, units kept, units before)
        "crop_d3c": (32, 539, 56, 64),
        "crop_d2c": (64, 507, 104, 136),
        "crop_d1c": (80, 491, 200, 280),
        "crop_d0c": (88, 483, 392, 568),
    }
    assert set(crops) == set(facts)
    for name, (first, last, kept, before) in facts.items():
        crop = crops[name]
        assert crop["sees"] == [first, first, last + 1, last + 1]
        assert crop["kept"] == [kept, kept]
        steps = {s["name"]: s for s in payloads("unet-valid").data["steps"]}
        assert steps[crop["source"]]["shape"][1:] == [before, before]
        share = {"crop_d3c": 77, "crop_d2c": 58, "crop_d1c": 51, "crop_d0c": 48}[name]
        assert round(100 * kept**2 / before**2) == share


def test_where_kept_units_stand(payloads):
    """Unit i is a cell of jump x jump around its centre; d3's kept units 4..59 begin at 65.5 - 4 + 0.5 = 62."""
    crops = {crop["step"]: crop for crop in payloads("unet-valid").data["crops"]}
    assert crops["crop_d3c"]["stands"] == [62, 62, 510, 510]
    assert crops["crop_d3c"]["standsWhole"] == [30, 30, 542, 542]
    assert crops["crop_d0c"]["stands"] == [90, 90, 482, 482]
    assert crops["crop_d0c"]["standsWhole"] == [2, 2, 570, 570]


def test_cells_and_references_hold_for_every_crop(case):
    steps = {step["name"]: step for step in case.data["steps"]}
    axes = case.data["axes"]
    for crop in case.data["crops"]:
        step, source, reference = (steps[crop[key]] for key in ("step", "source", "reference"))
        assert crop["kept"] == step["shape"][1:] == reference["shape"][1:]
        grids = [[axes[s[key]] for key in ("rows", "cols")] for s in (source, reference)]
        for axis in (0, 1):
            from_, to = grids[0][axis], grids[1][axis]
            jump, half = from_["jump"], from_["jump"] / 2
            first = from_["start"] + crop["offset"] * jump
            assert first == to["start"]  # the cut map stands on the reference's places
            want = first - half + 0.5, first + (crop["kept"][axis] - 1) * jump + half + 0.5
            assert (crop["stands"][axis], crop["stands"][axis + 2]) == want
            n = source["shape"][1 + axis]
            whole = from_["start"] - half + 0.5, from_["start"] + (n - 1) * jump + half + 0.5
            assert (crop["standsWhole"][axis], crop["standsWhole"][axis + 2]) == whole
            units = range(crop["offset"], crop["offset"] + crop["kept"][axis])
            seen = [(from_["lo"][u], from_["hi"][u]) for u in units if from_["lo"][u] <= from_["hi"][u]]
            assert crop["sees"][axis] == min(lo for lo, _ in seen)
            assert crop["sees"][axis + 2] == max(hi for _, hi in seen) + 1
    assert {c["step"] for c in case.data["crops"]} == {s["name"] for s in case.data["steps"] if s["op"] == "crop"}


def test_a_crop_that_sees_nothing_says_so():
    from explorer.ui.stage.payload import _crop

    blind = geometry.Axis(Grid(), np.full(3, geometry.EMPTY[0]), np.full(3, geometry.EMPTY[1]))
    step = SimpleNamespace(
        name="c", inputs=("a", "b"), settings={"offset": 1}, shape=(1, 1, 3, 3), rows=blind, cols=blind
    )
    source = SimpleNamespace(shape=(1, 1, 5, 5), rows=blind, cols=blind)
    assert _crop(step, source)["sees"] is None


# ---- pictures


def test_pictures_decode_to_what_was_put_in(case):
    pictures = case.data["pictures"]
    np.testing.assert_array_equal(picture(case, pictures["original"]), case.pixels)
    np.testing.assert_array_equal(picture(case, pictures["resized"]), case.prepared.resized)
    np.testing.assert_array_equal(picture(case, pictures["network"]), case.prepared.network)
    np.testing.assert_array_equal(picture(case, pictures["labels"]), case.done.labels)
    confidence = picture(case, pictures["confidence"]).astype(float) / 255
    assert np.abs(confidence - case.done.confidence).max() <= 0.5 / 255 + 1e-6
    shares = case.data["shares"]
    assert shares == [(case.done.labels == c).mean() for c in range(len(ABOUT["classes"]))]
    assert sum(shares) == pytest.approx(1)


def test_mosaics_decode_to_the_maps(case):
    for step in case.data["steps"]:
        maps, want = step["maps"], case.maps[step["name"]]
        np.testing.assert_array_equal(picture(case, maps["file"]), want.pixels)
        assert (tuple(maps["tile"]), maps["columns"], maps["reduction"]) == (want.tile, want.columns, want.reduction)
        assert len(maps["min"]) == len(maps["max"]) == step["shape"][0]
        np.testing.assert_allclose(maps["min"], want.minimum, rtol=5e-6)
        np.testing.assert_allclose(maps["max"], want.maximum, rtol=5e-6)


def test_frames_are_named(case):
    frames = case.done.frames
    assert case.data["frames"] == {
        "original": list(case.pixels.shape[:2]),
        "resized": list(case.prepared.resized.shape[:2]),
        "network": list(case.prepared.network.shape[:2]),
    }
    assert case.data["offset"] == [frames.top, frames.left]


def test_every_file_is_there_and_counted(case):
    """What the JSON names, and the JSON, is what the run holds; giving it back leaves an empty folder."""
    named = set(case.data["pictures"].values()) | {s["maps"]["file"] for s in case.data["steps"]} | {case.name}
    named.add(case.data["probabilities"]["file"])
    assert named == set(case.names)
    assert named == {path.name for path in case.files.folder.iterdir()}


def test_dropout_shares_its_inputs_file(payloads):
    steps = {step["name"]: step for step in payloads("fcn8s-paper").data["steps"]}
    for number in "67":
        assert steps[f"drop{number}"]["maps"] == steps[f"relu{number}"]["maps"]


def test_a_crop_that_drops_nothing_shares_its_sources_file(payloads):
    data = payloads("unet-same").data
    steps = {step["name"]: step for step in data["steps"]}
    assert len(data["crops"]) == 4
    for crop in data["crops"]:
        assert steps[crop["step"]]["maps"]["file"] == steps[crop["source"]]["maps"]["file"]


def test_giving_a_run_back_deletes_its_files():
    case = made("fcn32s", "same", (40, 40), original=(80, 80))
    assert case.data["frames"]["original"] == [80, 80]
    case.files.release(case.names)
    assert not list(case.files.folder.iterdir())


def test_numbers_that_json_does_not_have_do_not_get_into_it():
    """A network that overflows still can be looked at: JSON with NaN in it would not even be read by the page."""
    spec = ModelSpec(**{**FCN.dict(), "model": "fcn32s", "padding": "same"})
    module = random_network(spec)
    with torch.no_grad():
        module.get_submodule("conv5_3").weight.mul_(3e38)
        module.get_submodule("fc6").weight.mul_(3e38)
    prepared, recorder = prepare(noise(32, 32), spec, 32), Recorder(Files())
    done = trace_and_label(module, prepared, MEAN, STD, visit=recorder.visit)
    assert not all(np.isfinite(list(vars(step.stats).values())).all() for step in done.trace.steps)
    name = recorder.finish(done, prepared, prepared.resized, {}, ABOUT)
    data = json.loads((recorder.files.folder / name).read_text("utf-8"), parse_constant=refuse)
    assert any(value is None for step in data["steps"] for value in step["stats"].values())
    assert isinstance(done.trace.steps[0].stats, Stats)


def test_png_is_lossless():
    for pixels in (noise(7, 9), noise(7, 9)[:, :, 0].copy()):
        with Image.open(io.BytesIO(png(pixels))) as image:
            np.testing.assert_array_equal(np.array(image), pixels)


# ---- what a page has to hold


@pytest.mark.parametrize(
    ("model", "padding"), [("fcn8s", "paper"), ("fcn8s", "same"), ("unet", "valid"), ("unet", "same")]
)
def test_a_run_of_a_shipped_network_fits_into_a_page(model, padding, record_property):
    """Widths of the bundled networks at the size the page opens with, square: below 60 MB of codes."""
    spec = ModelSpec(model, padding, width=0.25, fc_channels=256, classes=3 if model == "unet" else 21)
    far = placement(spec)
    n = far.sizes.at_least(MODELS[model].size + far.shrink)
    with torch.device("meta"):
        steps = trace(build(spec), torch.empty(1, 3, n, n)).steps
    total = sum(mosaic(torch.zeros(step.shape)).pixels.size for step in steps)
    record_property("decoded_bytes", total)
    print(f"{model} {padding} {n} x {n}: {total / 1e6:.1f} MB of one-byte maps in {len(steps)} steps")
    assert total < 60e6
