"""Other projects' tests, as they are: each model that they build gets their verdict and ours.

    python benchmarks/peer_suites.py TESTS [--keep FOLDER] [--show] [-- PYTEST ARGUMENTS]
    python benchmarks/peer_suites.py MODELS --command 'polygraphy check lint {}'

TESTS is a file or folder of the peer's checkout that pytest runs: tests of onnx, or of onnx-doctor.
What they ask onnx's checker, its shape inference, its loader or onnx-doctor is asked of our static
rules, too. MODELS is a folder of models that the peer's command judges by its exit status.

Both verdicts are compared: what the peer refuses should get an error of ours, or at least a
warning, what it accepts no error. `--keep` puts the models that differ there, with both verdicts.
docs/peer_suites.md says what came of it.
"""

from __future__ import annotations

import functools
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import onnx
import onnx.shape_inference
import pytest
from msgspec.structs import replace
from onnx import (
    GraphProto,
    ModelProto,
    SparseTensorProto,
    TensorProto,
    TypeProto,
    checker,
    external_data_helper,
    helper,
)

from onnxlint.config import load
from onnxlint.job import Job, plan
from onnxlint.pipeline import lint_model
from onnxlint.rules.packs import discover

CHECK_MODEL = checker.check_model
"""As onnx has it: what the tests call is ours."""

ALIKE = {"refused": ("error",), "accepted": ("warning", "info", "silent")}
"""What the peer says, and what of ours agrees with it."""


@dataclass(frozen=True)
class Verdict:
    """What both say of one model."""

    test: str
    asked: str
    peer: str
    """`refused` or `accepted`, and in `reason` its words."""
    reason: str
    ours: str
    """The gravest severity among our findings of the compared families, or `silent`."""
    findings: tuple[str, ...]
    beyond: tuple[str, ...]
    """The codes of errors of other families: they judge more than whether a model is valid."""
    strictly: str
    """What onnx's checker says of the whole model, with its shape inference."""

    @property
    def kind(self) -> str:
        if self.ours in ALIKE[self.peer]:
            design = self.peer == "accepted" and self.beyond
            return f"alike, and {', '.join(self.beyond)}" if design else "alike"
        if self.peer == "refused":
            return "softer" if self.ours == "warning" else "missed"
        return "stricter, as the checker is with shapes" if self.strictly else "stricter"

    def __str__(self) -> str:
        told = "\n".join(f"    {each}" for each in self.findings)
        strictly = f"\n  the checker: {self.strictly}" if self.strictly else ""
        return f"{self.kind}: {self.test} ({self.asked})\n  peer {self.peer}: {self.reason}" + (
            f"{strictly}\n  ours {self.ours}:\n{told}"
        )


@dataclass
class Comparison:
    """Judges every model once, and keeps what differs."""

    keep: Path | None
    families: tuple[str, ...] = ("ONX", "SEC")
    verdicts: list[Verdict] = field(default_factory=list)
    seen: set[tuple[str, str, bytes, str]] = field(default_factory=set)
    test: str = ""
    busy: bool = False

    @functools.cached_property
    def job(self) -> Job:
        return plan(load(None), discover(), "", static_only=True)

    def add(self, path: Path, asked: str, reason: str | None) -> None:
        """Judges the model at a path, of which the peer said `reason`, or nothing against it."""
        peer = "accepted" if reason is None else "refused"
        key = (asked, peer, path.read_bytes(), _surroundings(path))
        if key in self.seen:
            return
        self.seen.add(key)
        report = lint_model(replace(self.job, path=str(path)))
        told = [f"{f.severity.value} {f.code} {f.place}: {f.message}" for f in report.findings]
        found = {f.severity.value for f in report.findings if f.code.startswith(self.families)}
        if report.error is not None:
            told.append(f"not read: {report.error}")
            found.add("error")
        ours = next((each for each in ("error", "warning", "info") if each in found), "silent")
        others = [f for f in report.findings if not f.code.startswith(self.families)]
        beyond = {f.code for f in others if f.severity.value == "error"}
        brief = " ".join((reason or "").split())[:300]
        verdict = Verdict(self.test, asked, peer, brief, ours, tuple(told), tuple(sorted(beyond)),
                          _strictly(path))  # fmt: skip
        self.verdicts.append(verdict)
        if self.keep is not None and verdict.kind != "alike":
            number = len(self.verdicts)
            (self.keep / f"{number}.onnx").write_bytes(key[2])
            (self.keep / f"{number}.txt").write_text(str(verdict))

    def add_model(
        self, model: ModelProto, asked: str, reason: str | None, beside: Path | None = None
    ) -> None:
        """Judges a model that is no file, as one in the folder where its data lies."""
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            path = Path(folder, "model.onnx")
            if beside is not None:
                path = beside / "peer-suites.onnx"
                stack.callback(path.unlink, missing_ok=True)
            with suppress(Exception):  # not serializable, as with a lone surrogate in a name
                path.write_bytes(model.SerializeToString())
                self.add(path, asked, reason)


