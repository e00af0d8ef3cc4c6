"""What programs ask of the server: by Gradio's client, by curl, by MCP, and as the docs say. Nothing is fetched."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import socket
import subprocess
import threading
import urllib.error
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from explorer import api
from explorer.inference import RunOptions
from explorer.ui.app import build_app
from explorer.ui.i18n import TEXTS
from explorer.ui.labs import LABS
from explorer.ui.words import tell
from tests.ui.made import awaited, encoded, noise, opens_small
from tests.ui.serving import fetch, post, send_file, serving

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs/api.md").read_text("utf-8").split("## From other programs")[1]
CAT = ROOT / "assets/examples/cat.jpg"


@pytest.fixture(scope="module")
def site(bench):
    with pytest.MonkeyPatch.context() as patch:
        opens_small(patch)
        demo = build_app(bench)
    with serving(demo, bench, mcp_server=True) as address:
        yield address


@pytest.fixture(scope="module")
def client(site):
    return Client(site, verbose=False)


def url(pixels: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(encoded(pixels)).decode()}"


def drawn(data: str) -> np.ndarray:
    assert data.startswith("data:image/")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))))


def test_segment_labels_as_the_python_api_does(client, checkpoints):
    pixels = noise(70, 90)
    found = client.predict(url(pixels), model="unet", api_name="/segment")
    own = api.segment(pixels, "unet", str(checkpoints / "unet.json"), options=RunOptions("cpu"))
    assert (drawn(found["labels"]) == own.labels).all()
    assert {a["index"]: a["pixels"] for a in found["areas"]} == {a.index: a.pixels for a in own.areas}
    assert [c["id"] for c in found["classes"]] == [c.id for c in own.card.classes]


def test_an_upload_is_known_by_its_name_and_gone_when_it_is_read(client, site, bench):
    name = send_file(site, "x.png", encoded(noise(40, 50)))
    first, again = (client.predict(name, longest=192, api_name="/segment") for _ in range(2))
    assert first["labels"] == again["labels"]
    client.predict(handle_file(str(CAT)), longest=192, api_name="/segment")
    assert list(bench.pictures.uploads.folder.iterdir()) == []


def test_trace_tells_every_step_and_shows_the_maps_of_one(client):
    found = client.predict("cat.jpg", padding="paper", size=192, step="pool3", api_name="/trace")
    steps = {step["name"]: step for step in found["steps"]}
    assert {name: steps[name]["jump"] for name in ("pool1", "pool3", "pool5")} == {"pool1": 2, "pool3": 8, "pool5": 32}
    assert (steps["fc6"]["field"], steps["fc6"]["start"]) == ([404], 12.5)
    assert {cut["step"]: cut["offset"] for cut in found["crops"]} == {"crop_pool4": 5, "crop_pool3": 9, "score": 31}
    assert sum(c["share"] for c in found["classes"]) == pytest.approx(1)
    channels, height, width = steps["pool3"]["shape"]
    assert found["maps"]["tile"] == [height, width]
    rows = -(-channels // found["maps"]["columns"])
    assert drawn(found["maps"]["picture"]).shape[0] >= rows * height
    assert list(drawn(found["labels"]).shape) == found["frames"]["resized"]


def test_geometry_is_that_of_the_papers(client):
    unet = client.predict(api_name="/geometry")
    assert unet["legal"] == {"least": 188, "step": 16}
    last = unet["steps"][-1]
    assert (last["shape"][1:], last["field"], last["start"]) == ([388, 388], [188, 204], 92)
    cuts = [step["settings"]["offset"] for step in unet["steps"] if step["op"] == "crop"]
    assert cuts == [4, 16, 40, 88]


def test_every_lab_answers_in_sentences(client):
    for name in LABS:
        model = "unet" if name == "crop" else "fcn8s"
        found = client.predict(name, model=model, api_name="/lab")
        assert found["facts"] or found["tables"], name
        said = json.dumps([found["facts"], found["tables"], [s["label"] for s in found["settings"]]])
        assert not re.search(r"\{\w+\}|lab\.\w+\.", said), said
    found = client.predict("cam", "values", "cat.jpg", settings={"step": "conv5_3"}, figures=True, api_name="/lab")
    assert found["pictures"]
    assert {drawn(picture).ndim for picture in found["pictures"].values()} == {3}
    assert "conv5_3" in json.dumps(found["facts"])


REFUSED = [
    ("/segment", {"image": "http://127.0.0.1:9/x.png"}, "addresses are not fetched"),
    ("/segment", {"image": "/etc/passwd"}, "name of an upload or of an example (pagoda.jpg"),
    ("/segment", {"image": "data:image/png;base64,???"}, "not base64"),
    ("/segment", {"image": url(noise(1, 1))}, "pixels"),
    ("/segment", {"image": "0" * 32}, "did not reach the server"),
    ("/segment", {"image": ["cat.jpg"]}, "The argument image is a text"),
    ("/segment", {"image": "cat.jpg", "model": "fcn9"}, "The argument model is one of fcn32s, fcn16s, fcn8s, unet"),
    ("/segment", {"image": "cat.jpg", "weights": "unet"}, "The argument weights is one of fcn, not 'unet'"),
    ("/segment", {"image": "cat.jpg", "padding": "valid"}, "The argument padding is one of paper, same"),
    ("/segment", {"image": "cat.jpg", "longest": -1}, "longest"),
    ("/trace", {"image": "cat.jpg", "size": 10**9}, "The argument size is one of 192"),
    ("/trace", {"image": "cat.jpg", "size": 192, "step": "pool9"}, "The argument step is one of input, conv1_1"),
    ("/geometry", {"height": 500}, "height 492 or 508"),
    ("/geometry", {"height": 10**9}, "from 1 to 2048"),
    ("/geometry", {"model": {"a": 1}}, "The argument model is one of"),
    ("/lab", {"name": "alchemy"}, "The argument name is one of crop, border"),
    ("/lab", {"name": "crop", "what": "RUNS"}, "The argument what is one of geometry, values"),
    ("/lab", {"name": "crop", "model": "unet", "settings": {"mode": 3}}, "mode"),
]


@pytest.mark.parametrize(("endpoint", "asked", "said"), REFUSED, ids=lambda part: str(part)[:40])
def test_what_makes_no_sense_is_refused_in_a_sentence(client, endpoint, asked, said):
    with pytest.raises(AppError) as caught:
        client.predict(**asked, api_name=endpoint)
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.fixture
def trap():
    """A server of one's own, that counts who comes."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        came = []

        def accept():
            while True:
                try:
                    other, _ = listening.accept()
                except OSError:
                    return
                came.append(other)
                other.close()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/x.png", came
        listening.shutdown(socket.SHUT_RDWR)


