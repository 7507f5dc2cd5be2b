"""The linter to run before you ship an ONNX model.

`lint(path)` checks one model; `rule` makes a function a rule. What a rule can ask for by the types
of its parameters is exported here too. Everything loads on first use, so that importing a rule pack
costs neither onnx nor onnxruntime.
"""

import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    # `python -m onnxlint` looks for modules in the working folder first, where anybody may have put
    # a file of a module's name: from here on, so also for `__future__`, it does not.
    del sys.path[0]

TYPE_CHECKING = False  # as `typing` has it, which takes longer to load than all of this

__version__ = "0.1.0"

if TYPE_CHECKING:
    from onnxlint.analyses import Unavailable
    from onnxlint.analyses.activations import Activations
    from onnxlint.analyses.baselines import Baselines
    from onnxlint.analyses.behaviour import Behaviour, ResizedAxis
    from onnxlint.analyses.bounds import Bounds
    from onnxlint.analyses.channels import BrokenChannels
    from onnxlint.analyses.chosen import ChosenLabel, ChosenLabels, Mismatch
    from onnxlint.analyses.collapses import Collapse, Collapses
    from onnxlint.analyses.constancy import Constancy
    from onnxlint.analyses.data import Data, FedInput
    from onnxlint.analyses.differences import Difference
    from onnxlint.analyses.divergence import FirstDivergence
    from onnxlint.analyses.execution import Execution
    from onnxlint.analyses.expansions import Expansions
    from onnxlint.analyses.expected import Expected, Tolerance
    from onnxlint.analyses.inputs import Inputs
    from onnxlint.analyses.journal import Journal
    from onnxlint.analyses.labels import Labels
    from onnxlint.analyses.layers import Change, Layer, Layers, Trail
    from onnxlint.analyses.limits import Limits, Strayed
    from onnxlint.analyses.outputs import Outputs
    from onnxlint.analyses.positions import Orderless, Positions, Unread
    from onnxlint.analyses.predictions import Misnomer, Predictions
    from onnxlint.analyses.promises import Promises
    from onnxlint.analyses.propagation import Propagation, Reach
    from onnxlint.analyses.reference import OutputDifference, Reference
    from onnxlint.analyses.reruns import Reruns
    from onnxlint.analyses.rounding import Rounding
    from onnxlint.analyses.schemas import Schemas
    from onnxlint.analyses.scores import Scores
    from onnxlint.analyses.sensitivity import Sensitivity, Tried
    from onnxlint.analyses.shapes import Shapes
    from onnxlint.analyses.support import Support
    from onnxlint.analyses.targets import Target, Targets
    from onnxlint.analyses.ties import Ties
    from onnxlint.analyses.trace import Contamination, Observed, ObservedNode, Trace
    from onnxlint.analyses.weights import Weight, Weights
    from onnxlint.analyses.witnesses import Witnesses
    from onnxlint.findings import Finding, Fix, NotApplicable, Place, Severity, Stage, together
    from onnxlint.model.draft import Draft, FixError
    from onnxlint.model.graph import Graph, Node, Origin, Scope, Value
    from onnxlint.model.load import Model
    from onnxlint.model.pattern import Match, Pattern, PatternError
    from onnxlint.model.preflight import Danger, External, Preflight
    from onnxlint.model.walk import Walk, WayBack
    from onnxlint.pipeline import lint
    from onnxlint.rules import rule
    from onnxlint.settings import Settings

