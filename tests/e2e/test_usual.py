"""What nobody chose: the page takes for an image what the command line takes for it, and the choice of channels."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from explorer import api, images
from explorer.models import MODELS
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import ROOT, Visit
from tests.e2e.segmenting import EN, give, run, segmenting

STARTS = {"photograph": "", "nuclei": "&image=nuclei_pink.png", "thin": "&checkpoint=fcn8s-everyday"}
NETWORKS = {"fcn8s": "FCN-8s", "fcn32s": "FCN-32s", "unet": "U-Net"}


def made(folder: Path, kind: str) -> Path:
    """Images of one's own: a photograph beyond the size trained on, micrographs, a grey one that does not tell."""
    source = {"photo": "flower.jpg", "stained": "nuclei_purple.png", "dark": "nuclei_crowded.png"}.get(kind)
    path = folder / f"{kind}.png"
    if source:
        with Image.open(ROOT / "assets/examples" / source) as image:
            part = image.convert("RGB").rotate(180)
            (part.resize((1200, 900)) if kind == "photo" else part.crop((8, 8, 200, 180))).save(path)
    else:
        noise = np.random.default_rng(4).integers(60, 200, (9, 12), np.uint8)
        Image.fromarray(noise).resize((240, 180), Image.Resampling.BICUBIC).save(path)
    return path


def chosen(visit: Visit) -> tuple[str, str, str, list[int]]:
    """Network, weights and padding that the page has chosen, and the size that it would run at."""
    model = visit.page.get_attribute(".fx-networks [aria-checked=true]", "data-model")
    weights, padding = (visit.page.locator(f".fx-{name} select").input_value() for name in ("weights", "padding"))
    offer = visit.page.inner_text(".fx-offers [aria-checked=true] span")
    return model, weights, padding, offer


@pytest.mark.parametrize(  # each start and each network
    ("start", "key"),
    [("photograph", "fcn8s"), ("photograph", "unet"), ("nuclei", "fcn8s"), ("nuclei", "unet"), ("thin", "fcn32s")],
)
def test_a_newcomer_gets_what_the_command_line_takes(visit: Visit, tmp_path: Path, start: str, key: str) -> None:
    segmenting(visit, STARTS[start])
    visit.page.get_by_role("radio", name=NETWORKS[key], exact=True).click()
    for kind in ("photo", "stained", "grey", "dark", "photo"):
        path = made(tmp_path, kind)
        give(visit, path)
        pixels = images.read(path).pixels
        loaded = api.network(key, domain=api.domain_of(pixels, key))
        side = loaded.card.side_for(pixels.shape[:2]) or max(pixels.shape)
        model, weights, padding, offer = chosen(visit)
        assert (model, weights, padding) == (key, loaded.card.name, loaded.spec.padding), kind
        height, width = images.resized_shape(pixels.shape[:2], side)
        assert offer == EN["segment.pixels"].format(height=height, width=width), kind


def test_the_command_that_is_told_says_no_more_than_the_usual(visit: Visit, tmp_path: Path) -> None:
    """Run there without its options it gives the same network, weights and padding."""
    segmenting(visit)
    for kind in ("stained", "photo"):
        give(visit, made(tmp_path, kind))
        run(visit)
        words = shlex.split(visit.text(".fx-command code"))
        told = dict(zip(words[5::2], words[6::2], strict=True))
        pixels = images.read(tmp_path / f"{kind}.png").pixels
        loaded = api.network(told["--model"], domain=api.domain_of(pixels, told["--model"]))
        assert (told["--weights"], told["--padding"]) == (loaded.card.name, loaded.spec.padding)


