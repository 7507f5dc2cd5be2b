"""Code and configuration that lie beside the model or in the working folder (S1 to S3, L3, L7)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attacks.harness import (
    Case,
    Check,
    Command,
    Outcome,
    canary,
    executed,
    found,
    limited,
    linux_only,
    marking,
    not_found,
    quiet,
    says,
    silent_about,
    unread,
)
from attacks.models import FLAWED, SOUND, parsed, write, write_escaping

STATIC = ("--static-only", "--format", "json")


def cases() -> Iterator[Case]:
    yield from _found_code()
    yield from _consents()
    yield from _found_verdicts()
    yield from _shadowed_modules()
    yield from _configurations()
    yield from _command_lines()
    yield from _extended_paths()


# --- S1: code by way of a configuration that was found -----------------------------------------

RULE = '''from onnxlint import Graph, Severity, rule

{mark}


@rule("AAA001", "planted", severity=Severity.INFO)
def planted(graph: Graph):
    """A planted rule."""
    return ()
'''

LOADER = """{mark}
import numpy


def samples():
    return {{"x": numpy.ones((4, 3), numpy.float32)}}
"""


def plant(folder: Path, config: str, *, at: str = ".", name: str = "onnxlint.toml") -> Path:
    """A downloaded folder with a model, a configuration and code; and a desk to work at."""
    download, desk = folder / "download", folder / "desk"
    desk.mkdir()
    model = write(download / "model.onnx", FLAWED)
    (download / at).mkdir(parents=True, exist_ok=True)
    (download / at / name).write_text(config)
    (download / "r.py").write_text(RULE.format(mark=marking(folder)))
    (download / "loader.py").write_text(LOADER.format(mark=marking(folder)))
    return model


def ignored(path: str = "model.onnx", *words: str) -> Check:
    """The report says which configuration was not heeded, and in what."""

    def check(outcome: Outcome) -> str | None:
        model = outcome.model(path)
        told = str((model or {}).get("configuration") or "")
        if not told:
            return "the report does not say that a configuration was not heeded"
        lacks = [word for word in words if word not in told]
        return f"what was not heeded does not name {', '.join(lacks)}" if lacks else None

    return check


def _linted_from_desk(
    config: str, *options: str, at: str = ".", name: str = "onnxlint.toml"
) -> Callable[[Path], Command]:
    def build(folder: Path) -> Command:
        plant(folder, config, at=at, name=name)
        path = folder / "download" / "model.onnx"
        return Command((path, *(options or STATIC)), cwd=folder / "desk")

    return build


def _found_code() -> Iterator[Case]:
    told = (found("ARC001"), ignored("", "rule-paths"))
    code = partial(Case, row="S1", exits=(1,), checks=told)
    rules = 'rule-paths = ["r.py"]\n'
    yield code("rule_paths_file", build=_linted_from_desk(rules))
    yield code("rule_paths_folder", build=_linted_from_desk('rule-paths = ["."]\n'), slow=True)
    yield code("rule_paths_run", build=_linted_from_desk(rules, "--format", "json"), slow=True)
    pyproject = '[tool.onnxlint]\nrule-paths = ["r.py"]\n'
    yield code("pyproject", build=_linted_from_desk(pyproject, name="pyproject.toml"), slow=True)
    extends = replace_checks(code, found("ARC001"), ignored("", "extend"))
    yield extends("extend", build=_extending, slow=True)
    yield code("folders_above", build=_folders_above, slow=True)
    yield code("through_dots", build=_through_dots, slow=True)
    yield code("through_link", build=_through_link, slow=True)
    yield code("folder_argument", build=_folder_argument, slow=True)
    yield code("glob_argument", build=_glob_argument, slow=True)
    yield code("jobs", build=_jobs, slow=True)
    yield code("below_working_folder", build=_below_working_folder)
    other = replace_checks(code, found("ARC001"), ignored("model.onnx", "rule-paths"))
    yield other("many_models_one_trusted", build=_one_trusted, slow=True)
    text = replace_checks(code, says("ARC001"), says(r"(?i)onnxlint\.toml"))
    yield text("told_in_text", build=_linted_from_desk(rules, "--static-only"))
    data = replace_checks(code, found("ARC001"), ignored("", "data"))
    loader = 'data = "loader:samples"\n'
    yield data("data_function", build=_linted_from_desk(loader, "--format", "json"))
    yield data("data_function_static", build=_linted_from_desk(loader), slow=True)
    both = f'{loader}labels = "loader:samples"\nreference = "model.onnx"\n'
    yield data("labels_function", build=_linted_from_desk(both, "--format", "json"), slow=True)
    quietly = partial(Case, row="S1", exits=(1, 2), slow=True)
    per_model = '[[per-model]]\npath = "*"\nrule-paths = ["r.py"]\n'
    yield quietly("rule_paths_per_model", build=_linted_from_desk(per_model))
    fixing = ("--diff", "--static-only")
    yield quietly("diff", build=_linted_from_desk(rules, *fixing), exits=(0, 1, 2), reports=False)
    yield quietly("reference", build=_reference)
    no = {"ONNXLINT_TRUST_CONFIG": "0"}
    yield code("environment_says_no", build=_with_environment(rules, no), slow=True)
    empty = {"ONNXLINT_TRUST_CONFIG": ""}
    yield code("environment_is_empty", build=_with_environment(rules, empty), slow=True)


def replace_checks(make: partial[Case], *checks: Check) -> partial[Case]:
    """The same kind of case with other checks."""
    return partial(make.func, **{**make.keywords, "checks": checks})


def _with_environment(config: str, environment: dict[str, str]) -> Callable[[Path], Command]:
    def build(folder: Path) -> Command:
        model = plant(folder, config)
        return Command((model, *STATIC), cwd=folder / "desk", environment=environment)

    return build


def _extending(folder: Path) -> Command:
    model = plant(folder, 'extend = "shared/base.toml"\n')
    shared = folder / "download" / "shared"
    shared.mkdir()
    (shared / "base.toml").write_text('rule-paths = ["r.py"]\n')
    (shared / "r.py").write_text(RULE.format(mark=marking(folder)))
    return Command((model, *STATIC), cwd=folder / "desk")


def _folders_above(folder: Path) -> Command:
    plant(folder, 'rule-paths = ["r.py"]\n')
    model = write(folder / "download" / "a" / "b" / "c" / "model.onnx")
    return Command((model, *STATIC), cwd=folder / "desk")


def _through_dots(folder: Path) -> Command:
    plant(folder, 'rule-paths = ["r.py"]\n')
    return Command(("../download/../download/model.onnx", *STATIC), cwd=folder / "desk")


def _through_link(folder: Path) -> Command:
    model = plant(folder, 'rule-paths = ["r.py"]\n')
    (folder / "desk" / "link.onnx").symlink_to(model)
    return Command(("link.onnx", *STATIC), cwd=folder / "desk")


def _folder_argument(folder: Path) -> Command:
    plant(folder, 'rule-paths = ["r.py"]\n')
    return Command(("../download", *STATIC), cwd=folder / "desk")


def _glob_argument(folder: Path) -> Command:
    plant(folder, 'rule-paths = ["r.py"]\n')
    return Command(("../download/*.onnx", *STATIC), cwd=folder / "desk")


def _jobs(folder: Path) -> Command:
    plant(folder, 'rule-paths = ["r.py"]\n')
    write(folder / "download" / "other.onnx")
    return Command(("../download", "-j", "2", *STATIC), cwd=folder / "desk")


def _below_working_folder(folder: Path) -> Command:
    plant(folder, 'rule-paths = ["r.py"]\n')
    return Command(("download/model.onnx", *STATIC))


def _one_trusted(folder: Path) -> Command:
    model = plant(folder, 'rule-paths = ["r.py"]\n')
    (folder / "desk" / "onnxlint.toml").write_text("seed = 1\n")
    write(folder / "desk" / "own.onnx", SOUND)
    return Command(("own.onnx", model, *STATIC), cwd=folder / "desk")


def _reference(folder: Path) -> Command:
    model = plant(folder, 'rule-paths = ["r.py"]\n')
    own = write(folder / "desk" / "own.onnx")
    return Command((own, "--reference", model, "--format", "json"), cwd=folder / "desk")


def _consents() -> Iterator[Case]:
    """What is consented to works as before, or nobody could add rules."""
    rules = 'rule-paths = ["r.py"]\n'
    trusted = partial(Case, row="S1", exits=(1,), executes=True, checks=(executed, found("ARC001")))
    flag = (*STATIC, "--trust-config")
    yield trusted("trusted_by_option", build=_linted_from_desk(rules, *flag))
    yes = {"ONNXLINT_TRUST_CONFIG": "1"}
    yield trusted("trusted_by_environment", build=_with_environment(rules, yes))
    yield trusted("trusted_by_name", build=_named, slow=True)
    yield trusted("trusted_in_working_folder", build=_in_working_folder, slow=True)
    yield trusted("trusted_above_working_folder", build=_above_working_folder, slow=True)
    loader = 'data = "loader:samples"\n'
    data = ("--format", "json", "--trust-config")
    yield trusted("trusted_data", build=_linted_from_desk(loader, *data), slow=True)


def _named(folder: Path) -> Command:
    model = plant(folder, 'rule-paths = ["r.py"]\n')
    config = folder / "download" / "onnxlint.toml"
    return Command((model, *STATIC, "--config", config), cwd=folder / "desk")


def _in_working_folder(folder: Path) -> Command:
    plant(folder, 'rule-paths = ["r.py"]\n')
    return Command(("model.onnx", *STATIC), cwd=folder / "download")


def _above_working_folder(folder: Path) -> Command:
    model = plant(folder, 'rule-paths = ["r.py"]\n')
    below = folder / "download" / "a" / "b"
    below.mkdir(parents=True)
    return Command((model, *STATIC), cwd=below)


# --- S3: a verdict by way of a configuration that was found ------------------------------------

SECRET = "18481848"

SILENCERS = {
    "all": '[[ignore]]\nrule = "ALL"\nreason = "fine"\n',
    "family": '[[ignore]]\nrule = "SEC"\nreason = "fine"\n',
    "rule": '[[ignore]]\nrule = "SEC001"\nreason = "fine"\n',
    "name": '[[ignore]]\nrule = "external-data-escape"\nreason = "fine"\n',
    "per_model": '[[per-model]]\npath = "*"\n[[per-model.ignore]]\nrule = "ALL"\nreason = "fine"\n',
    "selection": 'select = ["INT003"]\n',
    "severity": '[rules.SEC001]\nseverity = "info"\n',
    "severity_of_family": '[rules.SEC]\nseverity = "info"\n',
}

LIFTED = {
    "time_limit": "time-limit = 1000000.0\n",
    "memory_limit": 'memory-limit = "900TiB"\n',
    "samples": "samples = 100000\n",
}


def _found_verdicts() -> Iterator[Case]:
    silencing = partial(Case, row="S3", exits=(1,), checks=(found("SEC001"),))
    for name, config in SILENCERS.items():
        slow = name not in ("all", "severity")
        yield silencing(f"silences_by_{name}", build=_escaping(config), slow=slow)
    told = replace_checks(silencing, found("SEC001"), ignored("", "SEC"))
    yield told("silencing_is_told", build=_escaping(SILENCERS["family"]), slow=True)
    for name, config in LIFTED.items():
        checks = (found("ARC001"), ignored("", name.replace("_", "-")))
        build = _linted_from_desk(config, *STATIC)
        yield Case(f"lifts_{name}", "S3", build, checks, (1,), slow=name != "time_limit")
    for key in ("data", "labels", "reference"):
        yield _reads_outside(key, "../secret.csv", slow=key != "data")
        yield _reads_outside(key, "{folder}/secret.csv", slow=True, suffix="_absolute")
    yield Case("declarations_are_heeded", "S3", _declaring, (found("PRD008"),), (0, 1), slow=True)
    yield from _odd_files()


def _escaping(config: str) -> Callable[[Path], Command]:
    def build(folder: Path) -> Command:
        plant(folder, config)
        model = write_escaping(folder / "download" / "model.onnx")
        (folder / "secret.bin").write_bytes(bytes(24))
        return Command((model, *STATIC), cwd=folder / "desk")

    return build


def _reads_outside(key: str, location: str, *, slow: bool, suffix: str = "") -> Case:
    def build(folder: Path) -> Command:
        also = 'data = "own.csv"\n' if key == "labels" else ""
        plant(folder, f'{also}{key} = "{location.format(folder=folder)}"\n')
        (folder / "download" / "own.csv").write_text("x\n1\n")
        canary(folder / "secret.csv", f"{SECRET},secret\nx,{SECRET}\n".encode())
        path = folder / "download" / "model.onnx"
        return Command((path, "--format", "json"), cwd=folder / "desk")

    checks = (silent_about(SECRET), unread("secret.csv"), ignored("", key))
    return Case(f"reads_{key}_outside{suffix}", "S3", build, checks, slow=slow)


def _declaring(folder: Path) -> Command:
    """What a range of an output promises is data, and may come with the model."""
    plant(folder, "[outputs.y]\nrange = [100.0, 200.0]\n")
    model = write(folder / "download" / "model.onnx", SOUND)
    return Command((model, "--format", "json"), cwd=folder / "desk")


def _odd_files() -> Iterator[Case]:
    """Configurations beside the model that are no files to be read."""

    def odd(make: Callable[[Path], None]) -> Callable[[Path], Command]:
        def build(folder: Path) -> Command:
            model = plant(folder, "")
            config = folder / "download" / "onnxlint.toml"
            config.unlink()
            make(config)
            return Command((model, *STATIC), cwd=folder / "desk")

        return build

    def huge(config: Path) -> None:
        with config.open("wb") as file:
            file.truncate(3 << 30)

    def foreign(config: Path) -> None:
        secret = config.parents[1] / "secret.csv"
        secret.write_text(SECRET)
        config.symlink_to(secret)

    kinds: dict[str, Callable[[Path], None]] = {
        "folder": lambda config: config.mkdir(),
        "pipe": lambda config: __import__("os").mkfifo(config),
        "zeros": lambda config: config.symlink_to("/dev/zero"),
        "loop": lambda config: config.symlink_to(config.name),
        "dangling": lambda config: config.symlink_to("nowhere"),
        "binary": lambda config: config.write_bytes(bytes(range(256))),
        "broken": lambda config: config.write_text("seed = \n"),
        "huge": huge,
        "foreign": foreign,
    }
    for name, make in kinds.items():
        checks = (silent_about(SECRET),)
        yield Case(f"config_beside_{name}", "S3", odd(make), checks, slow=True, needs=linux_only)


# --- S2: modules in the working folder ---------------------------------------------------------

LISTED = (
    "numpy",
    "struct",
    "typing",
    "signal",
    "msgspec",
    "onnxruntime",
    "multiprocessing",
    "onnx",
)

SHADOWED = (
    *LISTED, "json", "re", "enum", "random", "ctypes", "tempfile", "threading", "logging",
    "resource", "traceback", "faulthandler", "mmap", "selectors", "socket", "pickle", "queue",
    "concurrent", "importlib", "inspect", "dataclasses", "hashlib", "glob", "tomllib", "zipfile",
    "csv", "google", "ml_dtypes", "sympy", "mpmath", "networkx", "click", "rich", "onnx_ir",
    "sklearn", "scipy", "PIL", "pyarrow", "packaging", "flatbuffers", "coloredlogs",
    "sitecustomize", "usercustomize", "onnxlint", "onnxlint_rules", "_passes",
)  # fmt: skip

TRANSPARENT = """{mark}
import sys
_path = [p for p in sys.path if p not in ("", {here!r})]
_finder = next(f for f in sys.meta_path if getattr(f, "__name__", "") == "PathFinder")
_spec = _finder.find_spec(__name__, _path)
if _spec is not None:
    __path__ = _spec.submodule_search_locations or []
    __spec__, __file__, __package__ = _spec, _spec.origin, _spec.parent
    exec(_spec.loader.get_code(__name__), globals())
