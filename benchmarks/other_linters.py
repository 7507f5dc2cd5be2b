"""The static run beside onnx's checker and onnx-doctor on the nine light models, in the same run.

    python benchmarks/other_linters.py

Each is a process of its own, from start to end, as a pipeline would run it; best of some rounds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from measuring import LIGHT, MIB, best

CHECKER = "import sys, onnx; onnx.checker.check_model(sys.argv[1], full_check=True)"


def main() -> None:
    print(f"{'model':<22}{'onnxlint':>10}{'checker':>10}{'doctor':>10}{'ratio to checker':>18}"
          f"{'ratio to doctor':>17}{'peak MiB':>10}")  # fmt: skip
    for model in sorted(LIGHT.glob("*.onnx")):
        commands = {
            "onnxlint": [sys.executable, "-m", "onnxlint", str(model), "--static-only"],
            "checker": [sys.executable, "-c", CHECKER, str(model)],
            "doctor": [str(Path(sys.executable).parent / "onnx-doctor"), "check", str(model)],
        }
        measured = {name: best(command) for name, command in commands.items()}
        seconds = {name: wall for name, (wall, _) in measured.items()}
        walls = "".join(f"{wall:>8.2f} s" for wall in seconds.values())
        ratios = (f"{seconds['onnxlint'] / seconds['checker']:>18.2f}"
                  f"{seconds['onnxlint'] / seconds['doctor']:>17.2f}")  # fmt: skip
        print(f"{model.stem:<22}{walls}{ratios}{measured['onnxlint'][1] / MIB:>10.0f}")


if __name__ == "__main__":
    main()