def _surroundings(path: Path) -> str:
    """What lies beside a model, with its links: external data may be right or wrong by that."""
    return str(sorted((entry.name, entry.is_symlink(), entry.stat(follow_symlinks=False).st_nlink)
                      for entry in os.scandir(path.parent) if not entry.is_dir()))  # fmt: skip


def _strictly(path: Path) -> str:
    try:
        CHECK_MODEL(str(path), full_check=True)
    except Exception as error:
        return " ".join(str(error).split())[:300] or type(error).__name__
    return ""


Models = Iterator[ModelProto | Path | tuple[ModelProto, Path]]
"""A model, its file, or a model with the folder of its external data."""


def _as_model(given: Any, *_: Any, **__: Any) -> Models:
    if isinstance(given, ModelProto):
        yield _copy(given)
    elif isinstance(given, bytes):
        with suppress(Exception):
            yield onnx.load_from_string(given)
    elif isinstance(given, (str, os.PathLike)) and Path(given).is_file():
        with suppress(Exception):
            onnx.load_from_string(Path(given).read_bytes())
            yield Path(given)


def _of_graph(graph: GraphProto, ctx: Any = checker.DEFAULT_CONTEXT, *_: Any) -> Models:
    """A model around a graph, of the versions in the checker's context."""
    model = ModelProto(ir_version=ctx.ir_version, producer_name="peer", graph=graph)
    for domain, version in ctx.opset_imports.items():
        model.opset_import.add(domain=domain, version=version)
    yield model


def _of_tensor(tensor: TensorProto | SparseTensorProto, *_: Any) -> Models:
    """A model that outputs one tensor."""
    is_sparse = isinstance(tensor, SparseTensorProto)
    values = tensor.values if is_sparse else tensor
    graph = GraphProto(name="net")
    (graph.sparse_initializer if is_sparse else graph.initializer).append(tensor)
    name = values.name
    held = graph.sparse_initializer[0].values if is_sparse else graph.initializer[0]
    held.name = name or "tensor"
    of_tensor = TypeProto.Tensor(elem_type=values.data_type)
    of_tensor.shape.SetInParent()
    for size in tensor.dims:
        of_tensor.shape.dim.add(dim_value=size)
    graph.output.add(name="out").type.tensor_type.CopyFrom(of_tensor)
    graph.node.append(helper.make_node("Identity", [held.name], ["out"]))
    yield from _of_graph(graph)


def _beside(model: ModelProto, folder: str | Path, *_: Any) -> Models:
    yield _copy(model), Path(folder)


def _copy(model: ModelProto) -> ModelProto:
    """As it is now: loading changes it."""
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def _tensor_beside(tensor: TensorProto, folder: str | Path, *_: Any) -> Models:
    yield from ((model, Path(folder)) for model in _of_tensor(tensor))


SEAMS: dict[tuple[Any, str], Callable[..., Models]] = {
    (checker, "check_model"): _as_model,
    (checker, "check_graph"): _of_graph,
    (checker, "check_tensor"): _of_tensor,
    (checker, "check_sparse_tensor"): _of_tensor,
    (onnx.shape_inference, "infer_shapes"): _as_model,
    (external_data_helper, "load_external_data_for_model"): _beside,
    (external_data_helper, "load_external_data_for_tensor"): _tensor_beside,
    (onnx, "load"): _as_model,
    (onnx, "load_model"): _as_model,
}
"""What a peer's test asks, and the models that are in the question."""


