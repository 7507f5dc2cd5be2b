"""What to do about a model that onnxruntime does not load or run, by what the refusal says."""

import re

from onnxlint.analyses.execution.runtime_errors import RuntimeFailure

_TO_LOAD = (
    ("no CPU kernel", "cast to float32, export to an older opset, or use a newer onnxruntime"),
    ("unknown operator", "register the library of this operator, or replace the operator"),
    ("is not in opset", "import an opset that has the operator, or a newer onnxruntime"),
    ("IR version", "lower ir_version to the limit, or use a newer onnxruntime"),
    ("is not released", "export to a released opset"),
    ("attribute", "correct the attributes by the operator's schema"),
    ("nothing defines", "add the missing input, initializer or node, or correct the name"),
    ("is used twice", "rename one of the two"),
    ("cycle", "remove the cycle between the nodes"),
    ("not found", "put the external data file beside the model, or correct its location"),
    ("bytes (expected", "export the model again: the tensor's data is incomplete"),
    ("shapes do not match", "correct the shapes that this node reads"),
    ("dtypes", "cast the inputs of this node to one dtype that the operator accepts"),
)
"""Words of a reason, and what to do about it; the first that occurs counts."""

_TO_RUN = (
    ("cannot become", "compute the shape of Reshape from the input, with -1 for the batch axis"),
    ("is out of range", "keep the indices below the size of the axis, or enlarge the table"),
    ("do not broadcast", "export with dynamic axes, and compute sizes from the input"),
    ("does not match input", "supply samples of the declared shape (--data)"),
)

_TO_RUN_BY_MESSAGE = (
    (
        re.compile(r"(?i)divi(?:de|sion|ding)? by zero"),
        "guard the integer divisor with Max against 0",
    ),
    (re.compile(r"(?i)not (?:support|implement)"), "cast the inputs of this node to float32"),
)
"""The same for onnxruntime's own words."""


def to_load(refusal: RuntimeFailure) -> str:
    """What to do about a model that cannot be loaded."""
    general = "correct what the message names, or try a newer onnxruntime"
    return next((advice for words, advice in _TO_LOAD if words in refusal.reason), general)


def to_run(refusal: RuntimeFailure) -> str:
    """What to do about a model that cannot be run."""
    if refusal.is_crash:
        return "refuse such an input before the model, and report the crash to onnxruntime"
    general = f"trace {refusal.place} to its layer: check the shapes and values that are read there"
    by_reason = (advice for words, advice in _TO_RUN if words in refusal.reason)
    by_message = (advice for words, advice in _TO_RUN_BY_MESSAGE if words.search(refusal.message))
    return next(by_reason, None) or next(by_message, general)
