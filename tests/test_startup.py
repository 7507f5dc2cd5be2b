"""What starts the command fast: help that is printed as it was written, and an index of rules."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from onnxlint import indexing
from onnxlint.asking import needs_of
from onnxlint.installed import _asked, brought, everything, version
from onnxlint.rules import index, packs
from onnxlint.rules.rule import Written
from tools.docs.help_text import FILE, text

PACK = "onnxlint_rules"


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_help_that_is_printed_is_what_click_says():
    """If it is not: python tools/docs/help_text.py."""
    assert FILE.read_text() == text()


def test_help_loads_nothing():
    code = (
        "import sys; sys.argv = ['onnxlint', '--help']\nfrom onnxlint.__main__ import main; main()"
    )
    told = python(f"{code}\nassert 'click' not in sys.modules")
    assert told == text()


def test_narrow_terminals_get_help_that_fits(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    told = subprocess.run(
        [sys.executable, "-m", "onnxlint", "--help"], capture_output=True, text=True
    )
    assert max(map(len, told.stdout.partition("Exit codes")[2].splitlines())) <= 60


def test_the_index_of_our_rules_is_up_to_date():
    """If it is not: python -m onnxlint.indexing onnxlint_rules."""
    known = json.loads(indexing.indexed(PACK))
    assert known == json.loads(
        (Path(packs.__file__).parents[2] / "rules" / PACK / index.FILE).read_text()
    )


def test_indexed_rules_are_the_rules():
    for rule in packs.discover().rules:
        assert isinstance(rule.written, Written), rule.code
        (own,) = [
            each
            for each in packs._imported("ours", rule.module, alone=True)
            if each.code == rule.code
        ]
        assert needs_of(own) == needs_of(rule)
        assert replace(own, written=rule.written) is not own
        assert (own.name, own.severity, own.ops, own.stages, own.since) == (
            rule.name, rule.severity, rule.ops, rule.stages, rule.since
        )  # fmt: skip
        assert rule.function is own.function


@pytest.fixture
def pack(tmp_path, monkeypatch):
    folder = tmp_path / "a_pack_of_ours"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""Ours."""\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    forget(folder)


def forget(pack):
    """Makes it a pack that was never loaded; another test has one of the same name."""
    for name in [each for each in sys.modules if each.startswith(pack.name)]:
        del sys.modules[name]


RULE = '''"""A rule."""
from onnxlint import Finding, Graph, Severity, rule
print("loaded")

@rule("OUR001", "our-rule", severity=Severity.{severity})
def our_rule(graph: Graph):
    """Says nothing.

    Good:
        m (float[1] x) => (float[1] y) {{ y = Relu(x) }}
    """
    return ()
'''


def rules_of(pack):
    return [*packs._loaded("ours", pack.name)]


def test_a_pack_of_a_team_has_an_index_too(pack):
    (pack / "one.py").write_text(RULE.format(severity="INFO"))
    indexing.write(pack.name)
    index._read.cache_clear()
    forget(pack)
    (rule,) = rules_of(pack)
    assert f"{pack.name}.one" not in sys.modules
    assert rule.documentation.summary == "Says nothing."
    assert f"{pack.name}.one" in sys.modules


def test_a_module_that_changed_or_came_is_read_as_it_is(pack):
    (pack / "one.py").write_text(RULE.format(severity="INFO"))
    indexing.write(pack.name)
    index._read.cache_clear()
    (pack / "one.py").write_text(RULE.format(severity="WARNING"))
    (pack / "two.py").write_text(RULE.replace("OUR001", "OUR002").format(severity="ERROR"))
    forget(pack)
    assert {rule.code: rule.severity.name for rule in rules_of(pack)} == {
        "OUR001": "WARNING", "OUR002": "ERROR"
    }  # fmt: skip


@pytest.mark.parametrize("content", ["", "{", '{"a_pack_of_ours": 3}', "[]"])
def test_an_index_that_cannot_be_read_is_as_none(pack, content):
    (pack / "one.py").write_text(RULE.format(severity="INFO"))
    (pack / index.FILE).write_text(content)
    index._read.cache_clear()
    assert [rule.code for rule in rules_of(pack)] == ["OUR001"]