_HOMES = {
    "Activations": "onnxlint.analyses.activations",
    "Baselines": "onnxlint.analyses.baselines",
    "Behaviour": "onnxlint.analyses.behaviour",
    "Bounds": "onnxlint.analyses.bounds",
    "BrokenChannels": "onnxlint.analyses.channels",
    "Change": "onnxlint.analyses.layers",
    "ChosenLabel": "onnxlint.analyses.chosen",
    "ChosenLabels": "onnxlint.analyses.chosen",
    "Collapse": "onnxlint.analyses.collapses",
    "Collapses": "onnxlint.analyses.collapses",
    "Constancy": "onnxlint.analyses.constancy",
    "Contamination": "onnxlint.analyses.trace",
    "Danger": "onnxlint.model.preflight",
    "Data": "onnxlint.analyses.data",
    "Difference": "onnxlint.analyses.differences",
    "Draft": "onnxlint.model.draft",
    "Execution": "onnxlint.analyses.execution",
    "Expansions": "onnxlint.analyses.expansions",
    "Expected": "onnxlint.analyses.expected",
    "External": "onnxlint.model.preflight",
    "FedInput": "onnxlint.analyses.data",
    "Finding": "onnxlint.findings",
    "FirstDivergence": "onnxlint.analyses.divergence",
    "Fix": "onnxlint.findings",
    "FixError": "onnxlint.model.draft",
    "Graph": "onnxlint.model.graph",
    "Inputs": "onnxlint.analyses.inputs",
    "Journal": "onnxlint.analyses.journal",
    "Labels": "onnxlint.analyses.labels",
    "Layer": "onnxlint.analyses.layers",
    "Layers": "onnxlint.analyses.layers",
    "Limits": "onnxlint.analyses.limits",
    "Match": "onnxlint.model.pattern",
    "Mismatch": "onnxlint.analyses.chosen",
    "Misnomer": "onnxlint.analyses.predictions",
    "Model": "onnxlint.model.load",
    "Node": "onnxlint.model.graph",
    "NotApplicable": "onnxlint.findings",
    "Observed": "onnxlint.analyses.trace",
    "ObservedNode": "onnxlint.analyses.trace",
    "Orderless": "onnxlint.analyses.positions",
    "Origin": "onnxlint.model.graph",
    "OutputDifference": "onnxlint.analyses.reference",
    "Outputs": "onnxlint.analyses.outputs",
    "Pattern": "onnxlint.model.pattern",
    "PatternError": "onnxlint.model.pattern",
    "Place": "onnxlint.findings",
    "Positions": "onnxlint.analyses.positions",
    "Predictions": "onnxlint.analyses.predictions",
    "Preflight": "onnxlint.model.preflight",
    "Promises": "onnxlint.analyses.promises",
    "Propagation": "onnxlint.analyses.propagation",
    "Reach": "onnxlint.analyses.propagation",
    "Reference": "onnxlint.analyses.reference",
    "Reruns": "onnxlint.analyses.reruns",
    "ResizedAxis": "onnxlint.analyses.behaviour",
    "Rounding": "onnxlint.analyses.rounding",
    "Schemas": "onnxlint.analyses.schemas",
    "Scope": "onnxlint.model.graph",
    "Scores": "onnxlint.analyses.scores",
    "Sensitivity": "onnxlint.analyses.sensitivity",
    "Settings": "onnxlint.settings",
    "Severity": "onnxlint.findings",
    "Shapes": "onnxlint.analyses.shapes",
    "Stage": "onnxlint.findings",
    "Strayed": "onnxlint.analyses.limits",
    "Support": "onnxlint.analyses.support",
    "Target": "onnxlint.analyses.targets",
    "Targets": "onnxlint.analyses.targets",
    "Tolerance": "onnxlint.analyses.expected",
    "Ties": "onnxlint.analyses.ties",
    "Trace": "onnxlint.analyses.trace",
    "Trail": "onnxlint.analyses.layers",
    "Tried": "onnxlint.analyses.sensitivity",
    "Unavailable": "onnxlint.analyses",
    "Unread": "onnxlint.analyses.positions",
    "Value": "onnxlint.model.graph",
    "Walk": "onnxlint.model.walk",
    "WayBack": "onnxlint.model.walk",
    "Weight": "onnxlint.analyses.weights",
    "Weights": "onnxlint.analyses.weights",
    "Witnesses": "onnxlint.analyses.witnesses",
    "lint": "onnxlint.pipeline",
    "rule": "onnxlint.rules",
    "together": "onnxlint.findings",
}

__all__ = [
    "Activations",
    "Baselines",
    "Behaviour",
    "Bounds",
    "BrokenChannels",
    "Change",
    "ChosenLabel",
    "ChosenLabels",
    "Collapse",
    "Collapses",
    "Constancy",
    "Contamination",
    "Danger",
    "Data",
    "Difference",
    "Draft",
    "Execution",
    "Expansions",
    "Expected",
    "External",
    "FedInput",
    "Finding",
    "FirstDivergence",
    "Fix",
    "FixError",
    "Graph",
    "Inputs",
    "Journal",
    "Labels",
    "Layer",
    "Layers",
    "Limits",
    "Match",
    "Mismatch",
    "Misnomer",
    "Model",
    "Node",
    "NotApplicable",
    "Observed",
    "ObservedNode",
    "Orderless",
    "Origin",
    "OutputDifference",
    "Outputs",
    "Pattern",
    "PatternError",
    "Place",
    "Positions",
    "Predictions",
    "Preflight",
    "Promises",
    "Propagation",
    "Reach",
    "Reference",
    "Reruns",
    "ResizedAxis",
    "Rounding",
    "Schemas",
    "Scope",
    "Scores",
    "Sensitivity",
    "Settings",
    "Severity",
    "Shapes",
    "Stage",
    "Strayed",
    "Support",
    "Target",
    "Targets",
    "Ties",
    "Tolerance",
    "Trace",
    "Trail",
    "Tried",
    "Unavailable",
    "Unread",
    "Value",
    "Walk",
    "WayBack",
    "Weight",
    "Weights",
    "Witnesses",
    "lint",
    "rule",
    "together",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'onnxlint' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
