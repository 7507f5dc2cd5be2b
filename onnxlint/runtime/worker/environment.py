"""What the worker's process is started with: its command, and the variables that it gets."""

import os
import re
import sys

from onnxlint.runtime import WORKER_ENVIRONMENT

MODULE = "onnxlint.runtime.worker"

INHERITED = re.compile(
    r"PATH|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|WINDIR|LD_.*|DYLD_.*"
    r"|PYTHON(?:HOME|HASHSEED|MALLOC|DEVMODE|DONTWRITEBYTECODE|PYCACHEPREFIX|NOUSERSITE|WARNINGS)"
    r"|GLIBC_TUNABLES|(?:OMP|KMP|MKL|OPENBLAS|BLIS|GOTO|MALLOC|ORT|ONNXLINT|ASAN|UBSAN|LSAN)_.*",
    re.IGNORECASE,
)
"""The variables that the worker gets: what starting Python and tuning native code needs. Whatever
secrets the others hold, no model's kernels are run beside them."""

_HOME = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))  # noqa: PTH100, PTH118, PTH120


def command(module: str, memory_limit: int, parent: int) -> list[str]:
    """How Python runs the worker, which may take so many bytes and ends with its parent."""
    return [sys.executable, "-P", "-m", module, str(memory_limit), str(parent)]


def environment() -> dict[str, str]:
    """What the worker needs of ours; it finds modules where they were found here.

    Never in the working folder, where anybody may have put a file of a module's name.
    """
    kept = {name: text for name, text in os.environ.items() if INHERITED.fullmatch(name)}
    folders = [folder for folder in sys.path if folder and not _is_working_folder(folder)]
    return {**WORKER_ENVIRONMENT, **kept, "PYTHONPATH": os.pathsep.join([*folders, _HOME])}


def _is_working_folder(folder: str) -> bool:
    try:
        return os.path.samefile(folder, os.curdir)  # noqa: PTH121
    except OSError:
        return False