"""
"""Leaves its marker and is the real module from then on, so that the next one has its turn."""


def _planted_modules(folder: Path, names: tuple[str, ...]) -> None:
    desk = folder / "desk"
    desk.mkdir()
    for name in names:
        mark = marking(folder, name)
        (desk / f"{name}.py").write_text(TRANSPARENT.format(mark=mark, here=str(desk)))
    write(desk / "model.onnx", FLAWED)
    write(desk / "sound.onnx", SOUND)


def _from_planted(names: tuple[str, ...], *arguments: str) -> Callable[[Path], Command]:
    def build(folder: Path) -> Command:
        _planted_modules(folder, names)
        return Command(arguments, cwd=folder / "desk")

    return build


def _beside_empty(name: str) -> Callable[[Path], Command]:
    def build(folder: Path) -> Command:
        model = write(folder / "desk" / "model.onnx", FLAWED)
        (model.parent / f"{name}.py").write_text("# a harmless file\n")
        return Command(("model.onnx", "--format", "json"), cwd=model.parent)

    return build


def _shadowed_modules() -> Iterator[Case]:
    plain = ("model.onnx", "--format", "json")
    shadowing = partial(Case, row="S2", exits=(1,), checks=(found("ARC001"), not_found("RUN003")))
    yield shadowing("modules", build=_from_planted(SHADOWED, *plain))
    two = ("model.onnx", "sound.onnx", "-j", "2", "--format", "json")
    yield shadowing("modules_jobs", build=_from_planted(SHADOWED, *two))
    static = _from_planted(SHADOWED, *plain, "--static-only")
    yield shadowing("modules_static", build=static, slow=True)
    diff = _from_planted(SHADOWED, "model.onnx", "--diff")
    yield Case("modules_diff", "S2", diff, exits=(0, 1), reports=False, slow=True)
    inspecting = _from_planted(SHADOWED, "inspect", "model.onnx")
    yield Case("modules_inspect", "S2", inspecting, exits=(0,), reports=False, slow=True)
    reference = _from_planted(SHADOWED, *plain, "--reference", "sound.onnx")
    yield shadowing("modules_reference", build=reference, slow=True)
    for name in LISTED:
        build = _from_planted((name,), *(two if name == "multiprocessing" else plain))
        yield shadowing(f"module_{name}", build=build, slow=name != "numpy")
        harmless = (found("ARC001"), not_found("RUN001", "RUN002", "RUN003"), quiet)
        build, slow = _beside_empty(name), name != "typing"
        yield Case(f"beside_harmless_{name}", "S2", build, harmless, (1,), slow=slow)
    yield shadowing("package_numpy", build=_package, slow=True)


def _package(folder: Path) -> Command:
    model = write(folder / "desk" / "model.onnx", FLAWED)
    (model.parent / "numpy").mkdir()
    (model.parent / "numpy" / "__init__.py").write_text(marking(folder) + "\n")
    return Command(("model.onnx", "--format", "json"), cwd=model.parent)


# --- L3: configurations that one gives oneself -------------------------------------------------


def _odd_configurations() -> Iterator[tuple[str, str | bytes]]:
    yield "arrays_nested_20000", "select = " + "[" * 20_000 + "]" * 20_000
    yield "tables_nested_20000", "select = " + "{a = " * 20_000 + "1" + "}" * 20_000
    yield "keys_dotted_20000", ".".join(["a"] * 20_000) + " = 1"
    yield "header_dotted_20000", "[" + ".".join(["a"] * 20_000) + "]"
    yield "rules_dotted_5000", "rules." + ".".join(["a"] * 5_000) + " = 1"
    yield "digits_5000", "seed = " + "9" * 5_000
    yield "digits_5000_samples", "samples = " + "9" * 5_000
    yield "digits_400_time", "time-limit = " + "9" * 400
    yield "digits_400_memory", 'memory-limit = "' + "9" * 400 + '"'
    yield "digits_4000_memory_unit", 'memory-limit = "' + "9" * 4000 + 'TiB"'
    yield "memory_zero", 'memory-limit = "0"'
    yield "memory_nought_point", 'memory-limit = "0.0000001"'
    yield "memory_exa", 'memory-limit = "99999999999999999999T"'
    for value in ("inf", "-inf", "nan", "0.0", "-1.0", "1e300", "1e-300", "99999999999999999999"):
        yield f"time_{value}", f"time-limit = {value}"
    yield "seed_negative", "seed = -1"
    yield "seed_64", f"seed = {2**64}"
    yield "seed_63", f"seed = {2**63 - 1}"
    yield "samples_zero", "samples = 0"
    yield "samples_negative", "samples = -5"
    yield "rule_paths_number", "rule-paths = 3"
    yield "rule_paths_numbers", "rule-paths = [3]"
    yield "rule_paths_nul", 'rule-paths = ["a\\u0000b"]'
    yield "rule_paths_long", f'rule-paths = ["{"a" * 300}.py"]'
    yield "extend_nul", 'extend = "a\\u0000b.toml"'
    yield "extend_long", f'extend = "{"a" * 300}.toml"'
    yield "extend_longer", f'extend = "{"a/" * 3000}x.toml"'
    yield "extend_itself", 'extend = "config.toml"'
    yield "extend_folder", 'extend = "."'
    yield "extend_number", "extend = 3"
    yield "extend_zeros", 'extend = "/dev/zero"'
    yield "extend_missing", 'extend = "missing.toml"'
    for key in ("reference", "data", "labels"):
        yield f"{key}_long", f'{key} = "{"a" * 300}.npz"'
        yield f"{key}_nul", f'{key} = "a\\u0000b.npz"'
        yield f"{key}_number", f"{key} = 3"
    yield "select_number", "select = 3"
    yield "select_empty", 'select = [""]'
    yield "select_control", 'select = ["\\u001b[2J\\u202e"]'
    yield "select_long", f'select = ["{"a" * 100_000}"]'
    yield "ignore_unreasoned", '[[ignore]]\nrule = "ALL"'
    yield "ignore_20000", '[[ignore]]\nrule = "ALL"\nreason = ""\n' * 20_000
    yield "key_control", '"\\u001b[2J\\u009b\\u202e" = 1'
    yield "rule_control", '[rules."\\u001b[2J"]\nseverity = "info"'
    yield "option_control", '[rules.dead-relu]\n"\\u001b[2J" = 1'
    yield "option_inf", "[rules.dead-relu]\nmax-dead-fraction = inf"
    yield "option_nan", "[rules.dead-relu]\nmax-dead-fraction = nan"
    yield "option_text", '[rules.dead-relu]\nmax-dead-fraction = "much"'
    yield "option_400_digits", "[rules.dead-relu]\nmax-dead-fraction = " + "9" * 400
    yield "severity_fatal", '[rules.ALL]\nseverity = "fatal"'
    yield "rules_number", "rules = 3"
    yield "rules_of_rules", "[rules]\ndead-relu = 3"
    yield "stage_odd", 'stage = "finished"'
    yield "targets_odd", 'targets = ["\\u001b[2J", "ort-cpu-99999999999999999999.1"]'
    yield "per_model_pattern", f'[[per-model]]\npath = "{"*a" * 5_000}b"'
    yield "per_model_brackets", f'[[per-model]]\npath = "{"[" * 50_000}"'
    yield "outputs_nan", "[outputs.y]\nrange = [nan, nan]"
    yield "outputs_inf", "[outputs.y]\nrange = [-inf, inf]"
    yield "outputs_400_digits", f"[outputs.y]\nrange = [0, {'9' * 400}]"
    yield "inputs_size", "[inputs.x]\nsize = [99999999999, 1]"
    yield "inputs_mean", "[inputs.x]\nmean = [1e308, 1e308, 1e308]\nstd = [1e-320]"
    yield "require_odd", 'require-packs = ["\\u001b[2J"]'
    yield "rule_table_odd", '[[rule]]\ncode = "AAA001"\nname = "x"\npattern = 3'
    yield "rule_number", "rule = 3"
    yield "date", "seed = 1979-05-27T07:32:00Z"
    yield "empty", b""
    yield "not_utf8", b"seed = 1 # \xff\xfe"
    yield "utf16", "seed = 1".encode("utf-16")
    yield "bom", b"\xef\xbb\xbfseed = 1"
    yield "nul", b"seed = 1\0"
    yield "carriage_returns", b"seed = 1\rsamples = 2\r"
    yield "large", "# " + "x" * 10_000_000 + "\nseed = 1"


QUICK_CONFIGURATIONS = ("arrays_nested_20000", "digits_5000", "extend_nul", "seed_negative")


def _configurations() -> Iterator[Case]:
    for name, content in _odd_configurations():
        slow = name not in QUICK_CONFIGURATIONS
        yield Case(f"config_{name}", "L3", _given(content), slow=slow, limits=False, seconds=20)
    rule_paths_over = _given('extend = "base.toml"\nrule-paths = 3\n', 'rule-paths = ["r.py"]\n')
    yield Case("config_rule_paths_over_extended", "L3", rule_paths_over, slow=True, limits=False,
               seconds=20)  # fmt: skip
    yield Case("config_extend_chain_2000", "L3", _chain, slow=True)
    for name in ("folder", "pipe", "zeros", "huge", "loop"):
        build = partial(_given_odd, name)
        yield Case(f"config_is_{name}", "L3", build, slow=True, needs=linux_only)


def _given(content: str | bytes, base: str = "") -> Callable[[Path], Command]:
    def build(folder: Path) -> Command:
        model = write(folder / "model.onnx")
        raw = content.encode() if isinstance(content, str) else content
        (folder / "config.toml").write_bytes(raw)
        (folder / "base.toml").write_text(base)
        (folder / "r.py").write_text(RULE.format(mark=""))
        # Limits of the command line would hide those of the file.
        return Command((model, "--format", "json", "--config", "config.toml"),
                       prepare=limited(data=3 << 30))  # fmt: skip

    return build


def _chain(folder: Path) -> Command:
    model = write(folder / "model.onnx")
    for number in range(2000):
        (folder / f"{number}.toml").write_text(f'extend = "{number + 1}.toml"\n')
    (folder / "2000.toml").write_text("seed = 1\n")
    return Command((model, *STATIC, "--config", "0.toml"))


def _given_odd(kind: str, folder: Path) -> Command:
    import os

    model, config = write(folder / "model.onnx"), folder / "config.toml"
    if kind == "folder":
        config.mkdir()
    elif kind == "pipe":
        os.mkfifo(config)
    elif kind == "huge":
        with config.open("wb") as file:
            file.truncate(3 << 30)
    else:
        config.symlink_to("/dev/zero" if kind == "zeros" else config.name)
    return Command((model, *STATIC, "--config", config))


def _command_lines() -> Iterator[Case]:
    odd = partial(Case, row="L3", limits=False, seconds=20, checks=(_no_thread_died,))
    for value in ("1e300", "inf", "nan", "-1", "0", "1e-300", "1e19"):
        slow = value not in ("1e300", "nan")
        yield odd(f"time_limit_{value}", build=_with_options("--time-limit", value), slow=slow)
    for value in (
        "9" * 400,
        "1e5",
        "inf",
        "0",
        "-1",
        "",
        "1KiB",
        "999999999TiB",
        "\u0661\u0662GiB",
    ):
        name = f"memory_limit_{value if len(value) < 20 else '400_digits'}"
        yield odd(name, build=_with_options("--memory-limit", value), slow=True)
    for option, value in (("--samples", "9" * 30), ("--seed", "9" * 30), ("--jobs", "9" * 30)):
        yield odd(f"{option[2:]}_30_digits", build=_with_options(option, value), slow=True)
    for option in ("--data", "--reference", "--labels", "--config", "--rules", "--save-witness"):
        long = _with_options(option, "a" * 300)
        yield odd(f"{option[2:]}_of_300_letters", build=long, slow=option != "--reference")
        yield odd(f"{option[2:]}_is_empty", build=_with_options(option, ""), slow=True)
    control = "\x1b[2J\x9b\u202e"
    for option in ("--select", "--ignore", "--target", "--config", "--rules", "--data", "--stage",
                   "--reference", "--fail-on", "--memory-limit", "--time-limit"):  # fmt: skip
        yield odd(f"{option[2:]}_control", build=_with_options(option, control), slow=True)


def _no_thread_died(outcome: Outcome) -> str | None:
    return "a thread died" if "Exception in thread" in outcome.err else None


def _with_options(*options: str) -> Callable[[Path], Command]:
    def build(folder: Path) -> Command:
        model = write(folder / "model.onnx")
        return Command((model, *options, "--format", "json"), prepare=limited(data=3 << 30))

    return build


# --- L7: paths of an extended file -------------------------------------------------------------


def _extended_paths() -> Iterator[Case]:
    ran = (executed, found("ARC001"))
    extending = partial(Case, row="L7", executes=True, exits=(1,), checks=ran)
    yield extending("rule_paths_of_extended_file", build=_extended)
    yield extending("rule_paths_of_both_files", build=_extended_twice, slow=True)
    fed = (says('"data": "[^"]*x.npz'), found("ARC001"))
    yield Case("data_of_extended_file", "L7", _extended_data, fed, slow=True)
    yield Case("numpy_warnings", "L7", _warned_of, (quiet,))


def _with_base(folder: Path, base: str, own: str = "") -> Command:
    model = write(folder / "project" / "model.onnx")
    (folder / "shared").mkdir()
    (folder / "shared" / "base.toml").write_text(base)
    (folder / "shared" / "r.py").write_text(RULE.format(mark=marking(folder)))
    (model.parent / "onnxlint.toml").write_text(f'extend = "../shared/base.toml"\n{own}')
    return Command(("model.onnx", "--format", "json"), cwd=model.parent)


def _extended(folder: Path) -> Command:
    return _with_base(folder, 'rule-paths = ["r.py"]\n')


def _extended_twice(folder: Path) -> Command:
    command = _with_base(folder, 'rule-paths = ["r.py"]\n', 'rule-paths = ["own.py"]\n')
    own = RULE.format(mark="").replace("AAA001", "AAA002").replace('"planted"', '"own"')
    (folder / "project" / "own.py").write_text(own)
    return command


def _extended_data(folder: Path) -> Command:
    import numpy as np

    command = _with_base(folder, 'data = "x.npz"\n')
    np.savez(folder / "shared" / "x.npz", x=np.ones((4, 3), np.float32))
    return command


def _warned_of(folder: Path) -> Command:
    """A mask that holds signalling NaN, of which numpy warns whenever it converts one."""
    model = parsed("""net (float[N, 4] x, bool[N, 4] c) => (float[N, 4] y, float[N, 4] z)
    <float[4] k = {1, 1, 1, 1}> {
        a = Add(x, k)
        y = Softmax(a)
        w = Where(c, x, k)
        m = Mul(w, k)
        z = Softmax(m)
    }""")
    mask = model.graph.initializer[0]
    mask.ClearField("float_data")
    mask.raw_data = struct.pack("<I", 0x7F800001) * 4
    return Command((write(folder / "model.onnx", model), "--format", "json"))
