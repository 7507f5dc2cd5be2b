"""The linter to run before you ship an ONNX model.

`lint(model)` checks one model, `lint_many(paths)` many; `rule` makes a function a rule. What a rule
can ask for by the types of its parameters is exported here too. Everything loads on first use, so
that importing a rule pack costs neither onnx nor onnxruntime.
"""

import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    # `python -m onnxlint` looks for modules in the working folder first, where anybody may have put
    # a file of a module's name: from here on, so also for `__future__`, it does not.
    del sys.path[0]

TYPE_CHECKING = False  # as `typing` has it, which takes longer to load than all of this

from onnxlint.version import __version__ as __version__  # noqa: E402

if TYPE_CHECKING:
    from onnxlint.analyses import Unavailable
    from onnxlint.analyses.comparison.broken_channels import BrokenChannels
    from onnxlint.analyses.comparison.declared_outputs import Promises
    from onnxlint.analyses.comparison.first_divergence import FirstDivergence
    from onnxlint.analyses.comparison.latency import Latency
    from onnxlint.analyses.comparison.reference import OutputDifference, Reference
    from onnxlint.analyses.comparison.similarity import LayerSimilarity, Similarity
    from onnxlint.analyses.comparison.stored_outputs import Expected, Tolerance
    from onnxlint.analyses.counterexamples.counterexamples import Counterexamples
    from onnxlint.analyses.counterexamples.subject import Counterexample
    from onnxlint.analyses.execution.boundary_runs import Limits, Strayed
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.execution.reruns import Reruns
    from onnxlint.analyses.execution.runtime_warnings import Journal
    from onnxlint.analyses.inputs.inputs import Inputs
    from onnxlint.analyses.inputs.user_data import Data, FedInput
    from onnxlint.analyses.language.language import Language
    from onnxlint.analyses.language.padding import Padded
    from onnxlint.analyses.language.position_tables import TableLimit
    from onnxlint.analyses.language.stepping import Step
    from onnxlint.analyses.predictions.baselines import Baselines
    from onnxlint.analyses.predictions.chosen_labels import ChosenLabel, ChosenLabels, Mismatch
    from onnxlint.analyses.predictions.collapsed_outputs import Collapse, Collapses
    from onnxlint.analyses.predictions.constant_guess import ConstantGuess
    from onnxlint.analyses.predictions.initial_bias import InitialBias
    from onnxlint.analyses.predictions.labels import Labels
    from onnxlint.analyses.predictions.outputs import Outputs
    from onnxlint.analyses.predictions.predictions import Misnomer, Predictions
    from onnxlint.analyses.predictions.reachable import Reachable
    from onnxlint.analyses.predictions.reconstruction import Reconstruction
    from onnxlint.analyses.predictions.scores import Scores
    from onnxlint.analyses.predictions.shift import Shift
    from onnxlint.analyses.predictions.train_scores import Gap, TrainScores
    from onnxlint.analyses.predictions.tree_fit import TreeFit
    from onnxlint.analyses.ranges.hazard import Hazard
    from onnxlint.analyses.ranges.hazards import Hazards
    from onnxlint.analyses.ranges.range import Range
    from onnxlint.analyses.ranges.ranges import Ranges
    from onnxlint.analyses.series.runs import SeriesRuns
    from onnxlint.analyses.series.series import Series
    from onnxlint.analyses.stability.behaviour import Behaviour, ResizedAxis
    from onnxlint.analyses.stability.decision_ties import LevelTies, Ties
    from onnxlint.analyses.stability.declared_sets import DeclaredSets
    from onnxlint.analyses.stability.output_difference import Difference
    from onnxlint.analyses.stability.padded_inputs import Lengthened, PaddedInputs
    from onnxlint.analyses.stability.positions import Orderless, Positions, Unread
    from onnxlint.analyses.stability.sensitivity import Sensitivity, Tried, Variation
    from onnxlint.analyses.static.attention_masks import AttentionMask, AttentionMasks
    from onnxlint.analyses.static.constant_folding import ConstantFolding
    from onnxlint.analyses.static.constant_values import Constancy
    from onnxlint.analyses.static.contract import (
        Contract,
        DeclaredContract,
        PromisedValue,
        UnknownName,
    )
    from onnxlint.analyses.static.costs import Costs
    from onnxlint.analyses.static.decompositions import Decomposition, Decompositions
    from onnxlint.analyses.static.expansions import Expansions
    from onnxlint.analyses.static.feature_columns import FeatureColumn, FeatureColumns
    from onnxlint.analyses.static.inference_failures import InferenceFailures
    from onnxlint.analyses.static.layer_costs import LayerCost
    from onnxlint.analyses.static.layers import Change, Layer, Layers, PathToLayer, Trail
    from onnxlint.analyses.static.named_layers import NamedLayer
    from onnxlint.analyses.static.precision import Rounding
    from onnxlint.analyses.static.quantisation import Quantisation, QuantisedLayer
    from onnxlint.analyses.static.quantisation_parameters import (
        Miscount,
        QuantisationParameters,
        QuantisedRange,
    )
    from onnxlint.analyses.static.schemas import Schemas
    from onnxlint.analyses.static.shapes import Shapes
    from onnxlint.analyses.static.signature import Signature, SignatureState
    from onnxlint.analyses.static.symbolic_sizes import SymbolicSize, SymbolicSizes
    from onnxlint.analyses.static.texts import Text, Texts
    from onnxlint.analyses.static.trained_parameters import Parameters
    from onnxlint.analyses.static.trees import Ensemble, Trees
    from onnxlint.analyses.static.weights import Weight, Weights
    from onnxlint.analyses.static.windows import Window, Windows
    from onnxlint.analyses.targets.operator_support import Support
    from onnxlint.analyses.targets.targets import ChosenTargets, Target, Targets
    from onnxlint.analyses.trace.activations import Activations
    from onnxlint.analyses.trace.gradient_propagation import LayerGradient, Propagation, Reach
    from onnxlint.analyses.trace.promised_values import PromisedValues
    from onnxlint.analyses.trace.trace import Contamination, Observed, ObservedNode, Trace
    from onnxlint.analyses.trace.witnesses import Witnesses
    from onnxlint.diffing.releases import diff
    from onnxlint.findings import Finding, counted, listed, together
    from onnxlint.fix import Fix
    from onnxlint.inspecting import Inspection, inspect
    from onnxlint.model.edit.draft import Draft, FixError
    from onnxlint.model.file.load import Model
    from onnxlint.model.graph.graph import Graph
    from onnxlint.model.graph.nodes import Node, Origin, Scope, Value
    from onnxlint.model.graph.place import NotApplicable, Place
    from onnxlint.model.graph.walk import Walk, WayBack
    from onnxlint.model.patterns.matcher import Match, Pattern, PatternError
    from onnxlint.model.preflight import (
        Danger,
        External,
        ExternalData,
        Preflight,
        ProblemKind,
    )
    from onnxlint.pipeline import lint, lint_many
    from onnxlint.release_diff import ReleaseDiff
    from onnxlint.rules.rule import Option, rule
    from onnxlint.series_report import ScoreCurve, SeriesReport, TensorCurve
    from onnxlint.settings import Settings
    from onnxlint.severity import Severity, Stage
    from onnxlint.shift_report import FeatureShift, LayerShift, ShiftReport
    from onnxlint.stamping import stamp

