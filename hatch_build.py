"""Compiles the passes over tensors on installation; without a C compiler, numpy does the same.

And operators that work on values while a model runs; without them they are fetched as outputs, and
nodes do what is done to them.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

SOURCES = [
    "onnxlint/runtime/statistics/passes.c",
    *(f"onnxlint/runtime/worker/{name}.c" for name in ("operators", "perturb", "taps")),
]
LIBRARY = "onnxlint/runtime/_passes.so"
FLAGS = [
    "-O3", "-fPIC", "-shared", "-fno-math-errno", "-fassociative-math", "-fno-signed-zeros",
    "-fno-trapping-math", "-ffinite-math-only",
]  # fmt: skip
"""What sums and extremes need to run in lanes; -ffast-math would also turn subnormals off for good,
in the whole process."""


class CompiledPasses(BuildHookInterface[Any]):
    """Adds the library to a wheel, or puts it beside its source where that is edited."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles; what cannot be compiled is told and left out."""
        library = Path(self.root, LIBRARY)
        if os.environ.get("ONNXLINT_PURE"):  # the wheel for machines that no other wheel fits
            return
        try:
            compile_passes([Path(self.root, source) for source in SOURCES], library)
        except (OSError, subprocess.CalledProcessError) as error:
            library.unlink(missing_ok=True)
            self.app.display_warning(
                f"{SOURCES} are not compiled, numpy takes their place: {error}"
            )
            return
        build_data["artifacts"].append(LIBRARY)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{next(platform_tags())}"


def compile_passes(sources: list[Path], library: Path) -> None:
    """Compiles with $CC, else with what Python was compiled with, else with cc."""
    if sys.platform == "win32":
        raise OSError("it is not written for Windows' compiler")
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    made = library.with_suffix(".new")  # whoever loads the library meanwhile gets the old one
    command = [*shlex.split(compiler), *FLAGS, "-o", str(made), *map(str, sources), "-lm"]
    subprocess.run(command, check=True, capture_output=True)
    made.replace(library)