def test_the_server_fetches_no_address(site, trap):
    """Whatever says it: an image, a file of Gradio's, one with an upload's name, in any place and spelling."""
    address, came = trap
    name = send_file(site, "x.png", encoded(noise(40, 50)))
    meta = {"_type": "gradio.FileData"}
    for file in (
        {"path": address, "meta": meta},
        {"path": "x", "url": address, "meta": meta},
        {"path": name, "url": address, "meta": meta},
    ):
        for body in ({"image": file}, {"image": "cat.jpg", "weights": [file]}):
            for text in (json.dumps(body), json.dumps(body).replace("gradio", "\\u0067radio")):
                for place in ("call/v2/segment", "queue/join", "run/predict", "mcp/"):
                    with pytest.raises(urllib.error.HTTPError) as caught:
                        fetch(f"{site}gradio_api/{place}", text.encode(), **{"Content-Type": "application/json"})
                    assert caught.value.code == 400
                    assert b"addresses are not fetched" in caught.value.read()
    assert came == []


@pytest.mark.parametrize(("body", "said"), [({"immage": "cat.jpg"}, "immage"), ({}, "image")])
def test_arguments_that_an_endpoint_does_not_have_are_named(site, body, said):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{site}gradio_api/call/v2/segment", body)
    assert caught.value.code == 400
    assert said in json.loads(caught.value.read())["error"]


def test_by_mcp(site):
    """Every endpoint is a tool with its arguments described; errors are the same sentences."""

    async def talk():
        where = streamablehttp_client(f"{site}gradio_api/mcp/")
        async with where as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            asked = {
                "segment": {"image": url(noise(40, 50)), "longest": 192},
                "trace": {"image": "cat.jpg", "size": 192},
                "geometry": {"model": "fcn8s", "height": 500, "width": 500},
                "lab": {"name": "tap"},
            }
            found = {name: await session.call_tool(name, arguments) for name, arguments in asked.items()}
            bad = await session.call_tool("geometry", {"height": 500})
            return tools, found, bad

    tools, found, bad = awaited(talk())
    assert tools.keys() == found.keys()
    for tool in tools.values():
        assert len(tool.description) > 40
        assert all(part.get("description") for part in tool.inputSchema["properties"].values()), tool.name
    assert not any(one.isError for one in found.values())
    assert "'start': 12.5" in found["geometry"].content[0].text
    assert bad.isError
    assert "height 492 or 508" in bad.content[0].text


def test_the_examples_of_the_docs_run(site, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", DOCS.replace("http://127.0.0.1:7860/", site), re.M | re.S))
    exec(compile(blocks["python"], "api.md", "exec"), {})
    said = capsys.readouterr().out
    assert "[21, 388, 388] [188, 204]" in said
    with Image.open(CAT) as cat:
        assert f"{cat.height} {cat.width} class " in said
    (server,) = json.loads(blocks["json"])["mcpServers"].values()
    assert server["url"] == f"{site}gradio_api/mcp/"
    if not shutil.which("curl"):
        pytest.skip("no curl on this machine")
    done = subprocess.run(["bash", "-ec", blocks["sh"]], capture_output=True, text=True, check=True)
    event, data = done.stdout.split("\n")[:2]
    assert event == "event: complete", done.stdout[:500]
    assert json.loads(data.removeprefix("data: "))[0]["maps"]["step"] == "pool3"


TOLD = [
    ["lab.agreement", {"share": {"percent": 0.0464}}],
    ["lab.judged.untouched", {"iou": {"percent": 1.0}, "before": {"percent": None}, "pixels": 150544}],
    ["lab.cam.region", {"label": {"names": {"en": "sky", "ko": "하늘"}}, "pixels": -1234.5678, "share": None}],
    *({"count": n} for n in (12, 999, 1234, 7.52e8, 1.2e12)),
    *(0, -3, 1234567, 0.000123456, -0.5, 3.14159, 1e-7, 123456.789),
    {"percent": 0.9999},
    None,
]  # fmt: skip


@pytest.mark.skipif(not shutil.which("node"), reason="no node on this machine")
def test_words_are_those_of_the_page():
    stage = ROOT / "explorer/ui/stage"
    script = f"""
    globalThis.performance.getEntriesByType = () => [];
    const {{ Words }} = await import('{stage}/i18n.js');
    const {{ tell }} = await import('{stage}/labs/telling.js');
    const [texts, told] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    const words = new Words(texts, 'en');
    console.log(JSON.stringify(told.map((one) => tell(words, one))));
    """
    given = json.dumps([TEXTS, TOLD])
    command = ["node", "-e", f"(async () => {{ {script} }})()"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    assert [tell(one) for one in TOLD] == json.loads(done.stdout)