def test_in_a_list_each_image_has_its_own_and_one_run_takes_all(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    give(visit, made(tmp_path, "grey"), made(tmp_path, "stained"))
    visit.page.locator(".fx-all").click()
    visit.page.wait_for_function(
        "said => [...document.querySelectorAll('.fx-queue small')].every((one) => one.textContent === said)",
        arg=EN["segment.state.done"],
    )
    for kind, weights in (("grey", "fcn8s-everyday"), ("stained", "fcn8s-nuclei")):
        visit.page.locator(f".fx-queue b:text-is('{kind}.png')").click()
        assert f"--weights {weights} " in visit.text(".fx-command code")
        assert visit.page.locator(".fx-weights select").input_value() == weights
        states = visit.page.locator(".fx-queue small").all_inner_texts()
        assert states == [EN["segment.state.done"]] * 2


def test_weights_chosen_by_hand_stay_and_that_is_said(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    give(visit, made(tmp_path, "stained"))
    assert visit.text(".fx-notice p") == EN["notice.taken"].format(weights=title(visit, "fcn8s-nuclei"))
    visit.page.locator(".fx-notice-take").click()  # back
    visit.until(lambda: visit.page.locator(".fx-weights select").input_value() == "fcn8s-everyday")
    assert visit.text(".fx-notice p") == EN["notice.nuclei"]
    give(visit, made(tmp_path, "dark"))
    assert visit.page.locator(".fx-weights select").input_value() == "fcn8s-everyday"
    give(visit, made(tmp_path, "photo"))
    visit.page.locator(".fx-queue b:text-is('dark.png')").click()
    assert visit.page.locator(".fx-weights select").input_value() == "fcn8s-everyday"


def title(visit: Visit, name: str) -> str:
    return visit.page.inner_text(f".fx-weights option[value='{name}']").strip()


@pytest.fixture
def bands(tmp_path: Path) -> Path:
    """Five channels, each of another look."""
    rows, columns = np.mgrid[:70, :90]
    planes = [rows * 3, columns * 2, (rows * columns) % 256, 255 - rows * 3, (rows // 8 + columns // 8) % 2 * 255]
    path = tmp_path / "bands.tif"
    tifffile.imwrite(path, np.stack(planes).astype(np.uint8), photometric="minisblack", planarconfig="separate")
    return path


def channels_in(visit: Visit, place: str, *numbers: int) -> None:
    """Choose channels where the note is, and have them read."""
    box = visit.page.locator(f"{place} .fx-channels")
    box.locator("select").first.select_option(value="grey" if len(numbers) == 1 else "colour")
    names = ("red", "green", "blue") if len(numbers) == 3 else ("one",)
    for name, number in zip(names, numbers, strict=True):
        box.get_by_label(EN[f"channels.{name}"]).select_option(index=number - 1)
    box.get_by_role("button", name=EN["channels.read"]).click()


def taken(*numbers: int) -> str:
    return EN["note.image.channels"].format(channels=5, taken=", ".join(map(str, numbers)))


def test_channels_are_chosen_in_every_view_and_stay_with_the_image(visit: Visit, bands: Path) -> None:
    visit.open()
    before = visit.run
    visit.upload(bands)
    first = visit.after(before).run
    assert taken(1) in visit.text(".fx-facts")
    channels_in(visit, ".fx-facts", 4, 3, 2)
    visit.after(first)
    assert taken(4, 3, 2) in visit.text(".fx-facts")
    shown = visit.page.evaluate(
        "() => [...document.querySelectorAll('.fx-facts .fx-channels select')].map((s) => s.value)"
    )
    assert shown[0] == "colour"
    assert shown[2:] == ["3", "2", "1"]
    visit.page.click(".fx-views [data-view=segment]")
    visit.page.wait_for_selector(".fx-read .fx-channels")
    assert taken(4, 3, 2) in visit.text(".fx-read")
    channels_in(visit, ".fx-read", 5)
    visit.until(lambda: taken(5) in visit.text(".fx-read"))
    visit.page.wait_for_selector(".fx-queue [aria-current] small:text-is('ready')")
    run(visit)
    assert "--channels 5" in visit.text(".fx-command code")
    visit.page.click(".fx-views [data-view=compare]")
    visit.page.click(".fx-run")
    visit.page.wait_for_selector(".fx-pairs .fx-channels")
    assert taken(5) in visit.text(".fx-pairs")
    channels_in(visit, ".fx-pairs", 1, 5, 1)
    visit.until(lambda: taken(1, 5, 1) in visit.text(".fx-pairs"), 30)
    visit.page.click(".fx-views [data-view=explore]")
    visit.until(lambda: taken(1, 5, 1) in visit.text(".fx-facts"), 30)


def test_channels_stay_while_a_control_is_changed_before_the_file_is_read(visit: Visit, bands: Path) -> None:
    visit.open()
    before = visit.run
    visit.upload(bands)
    first = visit.after(before).run
    visit.set("size", "256")
    second = visit.after(first).run
    channels_in(visit, ".fx-facts", 2)
    visit.set("size", "192")
    visit.after(second)
    visit.until(lambda: taken(2) in visit.text(".fx-facts"))
    assert visit.page.locator(".fx-size select").input_value() == "192"


@pytest.mark.parametrize("visit", [{"locale": "ko-KR"}], indirect=True)
def test_the_choice_of_channels_works_by_keyboard_in_korean(visit: Visit, bands: Path) -> None:
    visit.open()
    before = visit.run
    visit.upload(bands)
    first = visit.after(before).run
    ko = TEXTS["ko"]
    group = visit.page.get_by_role("group", name=ko["channels.label"], exact=True)
    group.get_by_label(ko["channels.kind"]).focus()
    visit.press("Tab")
    visit.press("ArrowDown")
    visit.press("Tab")
    assert visit.page.evaluate("() => document.activeElement.textContent") == ko["channels.read"]
    visit.press("Enter")
    visit.after(first)
    assert ko["note.image.channels"].format(channels=5, taken="2") in visit.text(".fx-facts")


def test_every_network_is_in_this_test() -> None:
    assert {model.family for key, model in MODELS.items() if key in NETWORKS} == {m.family for m in MODELS.values()}
