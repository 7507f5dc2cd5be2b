"""The drawing as it is used: unfolded, searched, followed from a finding to its box and back.

One browser opens all pages, each in a window and on a phone; left out where there is none.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import drawn_models
import pytest
from browsing import QUIETLY
from drawn_pages import drawn, reported
from test_formats import SPITEFUL, written
from test_html_report import browser

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.severity import Severity

__all__ = ["browser"]

PAGES = {  # a model, a node that has a finding, what is looked for, and the hits
    "resnet": (drawn_models.resnet, "/layer3/layer3.5/conv2/Conv", "conv layer3.5", 3),
    "unet": (drawn_models.unet_with_its_mistake, "/enc1/conv1/Conv", "enc1.conv1", 1),
    "recurrent": (drawn_models.recurrent, "else_Tanh", "TANH", 1),
    "decoder": (drawn_models.decoder, "/model/layers.11/attn/Softmax", "softmax", 12),
    "long": (drawn_models.long, "n7777", "n7777", 1),
    "hostile": (
        lambda: drawn_models.named([name for name in SPITEFUL if name.isprintable()]),
        None, "img src", 3,
    ),
}  # fmt: skip
WIDTHS = (1440, 390)

STEPS = """
const part = page.querySelector(".part.drawing"), svg = part.querySelector(".pane > svg");
const boxes = () => svg.querySelectorAll(".box").length;
const click = (target) => target.dispatchEvent(new view.MouseEvent("click", {bubbles: true}));
const key = (target, name) =>
  target.dispatchEvent(new view.KeyboardEvent("keydown", {key: name, bubbles: true}));
seen.beyond = page.documentElement.scrollWidth - page.documentElement.clientWidth;
seen.first = boxes();
seen.unused = svg.querySelectorAll(".box.unused:not(.frame)").length;
seen.past = svg.querySelectorAll(".edge.past").length > 0;
const folded = svg.querySelector('.box[aria-expanded="false"]'), id = folded?.dataset.box;
if (id) {
  const now = () => svg.querySelector(`[data-box="${id}"]`);
  click(folded);
  seen.unfolded = boxes() > seen.first && now().getAttribute("aria-expanded") === "true";
  key(now(), "Enter");
  seen.folded = boxes() === seen.first && now().getAttribute("aria-expanded") === "false";
}
const find = part.querySelector(".find");
find.value = looked;
find.dispatchEvent(new view.Event("input"));
seen.hits = parseInt(part.querySelector(".matches").textContent);
key(find, "Enter");
await until(() => page.activeElement.classList.contains("chosen"));
const chosen = () => svg.querySelector(".chosen");
const inside = (box) => {
  const [a, b] = [box.getBoundingClientRect(), svg.getBoundingClientRect()];
  return a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
};
seen.found = page.activeElement === chosen() && inside(chosen());
seen.linked = view.location.hash.endsWith(`-${chosen().dataset.box}`);
key(chosen(), "ArrowUp");
seen.moved = page.activeElement !== chosen() && svg.contains(page.activeElement);
const place = page.querySelector(".finding .place");
if (place) {
  click(place);
  view.location.hash = place.hash;
  await until(() => place.hash.endsWith(`-${chosen()?.dataset.box}`));
  seen.followed = inside(chosen()) && part.querySelector(".told").textContent.includes(named);
  const back = part.querySelector('.told a[href^="#finding-"]');
  view.location.hash = back.hash;
  await until(() => page.activeElement.className === "finding");
  seen.back = page.activeElement.id === back.hash.slice(1);
}
const before = svg.getAttribute("viewBox");
click(part.querySelector('[data-do="in"]'));
seen.zoomed = svg.getAttribute("viewBox") !== before;
const texts = [...svg.querySelectorAll(".box:not(.frame) > text")];
seen.wide = texts.some((each) => each.getBBox().width > 200);
seen.light = page.querySelectorAll(".pane > svg *").length < 4000;
const meaning = part.querySelector(".meaning");
meaning.selectedIndex = meaning.options.length - 1;
meaning.dispatchEvent(new view.Event("change"));
seen.legend = part.querySelectorAll(".legend li").length > 3;
"""


def frame(files: Mapping[str, Path], folder: Path) -> Path:
    """A page that uses the pages one after the other, and holds what it saw."""
    asked = [[f"{name} {width}", file.as_uri(), width, *PAGES[name][1:3]]
             for name, file in files.items() for width in WIDTHS]  # fmt: skip
    made = folder / "frame.html"
    made.write_text(f"""<!doctype html><iframe id="f" style="height:900px;border:0"></iframe>
      <pre id="seen"></pre><script>
      const until = async (is) => {{
        for (let tries = 0; tries < 100 && !is(); tries++)
          await new Promise(done => setTimeout(done, 20));
      }};
      const use = async (address, width, named, looked) => {{
        f.style.width = `${{width}}px`;
        await new Promise(done => {{ f.onload = done; f.src = address; }});
        const seen = {{}}, page = f.contentDocument, view = f.contentWindow;
        try {{ {STEPS} }} catch (error) {{ seen.error = `${{error}}`; }}
        seen.loaded = view.performance.getEntriesByType("resource").map(each => each.name);
        return seen;
      }};
      (async () => {{
        const all = {{}};
        for (const [name, ...rest] of {json.dumps(asked)}) all[name] = await use(...rest);
        document.getElementById("seen").textContent = btoa(JSON.stringify(all));
      }})();</script>""", encoding="utf-8")  # fmt: skip
    return made


def page(name: str, file: Path) -> Path:
    make, node, *_ = PAGES[name]
    made = drawn(make())
    steps = {step.name: step for step in made.steps if step.index is not None}
    found = []
    if node is not None:
        place = Place(steps[node].scope, node, steps[node].index, steps[node].op)
        found = [Diagnostic("TST001", "odd-node", Severity.WARNING, "it is odd", place)]
    file.write_text(written("html", [reported(made, *found)]), encoding="utf-8")
    return file


@pytest.mark.docs
def test_drawings_are_used_in_a_window_and_on_a_phone(browser, tmp_path):
    files = {name: page(name, tmp_path / f"{name}.html") for name in PAGES}
    done = subprocess.run(
        [browser, *QUIETLY, "--allow-file-access-from-files",
         "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
         "--window-size=1500,1000", "--virtual-time-budget=60000", "--dump-dom",
         frame(files, tmp_path).as_uri()],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert re.findall(r".*:CONSOLE[:(].*", done.stderr) == []
    (told,) = re.findall(r'<pre id="seen">(.*?)</pre>', done.stdout)
    everything = json.loads(base64.b64decode(told))
    for name, (_, node, _, hits) in PAGES.items():
        for width in WIDTHS:
            seen = everything[f"{name} {width}"]
            assert seen.pop("first") > 2
            is_folded = seen.pop("unfolded", True) and seen.pop("folded", True)
            assert is_folded is True, (name, seen)
            followed = {"followed": True, "back": True} if node else {}
            assert seen == {
                "beyond": 0, "unused": int(name == "unet"), "past": name == "unet", "hits": hits,
                "found": True, "linked": True, "moved": True, **followed, "zoomed": True,
                "wide": False, "light": True, "legend": True, "loaded": [],
            }, (name, width)  # fmt: skip
    assert files["long"].stat().st_size < 6e6
