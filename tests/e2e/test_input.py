"""Ways in for an image, good and bad: every refusal is a sentence, and nothing the person set is lost."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Server, Visit


def picture(size: tuple[int, int] = (120, 90), kind: str = "PNG") -> bytes:
    memory = io.BytesIO()
    noise = np.random.default_rng(5).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(memory, kind)
    return memory.getvalue()


def bomb(side: int = 30_000) -> bytes:
    """A PNG of side x side grey pixels, all zero, of about a megabyte, written row by row."""
    squeeze = zlib.compressobj(9)
    row = bytes(side + 1)
    data = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


BAD = {
    "empty_file": ("empty.png", lambda: b""),
    "truncated": ("half.jpg", lambda: picture((400, 300), "JPEG")[:9000]),
    "not_an_image": ("text.png", lambda: b"this is a text file, whatever its name says\n" * 20),
    "too_small": ("one.png", lambda: picture((1, 1))),
    "too_large_pixels": ("bomb.png", bomb),
}


def beginning(language: str, code: str) -> str:
    """The sentence up to its first placeholder."""
    return TEXTS[language][f"error.{code}"].split("{")[0].strip()


@pytest.mark.parametrize(
    ("visit", "language", "bad"),
    [({"locale": "en-US"}, "en", list(BAD)), ({"locale": "ko-KR"}, "ko", ["truncated"])],
    indirect=["visit"],
)
def test_bad_files_get_a_sentence_and_settings_are_kept(
    visit: Visit, server: Server, tmp_path: Path, language: str, bad: list[str]
) -> None:
    visit.open()
    visit.set("size", "256")
    visit.page.wait_for_function("() => document.querySelector('.fx').dataset.state === 'running'")
    visit.ready()
    run, step, shown = visit.run, visit.step, visit.text(".fx-image-name")
    before = server.memory()
    for code in bad:
        name, make = BAD[code]
        path = tmp_path / name
        path.write_bytes(make())
        visit.upload(path)
        visit.page.wait_for_selector(".fx-message:not([hidden])")
        visit.page.wait_for_function(
            "b => document.querySelector('.fx-message:not([hidden]) p')?.textContent.includes(b)",
            arg=beginning(language, code),
        )
        assert "{" not in visit.text(".fx-message p")
        assert (visit.run, visit.step, visit.text(".fx-image-name")) == (run, step, shown)
        assert visit.page.locator(".fx-size select").input_value() == "256"
        visit.page.locator(".fx-message button").click()
    assert server.memory("VmHWM") - before < 900 * 2**20 or server.memory() - before < 300 * 2**20
    good = tmp_path / "good.png"
    good.write_bytes(picture())
    visit.upload(good)
    visit.after(run)
    assert visit.text(".fx-image-name") == "good.png"


def test_no_image_at_all(visit: Visit) -> None:
    """Cancelling the file dialog changes nothing; an upload that holds nothing is refused with a sentence."""
    visit.open()
    run = visit.run
    visit.page.locator(".fx-image").click()
    visit.page.set_input_files(".fx-sources .fx-file input", [])
    visit.page.keyboard.press("Escape")
    assert not visit.page.locator(".fx-sources").is_visible()
    assert visit.run == run
    assert visit.page.locator(".fx-message").is_hidden()


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_an_image_is_pasted_or_dropped(visit: Visit, way: str) -> None:
    visit.open()
    before = visit.run
    data = picture((90 + len(way), 80))
    visit.hand(way, data)
    visit.after(before)
    assert visit.text(".fx-image-name") == "given.png"


def test_an_image_is_photographed(visit: Visit) -> None:
    visit.open()
    before = visit.run
    visit.photograph()
    visit.after(before)
    assert visit.text(".fx-image-name") == TEXTS["en"]["sources.photograph"]
    visit.page.get_by_role("radio", name="original").click()
    assert visit.text(".fx-frame-size") == "240 × 320"


def test_a_change_during_an_upload_keeps_the_upload(visit: Visit, tmp_path: Path) -> None:
    visit.open()
    path = tmp_path / "mine.png"
    path.write_bytes(picture((130, 100)))
    visit.upload(path)
    visit.set("size", "192")  # before the run has ended
    visit.page.wait_for_function("() => document.querySelector('.fx-image-name').textContent === 'mine.png'")
    visit.ready()
    assert visit.page.locator(".fx-size select").input_value() == "192"
    assert visit.text(".fx-image-name") == "mine.png"


def test_an_own_image_outlives_a_reload_while_the_server_has_it(visit: Visit) -> None:
    visit.open()
    before = visit.run
    visit.hand("drop", picture((95, 70)), "kept.png")
    own = visit.after(before).run
    visit.page.wait_for_function("() => sessionStorage.length && location.search.includes('image=own')")
    visit.reload()
    assert (visit.run, visit.text(".fx-image-name")) == (own, "kept.png")
    visit.page.evaluate(
        """() => { for (const [key, value] of Object.entries(sessionStorage))
        sessionStorage.setItem(key, value.replace(/"image":"[^"]+"/, '"image":"gone"')) }"""
    )
    visit.reload()
    visit.page.wait_for_selector(".fx-message:not([hidden])")
    visit.ready()
    assert TEXTS["en"]["error.image_gone"] in visit.text(".fx-message")
    assert visit.run == before
    assert visit.text(".fx-image-name") != "kept.png"


def test_dropping_an_address_is_answered(visit: Visit) -> None:
    visit.open()
    visit.page.evaluate(
        """() => { const transfer = new DataTransfer();
        transfer.setData('text/uri-list', 'http://127.0.0.1/a.png');
        const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
        document.querySelector('.fx').dispatchEvent(new DragEvent('drop', options)); }"""
    )
    visit.page.wait_for_selector(".fx-message:not([hidden])")
    assert visit.text(".fx-message p") == TEXTS["en"]["error.nothing_dropped"]


def test_another_page_of_a_stack_is_chosen_where_the_note_is(visit: Visit, tmp_path: Path) -> None:
    pages = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (70, 95, 3), np.uint8)) for n in (1, 2)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    visit.open()
    before = visit.run
    visit.upload(tmp_path / "stack.tif")
    first = visit.after(before).run
    assert "Page 1 of 2" in visit.text(".fx-facts")
    visit.page.select_option(".fx-facts .fx-turn", index=1)
    visit.after(first)
    assert "Page 2 of 2" in visit.text(".fx-facts")
    visit.page.click(".fx-views [data-view=compare]")
    visit.page.click(".fx-run")
    visit.page.wait_for_selector(".fx-pairs .fx-turn")
    assert "Page 2 of 2" in visit.text(".fx-pairs")