def test_entry_points_are_those_that_python_finds():
    assert set(everything()) == set(_asked())
    assert {each.distribution for each in brought("onnxlint.rules")} >= {"onnxlint"}


def test_of_two_releases_on_the_path_the_first_counts(tmp_path, monkeypatch):
    for release in ("2.0", "1.0"):
        info = tmp_path / release / f"our_pack-{release}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: our-pack\nVersion: {release}\n"
        )
        (info / "entry_points.txt").write_text("[onnxlint.rules]\n# ours\nOUR = our_pack.rules\n")
        monkeypatch.syspath_prepend(str(tmp_path / release))
    (found,) = [each for each in everything() if each.distribution == "our-pack"]
    assert (found.name, found.value, found.version) == ("OUR", "our_pack.rules", "1.0")
    assert found in _asked()


def test_versions_are_those_that_python_finds():
    from importlib import metadata

    assert version("onnx") == metadata.version("onnx")
    assert version("Scikit_Learn") == metadata.version("scikit-learn")
    assert version("no-such-distribution") is None


LIGHT = """
from onnxlint.light_onnx import use_light_onnx
use_light_onnx()
import onnx
assert "onnx.compose" not in __import__("sys").modules
before = onnx.ModelProto
"""


@pytest.mark.parametrize("use", [
    "from onnx import helper; helper.make_node('Relu', ['x'], ['y'])",
    "onnx.save_model", "onnx.load", "onnx.__version__",
    "from onnx import *; checker.check_model",
    "from onnx import defs; defs.get_schema('Relu')",
    "import onnx.reference; import onnx.shape_inference, onnx.inliner",
    "assert onnx.TensorProto.FLOAT == 1; import copy; copy.copy(onnx.ModelProto())",
])  # fmt: skip
def test_the_light_onnx_is_all_of_onnx(use):
    python(f"{LIGHT}{use}\nassert onnx.ModelProto is before is onnx.load.__globals__['ModelProto']")


IN_PYTHON = """
from google.protobuf.internal import api_implementation, python_message
assert api_implementation.Type() == {kind!r}, api_implementation.Type()
assert ("google.protobuf.text_format" in __import__("sys").modules) is {loaded}
model = onnx.ModelProto.FromString(onnx.ModelProto(ir_version=8).SerializeToString())
assert model.ir_version == 8
assert python_message.GeneratedProtocolMessageType.__module__ == python_message.__name__
from google.protobuf import text_format
assert text_format.MessageToString(model) == "ir_version: 8\\n"
"""


@pytest.mark.parametrize("kind", ["upb", "python"])
def test_classes_in_python_are_loaded_where_they_are_used(monkeypatch, kind):
    monkeypatch.setenv("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", kind)
    python(LIGHT + IN_PYTHON.format(kind=kind, loaded=kind == "python"))


LIGHT_NUMPY = """
from onnxlint.light_numpy import use_light_numpy
use_light_numpy()
import numpy
assert numpy.ndarray.__doc__ is None or numpy.__version__ < "2"
"""


@pytest.mark.parametrize("use", [
    "assert numpy.add(1, 2) == 3 and numpy.einsum('ij->i', numpy.ones((2, 3))).tolist() == [3, 3]",
    "import numpy.ma, numpy.linalg, numpy.random, numpy.fft, numpy.polynomial, numpy.testing",
    "import networkx, sympy, onnx.reference, onnxruntime",
    "import sklearn.ensemble, sklearn.linear_model, scipy.stats",
])  # fmt: skip
def test_numpy_without_docstrings_works(use):
    if "sklearn" in use:
        pytest.importorskip("sklearn")
    python(f"{LIGHT_NUMPY}{use}")


