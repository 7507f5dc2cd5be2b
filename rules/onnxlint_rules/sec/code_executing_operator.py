"""SEC007 code-executing-operator."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule

OPERATORS = frozenset(
    {"pyop", "pythonop", "pythonopgrad", "pyfunc", "pyfuncstateless", "eagerpyfunc", "tritonop"}
)
"""In lower case: of onnxruntime, its training build and its extensions, PyTorch, TensorFlow."""


@rule("SEC007", "code-executing-operator", severity=Severity.ERROR)
def code_executing_operator(graph: Graph) -> Iterator[Finding]:
    """An operator that executes Python code of the loading process.

    Why: a model should be data. PyOp names a Python module and a class to import, PythonOp a
    `torch.autograd.Function`, PyFunc a function that was registered while TensorFlow exported: an
    untrusted model chooses what runs, and your own fails wherever that code is not installed. Only
    nodes of the parsed graph are examined, so a weight cannot be mistaken for a name. Once per
    operator.
    Fix: export the computation itself, with ONNX operators or a function of the model; otherwise
    ship it as a custom operator in a library that the user loads knowingly.

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = com.microsoft.PythonOp <func_name = "os.system"> (x)
    }

    Bad:
    # in a branch
    net (float[N] x, bool flag) => (float[N] y)
    {
        y = If (flag) <
            then_branch = yes () => (float[N] a) { a = Relu(x) },
            else_branch = no () => (float[N] b) { b = PyFunc <token = "pyfunc_0"> (x) }
        >
    }

    Good:
    <ir_version: 10, opset_import: ["" : 21, "local" : 1]>
    # a function of the model itself
    net (float[N] x) => (float[N] PyOp)
    {
        PyOp = local.PythonOp(x)
    }
    <domain: "local", opset_import: ["" : 21]>
    PythonOp (x) => (y) { y = Relu(x) }
    """
    for op in graph.ops:
        if op.rpartition("::")[2].lower() not in OPERATORS:
            continue
        users = [node for node in graph.nodes(op) if node.called is None]
        if users:
            yield Finding.of_nodes(
                users,
                f"{op} executes Python code that the model names",
                hint=f"do not run it if the source is not trusted; express {op} as ONNX operators",
            )
