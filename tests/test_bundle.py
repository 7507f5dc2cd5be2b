"""The code of modules in one file: the same modules, and none that is not what its source says."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from onnxlint import bundle
from onnxlint.bundle import FEW, Bundle

PARTS = 20
assert PARTS > FEW

LOOKS = """
import json, sys
from onnxlint.bundle import keep_bundle, use_bundle
from onnxlint import bundle
bundle.__file__ = {here!r}
use_bundle()
import a_package
from a_package import {parts}
from a_package.inner import deep
print(json.dumps({{
    name: [each.__file__, getattr(each, "__path__", None), each.__package__, each.__doc__,
           type(each.__spec__.loader).__name__, each.value]
    for name, each in sys.modules.items() if name.startswith("a_package")
}}))
{end}
"""


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "a_package"
    (folder / "inner").mkdir(parents=True)
    inner = [folder / "inner" / "__init__.py", folder / "inner" / "deep.py"]
    for file in (folder / "__init__.py", *inner, *(folder / f"part{n}.py" for n in range(PARTS))):
        file.write_text(f'"""{file.stem}."""\nvalue = "old"\n')
    (tmp_path / "here").mkdir()
    return folder


def seen(package: Path, end: str = "keep_bundle()", **environment: str) -> dict[str, list[object]]:
    here = str(package.parent / "here" / "bundle.py")
    parts = ", ".join(f"part{n}" for n in range(PARTS))
    inherited = {name: each for name, each in os.environ.items()
                 if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}  # fmt: skip
    path = os.pathsep.join([str(package.parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", LOOKS.format(here=here, parts=parts, end=end)],
        capture_output=True, text=True, env=inherited | {"PYTHONPATH": path} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def made(package: Path) -> Path:
    """The bundle, of all parts of the package."""
    seen(package)
    file = package.parent / "here" / "__pycache__"
    if not [*file.glob("*")]:
        file.mkdir(exist_ok=True)
        seen(package)
    (found,) = file.glob("_bundled.*")
    return found


def bundled(modules: dict[str, list[object]]) -> set[str]:
    return {name for name, (*_, loader, _value) in modules.items() if loader == "_Loader"}


def test_modules_are_those_that_python_finds(package):
    usual = seen(package, "")
    made(package)
    now = seen(package)
    assert bundled(now) == {*usual} - {"a_package"}
    for name, (file, path, home, doc, _, value) in usual.items():
        assert now[name][:4] == [file, path, home, doc]
        assert now[name][-1] == value


@pytest.mark.parametrize("change", ["text", "time"])
def test_what_changed_is_loaded_as_it_is(package, change):
    made(package)
    file = package / "part3.py"
    if change == "text":
        file.write_text('"""part3."""\nvalue = "new and longer"\n')
    else:
        before = file.stat()
        file.write_text(file.read_text().replace("old", "new"))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 2_000_000_000))
    now = seen(package)
    assert str(now["a_package.part3"][-1]).startswith("new")
    assert "a_package.part3" not in bundled(now)
    assert "a_package.part4" in bundled(now)


def test_what_is_gone_is_not_found(package):
    file = made(package)
    found = Bundle(str(file))
    path = [str(package)]
    assert found.find_spec("a_package.part1", path) is not None
    (package / "part1.py").unlink()
    assert found.find_spec("a_package.part1", path) is None
    assert found.find_spec("a_package.part2", None) is None
    assert found.find_spec("a_package.part2", [*path, "/another"]) is None
    assert found.find_spec("another.part2", ["/another"]) is None


MAGIC = importlib.util.MAGIC_NUMBER


@pytest.mark.parametrize("damage", [
    b"", b"\0", b"\0" * 100, MAGIC, MAGIC + b"\xff" * 12, MAGIC + b"\4" + bytes(11) + b"{{{{",
    MAGIC + b"\1" + bytes(11) + b"N",
])  # fmt: skip
def test_a_file_that_is_none_is_as_none(package, damage):
    file = made(package)
    file.write_bytes(damage)
    assert bundled(seen(package)) == set()
    assert len(bundled(seen(package))) > FEW, "it was written anew"


def test_code_that_is_cut_off_is_loaded_as_usual(package):
    file = made(package)
    file.write_bytes(file.read_bytes()[:-400])
    now = seen(package, "")
    assert {value for *_, value in now.values()} == {"old"}


def test_another_pythons_is_not_read(package, monkeypatch):
    file = made(package)
    monkeypatch.setattr(bundle.importlib.util, "MAGIC_NUMBER", b"\1\2\3\4")
    assert Bundle(str(file)).find_spec("a_package.part1", [str(package)]) is None


def test_it_is_written_where_python_writes_alone(package):
    folder = package.parent / "here" / "__pycache__"
    folder.mkdir()
    seen(package, PYTHONDONTWRITEBYTECODE="1")
    assert [*folder.iterdir()] == []
    shutil.rmtree(folder)
    seen(package)
    assert not folder.exists()


def test_a_few_modules_more_are_not_worth_writing(package):
    file = made(package)
    before = file.stat().st_mtime_ns
    for n in range(FEW // 2):
        (package / f"part{n}.py").write_text("value = 'another one'\n")
    seen(package)
    assert file.stat().st_mtime_ns == before
    for n in range(PARTS):
        (package / f"part{n}.py").write_text("value = 'yet another'\n")
    seen(package)
    assert len(bundled(seen(package))) >= PARTS


def test_what_another_process_added_is_not_written_again(package):
    file = made(package)
    content = file.read_bytes()
    file.unlink()
    late = (
        f"open({str(file)!r}, 'wb').write({content!r})\nimport os\n"
        f"before = os.stat({str(file)!r}).st_ino\nkeep_bundle()\n"
        f"assert os.stat({str(file)!r}).st_ino == before"
    )
    assert bundled(seen(package, late)) == set()


def test_no_code_is_copied_that_its_source_does_not_have(package):
    seen(package, "")
    file = package / "part1.py"
    assert bundle._compiled(str(file)) is not None
    before = file.stat()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 2_000_000_000))
    assert bundle._compiled(str(file)) is None
    assert bundle._compiled(str(package / "missing.py")) is None


def test_the_command_takes_its_modules_from_it(write_model):
    """It finds out what it loads by itself, and the next one is spared it."""
    model = str(write_model("net (float[1] x) => (float[1] y) { y = Relu(x) }"))
    code = (
        "import os, sys\nfrom onnxlint.__main__ import main\nfrom onnxlint import bundle\n"
        f"sys.argv = ['onnxlint', {model!r}, '--static-only']\nreal = os._exit\n"
        "def leave(status):\n"
        "    print(len([*bundle._used._loaded_otherwise()]), flush=True)\n    real(status)\n"
        "os._exit = leave\nmain()"
    )
    kept = {name: each for name, each in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=kept
        )
        assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) <= FEW