def patch(comparison: Comparison) -> None:
    for (module, name), models in SEAMS.items():
        setattr(module, name, _listened(comparison, getattr(module, name), name, models))
    with suppress(ImportError):
        import onnx_doctor

        onnx_doctor.diagnose = _diagnosed(comparison, onnx_doctor.diagnose)


def _listened(
    comparison: Comparison, ask: Callable[..., Any], name: str, models: Callable[..., Models]
) -> Callable[..., Any]:
    @functools.wraps(ask)
    def asked(*arguments: Any, **named: Any) -> Any:
        if comparison.busy:
            return ask(*arguments, **named)
        comparison.busy = True
        try:
            caught = list(models(*arguments, **named)) if arguments else []
            try:
                answer, error = ask(*arguments, **named), None
            except Exception as raised:
                answer, error = None, raised
            _heard(comparison, caught, name, None if error is None else str(error) or repr(error))
        finally:
            comparison.busy = False
        if error is not None:
            raise error
        return answer

    return asked


def _heard(comparison: Comparison, caught: list[Any], name: str, reason: str | None) -> None:
    for model in caught:
        if isinstance(model, Path):
            comparison.add(model, name, reason)
        elif isinstance(model, tuple):
            comparison.add_model(model[0], name, reason, beside=model[1])
        else:
            comparison.add_model(model, name, reason)


def _diagnosed(comparison: Comparison, diagnose: Callable[..., Any]) -> Callable[..., Any]:
    """onnx-doctor's diagnosis: what it calls an error is its refusal."""

    def diagnosed(model: Any, *arguments: Any, **named: Any) -> Any:
        import onnx_ir

        messages = list(diagnose(model, *arguments, **named))
        told = [f"{each.severity} {each.error_code}: {each.message}" for each in messages]
        refused = any(each.severity == "error" for each in messages)
        comparison.add_model(
            onnx_ir.to_proto(model), "diagnose", "; ".join(told) if refused else None
        )
        return messages

    return diagnosed


class Plugin:
    """Tells which test runs."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.comparison.test = nodeid


def judge_folder(comparison: Comparison, folder: Path, command: str) -> None:
    """Every model in a folder, and the verdict of a command by its exit status."""
    for path in sorted(folder.rglob("*.onnx")):
        parts = [str(path) if part == "{}" else part for part in shlex.split(command)]
        done = subprocess.run(parts, capture_output=True, text=True, check=False)
        comparison.test = path.name
        told = " ".join((done.stdout + done.stderr).splitlines()[-3:])
        comparison.add(path, shlex.split(command)[0], told if done.returncode else None)


@click.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Put models that differ there.")
@click.option("--command", help="The peer's command, with {} for the model.")
@click.option("--families", default="ONX,SEC", help="Prefixes of codes whose errors count.")
@click.option("--show", is_flag=True, help="Print what differs.")
@click.argument("suite", type=click.Path(exists=True, path_type=Path))
@click.argument("arguments", nargs=-1)
def main(
    keep: Path | None,
    command: str | None,
    families: str,
    show: bool,
    suite: Path,
    arguments: tuple[str, ...],
) -> None:
    """Compares a peer's verdicts with ours."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(keep, tuple(families.split(",")))
    if command is not None:
        judge_folder(comparison, suite, command)
    else:
        patch(comparison)
        given = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", str(suite), *arguments]
        pytest.main(given, plugins=[Plugin(comparison)])
    if show:
        for verdict in comparison.verdicts:
            if verdict.kind != "alike":
                click.echo(str(verdict))
    counts = Counter((each.peer, each.kind) for each in comparison.verdicts)
    click.echo(f"{len(comparison.verdicts)} models")
    for (peer, kind), count in sorted(counts.items()):
        click.echo(f"  {peer}, {kind}: {count}")
    if keep is not None:
        lines = [json.dumps(each.__dict__) for each in comparison.verdicts]
        (keep / "verdicts.jsonl").write_text("\n".join(lines))
    sys.exit(0)


if __name__ == "__main__":
    main()
