"""Training on tiny generated data: exact folding, weight map, splits, refusals, and going on after kill -9."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from explorer import weights
from explorer.metrics import IGNORE
from explorer.models import MODELS, ModelSpec, build
from explorer.training import augment, border, data, evaluate, norm, recipe
from explorer.training.__main__ import main, unbalance
from explorer.training.augment import Augmentation
from explorer.training.data import DataError, Sample
from explorer.training.loop import Batches, Run
from explorer.training.loss import loss_of
from explorer.training.nets import Nets

ROOT = Path(__file__).resolve().parent.parent
FCN = ModelSpec("fcn8s", "same", 1 / 32, 8, 3, 4)
UNET = ModelSpec("unet", "valid", 1 / 32, 4096, 3, 3)


# --- generated data -------------------------------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nuclei(tmp_path_factory.mktemp("nuclei"))


# --- batch norm folded ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["fcn32s", "fcn8s", "unet"])
def test_folding_is_exact_in_every_geometry(model: str) -> None:
    for padding in MODELS[model].paddings:
        torch.manual_seed(1)
        module = build(ModelSpec(model, padding, 1 / 32, 8, 3, 4)).double()
        names = set(module.state_dict())
        norm.insert(module)
        module.double()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):  # a trained norm is far from the identity
                nn.init.uniform_(part.running_mean, -1, 1)
                nn.init.uniform_(part.running_var, 0.2, 3)
                nn.init.uniform_(part.weight, -2, 2)
                nn.init.uniform_(part.bias, -1, 1)
            elif isinstance(part, nn.Conv2d):
                nn.init.normal_(part.weight, std=0.3)
                nn.init.normal_(part.bias, std=0.3)
        module.eval()
        x = torch.rand(1, 3, *((188, 204) if padding == "valid" else (32, 48)), dtype=torch.float64)
        with torch.inference_mode():
            normed = module(x)
        norm.fold(module)
        assert set(module.state_dict()) == names
        with torch.inference_mode():
            folded = module(x)
        assert normed.std() > 1e-3
        assert (folded - normed).abs().max() < 1e-9 * max(1, normed.abs().max())


def test_networks_share_their_weights_and_outputs_agree_with_the_coarser_networks() -> None:
    torch.manual_seed(0)
    nets = Nets(FCN, ("same", "paper"), ("fcn32s", "fcn16s"), normed=True)
    for p in nets.first.parameters():
        if p.requires_grad:
            nn.init.normal_(p, std=0.2)
    nets.eval()
    state = nets.folded().state_dict()
    x = torch.rand(2, 3, 45, 38)
    for padding, streams in nets.streams.items():
        with torch.inference_mode():
            outputs = streams(x)
        assert set(outputs) == {"fcn8s", "fcn32s", "fcn16s"}
        for model, scores in outputs.items():
            alone = build(replace(FCN, model=model, padding=padding))
            own = alone.state_dict()
            alone.load_state_dict({k: v if k.startswith("upscore") else state[k] for k, v in own.items()})
            with torch.inference_mode():
                expected = alone(x)
            assert expected.std() > 1e-3
            torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)
    nets.train(frozen_norm=False, dropout=0.1)
    nets.streams["paper"](x)["fcn8s"].sum().backward()
    other = nets.plain["same"].get_submodule("conv1_1")[0]
    assert other.weight.grad is not None
    running = [net.get_submodule("conv1_1")[1].running_mean for net in nets.plain.values()]
    assert running[0] is running[1]


# --- border weight map ----------------------------------------------------------------------------------------------


def brute_force(instances: np.ndarray, w0: float, sigma: float) -> np.ndarray:
    """Equation 2 of Ronneberger et al. 2015, pixel by pixel, object by object."""
    ids = [i for i in np.unique(instances) if i]
    result = np.zeros(instances.shape)
    for y, x in np.ndindex(*instances.shape):
        nearest = sorted(
            min(np.hypot(y - v, x - u) for v, u in zip(*np.nonzero(instances == i), strict=True)) for i in ids
        )
        if len(nearest) >= 2:
            result[y, x] = w0 * np.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * sigma**2))
    return result


@pytest.mark.parametrize(("w0", "sigma"), [(10.0, 5.0), (3.0, 1.5)])
def test_weight_map_agrees_with_the_papers_formula(w0: float, sigma: float) -> None:
    instances = np.zeros((23, 31), int)
    instances[2:9, 3:10] = 4
    instances[2:9, 12:15] = 9
    instances[12:15, 5:12] = 1000
    instances[22, 30] = 2
    expected = brute_force(instances, w0, sigma)
    assert expected.max() > 0.1 * w0
    assert border.weight_map(instances, w0, sigma) == pytest.approx(expected, abs=1e-4 * w0)


def test_one_object_or_none_has_no_border() -> None:
    instances = np.zeros((9, 9), int)
    assert (border.weight_map(instances) == 0).all()
    instances[2:4, 2:4] = 1
    assert (border.weight_map(instances) == 0).all()
    assert set(np.unique(border.classes_of(instances))) == {border.BACKGROUND, border.OBJECT}


def test_distance_agrees_with_brute_force() -> None:
    mask = np.random.default_rng(3).random((13, 17)) < 0.05
    where = np.argwhere(mask)
    expected = [[((where - (y, x)) ** 2).sum(1).min() for x in range(17)] for y in range(13)]
    assert (border.squared_distance(mask) == expected).all()


def test_touching_pixels() -> None:
    instances = np.array([[0, 0, 0, 0, 0, 0], [1, 1, 2, 2, 0, 3], [1, 1, 2, 2, 0, 3]])
    assert (border.classes_of(instances) == [[0, 2, 2, 0, 2, 0], [1, 2, 2, 1, 2, 1], [1, 2, 2, 1, 2, 1]]).all()


# --- data -----------------------------------------------------------------------------------------------------------


def test_photos_are_read_and_split_by_name_alone(photos: Path) -> None:
    samples = data.read_all("msrc_v2", photos)
    assert len(samples) == 14
    assert set(np.unique(samples[0].target)) == {1, 5, IGNORE}  # grass, sky, void
    train, validation, rule = data.split("msrc_v2", samples)
    assert "sha256" in rule
    assert {s.name for s in train} | {s.name for s in validation} == {s.name for s in samples}
    again = data.split("msrc_v2", samples[::-1][: len(samples) // 2])[1]
    assert {s.name for s in again} == {s.name for s in samples[::-1][: len(samples) // 2]} & {
        s.name for s in validation
    }


def test_nuclei_of_one_look_stay_on_one_side(nuclei: Path) -> None:
    samples = data.read_all("nuclei", nuclei)
    assert samples[0].weight.max() > 5
    assert set(np.unique(samples[0].target)) == {0, 1, 2}
    doubled = samples + [replace(s, name=f"{s.name}-again") for s in samples]
    train, validation, _ = data.split("nuclei", doubled)
    assert train
    assert validation
    assert not {data.signature(s) for s in train} & {data.signature(s) for s in validation}
    assert {s.kind for s in validation} == {s.kind for s in doubled}


def drop_mask(folder: Path) -> str:
    (folder / "masks/3_s.png").unlink()
    return "3_s.jpg"


def drop_image(folder: Path) -> str:
    (folder / "images/3_s.jpg").unlink()
    return "3_s.png"


def unknown_class(folder: Path) -> str:
    Image.fromarray(np.full((40, 48), 99, np.uint8)).save(folder / "masks/3_s.png")
    return "3_s.png has the value 99"


def other_size(folder: Path) -> str:
    Image.fromarray(np.full((48, 40), 2, np.uint8)).save(folder / "masks/3_s.png")
    return "3_s.png has 40 x 48 pixels, its image 48 x 40"


def truncated(folder: Path) -> str:
    path = folder / "images/3_s.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    return "3_s.jpg"


def no_image_at_all(folder: Path) -> str:
    (folder / "images/3_s.jpg").write_text("not an image")
    return "3_s.jpg"


def coloured_mask(folder: Path) -> str:
    Image.fromarray(np.full((40, 48, 3), 2, np.uint8)).save(folder / "masks/3_s.png")
    return "3_s.png"


def no_folder(folder: Path) -> str:
    (folder / "masks").rename(folder / "labels")
    return "masks"


BAD = [drop_mask, drop_image, unknown_class, other_size, truncated, no_image_at_all, coloured_mask, no_folder]


@pytest.mark.parametrize("spoil", BAD, ids=lambda f: f.__name__)
def test_bad_data_stops_before_training_with_the_file_named(
    spoil: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_photos(tmp_path / "data", count=5)
    expected = spoil(folder)  # type: ignore[operator]
    with pytest.raises(DataError) as caught:
        data.read_all("msrc_v2", folder)
    assert expected in str(caught.value)
    chosen = write_recipe(tmp_path / "tiny.json")
    assert main([str(chosen), "--data", str(folder), "--out", str(tmp_path), "--run", str(tmp_path / "run")]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_recipes_are_read_and_bad_ones_refused(tmp_path: Path) -> None:
    for path in recipe.FOLDER.glob("*.json"):
        found = recipe.read(path.stem)
        assert weights.stored_shapes(found.spec)
    for change, why in (
        ({"depth": 3}, "depth"),
        ({"data_set": "?"}, "unknown"),
        ({"geometries": {"valid": {"share": 1, "batch": 1, "crop": [9, 9]}}}, "valid"),
    ):
        with pytest.raises(ValueError, match=why):
            recipe.read(str(write_recipe(tmp_path / "r.json", **change)))
    with pytest.raises(ValueError, match="there is no recipe"):
        recipe.read("nothing")


# --- pairs, loss, evaluation ----------------------------------------------------------------------------------------


def gradient_sample(height: int, width: int) -> Sample:
    """A sample whose label is the image's value, so that any disagreement of image and label shows."""
    value = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    image = np.repeat(value[:, :, None], 3, 2)
    return Sample("x", "photo", image, value, value.astype(np.float16))


