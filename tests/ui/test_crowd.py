"""One visitor who asks without end, over HTTP: nobody else waits for that."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

import pytest

from explorer.ui.app import build_app
from explorer.ui.session import Workbench
from explorer.ui.turns import MOST_OF_ONE
from tests.ui.made import encoded, noise, opens_small, raw
from tests.ui.serving import OPENER, fetch, post, send_file, serving

PROMPTLY = 5.0  # seconds; on a busy machine an answer that waits for nothing takes less


@pytest.fixture(scope="module")
def served(checkpoints):
    bench = Workbench(checkpoints)
    with pytest.MonkeyPatch.context() as patch:
        opens_small(patch)
        with serving(build_app(bench), bench) as site:
            yield site, bench


class Page:
    """A session over HTTP: `ended` are the last words of its questions, by their tokens."""

    def __init__(self, site: str, session: str) -> None:
        self.site, self.session = site, session
        config = json.loads(fetch(f"{site}config")[2])
        self.events = {target[1]: d["id"] for d in config["dependencies"] for target in d["targets"]}
        self.ended: dict[str, dict] = {}
        self.waiting: set[str] = set()
        self.most_waiting = 0

    def ask(self, event: str, token: str, **data) -> None:
        body = {"data": [], "event_data": {"request": token, **data}, "fn_index": self.events[event]}
        post(f"{self.site}gradio_api/queue/join", {**body, "session_hash": self.session})

    def listen(self, count: int) -> threading.Thread:
        """Until so many questions have ended."""
        thread = threading.Thread(target=self._hear, args=(count,))
        thread.start()
        return thread

    def _hear(self, count: int) -> None:
        with OPENER.open(f"{self.site}gradio_api/queue/data?session_hash={self.session}", timeout=120) as stream:
            for line in stream:
                message = json.loads(line[5:]) if line.startswith(b"data:") else {}
                values = (message.get("output") or {}).get("data") or []
                texts = [value if isinstance(value, str) else value[-1][2] for value in values if value]
                for one in [json.loads(text) for text in texts if message["msg"] != "process_completed"]:
                    if one["kind"] == "progress":
                        self.waiting |= {one["request"]} if one["text"] == "progress.queue" else set()
                    else:
                        self.waiting.discard(one["request"])
                        self.ended[one["request"]] = one
                    self.most_waiting = max(self.most_waiting, len(self.waiting))
                if len(self.ended) == count:
                    return


@pytest.mark.parametrize("posts", [20, 70])
def test_who_posts_many_runs_gets_sentences_and_the_others_their_answers(served, posts):
    site, bench = served
    many, other = Page(site, f"many{posts}"), Page(site, f"other{posts}")
    known = raw(model="fcn32s", padding="same")
    other.ask("run", "first", selection=known)
    other.listen(1).join()
    with bench.turns.turn(lambda *_: None, lambda: False):  # as a long run would have it
        for number in range(posts):
            wish = raw(model="fcn32s", padding="same", altered=f"pool1*{posts + number / 1000}")
            many.ask("run", str(number), selection=wish)
            if not number:
                threads = [many.listen(posts)]
        began = time.monotonic()
        while len(many.ended) < posts - MOST_OF_ONE and time.monotonic() - began < 30:
            time.sleep(0.05)
        assert Counter(one.get("code") for one in many.ended.values()) == {"busy_yours": posts - MOST_OF_ONE}
        upload = {"sent": send_file(site, "own.png", encoded(noise(40, 50, seed=posts))), "name": "own.png"}
        began = time.monotonic()
        other.ask("run", "again", selection=known)
        other.ask("segment", "plan", what="plan", selection=known)
        other.ask("run", "own", selection={**known, "image": ""}, upload=upload)
        threads.append(other.listen(4))
        while len(other.ended) < 3 and time.monotonic() - began < 2 * PROMPTLY:
            time.sleep(0.02)
        assert time.monotonic() - began < PROMPTLY
        assert {token: one["kind"] for token, one in other.ended.items()} == {
            **{"first": "done", "again": "done"},
            "plan": "planned",
        }
    for thread in threads:
        thread.join()
    assert other.ended["own"]["kind"] == "done"
    assert Counter(one["kind"] for one in many.ended.values()) == {"done": MOST_OF_ONE, "error": posts - MOST_OF_ONE}
    assert many.most_waiting <= MOST_OF_ONE
