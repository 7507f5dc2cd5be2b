"""SEC008 custom-domain."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Annotated

from onnxlint import Finding, Graph, Node, Option, Severity, listed, rule

KNOWN = ("ai.onnx", "com.microsoft", "com.ms")
"""Domains, with those below them, that the specification or the released onnxruntime defines."""

PROVIDERS = {
    "ai.onnx.contrib": "onnxruntime-extensions",
    "com.microsoft.extensions": "onnxruntime-extensions",
    "mmdeploy": "MMDeploy's library",
    "org.openvinotoolkit": "OpenVINO",
    "org.pytorch.aten": "an onnxruntime built with ATen",
    "qonnx.custom_op": "QONNX",
    "trt": "TensorRT",
    "TRT": "TensorRT's plugins",
}
"""Who provides the operators of common custom domains, with those below them."""


@rule("SEC008", "custom-domain", severity=Severity.WARNING)
def custom_domain(
    graph: Graph,
    *,
    allowed: Annotated[tuple[str, ...], Option("domains that your runtime has a library for")] = (),
) -> Iterator[Finding]:
    """Operators of a domain that neither the specification nor onnxruntime defines.

    Why: to run the model, a library with these operators must be loaded into the process: native
    code that an untrusted model asks for; without it no runtime opens the model (onnxruntime issues
    8635 and 12896). Functions that the model defines itself are exempt, as are domains below an
    allowed one. Once per domain.
    Fix: export with standard operators, or with functions of the model itself; where the library
    ships with the model, add its domain to the option `allowed`.

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "ai.onnx.contrib" : 1]>
    net (string[N] text) => (int64[M] ids)
    {
        ids = ai.onnx.contrib.SentencepieceTokenizer(text)
    }

    Good:
    <ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1, "ai.onnx.ml" : 3]>
    # domains that onnxruntime defines
    net (float[N, 4] x) => (float[N, 4] y)
    {
        h = com.microsoft.QuickGelu(x)
        y = ai.onnx.ml.Normalizer <norm = "L2"> (h)
    }

    Good:
    # option: allowed = ["acme"]
    <ir_version: 10, opset_import: ["" : 21, "acme.vision" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = acme.vision.Sharpen(x)
    }
    """
    users: dict[str, list[Node]] = defaultdict(list)
    for op in graph.ops:
        domain = op.rpartition("::")[0]
        if _is_custom(domain) and not _is_below(domain, allowed):
            users[domain] += (node for node in graph.nodes(op) if node.called is None)
    for domain, nodes in users.items():
        if nodes:
            operators = sorted({node.op_type for node in nodes})
            yield Finding.of_nodes(
                nodes,
                f"domain {domain!r} is custom{_needed(domain)}: {listed(operators)}",
                hint=f"add {domain!r} to the option allowed, if its library ships with the model",
                evidence={"domain": domain, "operators": operators},
            )


def _is_below(domain: str, parents: Iterable[str]) -> bool:
    return any(f"{domain}.".startswith(f"{parent}.") for parent in parents)


def _is_custom(domain: str) -> bool:
    return domain != "" and (_is_below(domain, PROVIDERS) or not _is_below(domain, KNOWN))


def _needed(domain: str) -> str:
    names = [name for parent, name in PROVIDERS.items() if _is_below(domain, [parent])]
    return f" and needs {names[0]}" if names else ""
