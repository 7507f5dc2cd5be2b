"""The families of built-in rules: what a title and an introduction say of each."""

from typing import NamedTuple


class Family(NamedTuple):
    """A title, one sentence, and a paragraph or two."""

    heading: str
    summary: str
    introduction: str


FAMILIES = {
    "ACT": Family(
        "ACT: activations of a run",
        "What the values inside the model look like while it runs.",
        "These rules run the model and record intermediate values at the optimisation level that is\n"
        "deployed: NaN and infinities with the node that first produces them, dead and saturated\n"
        "units, activations that vanish or explode, gradients estimated from forward runs.\n\n"
        "On synthetic samples most findings are infos or warnings, because noise is not the data the\n"
        "model was trained for; with `--data` they describe your samples.\n"
        "[Cost of tracing](../../probing.md) says what recording costs,\n"
        "[Estimating gradients](../../gradients.md) how the gradient rules work.",
    ),
    "ARC": Family(
        "ARC: architecture of the network",
        "Design mistakes that are visible in the graph: the model runs, but computes something else than was meant.",
        "A softmax applied twice, an axis of size 1 that is normalised, a linear layer that follows\n"
        "a linear layer, dropout that is still active, faults that exporters are known for. These\n"
        "rules read the file; they never run the model.",
    ),
    "CKP": Family(
        "CKP: checkpoints over time",
        "A training run by its checkpoints: layers that do not learn, losses that do not fall.",
        "These rules need the checkpoints of one run: `onnxlint series CKPT…`. Those on weights\n"
        "read the files; those on activations, entropy and gradients run them; those on the loss need\n"
        "`--data` and `--labels`. [A series of checkpoints](../../guides/series.md) shows how to use\n"
        "them.",
    ),
    "CMP": Family(
        "CMP: comparison with a reference",
        "The model beside another one, stored outputs, or baselines.",
        "Each of these rules needs something to compare with: `--reference` for another model,\n"
        "a test data set with expected outputs, or `--labels` with `--compare-simple` or\n"
        "`--baseline`. Models of one layer and autoencoders are compared with what needs no training\n"
        "of its own.\n"
        "[References and quantisation](../../guides/references.md) shows how to use them.",
    ),
    "CTR": Family(
        "CTR: the contract of a release",
        "Promises of the configuration that the model does not keep.",
        "A release promises an architecture, inputs, outputs, inner values, budgets and provenance;\n"
        "`onnxlint init` writes them down from what it sees. Each broken promise is one error, with\n"
        "what was promised and what was seen. A promise about a name that the model does not have is\n"
        "broken, too. Without promises none of these rules applies.\n"
        "[A contract for your model](../../guides/contract.md) shows how to use it; ranges of inputs\n"
        "and outputs are judged by DAT002 and PRD008.",
    ),
    "DAT": Family(
        "DAT: your data",
        "Samples that do not fit the model, or that no model learns from.",
        "These rules need `--data`. They compare the samples with what the graph expects of its\n"
        "inputs: layout, range, scale, NaN, constant features, padding. [Your data](../../guides/data.md)\n"
        "lists the formats.",
    ),
    "GRA": Family(
        "GRA: structure of the graph",
        "Parts of the graph that are unused, redundant or disconnected.",
        "These rules treat the model as a graph: unused initializers and nodes, inputs without\n"
        "effect, constant outputs, layers that are bypassed. Many findings have a\n"
        "[fix](../../fixes.md). They never run the model.",
    ),
    "INT": Family(
        "INT: interface of the model",
        "What callers meet: shapes, types and names of inputs and outputs, and how the file was made.",
        "A batch size fixed to 1, float64 at the interface, outputs that are not tensors, ids that\n"
        "exceed a lookup table. These rules never run the model.",
    ),
    "NUM": Family(
        "NUM: numeric hazards",
        "Operands whose bounds reach where their operator fails: a logarithm of 0, a division by 0, an overflow, an index out of range.",
        "These rules bound every value for all inputs, by the weights and the operators between (see\n"
        "[Bounds of values](../../ranges.md)), and look at what an operator cannot take. Where the\n"
        "model can be run, an input that shows the failure is looked for: with one, a hazard is\n"
        "confirmed. They work without a run as well, and say so.\n\n"
        "Declare the ranges of inputs (`[inputs.NAME] range`): of an input of which only the dtype is\n"
        "known, a hazard is an info at most, unless a run shows it.",
    ),
    "ONX": Family(
        "ONX: the ONNX specification",
        "Violations of the specification, all at once, in every subgraph and function.",
        "These rules detect everything that `onnx.checker` detects, with a code, and they do not stop\n"
        "at the first mistake. [Equivalence with onnx's checker](../../checker.md) has the\n"
        "proof and the exceptions. They never run the model.",
    ),
    "PRD": Family(
        "PRD: predictions",
        "Outputs judged as predictions: probabilities, entropy, collapse, calibration.",
        "These rules run the model, recognise softmax, log-softmax, sigmoid and raw logits, and judge\n"
        "what came out. `--stage init` expects the uniform predictions of an untrained model;\n"
        "`--labels` adds calibration and accuracy.",
    ),
    "PRT": Family(
        "PRT: portability to a target",
        "What will not run, or will run slowly, where the model is deployed.",
        "Most of these rules need `--target`. They compare IR version, opsets and operators, each at\n"
        "its version and type, with what a release supports. [Targets](../../guides/targets.md)\n"
        "explains what is known of each. They never run the model.",
    ),
    "QNT": Family(
        "QNT: quantised models",
        "Quantisation parameters and patterns that cost accuracy or speed.",
        "Scales that are zero, axes that are wrong, pairs of QuantizeLinear and DequantizeLinear that\n"
        "are broken, ranges that were calibrated too narrow. Some rules read the file, others look at\n"
        "the values of a run.",
    ),
    "RUN": Family(
        "RUN: execution",
        "Whether onnxruntime loads and runs the model, at other sizes too, and twice with the same result.",
        "These rules run the model in a process of its own, with limits of time and memory: a crash is\n"
        "a finding. They vary batch size and dynamic axes, compare optimised and unoptimised runs, and\n"
        "look for samples that influence each other.",
    ),
    "SEC": Family(
        "SEC: safety of the file",
        "Whether the file can be opened safely.",
        "External data outside the model's folder, tensors that are truncated or ask for absurd amounts\n"
        "of memory, operators that execute code. These rules read the raw protobuf before any runtime\n"
        "opens it, and `select` does not leave them out. See [Untrusted models](../../guides/untrusted_models.md)\n"
        "and the [safety model](../../safety.md).",
    ),
    "SEQ": Family(
        "SEQ: sequences, caches and sets",
        "Relations between runs that a language model, or a model of sets, must keep.",
        "A step with the cache equals the same position without it, later tokens change nothing before\n"
        "them, masked padding changes nothing at all, and samples may change places with their caches.\n"
        "These rules run the model on sequences of a few tokens; models without tokens, and without an\n"
        "input that is declared a set, are left alone. How they are recognised is told in\n"
        "[language models](../../guides/language_models.md).",
    ),
    "TRE": Family(
        "TRE: trees",
        "Decision trees, forests and boosted trees whose training or export went wrong.",
        "Trees that are too deep, that split nothing or repeat each other, leaves that no input reaches,\n"
        "thresholds that float32 cannot hold, missing values that the trees do not expect. These rules\n"
        "read the attributes of `TreeEnsembleClassifier`, `TreeEnsembleRegressor` and `TreeEnsemble`, also\n"
        "in subgraphs; only TRE003 needs data.",
    ),
    "WGT": Family(
        "WGT: weights",
        "Stored weights that are broken, unused by training, or unfit for float16.",
        "NaN and infinities, layers that are all zero or constant, dead and identical filters,\n"
        "subnormal weights that slow a layer down. These rules read the weights; they never run the\n"
        "model.",
    ),
}