@pytest.mark.parametrize("mirror", [True, False])
def test_image_labels_and_weights_are_moved_alike(mirror: bool) -> None:
    how = Augmentation(scale=(0.7, 1.4), rotate=20, flip="hv", elastic=1.5, mirror=mirror)
    sample = gradient_sample(60, 70)
    for seed in range(8):
        pair = augment.draw(sample, (44, 36), (6, 4), how, (0.4, 0.4, 0.4), np.random.default_rng(seed))
        assert pair.image.shape == (3, 44, 36)
        assert pair.target.shape == pair.weight.shape == (32, 28)
        inside = pair.image[0, 6:-6, 4:-4] * 255
        known = pair.target != IGNORE
        if not mirror:  # next to the outside the image is mixed with the mean colour
            known &= torch.nn.functional.max_pool2d((~known)[None].float(), 5, 1, 2)[0] == 0
        assert known.float().mean() > 0.3
        assert (inside - pair.target)[known].abs().max() < 3
        if mirror:
            assert (inside - pair.weight).abs().max() < 1
        else:  # outside there is no weight to mix with
            assert ((inside - pair.weight).abs()[known] < 1).float().mean() > 0.98


def test_without_augmentation_a_crop_is_a_crop() -> None:
    sample = gradient_sample(30, 40)
    plain = Augmentation()
    for seed in range(6):
        pair = augment.draw(sample, (30, 40), (0, 0), plain, (0, 0, 0), np.random.default_rng(seed))
        image = (pair.image[0] * 255).numpy()
        target = pair.target.numpy()
        assert np.allclose(image, target, atol=0.01)
        assert any(np.array_equal(target, view) for view in (sample.target, sample.target[:, ::-1]))


