"""The pages of models as they are, from the command to the browser: drawn, filtered, followed.

ResNet-50, a 12-layer transformer, a U-Net with two convolutions that read one value, an LSTM, a
tree ensemble, a decoder with a cache and a chain of 10,000 nodes, each in a window and on a phone.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import drawn_models
import onnx
import pytest
from browsing import QUIETLY
from click.testing import CliRunner
from conftest import ROOT
from test_html_report import browser

from onnxlint.cli.main import cli

__all__ = ["browser"]

FIXTURES = ROOT / "fixtures"
LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
MODELS = {  # a file, or what makes a model; and options
    "resnet50": (LIGHT / "light_resnet50.onnx", ["--samples", "2"]),
    "transformer": (FIXTURES / "architectures/bert_base.onnx.gz", ["--static-only"]),
    "unet": (drawn_models.unet_with_its_mistake, []),
    "lstm": (FIXTURES / "pytorch/lstm_torchscript.onnx", []),
    "trees": (FIXTURES / "lightgbm/classifier.onnx", []),
    "decoder": (drawn_models.decoder, ["--static-only"]),
    "long": (drawn_models.long, ["--static-only"]),
}
ALWAYS = ["drawing", "interface", "layers"]
RUN = ["predictions", "samples", "representations"]
WIDTHS = (1440, 390)
MOST_BYTES = 3 * 2**20

STEPS = """
const click = (target) => target.dispatchEvent(new view.MouseEvent("click", {bubbles: true}));
seen.beyond = page.documentElement.scrollWidth - page.documentElement.clientWidth;
seen.sections = [...page.querySelectorAll("section.part")].map(each => each.id.split("-")[0]);
seen.listed = [...page.querySelectorAll(".contents a")].every(
  each => page.getElementById(each.hash.slice(1)));
const boxes = () => page.querySelectorAll(".drawing .box").length;
const before = boxes();
click(page.querySelector('.drawing .box[aria-expanded="false"]') ?? page.body);
seen.drawn = before > 2 && boxes() >= before;
const search = page.querySelector(".layer-text");
search.value = "zzzz";
search.dispatchEvent(new view.Event("input", {bubbles: true}));
seen.none = page.querySelector(".layer-filter output").textContent.startsWith("0 of");
const place = page.querySelector(".finding .place");
if (place) {
  view.location.hash = place.hash;
  await until(() => place.hash.endsWith(`-${page.querySelector(".chosen")?.dataset.box}`));
  seen.followed = page.querySelector(".drawing .told").textContent.length > 0;
}
const filter = page.getElementById("filter");
if (filter) {
  filter.elements.text.value = "zzzz";
  filter.dispatchEvent(new view.Event("input", {bubbles: true}));
  seen.filtered = page.querySelectorAll(".finding:not([hidden])").length;
}
"""


def written(name: str, folder: Path) -> Path:
    """The page of a model, made by the command."""
    source, options = MODELS[name]
    model = folder / f"{name}.onnx"
    if callable(source):
        onnx.save(source(), model)
    elif source.suffix == ".gz":
        model.write_bytes(gzip.decompress(source.read_bytes()))
    else:
        model = source
    page = folder / f"{name}.html"
    done = CliRunner().invoke(cli, ["report", str(model), "-o", str(page), *options])
    assert done.exit_code == 0, done.output
    return page


def used(browser: str, files: Mapping[str, Path], folder: Path) -> tuple[dict, list[str]]:
    """What the pages did when they were used, and what they complained of."""
    asked = [[f"{name} {width}", file.as_uri(), width]
             for name, file in files.items() for width in WIDTHS]  # fmt: skip
    frame = folder / "frame.html"
    frame.write_text(f"""<!doctype html><iframe id="f" style="height:900px;border:0"></iframe>
      <pre id="seen"></pre><script>
      const until = async (is) => {{
        for (let tries = 0; tries < 100 && !is(); tries++)
          await new Promise(done => setTimeout(done, 20));
      }};
      const use = async (address, width) => {{
        f.style.width = `${{width}}px`;
        await new Promise(done => {{ f.onload = done; f.src = address; }});
        const seen = {{}}, page = f.contentDocument, view = f.contentWindow;
        try {{ {STEPS} }} catch (error) {{ seen.error = `${{error}}`; }}
        seen.loaded = view.performance.getEntriesByType("resource").map(each => each.name)
          .filter(each => !each.startsWith("data:"));
        return seen;
      }};
      (async () => {{
        const all = {{}};
        for (const [name, ...rest] of {json.dumps(asked)}) all[name] = await use(...rest);
        document.getElementById("seen").textContent = btoa(JSON.stringify(all));
      }})();</script>""", encoding="utf-8")  # fmt: skip
    done = subprocess.run(
        [browser, *QUIETLY, "--allow-file-access-from-files",
         "--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}",
         "--window-size=1500,1000", "--virtual-time-budget=90000", "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    (told,) = re.findall(r'<pre id="seen">(.*?)</pre>', done.stdout)
    return json.loads(base64.b64decode(told)), re.findall(r".*:CONSOLE[:(].*", done.stderr)


@pytest.mark.docs
def test_pages_of_whole_models_are_used_in_a_window_and_on_a_phone(browser, tmp_path):
    files = {name: written(name, tmp_path) for name in MODELS}
    everything, complaints = used(browser, files, tmp_path)
    assert complaints == []
    for name, (_, options) in MODELS.items():
        for width in WIDTHS:
            seen = everything[f"{name} {width}"]
            sections = seen.pop("sections")
            assert set(ALWAYS) <= {*sections}, (name, sections)
            assert "--static-only" in options or set(RUN) <= {*sections}, (name, sections)
            assert seen.pop("followed", True) is True
            assert seen.pop("filtered", 0) == 0
            expected = {"beyond": 0, "listed": True, "drawn": True, "none": True, "loaded": []}
            assert seen == expected, (name, width)
    assert files["resnet50"].stat().st_size <= MOST_BYTES
