"""Photographs sections of HTML pages for the documentation: docs/page-*.png.

python tools/docs/page_shots.py     (needs Chromium, and the extra `data` for Pillow)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DEMO, DIGITS = ROOT / "fixtures/demo", ROOT / "fixtures/digits"
WIDTH = 1200

SHOTS = {  # the command that writes the page, what is shown of it, and how high that is
    "architecture": (["report", "flawed.onnx", "--stage", "init"], DEMO, ["drawing-1"], 860),
    "layers": (["report", "flawed.onnx", "--stage", "init"], DEMO, ["layers-1"], 980),
    "predictions": (
        ["report", "hurried.onnx", "--data", "held_out.npz", "--labels", "held_out.npz:classes"],
        DIGITS, ["predictions-1"], 1250,
    ),
    "diff": (["diff", "sound.onnx", "flawed.onnx", "-f", "html"], DEMO, ["drawing-1", "drawing-2"],
             900),
}  # fmt: skip


def main() -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if browser is None:
        sys.exit("no browser: install chromium")
    with tempfile.TemporaryDirectory() as name:
        for shot, (command, folder, shown, height) in SHOTS.items():
            page = Path(name) / f"{shot}.html"
            subprocess.run([sys.executable, "-m", "onnxlint", *command, "-o", str(page)],
                           cwd=folder, check=True)  # fmt: skip
            page.write_text(_alone(page.read_text(encoding="utf-8"), shown), encoding="utf-8")
            _photograph(browser, page, DOCS / f"page-{shot}.png", height)


def _alone(page: str, shown: list[str]) -> str:
    """The page with these sections only."""
    kept = "".join(f":not(#{each})" for each in shown)
    others = ("nav", "footer", "#filter", ".changes", "main > :not(.model):not(.both)", ".aside",
              ".model > :not(.part)", "body > header", f".part{kept}")  # fmt: skip
    style = f"{', '.join(others)} {{ display: none !important }}"
    style += " .model { margin: 0; padding: 0; border: 0 }"
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    return page.replace("</style>", f"{style}</style>", 1)


def _photograph(browser: str, page: Path, file: Path, height: int) -> None:
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--window-size={WIDTH},{height}", f"--screenshot={file}", page.as_uri()],
        check=True, capture_output=True,
    )  # fmt: skip
    Image.open(file).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(
        file, optimize=True
    )


if __name__ == "__main__":
    main()