ANNOTATIONS = """
import sys
assert "numpy._typing._array_like" not in sys.modules
assert numpy._typing is sys.modules["numpy._typing"]
assert [*numpy.linalg._linalg.SVDResult.__annotations__] == ["U", "S", "Vh"]
{use}
assert numpy._typing._array_like is sys.modules["numpy._typing._array_like"]
assert numpy._typing.NDArray[float].__origin__ is numpy.ndarray
assert type(numpy._typing) is type(sys)
"""


@pytest.mark.parametrize("use", [
    "import numpy.typing; assert numpy.typing.NDArray[int].__origin__ is numpy.ndarray",
    "from numpy._typing import ArrayLike, DTypeLike",
    "from numpy._typing import *",
    "import numpy._typing._array_like; numpy._typing.ArrayLike",
])  # fmt: skip
def test_annotations_of_numpy_are_loaded_where_they_are_used(use):
    python(LIGHT_NUMPY + ANNOTATIONS.format(use=use))


def test_a_numpy_that_is_loaded_stays_as_it_is():
    told = "from onnxlint.light_numpy import use_light_numpy\nuse_light_numpy()"
    python(f"import numpy\n{told}\nassert numpy.ndarray.__doc__")


LIGHT_PYTHON = """
import sys
from onnxlint.light_python import use_light_python
use_light_python()
import click, msgspec, pathlib, uuid
for name in ("ast", "calendar", "gettext", "hashlib", "inspect", "ipaddress", "linecache", "pickle",
             "platform", "secrets", "textwrap", "tokenize", "typing_extensions", "urllib.parse",
             "msgspec.inspect"):
    assert type(sys.modules[name]).__name__ == "Later", name
{use}
"""


@pytest.mark.parametrize("use", [
    "import urllib.parse; assert urllib.parse.urlsplit('http://[::1]:80/a').hostname == '::1'",
    "import urllib.parse; assert urllib.parse.quote('a b') == 'a%20b'",
    "from urllib.parse import *; assert urljoin('http://a/b', 'c') == 'http://a/c'",
    "from urllib.request import Request; assert Request('http://a/b').host == 'a'",
    "assert pathlib.Path('/a b').as_uri() == 'file:///a%20b'",
    "import ast; assert ast.literal_eval('[1]') == [1] and ast.NodeVisitor",
    "import calendar; assert calendar.timegm((1970, 1, 2, 0, 0, 0)) == 86400",
    "import gettext; assert gettext.gettext('a') == 'a' and gettext.NullTranslations",
    "from gettext import ngettext; assert (ngettext('a', 'b', 1), ngettext('a', 'b', 2)) == "
    "('a', 'b')",
    "from secrets import randbits; assert 0 <= randbits(5) < 32 and randbits(0) == 0\n"
    "assert len({randbits(128) for _ in range(9)}) == 9",
    "from secrets import *; assert len(token_hex(4)) == 8 and randbits.__self__",
    "import inspect; assert inspect.signature(inspect.cleandoc).parameters.keys() == {'doc'}",
    "import inspect; assert 'def fill' in inspect.getsource(__import__('onnxlint').later.fill)",
    "import hashlib; assert hashlib.sha256(b'a').hexdigest()[:8] == 'ca978112' and hashlib.blake2b",
    "import copyreg, pickle; assert pickle.loads(pickle.dumps([1])) == [1] and pickle.Pickler",
    "import numpy, pickle; assert pickle.loads(numpy.arange(3).dumps()).tolist() == [0, 1, 2]",
    "from pickle import *; assert loads(dumps(2)) == 2 and issubclass(PicklingError, PickleError)",
    "from hashlib import *; assert sha256(b'').name == 'sha256'",
    "import platform, os; assert platform.system() == os.uname().sysname and platform.platform()\n"
    "assert platform.system.__module__ == 'platform'",
    "import platform; system = platform.system(); platform.machine(); "
    "assert platform.system() == system",
    "import textwrap; assert textwrap.dedent(' a') == 'a' and textwrap.TextWrapper().width",
    "from tokenize import *; assert NAME == 1 and tokenize",
    "import tokenize, io; assert [*tokenize.generate_tokens(io.StringIO('a').readline)]",
    "import typing, typing_extensions; assert typing_extensions.Required is typing.Required\n"
    "assert typing_extensions.TypedDict and typing_extensions.deprecated and 'Self' in "
    "typing_extensions.__all__",
    "from typing_extensions import *; assert Self and deprecated",
    "assert msgspec.json.schema(list[int]) == {'type': 'array', 'items': {'type': 'integer'}}",
    "from msgspec import inspect; assert isinstance(inspect.type_info(int), inspect.IntType)",
    "import onnxruntime, numpy.testing, onnx.reference",
])  # fmt: skip
def test_what_is_put_off_is_there_when_it_is_used(use):
    python(LIGHT_PYTHON.replace("{use}", use))


