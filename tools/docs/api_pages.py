"""The pages about the Python interface: analyses, the types that they hand out, and the rest."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import griffe
from analysis_costs import COSTS

import onnxlint
from onnxlint.analyses import closure, is_analysis
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import Reruns

ROOT = Path(__file__).parents[2]
REASON = re.compile(r"(?:NotApplicable|Unavailable): (.+?)(?=\n\s*\w+Error:|\Z)", re.DOTALL)


class Topic(NamedTuple):
    """A page: where it lies, its title, what it begins with, the modules that it describes."""

    path: str
    title: str
    introduction: str
    modules: tuple[str, ...]


TOPICS = (
    Topic("analyses/static", "Reading the file",
          "Shapes, layers, weights, constants: what the file alone says.",
          ("onnxlint.analyses.static", "onnxlint.analyses")),
    Topic("analyses/targets", "Deployment targets",
          "What a release of a runtime supports.", ("onnxlint.analyses.targets",)),
    Topic("analyses/inputs", "Inputs and data",
          "What the inputs mean, and the samples that are run.", ("onnxlint.analyses.inputs",)),
    Topic("analyses/execution", "Running the model",
          "The run that all other analyses share, and further runs.",
          ("onnxlint.analyses.execution", "onnxlint.runtime")),
    Topic("analyses/trace", "Values inside the model",
          "Recorded activations and gradients.", ("onnxlint.analyses.trace",)),
    Topic("analyses/predictions", "Predictions",
          "Outputs as predictions, beside labels and baselines.",
          ("onnxlint.analyses.predictions",)),
    Topic("analyses/stability", "Stability",
          "Whether outputs stay the same where they should, and change where they should.",
          ("onnxlint.analyses.stability",)),
    Topic("analyses/comparison", "Comparison",
          "The model beside a reference, stored outputs, and its own declarations.",
          ("onnxlint.analyses.comparison",)),
    Topic("analyses/series", "Checkpoints over time",
          "The checkpoints of a training run beside each other. "
          "[A series of checkpoints](../../guides/series.md) shows the command.",
          ("onnxlint.analyses.series", "onnxlint.series_report")),
    Topic("graph", "Graph, nodes and values",
          "The model as rules see it. A rule asks for `Graph` or `Preflight` as for an analysis.",
          ("onnxlint.model.graph", "onnxlint.model.file", "onnxlint.model.preflight")),
    Topic("patterns_api", "Patterns in Python",
          "[Patterns](../patterns.md) shows the language.", ("onnxlint.model.patterns",)),
    Topic("draft", "Draft: editing a model in a fix",
          "[Fixes](../fixes.md) shows how they are used.", ("onnxlint.model.edit", "onnxlint.fix")),
    Topic("diff_api", "Comparing releases from Python",
          "[Comparing two releases](../guides/comparing_releases.md) shows the command.",
          ("onnxlint.diffing", "onnxlint.release_diff")),
    Topic("asserting", "Assertions for tests of a team",
          "`onnxlint.asserting`: each promise of a model is one line of a test. "
          "[In the pipeline](../guides/pipelines.md) shows how they are used.",
          ("onnxlint.asserting",)),
    Topic("mlflow", "MLflow",
          "`onnxlint.mlflow`: reports in a run, and a gate before a model is registered. "
          "[In the pipeline](../guides/pipelines.md) shows how they are used.",
          ("onnxlint.mlflow",)),
    Topic("rules_api", "Rules, findings and linting from Python",
          "What every rule module imports, and `lint` for programs.", ("onnxlint",)),
)  # fmt: skip


WHOLE = ("asserting", "mlflow")
"""Modules whose public names are imported from them, and not from onnxlint."""


def pages() -> dict[str, str]:
    """The text of each page, by its path."""
    found = {"reference/analyses/index.md": "\n".join(_index())}
    for topic in TOPICS:
        found[f"reference/{topic.path}.md"] = "\n".join(_page(topic))
    return found


def navigation() -> list[object]:
    """The pages as a part of the site's navigation."""
    named = [{topic.title: f"reference/{topic.path}.md"} for topic in TOPICS]
    analyses = [each for each in named if "/analyses/" in next(iter(each.values()))]
    return [
        {"Analyses": ["reference/analyses/index.md", *analyses]},
        *(each for each in named if each not in analyses),
    ]


