"""The crop lab's predictions, against networks said again with other crops."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from explorer import labs
from explorer.errors import ExplorerError
from explorer.labs import crops, predicting
from explorer.replay import Replay
from explorer.trace import CancelledError, trace
from tests.labs.made import cropping, picture, unet

pytestmark = pytest.mark.usefixtures("one_thread")
UNET = ["crop_d3c", "crop_d2c", "crop_d1c", "crop_d0c"]


def random_offsets(lab: labs.CropLab) -> dict[int, tuple[int, int]]:
    return {level: (lab[f"crop_d{level}c"].rows.offset, lab[f"crop_d{level}c"].cols.offset) for level in range(4)}


@pytest.mark.parametrize(
    ("padding", "size", "mode"),
    [
        ("valid", (188, 204), "random"),
        ("valid", (200, 194), "centre"),
        ("valid", (204, 188), "corner"),
        ("same", (50, 39), "centre"),
    ],
)
def test_predictions_are_those_of_the_network_said_again(thin, padding, size, mode) -> None:
    network, image = thin("unet", padding), picture(*size)
    found = labs.predict(network, image, labs.placing(mode, seed=3))
    lab = labs.crop("unet", padding, size, mode, seed=3)
    expected = unet(network, image, cropping(random_offsets(lab)))
    assert torch.equal(found.made.scores, expected)
    assert np.array_equal(found.made.labels, expected[0].argmax(0).numpy())
    assert found.made.box == lab.output == found.untouched.box
    untouched = unet(network, image, cropping(random_offsets(labs.crop("unet", padding, size))))
    assert torch.equal(found.untouched.scores, untouched)
    same = expected.argmax(1) == untouched.argmax(1)
    assert not torch.equal(expected, untouched)
    assert found.figures.agreement == found.figures.pixel_accuracy == pytest.approx(float(same.float().mean()))
    assert found.figures.mean_iou == pytest.approx(mean_iou(untouched.argmax(1), expected.argmax(1)))
    assert (found.figures.against, found.figures.before) == ("untouched", 1)


def mean_iou(real: torch.Tensor, made: torch.Tensor) -> float:
    shares = []
    for c in torch.cat((real, made)).unique():
        both, either = ((real == c) & (made == c)).sum(), ((real == c) | (made == c)).sum()
        shares.append(float(both / either))
    return float(np.mean(shares))


def test_padding_the_other_map_is_what_ports_do(thin) -> None:
    """milesial/Pytorch-UNet pads the up-sampled map by half of the difference, rounded down, at the top and left."""

    def fit(level, skip, x):
        down, across = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        return skip, F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))

    network, image = thin("unet", "valid"), picture(204, 188)
    found = labs.predict(network, image, labs.placing("pad"))
    expected = unet(network, image, fit)
    assert torch.equal(found.made.scores, expected)
    assert (found.made.top, found.made.left) == (4, 4)  # two unpadded convolutions down, two up
    inner = expected[:, :, 88 : 88 + 20, 88 : 88 + 4]  # the untouched one is 204 - 184 by 188 - 184
    assert found.figures.pixels == 20 * 4
    assert found.figures.agreement == pytest.approx(float((inner.argmax(1) == network(image).argmax(1)).float().mean()))


def test_a_padded_score_map_of_fcn(thin) -> None:
    """FCN-16s with the map from below padded to pool4's: only the last crop's offset has to follow."""
    network, image = thin("fcn16s", "paper"), picture(70, 61)
    found = labs.predict(network, image, labs.placing("pad"))
    with torch.inference_mode():
        run = trace(network, image)
        below, skip = run["upscore2"].value, run["score_pool4"].value
        room = [s - b for s, b in zip(skip.shape[2:], below.shape[2:], strict=True)]
        padded = F.pad(below, (room[1] // 2, room[1] - room[1] // 2, room[0] // 2, room[0] - room[0] // 2))
        up = network.upscore16(padded + skip)
        moved = 27 + 16 * 5  # the paper's offset, and the 5 units that are no longer cut off
        expected = up[:, :, moved : moved + 70, moved : moved + 61]
    assert torch.equal(found.made.scores, expected)


def test_true_labels_are_judged_where_both_predictions_are(thin) -> None:
    network, image = thin("unet", "valid"), picture(204, 204)
    truth = np.random.default_rng(0).integers(0, 4, (204, 204)).astype(np.uint8)
    truth[100] = 255
    found = labs.predict(network, image, labs.placing("corner"), truth)
    real = torch.from_numpy(truth[92:112, 92:112])
    made = torch.from_numpy(found.made.labels)
    judged = real != 255
    assert found.figures.against == "truth"
    assert found.figures.mean_iou == pytest.approx(mean_iou(real[judged], made[judged]))
    before = torch.from_numpy(found.untouched.labels)
    assert found.figures.before == pytest.approx(mean_iou(real[judged], before[judged]))
    with pytest.raises(ExplorerError, match="204 x 204"):
        labs.predict(network, image, labs.placing(), truth[1:])


def test_misalignment_zero_is_the_untouched_prediction_bit_for_bit(network) -> None:
    """Also where every crop is really cut again."""
    sizes = network.input.sizes
    image = picture(sizes.at_least(40), sizes.at_least(60))
    with torch.inference_mode():
        expected = network(image)
    assert torch.equal(labs.predict(network, image, labs.placing()).made.scores, expected)
    lab = crops.walks(network, image.shape[2:])[0].cuts
    replay = Replay(network, image, lab)
    assert torch.equal(
        replay.run({name: predicting._cut(cut.aligned, cut.aligned) for name, cut in lab.items()}), expected
    )
    zero = [point for point in labs.sweep(network, image) if not point.units]
    assert [point.crop for point in zero] == list(lab)
    assert all(point.figures.agreement == 1 and point.misalignment == 0 for point in zero)


def test_a_shifted_crop_of_fcn_is_that_of_a_network_with_this_offset(thin) -> None:
    for padding, name, by in (("paper", "crop_pool4", 3), ("same", "crop_upscore_pool4", 1), ("paper", "score", -7)):
        network, image = thin("fcn8s", padding), picture(70, 61)
        changed = copy.deepcopy(network)
        changed.get_submodule(name).offset += by
        with torch.inference_mode():
            expected = changed(image)
        found = labs.predict(network, image, labs.placing(shifts={name: by}))
        assert torch.equal(found.made.scores, expected)
        assert not torch.equal(expected, network(image))


def test_a_sweep_asks_for_at_most_nine_shifts_and_can_be_stopped(thin) -> None:
    network, image = thin("unet", "valid"), picture(204, 188)
    asked: list[tuple[int, int, str]] = []
    points = labs.sweep(network, image, progress=lambda *call: asked.append(call))
    runs = len(points) + 1
    assert {done for done, _, _ in asked} == set(range(runs))
    assert {total for _, total, _ in asked} == {runs}
    for name, reach, jump in zip(UNET, (4, 16, 40, 88), (8, 4, 2, 1), strict=True):
        units = [point.units for point in points if point.crop == name]
        assert len(units) == 9
        assert (units[0], units[4], units[-1]) == (-reach, 0, reach)
        assert [int(p.misalignment) for p in points if p.crop == name] == [jump * u for u in units]
    point = next(p for p in points if p.crop == "crop_d1c" and p.units == 40)
    changed = copy.deepcopy(network)
    changed.crop_d1c.offset = 80
    with torch.inference_mode():
        ours, theirs = changed(image).argmax(1), network(image).argmax(1)
    assert point.figures.mean_iou == pytest.approx(mean_iou(theirs, ours))
    for stop in (0, 5):
        with pytest.raises(CancelledError):
            labs.sweep(network, image, ("crop_d1c",), progress=lambda done, total, name, stop=stop: done < stop)
