"""The data of the targets, their names, and what onnxruntime itself says of the operator cases."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from onnxlint.analyses import Analyses
from onnxlint.analyses.targets.operator_support import Support
from onnxlint.analyses.targets.targets import (
    FOLDER,
    Target,
    TargetError,
    Targets,
    families,
    family,
    kernel_table,
    releases,
    resolve,
)
from onnxlint.config import ConfigError, load
from onnxlint.job import plan
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import NotApplicable
from onnxlint.rules.packs import discover
from onnxlint.settings import Settings

TABLES = [file.stem for file in FOLDER.glob("*.json")]


def version(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split(".")))


@pytest.mark.parametrize("name", families())
def test_every_target_says_where_its_facts_are_from(name: str) -> None:
    target = resolve(name)
    assert target.title
    assert target.sources
    assert all(source.document and source.date for source in target.sources)


@pytest.mark.parametrize("name", families())
def test_limits_never_fall_from_release_to_release(name: str) -> None:
    known = releases(name)
    assert [r.version for r in known] == sorted({r.version for r in known}, key=version)
    for before, after in pairwise(known):
        if before.ir_version and after.ir_version:
            assert before.ir_version <= after.ir_version
        for domain in before.opsets.keys() & after.opsets.keys():
            assert before.opsets[domain] <= after.opsets[domain]


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_a_table_hold_for_releases_in_order(name: str) -> None:
    table = kernel_table(name)
    order = table.kernels_of
    assert order == sorted(order, key=version)
    assert set(order) <= {release.version for release in table.releases}
    for op, rows in table.kernels.items():
        for row in rows:
            assert order.index(row.first) <= order.index(row.last or order[-1]), op
            assert row.until is None or (row.since or 0) <= row.until, op
            assert all(0 <= number < len(table.types) for number in row.types.values()), op


@pytest.mark.parametrize("name", families())
def test_every_table_that_a_release_names_is_there(name: str) -> None:
    known = family(name)
    tables = {group.table for group in known.operators}
    assert {table for release in known.releases for table in release.operators} <= tables


def test_a_key_that_is_no_fact_is_refused(tmp_path: Path) -> None:
    text = (FOLDER / "coreml.toml").read_text() + '\n[[sources]]\ndocument = "x"\nday = "y"\n'
    with pytest.raises(msgspec.ValidationError, match="unknown field `day`"):
        msgspec.toml.decode(text, type=type(family("coreml")))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ort-cpu-1.20", "ort-cpu-1.20"),
        ("ort-cpu-1.20.1", "ort-cpu-1.20"),  # a patch
        ("ort-cpu-1.8", "ort-cpu-1.8"),
        ("openvino-2025.2", "openvino-2024.6"),  # between two: the lower
        ("tensorrt-10.3", "tensorrt-10.0"),
        ("qnn-1.20", "qnn-1.20"),  # its host's releases
        ("tensorrt-10", "tensorrt-10.15"),
        ("tensorrt-8", "tensorrt-8.6"),
        ("openvino-2025.4.1", "openvino-2025.4"),
    ],
)
def test_a_version_means_the_newest_release_up_to_it(name: str, found: str) -> None:
    assert resolve(name).name == found


def test_without_a_version_the_newest_release_is_meant() -> None:
    newest = releases("ort-cpu")[-1].version
    assert resolve("ort-cpu").name == f"ort-cpu-{newest}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ort-cpo", "unknown target 'ort-cpo'; did you mean 'ort-cpu'?"),
        ("tensorT-10", "unknown target 'tensorT-10'; did you mean 'tensorrt'?"),
        ("zzz", "unknown target 'zzz'; known targets: coreml, "),
        ("ort-cpu-99.1", "unknown version 99.1 of target ort-cpu: known releases: 1.8 to"),
        ("ort-cpu-1.2", "unknown version 1.2 of target ort-cpu: known releases: 1.8 to"),
    ],
)
def test_an_unknown_target_is_an_error_with_a_hint(name: str, message: str) -> None:
    with pytest.raises(TargetError) as error:
        resolve(name)
    assert str(error.value).startswith(message)


def test_what_a_target_runs_depends_on_version_and_types() -> None:
    target = resolve("ort-cpu-1.20")
    assert target.refusal("Max", 13, {"i0": "float"}) is None
    assert target.refusal("Max", 13, {"i0": "int16"}) == ("Max for int16", "int16")
    assert target.refusal("Max", 13, {}) is None  # nothing is known, so nothing is said
    assert target.refusal("Cast", 24, {}) == ("version 24 of Cast", None)
    assert target.refusal("Nothing", 1, {}) == ("Nothing", None)
    assert resolve("ort-cpu-1.12").refusal("Nothing", 1, {}) is None  # its operators are not known


def test_float16_is_widened_where_a_kernel_for_float32_alone_is_there() -> None:
    target = resolve("ort-cpu-1.20")
    assert target.refusal("MatMul", 13, {"i0": "float16", "i1": "float16", "o0": "float16"}) is None
    assert target.widens("MatMul", 13, {"i0": "float16"})
    assert not target.widens("MatMul", 13, {"i0": "float"})
    assert not target.widens("Identity", 16, {"i0": "float16"})


def test_a_part_of_onnxruntime_hands_over_what_it_lacks() -> None:
    coreml = resolve("coreml-1.20")
    assert coreml.host is resolve("ort-cpu-1.20")
    assert (coreml.ir_version, coreml.opsets) == (10, resolve("ort-cpu-1.20").opsets)
    assert coreml.refusal("Sin", 7, {"i0": "float"}) is not None
    assert coreml.falls_back("Sin", 7, {"i0": "float"})
    assert not coreml.falls_back("Sin", 7, {"i0": "bfloat16"})


def test_rules_ask_for_targets_by_family_and_by_fact() -> None:
    targets = Targets.build(Settings(targets=("ort-cpu-1.20", "tensorrt-10.15")))
    assert [target.name for target in targets] == ["ort-cpu-1.20", "tensorrt-10.15"]
    assert [target.version for target in targets.named("tensorrt")] == ["10.15"]
    assert targets.named("openvino") == []
    assert targets.any(float16="native")
    assert targets.any(float16="widened", int64="native")
    assert not targets.any(bfloat16="refused")


def test_without_targets_there_are_none() -> None:
    targets = Targets.build(Settings())
    assert (list(targets), len(targets), targets.any(float16="native")) == ([], 0, False)
    with pytest.raises(NotApplicable, match="no target is set"):
        targets.chosen()


def planned(tmp_path: Path, text: str, model: str = "m.onnx", **given: object) -> tuple[str, ...]:
    file = tmp_path / "onnxlint.toml"
    file.write_text(text)
    job = plan(load(file), discover(), str(tmp_path / model), **given)  # type: ignore[arg-type]
    return job.settings.targets


def test_the_command_line_wins_over_per_model_and_that_over_the_rest(tmp_path: Path) -> None:
    text = 'targets = ["ort-cpu"]\n[[per-model]]\npath = "web/*"\ntargets = ["ort-web"]\n'
    assert planned(tmp_path, text) == ("ort-cpu",)
    assert planned(tmp_path, text, "web/m.onnx") == ("ort-web",)
    assert planned(tmp_path, text, "web/m.onnx", targets=["qnn"]) == ("qnn",)


def test_a_wrong_target_in_the_configuration_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"onnxlint\.toml: unknown target 'ort-gpu'"):
        planned(tmp_path, 'targets = ["ort-gpu"]\n')


@pytest.mark.fresh
def test_the_command_takes_targets_and_lists_them(onnxlint, write_model) -> None:
    path = write_model("<ir_version: 12, opset_import: ['' : 13]>".replace("'", '"') +
                       "net (float[N] x) => (float[N] y) { y = Relu(x) }")  # fmt: skip
    options = ("--static-only", "--select", "PRT001", "--target", "ort-cpu-1.20,ort-cpu-1.28")
    done = onnxlint(path, *options)
    assert done.returncode == 1
    assert "ort-cpu-1.20 supports up to 10" in done.stdout
    assert "ort-cpu-1.28" not in done.stdout
    wrong = onnxlint(path, "--target", "ort-cpo")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "did you mean 'ort-cpu'?" in wrong.stderr
    assert all(name in onnxlint("targets").stdout for name in families())
    told = onnxlint("targets", "tensorrt-8.5").stdout
    assert "ai.onnx 17" in told
    assert "from: onnx-tensorrt, docs/operators.md" in told
    assert onnxlint("targets", "tensort").returncode == 2


EVERY = 24
"""Of the 1,884 operator cases of onnx 1.23 one in so many is tried, always the same."""


def test_onnxruntime_refuses_exactly_the_cases_that_its_table_refuses(tmp_path: Path) -> None:
    """All 1,884 agreed with onnxruntime 1.32: 1,765 load, 94 are NOT_IMPLEMENTED, 25 fail else."""
    import onnxruntime

    installed = ".".join(onnxruntime.__version__.split(".")[:2])
    if installed not in kernel_table("onnxruntime").kernels_of:
        pytest.skip(f"onnxruntime {installed} is not in the table: make targets")
    target = resolve(f"ort-cpu-{installed}")
    verdicts = []
    for name, data in sampled_cases():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        answer = loading(path)
        if answer != "fails":
            verdicts.append((name, answer, "refused" if refused(path, target) else "loads"))
    assert [verdict for verdict in verdicts if verdict[1] != verdict[2]] == []
    assert {verdict[1] for verdict in verdicts} == {"loads", "refused"}


def sampled_cases() -> list[tuple[str, bytes]]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while onnx computes the expected outputs
        cases = [case for case in collect_testcases(None) if case.model is not None]
    cases.sort(key=lambda case: case.name)
    return [(case.name, case.model.SerializeToString()) for case in cases[::EVERY]]


def loading(path: Path) -> str:
    """Whether onnxruntime loads a model, has no kernel for it, or fails for another reason."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        return "refused" if type(error).__name__ == "NotImplemented" else "fails"
    return "loads"


def refused(path: Path, target: Target) -> bool:
    analyses = Analyses(Settings())
    with open_model(str(path)) as model:
        analyses.give(model)
        support = analyses.get(Support)
        nodes = list(analyses.get(Graph).nodes())
        found = any(support.refusal(node, target) is not None for node in nodes)
    analyses.close()
    return found
