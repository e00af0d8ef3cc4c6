"""Several images at their own size: the list, who is run when, and what becomes of the others."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.e2e.conftest import Visit
from tests.e2e.segmenting import EN, give, photo, run, segmenting


def test_an_image_is_taken_off_the_list(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    assert visit.page.locator(".fx-off:visible").count() == 0  # the list is never left empty
    give(visit, *(photo(tmp_path / f"{name}.png", 64, 80, seed) for seed, name in enumerate("abc")))
    run(visit)

    def off(name: str) -> list[str]:
        visit.page.get_by_role("button", name=EN["segment.remove"].format(name=f"{name}.png")).click()
        return visit.page.locator(".fx-queue b").all_inner_texts()

    assert off("a") == ["b.png", "c.png"]
    visit.until(lambda: visit.text(".fx-image-name") == "b.png")  # the one that took its place
    assert visit.page.locator(".fx-outcome").is_hidden()
    assert off("c") == ["b.png"]
    assert visit.text(".fx-queue [aria-current] b") == "b.png"
    assert visit.page.locator(".fx-off:visible").count() == 0
    run(visit)


def test_several_images_are_run_one_after_the_other(visit: Visit, tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{i}.png", 100, 120, i) for i in range(3)]
    broken, worse = tmp_path / "broken.png", tmp_path / "worse.png"
    for path in (broken, worse):
        path.write_bytes(b"no image")
    visit.open()
    visit.page.locator(".fx-image").click()
    visit.page.set_input_files(".fx-sources .fx-file input", [str(p) for p in (*paths[:2], broken, paths[2], worse)])
    visit.page.wait_for_selector(".fx[data-view=segment] .fx-offers button")  # several files: they are segmented
    visit.ready()
    visit.page.locator(".fx-all").click()
    states = "() => [...document.querySelectorAll('.fx-queue li small')].map(e => e.textContent).join()"
    wanted = [EN[f"segment.state.{s}"] for s in ("done", "done", "failed", "done", "failed")]
    visit.page.wait_for_function(f"w => ({states})() === w", arg=",".join(wanted))
    visit.ready()
    assert visit.text(".fx-run") == EN["bar.run"]  # also where the last one failed
    for name, said in (("broken.png", True), ("1.png", False)):
        visit.page.locator(".fx-queue button", has_text=name).click()
        fault = visit.page.locator(".fx-board .fx-fault")
        assert fault.is_visible() == said
        assert fault.inner_text() == (f"{name}: {EN['error.not_an_image']}" if said else "")
        assert visit.page.locator(".fx-desk").is_visible() != said  # no ways to run what cannot be run
        assert visit.page.evaluate("document.activeElement.firstChild.textContent") == name  # it keeps the focus


def test_an_answer_belongs_to_the_file_that_was_asked_about(visit: Visit, tmp_path: Path) -> None:
    """Whatever is clicked while a file is read or run."""
    small, large = photo(tmp_path / "small.png", 120, 160), photo(tmp_path / "large.png", 1000, 1200)
    segmenting(visit)
    give(visit, small)
    visit.page.set_input_files(".fx-many input", str(large))
    visit.page.locator(".fx-queue button", has_text="small.png").click()
    visit.page.wait_for_selector(".fx-queue [aria-current] small:text-is('ready')")
    assert visit.text(".fx-offers span").startswith("120 × 160")
    assert visit.text(".fx-image-name") == "small.png"
    visit.page.locator(".fx-queue button", has_text="large.png").click()
    visit.page.wait_for_selector(".fx-queue [aria-current] small:text-is('ready')")
    assert visit.text(".fx-offers span").startswith("1,000 × 1,200")
    visit.page.locator(".fx-offers button", has_text=EN["segment.way.whole"]).click()
    visit.page.locator(".fx-run").click()
    visit.page.locator(".fx-queue button", has_text="small.png").click()  # the run goes on meanwhile
    visit.page.wait_for_selector(".fx-queue small:text-is('segmented')", timeout=120_000)
    assert visit.page.locator(".fx-outcome").is_hidden()
    visit.page.locator(".fx-queue button", has_text="large.png").click()
    assert "1,000 × 1,200" in visit.text(".fx-outcome")


def test_another_network_keeps_the_results_and_plans_anew(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    give(visit, photo(tmp_path / "own.png", 420, 500))
    run(visit)
    said = visit.text(".fx-outcome")
    assert said.startswith(f"FCN-8s, {EN['padding.paper']}; weights: ")
    visit.page.get_by_role("radio", name="U-Net", exact=True).click()
    visit.page.wait_for_selector(f".fx-offers b:text-is('{EN['segment.way.paper']}')")
    old = visit.text(".fx-outcome")
    assert old.startswith(EN["segment.again"])
    assert old.endswith(said)  # until there is another
    assert visit.text(".fx-queue [aria-current] small") == EN["segment.state.old"]
    assert visit.text(".fx-image-name") == "own.png"
    visit.page.locator(".fx-views [data-view=explore]").click()
    visit.page.get_by_role("radio", name="FCN-8s", exact=True).click()
    visit.page.wait_for_function("() => document.querySelector('.fx').dataset.state === 'ready'")
    visit.page.locator(".fx-views [data-view=segment]").click()
    visit.page.wait_for_selector(f'.fx-offers:not(:has-text("{EN["segment.way.paper"]}")) button')
    visit.page.wait_for_function("() => new URLSearchParams(location.search).get('view') === 'segment'")
    assert "model=fcn8s" in visit.page.url
    visit.until(lambda: visit.text(".fx-outcome") == said)  # the settings are those of the result again


def test_results_of_several_files_are_taken_at_once(visit: Visit, tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{name}.png", 64, 80, seed) for seed, name in enumerate("ab")]
    segmenting(visit)
    give(visit, *paths)
    visit.page.locator(".fx-all").click()
    visit.page.wait_for_selector(".fx-take-all:not([hidden])")
    assert visit.page.locator(".fx-all").is_disabled()
    with visit.page.expect_download() as packed:
        visit.page.locator(".fx-take-all").click()
    with zipfile.ZipFile(packed.value.path()) as file:
        assert {"a.mask.png", "b.mask.png"} <= set(file.namelist())


def test_images_are_pasted_dropped_and_photographed(visit: Visit, tmp_path: Path) -> None:
    data = photo(tmp_path / "own.png", 64, 80).read_bytes()
    segmenting(visit)
    chosen = ".fx-queue [aria-current]:has(small:text-is('ready')) b"
    for way in ("paste", "drop"):
        visit.hand(way, data, f"{way}.png")
        visit.page.wait_for_selector(f"{chosen}:text-is('{way}.png')")
        assert visit.text(".fx-offers span").startswith("64 × 80")
    visit.photograph()
    visit.page.wait_for_selector(f"{chosen}:text-is('{EN['sources.photograph']}')")
    assert visit.text(".fx-offers span").startswith("240 × 320")
    run(visit)


def test_whoever_looks_elsewhere_stays_there_while_the_others_are_run(visit: Visit, tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{name}.png", 200, 240, seed) for seed, name in enumerate("abc")]
    segmenting(visit)
    give(visit, *paths)
    visit.page.locator(".fx-all").click()
    visit.page.wait_for_selector(".fx-queue li:nth-child(1) small:text-is('segmented')")
    visit.page.locator(".fx-queue button", has_text="a.png").click()
    visit.page.wait_for_selector(".fx-queue li:nth-child(3) small:text-is('segmented')")
    assert visit.text(".fx-queue [aria-current] b") == "a.png"
    assert visit.text(".fx-image-name") == "a.png"
    assert "200 × 240" in visit.text(".fx-outcome")