_HOMES = {
    "Activations": "onnxlint.analyses.trace.activations",
    "AttentionMask": "onnxlint.analyses.static.attention_masks",
    "AttentionMasks": "onnxlint.analyses.static.attention_masks",
    "Baselines": "onnxlint.analyses.predictions.baselines",
    "Behaviour": "onnxlint.analyses.stability.behaviour",
    "BrokenChannels": "onnxlint.analyses.comparison.broken_channels",
    "Change": "onnxlint.analyses.static.layers",
    "ChosenLabel": "onnxlint.analyses.predictions.chosen_labels",
    "ChosenLabels": "onnxlint.analyses.predictions.chosen_labels",
    "ChosenTargets": "onnxlint.analyses.targets.targets",
    "Collapse": "onnxlint.analyses.predictions.collapsed_outputs",
    "Collapses": "onnxlint.analyses.predictions.collapsed_outputs",
    "Constancy": "onnxlint.analyses.static.constant_values",
    "ConstantFolding": "onnxlint.analyses.static.constant_folding",
    "ConstantGuess": "onnxlint.analyses.predictions.constant_guess",
    "Contamination": "onnxlint.analyses.trace.trace",
    "Contract": "onnxlint.analyses.static.contract",
    "DeclaredContract": "onnxlint.analyses.static.contract",
    "Costs": "onnxlint.analyses.static.costs",
    "Counterexample": "onnxlint.analyses.counterexamples.subject",
    "Counterexamples": "onnxlint.analyses.counterexamples.counterexamples",
    "Danger": "onnxlint.model.preflight",
    "Data": "onnxlint.analyses.inputs.user_data",
    "DeclaredSets": "onnxlint.analyses.stability.declared_sets",
    "Decomposition": "onnxlint.analyses.static.decompositions",
    "Decompositions": "onnxlint.analyses.static.decompositions",
    "Difference": "onnxlint.analyses.stability.output_difference",
    "Draft": "onnxlint.model.edit.draft",
    "Ensemble": "onnxlint.analyses.static.trees",
    "Execution": "onnxlint.analyses.execution.execution",
    "Expansions": "onnxlint.analyses.static.expansions",
    "Expected": "onnxlint.analyses.comparison.stored_outputs",
    "External": "onnxlint.model.preflight",
    "ExternalData": "onnxlint.model.preflight",
    "FeatureColumn": "onnxlint.analyses.static.feature_columns",
    "FeatureColumns": "onnxlint.analyses.static.feature_columns",
    "FeatureShift": "onnxlint.shift_report",
    "FedInput": "onnxlint.analyses.inputs.user_data",
    "Finding": "onnxlint.findings",
    "FirstDivergence": "onnxlint.analyses.comparison.first_divergence",
    "Fix": "onnxlint.fix",
    "FixError": "onnxlint.model.edit.draft",
    "Gap": "onnxlint.analyses.predictions.train_scores",
    "Graph": "onnxlint.model.graph.graph",
    "Hazard": "onnxlint.analyses.ranges.hazard",
    "Hazards": "onnxlint.analyses.ranges.hazards",
    "InitialBias": "onnxlint.analyses.predictions.initial_bias",
    "InferenceFailures": "onnxlint.analyses.static.inference_failures",
    "Inputs": "onnxlint.analyses.inputs.inputs",
    "Inspection": "onnxlint.inspecting",
    "Journal": "onnxlint.analyses.execution.runtime_warnings",
    "Labels": "onnxlint.analyses.predictions.labels",
    "Language": "onnxlint.analyses.language.language",
    "Latency": "onnxlint.analyses.comparison.latency",
    "Layer": "onnxlint.analyses.static.layers",
    "LayerCost": "onnxlint.analyses.static.layer_costs",
    "LayerGradient": "onnxlint.analyses.trace.gradient_propagation",
    "LayerShift": "onnxlint.shift_report",
    "LayerSimilarity": "onnxlint.analyses.comparison.similarity",
    "Layers": "onnxlint.analyses.static.layers",
    "Lengthened": "onnxlint.analyses.stability.padded_inputs",
    "LevelTies": "onnxlint.analyses.stability.decision_ties",
    "Limits": "onnxlint.analyses.execution.boundary_runs",
    "Match": "onnxlint.model.patterns.matcher",
    "Miscount": "onnxlint.analyses.static.quantisation_parameters",
    "Mismatch": "onnxlint.analyses.predictions.chosen_labels",
    "Misnomer": "onnxlint.analyses.predictions.predictions",
    "Model": "onnxlint.model.file.load",
    "NamedLayer": "onnxlint.analyses.static.named_layers",
    "Node": "onnxlint.model.graph.nodes",
    "NotApplicable": "onnxlint.model.graph.place",
    "Observed": "onnxlint.analyses.trace.trace",
    "ObservedNode": "onnxlint.analyses.trace.trace",
    "Option": "onnxlint.rules.rule",
    "Orderless": "onnxlint.analyses.stability.positions",
    "Origin": "onnxlint.model.graph.nodes",
    "OutputDifference": "onnxlint.analyses.comparison.reference",
    "Outputs": "onnxlint.analyses.predictions.outputs",
    "Padded": "onnxlint.analyses.language.padding",
    "PaddedInputs": "onnxlint.analyses.stability.padded_inputs",
    "Parameters": "onnxlint.analyses.static.trained_parameters",
    "PathToLayer": "onnxlint.analyses.static.layers",
    "Pattern": "onnxlint.model.patterns.matcher",
    "PatternError": "onnxlint.model.patterns.matcher",
    "Place": "onnxlint.model.graph.place",
    "Positions": "onnxlint.analyses.stability.positions",
    "Predictions": "onnxlint.analyses.predictions.predictions",
    "Preflight": "onnxlint.model.preflight",
    "ProblemKind": "onnxlint.model.preflight",
    "PromisedValue": "onnxlint.analyses.static.contract",
    "PromisedValues": "onnxlint.analyses.trace.promised_values",
    "Promises": "onnxlint.analyses.comparison.declared_outputs",
    "Propagation": "onnxlint.analyses.trace.gradient_propagation",
    "Quantisation": "onnxlint.analyses.static.quantisation",
    "QuantisationParameters": "onnxlint.analyses.static.quantisation_parameters",
    "QuantisedLayer": "onnxlint.analyses.static.quantisation",
    "QuantisedRange": "onnxlint.analyses.static.quantisation_parameters",
    "Range": "onnxlint.analyses.ranges.range",
    "Ranges": "onnxlint.analyses.ranges.ranges",
    "Reach": "onnxlint.analyses.trace.gradient_propagation",
    "Reachable": "onnxlint.analyses.predictions.reachable",
    "Reconstruction": "onnxlint.analyses.predictions.reconstruction",
    "Reference": "onnxlint.analyses.comparison.reference",
    "ReleaseDiff": "onnxlint.release_diff",
    "Reruns": "onnxlint.analyses.execution.reruns",
    "ResizedAxis": "onnxlint.analyses.stability.behaviour",
    "Rounding": "onnxlint.analyses.static.precision",
    "Schemas": "onnxlint.analyses.static.schemas",
    "Scope": "onnxlint.model.graph.nodes",
    "ScoreCurve": "onnxlint.series_report",
    "Scores": "onnxlint.analyses.predictions.scores",
    "Sensitivity": "onnxlint.analyses.stability.sensitivity",
    "Series": "onnxlint.analyses.series.series",
    "SeriesReport": "onnxlint.series_report",
    "SeriesRuns": "onnxlint.analyses.series.runs",
    "Settings": "onnxlint.settings",
    "Severity": "onnxlint.severity",
    "Shapes": "onnxlint.analyses.static.shapes",
    "Shift": "onnxlint.analyses.predictions.shift",
    "ShiftReport": "onnxlint.shift_report",
    "Similarity": "onnxlint.analyses.comparison.similarity",
    "Signature": "onnxlint.analyses.static.signature",
    "SignatureState": "onnxlint.analyses.static.signature",
    "Stage": "onnxlint.severity",
    "Step": "onnxlint.analyses.language.stepping",
    "Strayed": "onnxlint.analyses.execution.boundary_runs",
    "Support": "onnxlint.analyses.targets.operator_support",
    "SymbolicSize": "onnxlint.analyses.static.symbolic_sizes",
    "SymbolicSizes": "onnxlint.analyses.static.symbolic_sizes",
    "TableLimit": "onnxlint.analyses.language.position_tables",
    "Target": "onnxlint.analyses.targets.targets",
    "Targets": "onnxlint.analyses.targets.targets",
    "TensorCurve": "onnxlint.series_report",
    "Text": "onnxlint.analyses.static.texts",
    "Texts": "onnxlint.analyses.static.texts",
    "Ties": "onnxlint.analyses.stability.decision_ties",
    "Tolerance": "onnxlint.analyses.comparison.stored_outputs",
    "Trace": "onnxlint.analyses.trace.trace",
    "Trail": "onnxlint.analyses.static.layers",
    "Trees": "onnxlint.analyses.static.trees",
    "TrainScores": "onnxlint.analyses.predictions.train_scores",
    "TreeFit": "onnxlint.analyses.predictions.tree_fit",
    "Tried": "onnxlint.analyses.stability.sensitivity",
    "Unavailable": "onnxlint.analyses",
    "UnknownName": "onnxlint.analyses.static.contract",
    "Unread": "onnxlint.analyses.stability.positions",
    "Value": "onnxlint.model.graph.nodes",
    "Variation": "onnxlint.analyses.stability.sensitivity",
    "Walk": "onnxlint.model.graph.walk",
    "WayBack": "onnxlint.model.graph.walk",
    "Weight": "onnxlint.analyses.static.weights",
    "Weights": "onnxlint.analyses.static.weights",
    "Window": "onnxlint.analyses.static.windows",
    "Windows": "onnxlint.analyses.static.windows",
    "Witnesses": "onnxlint.analyses.trace.witnesses",
    "counted": "onnxlint.findings",
    "diff": "onnxlint.diffing.releases",
    "inspect": "onnxlint.inspecting",
    "lint": "onnxlint.pipeline",
    "lint_many": "onnxlint.pipeline",
    "listed": "onnxlint.findings",
    "rule": "onnxlint.rules.rule",
    "stamp": "onnxlint.stamping",
    "together": "onnxlint.findings",
}