SLOWLY = """
import sys, threading, time
sys.path.insert(0, {folder!r})
from onnxlint.later import put_off
put_off("slowly")
import slowly
found = []
threads = [threading.Thread(target=lambda: found.append(slowly.last)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert found == [1] * 8, found
assert slowly.times == 1 and type(slowly) is type(sys) and not hasattr(slowly, "more")
"""


def test_what_is_put_off_is_loaded_once_whoever_asks(tmp_path):
    own = "import sys, time\nassert not hasattr(sys.modules[__name__], 'last')\n"
    counted = "times = globals().get('times', 0) + 1\ntime.sleep(0.3)\nlast = 1\n"
    (tmp_path / "slowly.py").write_text(own + counted)
    python(SLOWLY.format(folder=str(tmp_path)))


def test_what_could_not_be_loaded_is_loaded_by_the_next_who_asks(tmp_path):
    (tmp_path / "slowly.py").write_text("begun = 1\nimport sys\nsys.allowed\nlast = begun\n")
    code = (
        SLOWLY.partition("found =")[0].format(folder=str(tmp_path))
        + """
for _ in range(2):
    try: slowly.last
    except AttributeError as error: assert "allowed" in str(error), error
    else: raise AssertionError
sys.allowed = True
assert slowly.last == 1
"""
    )
    python(code)


DOCS = [
    "",
    "a",
    " a\n   b\n    c\n",
    "\n\n  a\n\n b\n\t c\n  \n\n",
    "a\n\n",
    "a\n b\n  ",
    "\ta\n\tb",
]


def test_documentation_loses_the_indentation_that_python_takes():
    code = f"""
import inspect
quick = inspect.cleandoc
docs = {DOCS!r} + [inspect.getdoc.__doc__, inspect.__doc__, click.Command.__doc__]
assert inspect.cleandoc is not quick
for doc in docs:
    assert quick(doc) == inspect.cleandoc(doc), doc
"""
    python(LIGHT_PYTHON.replace("{use}", code))


def test_numpy_needs_nothing_of_what_is_put_off():
    code = f"""{LIGHT_NUMPY}
import numpy.random, numpy.linalg, numpy.lib.format
for name in ("ast", "gettext", "hashlib", "inspect", "secrets"):
    assert type(sys.modules[name]).__name__ == "Later", name
assert "_hashlib" not in sys.modules
assert numpy.random.default_rng(0).integers(9) == 7
assert numpy.random.SeedSequence().entropy != numpy.random.SeedSequence().entropy
assert numpy._core.overrides.inspect.cleandoc(" a") == "a"
import inspect
assert "condlist" in inspect.signature(numpy.select).parameters
assert "axis" in inspect.signature(numpy.concatenate).parameters
"""
    python(LIGHT_PYTHON.replace("{use}", code))


def test_of_msgspec_that_has_no_other_hints_a_table_is_the_same():
    """`typing_extensions` has hints of its own, which differ in what Python 3.13 brings alone."""
    code = (
        "import typing, msgspec\nclass T(typing.TypedDict):\n  a: int\n"
        "  b: typing.NotRequired[str]\n"
        "assert msgspec.convert({'a': 1}, T) == {'a': 1}\n"
        "try: msgspec.convert({'b': ''}, T)\nexcept msgspec.ValidationError: pass\n"
        "else: raise AssertionError"
    )
    python(LIGHT_PYTHON.replace("{use}", code))
