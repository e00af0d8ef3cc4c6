"""The crop lab on the page: its figures and sentences are the labs' own data, or numbers found by other means."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explorer import labs
from explorer.errors import ExplorerError
from explorer.figures import crop as figures
from explorer.labs import predicting
from explorer.ui.labs import crop as lab
from tests.labs.made import cropping, unet
from tests.test_geometry_autograd import linear, one_channel
from tests.ui.conftest import bench, checkpoints  # noqa: F401
from tests.ui.test_labs import ask, selection
from tests.ui.texts import EN, placeholders

LEVELS = {f"crop_d{level}c": level for level in range(4)}


def geometry(bench, model="unet", padding="valid", **settings):  # noqa: F811
    return ask(bench, "crop", "geometry", selection(bench, model, padding), **settings)


def corners(trace):
    """Top, left, bottom, right of a rectangle that is drawn."""
    return min(trace["y"]), min(trace["x"]), max(trace["y"]), max(trace["x"])


def named(figure):
    return {trace["name"]: trace for trace in figure["data"] if "name" in trace}


# ---- sizes


def test_heights_are_those_of_a_forward_pass(bench):  # noqa: F811
    """At a size that the network refuses, with what poolings pass over; rows and columns apart."""
    network, size, seen = one_channel("unet", "valid").eval(), (215, 202), {}
    for name, part in network.named_modules():
        part.register_forward_hook(lambda _, __, made, name=name: seen.update({name: tuple(made.shape[2:])}))
    offsets = {level: (offset, offset) for level, offset in {3: 4, 2: 16, 1: 40, 0: 88}.items()}
    output = unet(network, torch.zeros(1, 1, *size), cropping(offsets)).shape[2:]
    answer = geometry(bench, height=size[0], width=size[1])
    drawn = named(answer["figures"]["sizes"])
    for name, side in (("t:lab.crop.height", 0), ("t:lab.crop.width", 1)):
        heights = dict(zip(drawn[name]["x"], drawn[name]["y"], strict=True))
        assert {step: n for step, n in heights.items() if step in seen} == {
            step: seen[step][side] for step in heights if step in seen
        }
        assert len(set(heights) & set(seen)) > 15
    facts = answer["facts"]["sizes"]
    assert dict(facts)["lab.crop.size.output"] == {"height": output[0], "width": output[1]}
    passed = {params["step"]: (params["rows"], params["cols"]) for key, params in facts if key.endswith("passed")}
    assert passed == {"pool_d0c": (1, 0), "pool_d1c": (1, 1), "pool_d2c": (0, 1), "pool_d3c": (1, 1)}
    assert list(drawn["t:lab.crop.passed"]["x"]) == list(passed)
    assert [(p["n"], p["nearest"]) for key, p in facts if key.endswith("refused")] == [
        (215, "204, 220"),
        (202, "188, 204"),
    ]


@pytest.mark.parametrize(("size", "refused"), [((500, 500), [500]), ((500, 572), [500]), ((572, 572), [])])
def test_a_size_is_refused_once(bench, size, refused):  # noqa: F811
    facts = geometry(bench, height=size[0], width=size[1])["facts"]["sizes"]
    assert [params["n"] for key, params in facts if key == "lab.crop.size.refused"] == refused
    assert ("lab.crop.size.taken" in dict(facts)) is not refused


# ---- where crops cut


def test_the_aligned_offset_is_said_to_follow_from_the_papers_grids(bench):  # noqa: F811
    """Starts and jumps of U-Net's d0c and u0a, and of FCN's pool4 and upscore2, as in the table of fields."""
    for mode in labs.MODES:
        said = dict(geometry(bench, mode=mode, crop="crop_d0c")["facts"]["crop"])["lab.crop.cut.derived"]
        if mode == "aligned":
            assert (said["here"], said["there"], said["jump"], said["sum"]) == (2, 90, 1, "(90 − 2) / 1 = 88")
        assert said["sum"].split(" = ")[0] == f"({said['there']} − {said['here']}) / {said['jump']}"
        assert (said["there"] - said["here"]) / said["jump"] == int(said["sum"].split(" = ")[1])
    said = dict(geometry(bench, "fcn8s", "paper", crop="crop_pool4")["facts"]["crop"])["lab.crop.cut.derived"]
    assert (said["here"], said["there"], said["jump"]) == (-91.5, -11.5, 16)
    assert said["sum"] == "(−11.5 + 91.5) / 16 = 5"


@pytest.mark.parametrize("mode", labs.MODES)
@pytest.mark.parametrize("name", LEVELS)
def test_the_regions_are_those_that_slicing_keeps(mode, name):
    """A map of ones is cut by the network's own rule; in mode "pad" it is kept whole."""
    found = labs.crop("unet", "valid", (220, 204), mode, seed=4)
    crop, sizes = found[name], {one.step: one.shape for one in found.steps}
    whole = torch.zeros(sizes[crop.of])
    top, left = crop.rows.offset, crop.cols.offset
    height, width = sizes[crop.reference]
    if mode == "pad":
        whole += 1
    else:
        whole[top : top + height, left : left + width] = 1
    kept = torch.nonzero(whole)
    drawn = named(figures.regions(crop).to_plotly_json())
    expected = (*(kept.min(0).values - 0.5).tolist(), *(kept.max(0).values + 0.5).tolist())
    assert corners(drawn["t:lab.crop.kept"]) == expected
    assert corners(drawn["t:lab.crop.dropped"]) == (-0.5, -0.5, *(n - 0.5 for n in sizes[crop.of]))
    first = {3: 4, 2: 16, 1: 40, 0: 88}[LEVELS[name]]  # the paper's offsets
    if mode != "pad":
        last = first + height - 0.5, first + width - 0.5
        assert corners(drawn["t:lab.crop.aligned"]) == (first - 0.5, first - 0.5, *last)
    origin = figures.regions(crop).layout.meta["origin"]
    assert tuple(origin) == ((0, 0) if mode == "pad" else (top, left))


