"""CTR001 contract-opset."""

from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, Graph, NotApplicable, Severity, rule
from onnxlint_rules.ctr._bounds import crossed, is_kept, told


@rule("CTR001", "contract-opset", severity=Severity.ERROR)
def contract_opset(contract: DeclaredContract, graph: Graph) -> Iterator[Finding]:
    """Another opset or IR version than the contract promises.

    Why: a runtime reads a range of IR versions and opsets, and an operator may mean something else
    in another opset. An exporter that was updated raises both without being asked. Promised are
    they by `[architecture] opset` (a number, `[lowest, highest]`, or a table by domain) and
    `ir-version`.
    Fix: export with the promised opset, or change the contract after a test on the runtime that is
    deployed.

    Bad:
    # config: architecture.opset = 17
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: architecture.ir-version = [7, 9]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: architecture.opset = {"ai.onnx" = [17, 21], "ai.onnx.ml" = 3}
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Good:
    # config: architecture = {opset = [17, 21], ir-version = 10}
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }
    """
    promised = contract.architecture
    if not promised.opsets and promised.ir_version is None:
        raise NotApplicable("the contract promises no opset")
    for domain, bounds in promised.opsets.items():
        name, seen = domain or "ai.onnx", graph.main.opsets.get(domain)
        if seen is None or not is_kept(seen, bounds):
            number = "not imported" if seen is None else str(seen)
            yield Finding(
                contract.line("architecture", "opset", name),
                f"opset of {name} is {number} ({told(bounds)})",
                measured=seen,
                limit=crossed(seen or 0, bounds),
                hint="export with the promised opset, or change architecture.opset",
            )
    version = graph.model.proto.ir_version
    if promised.ir_version is not None and not is_kept(version, promised.ir_version):
        yield Finding(
            contract.line("architecture", "ir-version"),
            f"IR version is {version} ({told(promised.ir_version)})",
            measured=version,
            limit=crossed(version, promised.ir_version),
            hint="export for the promised IR version, or change architecture.ir-version",
        )