@cache
def documented() -> dict[str, str]:
    """What the pages describe: the place of each object in the code, by its name.

    That is every exported name, those of modules for themselves, and every type that one of these
    hands out.
    """
    package = griffe.load("onnxlint", search_paths=[str(ROOT)])
    found: dict[str, str] = {}
    waiting: list[Any] = [package[name].final_target for name in onnxlint.__all__]
    waiting += [
        member
        for module in WHOLE
        for member in package[module].members.values()
        if not member.is_alias and (member.is_class or member.is_function) and member.is_public
    ]
    while waiting:
        thing = waiting.pop()
        if thing.canonical_path in found.values():
            continue
        found[_free_name(thing, found)] = thing.canonical_path
        if thing.is_class:
            waiting += [each for each in _handed_out(thing, package) if each.is_class]
    return found


GIVING = ("__iter__", "__getitem__", "__call__")
"""Methods by which a class hands out others, though their names are private."""


def _free_name(thing: Any, taken: dict[str, str]) -> str:
    return thing.name if thing.name not in taken else thing.canonical_path


def _handed_out(kind: Any, package: Any) -> Iterator[Any]:
    """The classes of onnxlint in the annotations of what a class offers."""
    for member in kind.members.values():
        hidden = member.name.startswith("_") and member.name not in GIVING
        if hidden or member.name == "build" or member.is_alias:
            continue
        annotation = getattr(member, "annotation", None) or getattr(member, "returns", None)
        for part in annotation.iterate() if isinstance(annotation, griffe.Expr) else ():
            path = part.canonical_path if isinstance(part, griffe.ExprName) else ""
            if path.startswith("onnxlint."):
                yield from _resolved(path, package)


def _resolved(path: str, package: Any) -> Iterator[Any]:
    try:
        thing = package[path.removeprefix("onnxlint.")]
        thing = thing.final_target if thing.is_alias else thing
    except (KeyError, griffe.AliasResolutionError):
        return
    if thing.canonical_path.startswith("onnxlint.") and not thing.name.startswith("_"):
        yield thing


def topic_of(path: str) -> Topic:
    """The page that describes an object: that of the longest module name it lies in."""
    fitting = [
        (len(module), topic)
        for topic in TOPICS
        for module in topic.modules
        if path.startswith(f"{module}.")
    ]
    return max(fitting, key=lambda each: each[0])[1]


def analyses() -> dict[str, type]:
    """The exported analyses, by name."""
    exported = {name: getattr(onnxlint, name) for name in onnxlint.__all__}
    return {
        name: kind for name, kind in exported.items() if inspect.isclass(kind) and is_analysis(kind)
    }


def _index() -> Iterator[str]:
    yield "# Analyses\n\nA rule asks for an analysis by the type of a parameter. It is built when a"
    yield "selected rule asks for it, at most once for a model, and shared by all rules.\n"
    yield "An analysis that has nothing to look at raises `NotApplicable`: the rule is skipped,"
    yield "and `-v` prints the reason.\n"
    yield "| analysis | answers | runs the model |\n|---|---|---|"
    for name, kind in sorted(analyses().items()):
        link = f"[{name}][{documented()[name]}]"
        yield f"| {link} | {_first_line(kind)} | {_runs(kind)[0]} |"


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0].replace("|", "&#124;")


def _runs(kind: type) -> tuple[str, str]:
    needed = closure(kind)
    if Reruns in needed:
        return "again", "Runs the model again: each question costs further runs, within the budget."
    if Execution in needed:
        return "shared run", "Uses the run that all analyses share."
    return "no", "Does not run the model."


def _page(topic: Topic) -> Iterator[str]:
    yield f"# {topic.title}\n\n{topic.introduction}\n"
    own = {name: path for name, path in documented().items() if topic_of(path) is topic}
    asked_for = analyses()
    for name in sorted(own, key=lambda each: (each not in asked_for, each.rpartition(".")[2])):
        if name in asked_for:
            yield from _analysis(name, asked_for[name], own[name])
        else:
            yield from _section(name, own[name])


def _analysis(name: str, kind: type, path: str) -> Iterator[str]:
    yield f"\n## {name} {{#{path}}}\n"
    yield f"- **Runs the model:** {_runs(kind)[1]}"
    yield f"- **Cost:** {COSTS[name]}"
    reasons = list(_reasons(kind))
    if reasons:
        yield "- **Not applicable where:**"
        yield from (f"    - {reason}" for reason in reasons)
    yield f"\n::: {path}\n"


def _section(name: str, path: str) -> Iterator[str]:
    yield f"\n## {name.rpartition('.')[2]} {{#{path}}}\n\n::: {path}\n"


def _reasons(kind: type) -> Iterator[str]:
    """Why an analysis, or a member of it, may be not applicable, as the docstrings say."""
    for name, member in vars(kind).items():
        text = inspect.getdoc(getattr(member, "func", getattr(member, "__func__", member))) or ""
        for match in REASON.finditer("" if name.startswith("_") else text):
            reason = " ".join(match[1].split()).rstrip(".")
            yield reason if name == "build" else f"`{name}`: {reason}"