@pytest.mark.parametrize("mode", ["aligned", "corner"])
def test_what_meets_is_drawn_and_said_as_autograd_finds_it(bench, mode):  # noqa: F811
    size, unit, name = (204, 188), (7, 2), "crop_d2c"
    answer = geometry(bench, height=size[0], width=size[1], modes__crop_d2c=mode, crop=name, unit="7,2")
    offset = 16 if mode == "aligned" else 0
    network, maps = linear(one_channel("unet", "valid")), {}
    network.get_submodule(name).register_forward_hook(lambda _, given, made: maps.update(given=given))
    image = torch.ones(1, 1, *size, dtype=torch.float64, requires_grad=True)
    network(image)
    skip, below = maps["given"]
    kept = skip[0, 0, offset : offset + below.shape[2], offset : offset + below.shape[3]]
    seen = {}
    for key, value in (("own", kept[unit]), ("other", below[0, 0][unit]), ("kept", kept.sum())):
        (gradient,) = torch.autograd.grad(value, image, retain_graph=True)
        rows, cols = (torch.nonzero((gradient[0, 0] > 0).any(1 - axis))[:, 0].tolist() for axis in (0, 1))
        seen[key] = {"top": rows[0], "bottom": rows[-1], "left": cols[0], "right": cols[-1]}
    facts, drawn = answer["facts"]["meeting"], named(answer["figures"]["input"])
    for key, step, trace in (
        ("own", "relu_d2c", "t:lab.crop.field.own"),
        ("other", "upconv_u2a", "t:lab.crop.field.other"),
        ("kept", "", "t:lab.crop.seen"),
    ):
        box = seen[key]
        ends = box["top"] - 0.5, box["left"] - 0.5, box["bottom"] + 0.5, box["right"] + 0.5
        assert corners(drawn[trace]) == ends
        if step:
            sides = {"height": box["bottom"] - box["top"] + 1, "width": box["right"] - box["left"] + 1}
            assert dict(facts)[f"lab.crop.meet.{key}"] == {"step": step, **sides, **box}
    shift = dict(facts)["lab.crop.meet.shift"]
    for way, ends in (("down", ("top", "bottom")), ("right", ("left", "right"))):
        centres = [sum(seen[key][end] for end in ends) / 2 for key in ("own", "other")]
        assert shift[way] == centres[0] - centres[1]
    assert dict(facts)["lab.crop.meet.unit"] == {"row": 7, "column": 2}
    assert corners(drawn["t:lab.crop.input"]) == (-0.5, -0.5, size[0] - 0.5, size[1] - 0.5)
    assert corners(drawn["t:lab.crop.output"]) == (91.5, 91.5, size[0] - 92.5, size[1] - 92.5)  # 184 = 2 * 92 are lost


def test_a_row_of_the_table_is_its_crop(bench):  # noqa: F811
    """The paper's offsets and sizes, rows and columns; a row that is pressed chooses its crop."""
    answer = geometry(bench, height=500, width=572, mode="centre")
    rows = {row["cells"][0]: row["cells"] for row in answer["tables"]["crops"]["rows"]}
    assert rows["crop_d0c"][1:6] == ["496 × 568", "312 × 392", "92, 88", "92, 88", 88]
    assert rows["crop_d2c"][1:6] == ["118 × 136", "84 × 104", "17, 16", "17, 16", 16]
    assert rows["crop_d2c"][6] == ["lab.crop.off", {"down": 4, "right": 0}]
    assert rows["crop_d3c"][6] == ["lab.crop.off.both", {"down": 0}]
    for name in rows:
        again = geometry(bench, height=500, width=572, crop=name)
        assert [row["cells"][0] for row in again["tables"]["crops"]["rows"] if row["chosen"]] == [name]
        said = dict(again["facts"]["crop"])["lab.crop.cut.said"]
        units, reference = (text.split(" × ")[0] for text in rows[name][1:3])
        assert (said["crop"], str(said["units"]), str(said["reference"])) == (name, units, reference)
        assert said["offset"] == rows[name][5]


