"""The border lab on the page: its figures are the labs' own data, its sentences numbers found by other means."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explorer import labs
from explorer.errors import ExplorerError
from explorer.figures import border as figures
from explorer.figures import plot
from explorer.labs.inputs import plain_input
from explorer.models import MODELS, ModelSpec, build
from explorer.trace import CancelledError
from explorer.ui.labs import border as lab
from tests.labs.made import picture
from tests.test_geometry_autograd import linear, one_channel, reads
from tests.ui.conftest import bench, checkpoints  # noqa: F401
from tests.ui.test_labs import ask, selection, told
from tests.ui.texts import EN, placeholders

KINDS = [(model, kind) for model in ("unet", "fcn8s", "fcn32s") for kind in labs.borders(model)]
PADDING = {"unet": "valid", "fcn8s": "paper", "fcn32s": "paper"}


def geometry(bench, model="unet", **settings):  # noqa: F811
    return ask(bench, "border", "geometry", selection(bench, model, PADDING[model]), **settings)


def values_of(answer):
    return {control["set"]: control["value"] for control in answer["controls"]}


@torch.inference_mode()
def run(size):
    """Height and width of what a thin U-Net of valid convolutions makes of an image."""
    network = build(ModelSpec("unet", "valid", width=1 / 64, classes=2)).eval()
    return tuple(network(picture(*size)).shape[2:])


# ---- where pixels are lost


@pytest.mark.parametrize("size", [188, 204, 572])
def test_what_is_lost_is_what_a_forward_pass_leaves_out(bench, size):  # noqa: F811
    said = dict(geometry(bench, size=size)["facts"]["lost"])["lab.border.lost.said"]
    height, width = run((size, size))
    assert size - said["top"] - said["bottom"] == height
    assert size - said["left"] - said["right"] == width


def test_bars_are_the_lab_s_steps_and_lines_their_sums():
    one = labs.border("unet", "valid", 500)
    bars, top, bottom = figures.lost(one).data
    assert list(bars.x) == [step.step for step in one.lost]
    assert list(bars.y) == [float(step.pixels[0]) for step in one.lost]
    assert [top.y[-1], bottom.y[-1]] == [float(n) for n in one.margin[:2]]
    assert top.y[-1] != bottom.y[-1]  # at 500 pixels poolings pass over rows behind
    assert len(figures.lost(labs.border("unet", "valid", 572)).data) == 2  # alike: one line


def test_a_network_that_loses_nothing_says_so(bench):  # noqa: F811
    said = dict(geometry(bench, "fcn8s")["facts"]["lost"])
    assert set(said) == {"lab.border.lost.none", "lab.border.zeros"}


def test_a_mirrored_image_is_as_large_as_what_comes_out(bench):  # noqa: F811
    said = dict(geometry(bench, kind="mirrored", size=20)["facts"]["lost"])
    whole = said["lab.border.mirrored"]["size"]
    assert run((whole, whole)) == (20, 20)
    assert said["lab.border.mirrored"]["pixels"] == (whole - 20) / 2


@pytest.mark.parametrize(("kind", "zeros", "fewer"), [("paper", 100, None), ("in-phase", 97, 3), ("same", None, None)])
def test_the_zeros_around_the_image_are_counted(bench, kind, zeros, fewer):  # noqa: F811
    """The paper pads by 100; scores of "same" padding stand 3 pixels behind those, as those of 97 zeros do."""
    said = dict(geometry(bench, "fcn8s", kind=kind)["facts"]["lost"])
    assert said.get("lab.border.zeros") == (zeros and {"zeros": zeros, "step": "conv1_1"})
    assert said.get("lab.border.phase") == (fewer and {"fewer": fewer})


# ---- fields that lie in padding


def test_units_that_see_padding_alone_are_those_without_a_pixel_under_their_kernel(bench):  # noqa: F811
    """conv1_1 with 100 zeros a side: of n + 198 units along an axis n + 2 see a pixel, n - 2 nothing else."""
    n = 64
    said = dict(geometry(bench, "fcn8s", size=n, step="conv1_1")["facts"]["outside"])
    assert said["lab.border.outside.blind"] == {"blind": (n + 198) ** 2 - (n + 2) ** 2}
    assert said["lab.border.outside.said"]["free"] == (n - 2) ** 2
    assert said["lab.border.outside.said"]["most"] == {"percent": 1.0}


def test_the_heat_map_is_the_share_that_autograd_finds(bench):  # noqa: F811
    """In the middle of a large input autograd sees whole fields; what lies beyond 48 of its pixels is padding."""
    n, large, before = 48, 176, 64
    answer = geometry(bench, kind="same", size=n, step="conv_d2b_c")
    seen = reads(linear(one_channel("unet", "same")), (large, 16), 0)["conv_d2b_c"].numpy()
    jump = large // len(seen)
    own = seen[before // jump : (before + n) // jump]
    inside = own[:, before : before + n].sum(1) / own.sum(1)
    (heat,) = answer["figures"]["outside"]["data"]
    np.testing.assert_allclose(heat["z"], 100 * (1 - np.outer(inside, inside)), atol=0.06)
    said = dict(answer["facts"]["outside"])["lab.border.outside.said"]
    assert said["free"] == int((inside == 1).sum()) ** 2
    assert said["units"] == len(own) ** 2
    assert said["most"]["percent"] == pytest.approx(1 - inside.min() ** 2)


def test_a_large_map_is_sampled_with_its_edges():
    share = labs.border("unet", "same", 576)["conv_d0a_b"]
    (heat,) = figures.outside(share).data
    assert len(heat.z) == len(heat.y) == plot.MOST
    assert (heat.y[0], heat.y[-1]) == (0, len(share.rows) - 1)
    for i, row in enumerate(heat.y):
        np.testing.assert_allclose(heat.z[i], 100 * share.map[row, list(heat.x)], atol=0.06)


@pytest.mark.parametrize(("model", "kind"), KINDS)
def test_the_first_step_shown_has_the_most_padding_and_an_unknown_one_is_that(bench, model, kind):  # noqa: F811
    answer = geometry(bench, model, kind=kind)
    shown = values_of(answer)["step"]
    shares = {one.step: one.rows.mean() for one in labs.border(model, kind, values_of(answer)["size"]).outside[1:]}
    assert shares[shown] == max(shares.values())
    assert values_of(geometry(bench, model, kind=kind, step="elsewhere"))["step"] == shown


# ---- which pixels reach what


def test_units_that_a_pixel_reaches_are_those_that_autograd_counts(bench):  # noqa: F811
    size, (row, column) = 188, (70, 90)
    answer = geometry(bench, size=size, pixel=f"{row},{column}")
    network = linear(one_channel("unet", "valid"))
    seen = {step: matrix.sum(0).numpy() for step, matrix in reads(network, (size, size), 0).items()}  # of columns too
    said = [params for key, params in answer["facts"]["reach"] if key == "lab.border.reach.said"]
    assert len(said) == 5  # four skips and the output
    for one in said:
        counts = seen[one["step"]]
        assert one["units"] == counts[row] * counts[column]
        assert one["unreached"]["percent"] == pytest.approx(1 - (counts > 0).mean() ** 2)
    maps = [one["step"] for one in said]
    last = reads(network, (size, size), 0)[maps[-1]]  # output pixel j is input pixel 92 + j
    reached = [np.flatnonzero(last[:, at]) + 92 for at in (row, column)]
    far = max(abs(units - at).max() for units, at in zip(reached, (row, column), strict=True))
    assert dict(answer["facts"]["reach"])["lab.border.reach.far"] == {"far": far, "middle": 23.5}
    middle = {at - 92 for at in (93, 94)}  # 188 pixels have two in the middle
    both = all(middle & set(np.flatnonzero(last[:, at])) for at in (row, column))
    assert ("lab.border.reach.comes" in dict(answer["facts"]["reach"])) == both
    places = answer["figures"]["places"]["data"][0]
    for y, line in zip(places["y"], places["z"], strict=True):
        for x, count in zip(places["x"], line, strict=True):
            assert count == sum(bool(seen[step][y] and seen[step][x]) for step in maps)


@pytest.mark.parametrize(("kind", "size"), [("valid", 204), ("same", 208)])
def test_a_pixel_comes_to_the_middle_if_the_middle_sees_it(bench, kind, size):  # noqa: F811
    """Autograd along one axis, which squares have twice."""
    rows = reads(linear(one_channel("unet", kind)), (size, 16 if kind == "same" else 188), 0)["score"]
    first = (size - len(rows)) // 2
    seen = (rows[(size - 1) // 2 - first] + rows[size // 2 - first]).numpy() > 0
    turns = np.flatnonzero(np.diff(seen))  # the last pixel before what is seen begins or ends
    for pixel in {0, size - 1, *turns.tolist(), *(turns + 1).tolist()}:
        facts = dict(geometry(bench, kind=kind, size=size, pixel=f"{pixel},{size // 2}")["facts"]["reach"])
        assert ("lab.border.reach.comes" in facts) == seen[pixel], pixel
        assert ("lab.border.reach.stays" in facts) == (not seen[pixel]), pixel


def test_curves_are_the_lab_s_counts_by_their_maximum():
    one = labs.border("unet", "valid", 572)
    for curve, reached in zip(figures.reach(one.skips, one.output, 0).data, (*one.skips, one.output), strict=True):
        assert curve.name == reached.step
        assert max(curve.y) == 100
        np.testing.assert_allclose(curve.y, 100 * reached.rows[list(curve.x)] / reached.rows.max(), atol=0.01)


def test_a_pixel_beyond_the_input_is_the_nearest_one(bench):  # noqa: F811
    assert values_of(geometry(bench, size=188, pixel="9999,-3"))["pixel"] == "187,0"
    assert values_of(geometry(bench, size=188, pixel="here"))["pixel"] == "0,0"


# ---- FCN's coarse scores


def test_the_weights_of_streams_are_the_lab_s(bench):  # noqa: F811
    answer = ask(bench, "border", "values", selection(bench, "fcn8s", "paper"), size=320)
    found = labs.stream_weights("fcn8s", "paper", 320)
    for curve, (name, weight) in zip(answer["figures"]["weights"]["data"], found.items(), strict=True):
        assert curve["name"] == name
        np.testing.assert_allclose(curve["y"], weight[160, curve["x"]], atol=1e-4)
    for (key, said), (name, weight) in zip(answer["facts"]["weights"], found.items(), strict=True):
        shares = {"least": {"percent": weight.min()}, "middle": {"percent": weight[160, 160]}}
        assert (key, said) == ("lab.border.weights.said", {"layer": name, **shares})
    assert set(ask(bench, "border", "values", selection(bench, "unet", "valid"))) == {"kind", "lab", "what"}


# ---- settings


@pytest.mark.parametrize(("model", "kind"), KINDS)
def test_every_kind_is_answered_in_the_texts(bench, model, kind):  # noqa: F811
    answer = geometry(bench, model, kind=kind)
    assert values_of(answer)["kind"] == kind
    for key, params in told({key: answer[key] for key in answer if key != "plotly"}):
        assert placeholders(EN[key]) <= set(params), key


def test_the_standard_is_the_selection_s_padding_at_the_paper_s_size(bench):  # noqa: F811
    values = values_of(geometry(bench))
    assert (values["kind"], values["size"]) == ("valid", 572)
    assert values_of(geometry(bench, kind="elsewhere"))["kind"] == "valid"
    chosen = selection(bench, "unet", "same")
    assert values_of(ask(bench, "border", "geometry", chosen))["kind"] == "same"


def test_any_size_is_taken_as_asked_and_too_small_a_one_is_refused(bench):  # noqa: F811
    assert values_of(geometry(bench, size=501))["size"] == 501
    with pytest.raises(ExplorerError) as caught:
        geometry(bench, size=60)
    assert caught.value.code == "lab_size"
    assert placeholders(EN["error.lab_size"]) <= set(caught.value.details)
    least = next(one for one in geometry(bench)["controls"] if one["set"] == "size")["min"]
    assert values_of(geometry(bench, size=least))["size"] == least


# ---- dependence


@pytest.mark.parametrize(
    ("model", "kind", "side"), [("unet", "valid", 288), ("unet", "mirrored", 64), ("fcn32s", "in-phase", 64)]
)
def test_dependence_is_the_lab_s_on_the_same_image(bench, model, kind, side, monkeypatch):  # noqa: F811
    monkeypatch.setattr(lab, "SIDE", side)
    chosen = selection(bench, model, PADDING[model])
    answer = ask(bench, "border", "dependence", chosen, kind=kind)
    question = lab.Question("border", "dependence", bench.networks.check(chosen), lab.Settings(kind=kind))
    loaded, mirror = lab._loaded(bench.labs.bench, question, kind), kind == labs.MIRRORED
    pixels = bench.pictures.get(question.selection.image).pixels
    image = plain_input(loaded, pixels, side, not mirror)
    found = labs.dependence(labs.with_border(loaded.module, model, kind), image, mirror)
    said = dict(answer["facts"]["dependence"])
    root = found.root
    height, width = root.shape
    ring = np.ones_like(root, bool)
    ring[1:-1, 1:-1] = False
    half = (min(height, width) + 1) // 2 // 2
    middle = root[half : height - half, half : width - half].mean()
    assert said["lab.border.depends.said"]["edge"] == f"{root[ring].mean():.3g}"
    assert said["lab.border.depends.said"]["middle"] == f"{middle:.3g}"
    inner = found.error[half : height - half, half : width - half].mean()
    assert said["lab.border.depends.said"]["edge_error"] == f"{found.error[ring].mean():.3g}"
    assert said["lab.border.depends.said"]["middle_error"] == f"{inner:.3g}"
    assert said["lab.border.depends.ratio"]["share"]["percent"] == pytest.approx(root[ring].mean() / middle)
    _, curve = answer["figures"]["distance"]["data"]
    np.testing.assert_allclose(curve["y"], found.by_distance)
    heat = answer["figures"]["dependence"]["data"][0]
    shown = root[np.array(heat["y"])[:, None], heat["x"]]
    at = heat["y"][3], heat["x"][5]
    assert heat["text"][3][5] == f"{root[at]:.3g} ± {found.error[at]:.2g}"
    np.testing.assert_allclose(heat["z"], np.log10(np.maximum(shown, shown[shown > 0].min())), atol=1e-3)
    for key, params in told(answer):
        assert placeholders(EN[key]) <= set(params), key


@pytest.mark.parametrize("shape", [(427, 640), (200, 640), (640, 200), (300, 300)])
def test_a_narrow_image_is_made_as_large_as_the_network_needs(bench, shape):  # noqa: F811
    question = lab.Question("border", "dependence", bench.networks.check(selection(bench, "unet", "valid")), None)
    loaded = lab._loaded(bench.labs.bench, question, "valid")
    pixels = np.zeros((*shape, 3), np.uint8)
    side = lab._side(pixels, loaded, False)
    assert side >= lab.SIDE
    image = plain_input(loaded, pixels, side)  # raises where it is too small
    assert min(image.shape[2:]) >= lab.legal(loaded.module).minimum


def test_dependence_ends_when_it_is_cancelled(bench):  # noqa: F811
    with pytest.raises(CancelledError):
        ask(bench, "border", "dependence", selection(bench, "unet", "valid"), lambda: True)


def test_every_network_has_a_standard_size():
    assert {model.family for model in MODELS.values()} <= set(lab.STANDARD)