__all__ = [
    "Activations",
    "AttentionMask",
    "AttentionMasks",
    "Baselines",
    "Behaviour",
    "BrokenChannels",
    "Change",
    "ChosenLabel",
    "ChosenLabels",
    "ChosenTargets",
    "Collapse",
    "Collapses",
    "Constancy",
    "ConstantFolding",
    "ConstantGuess",
    "Contamination",
    "Contract",
    "Costs",
    "Counterexample",
    "Counterexamples",
    "Danger",
    "Data",
    "DeclaredContract",
    "DeclaredSets",
    "Decomposition",
    "Decompositions",
    "Difference",
    "Draft",
    "Ensemble",
    "Execution",
    "Expansions",
    "Expected",
    "External",
    "ExternalData",
    "FeatureColumn",
    "FeatureColumns",
    "FeatureShift",
    "FedInput",
    "Finding",
    "FirstDivergence",
    "Fix",
    "FixError",
    "Gap",
    "Graph",
    "Hazard",
    "Hazards",
    "InferenceFailures",
    "InitialBias",
    "Inputs",
    "Inspection",
    "Journal",
    "Labels",
    "Language",
    "Latency",
    "Layer",
    "LayerCost",
    "LayerGradient",
    "LayerShift",
    "LayerSimilarity",
    "Layers",
    "Lengthened",
    "LevelTies",
    "Limits",
    "Match",
    "Miscount",
    "Mismatch",
    "Misnomer",
    "Model",
    "NamedLayer",
    "Node",
    "NotApplicable",
    "Observed",
    "ObservedNode",
    "Option",
    "Orderless",
    "Origin",
    "OutputDifference",
    "Outputs",
    "Padded",
    "PaddedInputs",
    "Parameters",
    "PathToLayer",
    "Pattern",
    "PatternError",
    "Place",
    "Positions",
    "Predictions",
    "Preflight",
    "ProblemKind",
    "PromisedValue",
    "PromisedValues",
    "Promises",
    "Propagation",
    "Quantisation",
    "QuantisationParameters",
    "QuantisedLayer",
    "QuantisedRange",
    "Range",
    "Ranges",
    "Reach",
    "Reachable",
    "Reconstruction",
    "Reference",
    "ReleaseDiff",
    "Reruns",
    "ResizedAxis",
    "Rounding",
    "Schemas",
    "Scope",
    "ScoreCurve",
    "Scores",
    "Sensitivity",
    "Series",
    "SeriesReport",
    "SeriesRuns",
    "Settings",
    "Severity",
    "Shapes",
    "Shift",
    "ShiftReport",
    "Signature",
    "SignatureState",
    "Similarity",
    "Stage",
    "Step",
    "Strayed",
    "Support",
    "SymbolicSize",
    "SymbolicSizes",
    "TableLimit",
    "Target",
    "Targets",
    "TensorCurve",
    "Text",
    "Texts",
    "Ties",
    "Tolerance",
    "Trace",
    "Trail",
    "TrainScores",
    "TreeFit",
    "Trees",
    "Tried",
    "Unavailable",
    "UnknownName",
    "Unread",
    "Value",
    "Variation",
    "Walk",
    "WayBack",
    "Weight",
    "Weights",
    "Window",
    "Windows",
    "Witnesses",
    "counted",
    "diff",
    "inspect",
    "lint",
    "lint_many",
    "listed",
    "rule",
    "stamp",
    "together",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'onnxlint' has no attribute {name!r}")
    import importlib

    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found
