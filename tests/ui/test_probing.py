"""Probes of runs as the page asks for them: alterations in a selection, and differences from other runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import inference, weights
from explorer.alter import Alteration, Several
from explorer.cards import Preprocessing
from explorer.errors import ExplorerError
from explorer.stats import stats_of
from explorer.trace import trace
from explorer.ui.alterations import MOST, Wanted, notes, parse
from explorer.ui.session import Workbench
from tests.ui.made import FCN, card_of, fill, random_network, save_random, selection
from tests.ui.texts import EN

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, st.none() | st.integers(0, 4095), st.integers(-40, 40) | NAMES), max_size=MOST))
def test_alterations_are_read_as_they_are_written(parts) -> None:
    text, expected = [], []
    for step, channel, by in parts:
        at = step if channel is None else f"{step}:{channel}"
        text.append(f"{at}={by}.png" if isinstance(by, str) else f"{at}*{by / 4:g}")
        image = f"{by}.png" if isinstance(by, str) else ""
        expected.append(Wanted(step, channel, 0.0 if image else by / 4, image))
    assert parse(";".join(text)) == tuple(expected)


@pytest.mark.parametrize(
    "text", ["conv1", "*0", "a:b*1", "a*x", "a=", "a*1e9", ";", "a*0;", ";".join(["a*0"] * (MOST + 1))]
)
def test_what_is_no_alteration_is_refused(bench, text) -> None:
    with pytest.raises(ExplorerError) as caught:
        bench.networks.check(replace(selection("fcn8s"), altered=text))
    assert caught.value.code == "bad_selection"


def content(bench, chosen):
    run = bench.runs.run(chosen, lambda *_: None, lambda: False)
    return run, json.loads((bench.files.folder / run.file).read_text())


def maps_of(bench, chosen, image, altered=None):
    loaded = bench.networks.get(chosen)
    prepared = inference.prepare(bench.pictures.get(image).pixels, loaded.spec, chosen.size)
    pre = loaded.card.preprocessing
    return trace(loaded.module, inference.normalise(prepared.network, pre.mean, pre.std), altered=altered)


def test_an_altered_run_is_the_trace_of_the_altered_network(bench) -> None:
    chosen = replace(selection("fcn8s"), altered="score_pool4*0;conv1_1:0*0.5")
    _, found = content(bench, chosen)
    altered = {"score_pool4": Several((Alteration(),)), "conv1_1": Several((Alteration(0, 0.5),))}
    expected = maps_of(bench, chosen, chosen.image, altered)
    for step in found["steps"][:-1]:
        assert step["stats"]["mean"] == pytest.approx(stats_of(expected[step["name"]].value).mean, rel=1e-4, abs=1e-6)
    assert [note["code"] for note in found["notes"] if "alter" in note["code"]] == [
        "altered.scale",
        "altered.scale.channel",
    ]


def test_a_difference_is_that_of_two_traces_at_every_step(bench) -> None:
    chosen = replace(selection("unet", padding="same"), altered="conv_d1a_b*0", against="plain")
    run, found = content(bench, chosen)
    plain = maps_of(bench, chosen, chosen.image)
    changed = maps_of(bench, chosen, chosen.image, {"conv_d1a_b": Several((Alteration(),))})
    assert found["difference"] is True
    untouched = True
    for step in found["steps"][:-1]:
        name = step["name"]
        difference = (changed[name].value - plain[name].value).double()
        assert step["maps"]["signed"] is True
        assert min(step["maps"]["min"]) == pytest.approx(float(difference.min()), rel=1e-4, abs=1e-5)
        assert max(step["maps"]["max"]) == pytest.approx(float(difference.max()), rel=1e-4, abs=1e-5)
        assert step["stats"]["mean"] == pytest.approx(float(difference.mean()), rel=1e-3, abs=1e-5)
        untouched = untouched and name != "conv_d1a_b"
        assert (step["stats"]["zeros"] == 1) == untouched or not untouched
    channel = list(bench.inspector.answer({"run": run.file, "step": "conv_d1a_b", "what": "channel", "channel": 1}))[-1]
    low = (changed["conv_d1a_b"].value - plain["conv_d1a_b"].value)[0, 1].min()
    assert channel["min"] == pytest.approx(float(low), rel=1e-4)


def test_a_run_differs_from_itself_in_no_bit(bench) -> None:
    _, found = content(bench, replace(selection("fcn16s"), against="plain"))
    assert all(step["stats"]["zeros"] == 1 for step in found["steps"][:-1])


def test_the_difference_from_another_image(bench) -> None:
    listed = [e["file"] for e in bench.pictures.listed]
    sizes = {name: bench.pictures.get(name).pixels.shape for name in listed}
    one, other = next((a, b) for a in listed for b in listed if a != b and sizes[a] == sizes[b])
    chosen = replace(selection("fcn32s"), image=one, against=other)
    _, found = content(bench, chosen)
    ours, theirs = maps_of(bench, chosen, one), maps_of(bench, chosen, other)
    last = found["steps"][-2]
    expected = (ours[last["name"]].value - theirs[last["name"]].value).double()
    assert last["stats"]["std"] == pytest.approx(float(expected.std(correction=0)), rel=1e-3)
    shapes = {
        name: inference.prepare(bench.pictures.get(name).pixels, bench.networks.get(chosen).spec, 192).network.shape
        for name in listed
    }
    odd = next(name for name in listed if shapes[name] != shapes[one])
    with pytest.raises(ExplorerError) as caught:
        content(bench, replace(chosen, against=odd))
    assert caught.value.code == "difference_size"


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A workbench with two FCN-8s of the same widths, told apart by seed and preprocessing, and a wider one."""
    folder = fill(tmp_path_factory.mktemp("several"))
    other = replace(card_of(FCN), preprocessing=Preprocessing((0.3, 0.3, 0.3), (0.3, 0.2, 0.2)))
    weights.save(folder / "other.safetensors", random_network(FCN, seed=1), other)
    save_random(folder, "wider", replace(FCN, width=1 / 32))
    return Workbench(folder)