def test_colours_can_be_left_alone_and_inverted() -> None:
    image = torch.rand(3, 5, 6)
    rng = np.random.default_rng(0)
    torch.testing.assert_close(augment.colours(image, Augmentation(), rng), image)
    torch.testing.assert_close(augment.colours(image, Augmentation(invert=1), rng), 1 - image)
    grey = augment.colours(image, Augmentation(grey=1), rng)
    torch.testing.assert_close(grey[0], grey[2])


def test_loss_by_hand() -> None:
    scores = torch.log(torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])).T.reshape(1, 2, 1, 3)
    target = torch.tensor([[[0, 1, IGNORE]]])
    weight = torch.tensor([[[0.0, 2.0, 9.0]]])
    found = loss_of(scores, target, weight, torch.tensor([1.0, 3.0]), dice=0)
    assert found.item() == pytest.approx((1 * -np.log(0.5) + (3 + 2) * -np.log(0.1)) / 2)


def test_class_weights_are_taken_out_of_the_prediction() -> None:
    """A score trained on weighted classes has probabilities w_c p_c / sum; afterwards they are p_c."""
    share, weight = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 1.5, 4.0])
    for spec, layer in ((replace(FCN, classes=3), "score_fr"), (UNET, "score")):
        net = build(spec)
        score = net.get_submodule(layer)
        with torch.no_grad():
            score.weight.zero_()
            score.bias.copy_(torch.log(share * weight))
        unbalance(net, weight)
        assert score.bias.softmax(0).tolist() == pytest.approx(share.tolist())


