"""Looks at one node or value of a model, in a process of its own."""

from __future__ import annotations

import io
import os
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from onnxlint.inspection.detail import Detail
from onnxlint.inspection.looking import InspectionError
from onnxlint.inspection.slices import Index
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.analyses import Analyses
    from onnxlint.inspection.detailing import Detailing
    from onnxlint.model.graph.nodes import Node, Value

Found = tuple[Detail, str | None, list[bytes]]
"""What there is to show, the chosen numbers as text, and whole arrays as .npy files hold them."""


def look_closer(
    path: str, name: str, settings: Settings, *, static_only: bool, bounds: bool,
    index: Index | None, dumps: bool, iteration: int | None = None, call: str | None = None,
) -> Found:  # fmt: skip
    """What there is to show of a node or value.

    Raises:
        InspectionError: there is none of the name, or no numbers of it, or the model or the data
            cannot be read, or reading it ends the process.
    """
    import msgspec

    looked = partial(
        _looked, name=name, settings=settings, static_only=static_only, bounds=bounds, index=index,
        dumps=dumps, iteration=iteration, call=call,
    )  # fmt: skip
    try:
        result = Isolated(looked, os.fsencode(path), Budget.build(settings)).result()
    except Crashed as error:
        raise InspectionError(f"{path}: cannot be inspected: {error}") from error
    found = msgspec.msgpack.decode(result)
    if "error" in found:
        raise InspectionError(found["error"])
    detail = msgspec.convert(found["detail"], Detail)
    return replace(detail, path=path), found["numbers"], found["arrays"]


def _looked(path: bytes, *, settings: Settings, static_only: bool, **asked: Any) -> bytes:
    """What is seen, or an error, as msgpack."""
    import msgspec

    from onnxlint.analyses import Analyses
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.inspection.naming import UnknownName
    from onnxlint.inspection.numbers import NoNumbers
    from onnxlint.model.file.errors import DataError, ModelError
    from onnxlint.model.file.load import open_model

    budget = Budget.build(settings)
    with closing(Workers()) as workers, closing(Analyses(settings, budget)) as analyses:
        if not static_only:
            worker = workers.with_limits(settings.time_limit, settings.memory_limit)
            worker.serve(budget)
            analyses.give(worker)
        try:
            with open_model(os.fsdecode(path), budget) as opened:
                analyses.give(opened)
                return msgspec.msgpack.encode(_found(analyses, static_only=static_only, **asked))
        except (ModelError, DataError, UnknownName, NoNumbers) as error:
            return msgspec.msgpack.encode({"error": str(error)})


def _found(
    analyses: Analyses, *, name: str, static_only: bool, bounds: bool, index: Index | None,
    dumps: bool, iteration: int | None, call: str | None,
) -> dict[str, Any]:  # fmt: skip
    from onnxlint.inspection import numbers
    from onnxlint.inspection.detailing import Detailing
    from onnxlint.inspection.naming import named
    from onnxlint.model.graph.graph import Graph
    from onnxlint.model.graph.nodes import Node

    detailing = Detailing(analyses, static_only=static_only, bounds=bounds)
    target = named(analyses.get(Graph), detailing.nodes, name)
    detail = detailing.of_node(target) if isinstance(target, Node) else detailing.of_value(target)
    found: dict[str, Any] = {"detail": detail, "numbers": None, "arrays": []}
    if index is not None or dumps:
        values = _values(target)
        caller = None if call is None else _caller(analyses, detailing, call)
        taken = numbers.numbers(
            analyses, values, static_only=static_only, iteration=iteration, call=caller
        )
        found["detail"] = replace(detail, spot=detailing.spot(taken.spot))
        if index is not None:
            found["numbers"] = _text(numbers.part(taken.arrays[0], index))
        if dumps:
            found["arrays"] = [_npy(array) for array in taken.arrays]
    return found


def _caller(analyses: Analyses, detailing: Detailing, name: str) -> Node:
    from onnxlint.inspection.naming import UnknownName, named
    from onnxlint.model.graph.graph import Graph
    from onnxlint.model.graph.nodes import Node

    found = named(analyses.get(Graph), detailing.nodes, name)
    if not isinstance(found, Node):
        raise UnknownName(f"--call: {name!r} is a value; give the node that runs or calls the body")
    return found


def _values(target: Node | Value) -> list[Value]:
    """The value, or the outputs of the node, of which the first has its numbers shown."""
    from onnxlint.model.graph.nodes import Value

    return [target] if isinstance(target, Value) else [*filter(None, target.outputs)]


def _text(array: Any) -> str:
    import numpy as np

    text: str = np.array2string(array, threshold=array.size + 1, max_line_width=100, separator=", ")
    return text


def _npy(array: Any) -> bytes:
    import numpy as np

    from onnxlint.inspection.numbers import NoNumbers

    if array.dtype.kind in "OUS":
        raise NoNumbers("texts are not dumped; use --slice")
    if array.dtype.kind == "V":  # no dtype of numpy's own, such as bfloat16
        array = array.astype(np.float32)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