# ---- predictions


def test_a_sweep_is_drawn_and_said_as_the_lab_measures_it(bench, monkeypatch):  # noqa: F811
    monkeypatch.setattr(predicting, "MOST_SHIFTS", 3)
    answer = ask(bench, "crop", "sweep", selection(bench, "unet", "valid"), height=204, width=204)
    q = question(bench, height=204, width=204)
    given = bench.labs.bench.input(q, (204, 204))
    points = labs.sweep(bench.labs.bench.loaded(q).module, given.image, (), given.truth)
    said, worst = dict(answer["facts"]["sweep"]), min(points, key=lambda point: point.figures.mean_iou)
    assert said["lab.crop.sweep.untouched"] == {"runs": len(points)} == {"runs": 4 * 3}
    assert said["lab.crop.sweep.worst"] == {
        "crop": worst.crop,
        "pixels": int(worst.misalignment),
        "iou": {"percent": worst.figures.mean_iou},
    }
    for trace in answer["figures"]["sweep"]["data"]:
        own = {float(p.misalignment): 100 * p.figures.mean_iou for p in points if p.crop == trace["name"]}
        assert dict(zip(trace["x"], trace["y"], strict=True)) == own
        assert own[0] == 100


@pytest.mark.parametrize("kind", ["zero", "shift", "swap"])
def test_surgery_is_said_with_the_figures_of_the_network_said_again(bench, kind):  # noqa: F811
    """Zeros, a shift by two units, or the skip of another image, in U-Net's forward pass by hand."""
    settings = {"cuts__concat_u1b": kind, "moves__concat_u1b": 2, "other": "cat.jpg"}
    answer = ask(bench, "crop", "values", selection(bench, "unet", "valid"), height=204, width=204, **settings)
    q = question(bench, height=204, width=204)
    network = bench.labs.bench.loaded(q).module
    images = [bench.labs.bench.input(q, (204, 204), name).image for name in ("", "cat.jpg")]
    plain, theirs = cropping({3: (4, 4), 2: (16, 16), 1: (40, 40), 0: (88, 88)}), {}

    def note(level, skip, x):
        theirs[level], _ = plain(level, skip, x)
        return theirs[level], x

    def cut(level, skip, x):
        own, _ = plain(level, skip, x)
        if level != 1:
            return own, x
        moved = torch.zeros_like(own)
        moved[:, :, 2:, 2:] = own[:, :, :-2, :-2]
        return {"zero": torch.zeros_like(own), "shift": moved, "swap": theirs[1]}[kind], x

    unet(network, images[1], note)
    labels = [unet(network, images[0], fit).argmax(1).numpy() for fit in (plain, cut)]
    said = dict(answer["facts"]["surgery"])
    assert said["lab.agreement"]["share"]["percent"] == pytest.approx((labels[0] == labels[1]).mean())
    assert said["lab.judged.untouched"]["pixels"] == labels[0].size == 20 * 20
    assert said["lab.judged.untouched"]["iou"]["percent"] == pytest.approx(iou(*labels))


def iou(real: np.ndarray, made: np.ndarray) -> float:
    known = np.union1d(real, made)
    return float(np.mean([((real == c) & (made == c)).sum() / ((real == c) | (made == c)).sum() for c in known]))


def question(bench, **settings):  # noqa: F811
    chosen = bench.networks.check(selection(bench, "unet", "valid"))
    return lab.Question("crop", "values", chosen, lab.Settings(**settings))


# ---- refusals


def test_a_padded_map_that_leaves_no_room_is_refused_with_what_runs(bench):  # noqa: F811
    """FCN-8s: behind a pool4 that is met by padding, the map from below is larger than pool3."""
    with pytest.raises(ExplorerError) as caught:
        geometry(bench, "fcn8s", "paper", mode="pad")
    assert caught.value.code == "lab_crop_small"
    assert placeholders(EN["error.lab_crop_small"]) <= set(caught.value.details)
    before, crop = caught.value.details["before"], caught.value.details["crop"]
    assert (before, crop) == ("crop_pool4", "crop_pool3")
    geometry(bench, "fcn8s", "paper", mode="pad", **{f"modes__{before}": "aligned"})
    geometry(bench, "fcn8s", "paper", **{f"modes__{crop}": "pad"})