@pytest.mark.parametrize("size", [(5, 9), (64, 60), (70, 131)])
def test_whole_image_scores_stand_where_the_pixels_are(size: tuple[int, int]) -> None:
    """A U-Net that only copies its input's brightness gives it back, pixel on pixel, at any size."""
    for padding in ("valid", "same"):
        net = build(replace(UNET, padding=padding))
        for p in net.parameters():
            nn.init.zeros_(p)
        with torch.no_grad():
            for name in ("conv_d0a_b", "conv_d0b_c", "conv_u0c_d", "score"):
                part = net.get_submodule(name)
                part.weight[0, 0, part.kernel_size[0] // 2, part.kernel_size[1] // 2] = 1
            half = net.get_submodule("conv_u0b_c")
            half.weight[0, half.in_channels // 2, 1, 1] = 1  # the skip
        image = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
        x = evaluate.prepare(image, (0, 0, 0), (1, 1, 1))
        with torch.inference_mode():
            (scores,) = evaluate.scores_of(net, x, net).values()
        torch.testing.assert_close(scores[0, 0], x[0, 0])


# --- whole runs -----------------------------------------------------------------------------------------------------


def test_a_batch_follows_from_its_step(photos: Path, tmp_path: Path) -> None:
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json")))
    batches = Batches(chosen, data.read_all("msrc_v2", photos))
    stream = list(batches.ahead(3, 6))
    assert len(stream) == 3
    for step, batch in enumerate(stream, 3):
        for a, b in zip(batch[1:], batches(step)[1:], strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(stream[0][1], stream[1][1])


def test_a_killed_run_goes_on_and_ends_like_an_uninterrupted_one(photos: Path, tmp_path: Path) -> None:
    chosen = write_recipe(tmp_path / "tiny.json")
    command = [sys.executable, "-m", "explorer.training", str(chosen), "--data", str(photos)]
    command += ["--out", str(tmp_path / "out"), "--run", str(tmp_path / "run"), "--save-every", "0", "--device", "cpu"]
    state = tmp_path / "run" / "state.pt"
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 100
        while not state.exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.3)  # some steps more
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    killed_at = torch.load(state, weights_only=True)["step"]
    assert 0 < killed_at < 40

    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert again.returncode == 0, again.stderr
    assert f"going on from step {killed_at}" in again.stderr
    assert "min left" in again.stderr
    assert main([*command[3:-6], "--run", str(tmp_path / "whole"), "--out", str(tmp_path / "whole")]) == 0

    (card,) = weights.available(tmp_path / "out")
    (other,) = weights.available(tmp_path / "whole")
    assert card.recipe["steps_made"] == other.recipe["steps_made"] == 40
    ours, theirs = (weights.load(c).module.state_dict() for c in (card, other))
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0.02, atol=0.002, msg=name)
    figures, expected = (c.metrics["figures"]["same"]["fcn8s"]["pixel_accuracy"] for c in (card, other))
    assert abs(figures - expected) < 0.01
    with pytest.raises(AssertionError):  # the comparison can fail: another seed gives other weights
        torch.testing.assert_close(
            ours["conv1_2.weight"], build(card.spec).state_dict()["conv1_2.weight"], rtol=0.02, atol=0.002
        )


def test_a_state_of_another_recipe_is_refused(photos: Path, tmp_path: Path) -> None:
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json", steps=2)))
    samples = data.read_all("msrc_v2", photos)
    quiet = {"folder": tmp_path, "device": torch.device("cpu"), "say": lambda line: None}
    Run(chosen, samples, **quiet).finish()
    with pytest.raises(ValueError, match="another recipe or seed"):
        Run(replace(chosen, seed=5), samples, **quiet).finish()


def test_a_unet_learns_tiny_nuclei(nuclei: Path, tmp_path: Path) -> None:
    chosen = write_recipe(
        tmp_path / "cells.json",
        data_set="nuclei",
        model="unet",
        geometries={"valid": {"share": 1, "batch": 2, "crop": [204, 204]}},
        coarser={},
        steps=25,
        learning_rate=0.01,
        average=0.8,
        width=1 / 16,
        augmentation={"mirror": True},
    )
    out = tmp_path / "out"
    assert main([str(chosen), "--data", str(nuclei), "--out", str(out), "--run", str(tmp_path / "run")]) == 0
    (card,) = weights.available(out)
    figures = card.metrics["figures"]["valid"]["unet"]
    assert figures["nucleus_dice"] > 0.5  # bright rectangles on dark ground; chance gives about 0.3
    assert weights.load(card).notes == ()
    assert [c.name["en"] for c in card.classes] == ["background", "nucleus", "touching border"]
