"""Takes the README's picture: runs the demo on a terminal and draws what it printed as SVG.

python tools/docs/make_picture.py docs/demo.svg
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

COMMAND = ["onnxlint", "fixtures/demo/flawed.onnx", "--stage", "init"]
WIDTH = 100


def main() -> None:
    os.chdir(Path(__file__).parents[2])
    printed = _on_a_terminal([sys.executable, "-m", *COMMAND])
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(f"$ {' '.join(COMMAND)}", style="bold", highlight=False)
    console.print(Text.from_ansi(printed))
    svg = console.export_svg(title="onnxlint", unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # no fonts from elsewhere
    Path(sys.argv[1]).write_text(svg, encoding="utf-8")


def _on_a_terminal(command: list[str]) -> str:
    output = io.BytesIO()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        output.write(data)
        return data

    pty.spawn(command, read)
    text = output.getvalue().decode().replace("\r\n", "\n")
    return re.sub(r"(?s).*\x1b\[\?25h|\x1b\[[0-9]*[AKGJ]|\r", "", text)


if __name__ == "__main__":
    main()