def test_the_difference_from_other_weights(several) -> None:
    chosen = replace(selection("fcn16s"), altered="conv2_1:0*0.5", against="@other")
    run, found = content(several, several.networks.check(chosen))
    ours = maps_of(several, chosen, chosen.image, {"conv2_1": Several((Alteration(0, 0.5),))})
    theirs = maps_of(several, replace(chosen, checkpoint="other"), chosen.image)
    for step in found["steps"][:-1]:
        difference = (ours[step["name"]].value - theirs[step["name"]].value).double()
        assert step["maps"]["signed"] is True
        assert min(step["maps"]["min"]) == pytest.approx(float(difference.min()), rel=1e-4, abs=1e-5)
        assert max(step["maps"]["max"]) == pytest.approx(float(difference.max()), rel=1e-4, abs=1e-5)
        assert step["stats"]["mean"] == pytest.approx(float(difference.mean()), rel=1e-3, abs=1e-5)
    channel = list(several.inspector.answer({"run": run.file, "step": "pool3", "what": "channel", "channel": 2}))[-1]
    assert channel["max"] == pytest.approx(float((ours["pool3"].value - theirs["pool3"].value)[0, 2].max()), rel=1e-4)
    assert [n["details"] for n in found["notes"] if n["code"] == "difference.weights"] == [{"name": "other"}]
    _, same = content(several, replace(selection("fcn16s"), against="@fcn"))
    assert all(step["stats"]["zeros"] == 1 for step in same["steps"][:-1])


@pytest.mark.parametrize("name", ["nothing", "unet", "wider", ""])
def test_weights_that_no_difference_can_be_taken_from_are_refused_in_words(several, name) -> None:
    with pytest.raises(ExplorerError) as caught:
        several.networks.check(replace(selection("fcn8s"), against=f"@{name}"))
    assert (caught.value.code, caught.value.details) == ("difference_weights", {"name": name})


def test_a_map_is_swapped_with_another_image_s(bench) -> None:
    chosen = selection("fcn8s")
    other = next(e["file"] for e in bench.pictures.listed if e["file"] != chosen.image)
    _, same = content(bench, replace(chosen, altered=f"pool3={chosen.image}", against="plain"))
    assert all(step["stats"]["zeros"] == 1 for step in same["steps"][:-1])
    _, found = content(bench, replace(chosen, altered=f"pool3={other}", against="plain"))
    changed = {step["name"]: step["stats"]["zeros"] < 1 for step in found["steps"][:-1]}
    assert changed["pool3"]
    assert changed["score_pool3"]
    assert not changed["relu3_3"]


@pytest.mark.parametrize(
    ("altered", "against", "step", "code"),
    [("conv1_1*0", "plain", "conv2_1", "difference_unit"), ("conv1_1*0", "", "conv1_1", "altered_unit")],
)
def test_a_unit_without_an_arithmetic_is_refused_in_words(bench, altered, against, step, code) -> None:
    run, _ = content(bench, replace(selection("fcn8s"), altered=altered, against=against))
    question = {"run": run.file, "step": step, "what": "unit", "channel": 0, "row": 2, "column": 2}
    with pytest.raises(ExplorerError) as caught:
        list(bench.inspector.answer(question))
    assert caught.value.code == code
    behind = {**question, "step": "conv2_1"}
    if not against:  # a unit behind a change is what the operation makes of the changed maps
        value = list(bench.inspector.answer(behind))[-1]["arithmetic"]["value"]
        expected = maps_of(bench, selection("fcn8s"), selection("fcn8s").image, {"conv1_1": Several((Alteration(),))})
        assert value == pytest.approx(float(expected["conv2_1"].value[0, 0, 2, 2]), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("altered", ["nowhere*0", "conv1_1:9999*0", "conv1_1=gone.png"])
def test_what_the_network_or_the_server_has_not_is_refused(bench, altered) -> None:
    with pytest.raises(ExplorerError) as caught:
        content(bench, replace(selection("fcn8s"), altered=altered))
    assert caught.value.code in ("bad_selection", "alter_channel", "image_gone")


def test_what_is_said_of_probes_is_in_the_texts() -> None:
    chosen = replace(selection("fcn8s"), altered="a*0;a:1*2;a=b;a:1=b", against="plain")
    for note in [*notes(chosen), *notes(replace(chosen, against="b")), *notes(replace(chosen, against="@b"))]:
        assert f"note.{note['code']}" in EN
