"""CTR009 contract-entropy."""

from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, NotApplicable, Predictions, Severity, rule
from onnxlint_rules.ctr._bounds import crossed, is_kept, told


@rule("CTR009", "contract-entropy", severity=Severity.ERROR)
def contract_entropy(contract: DeclaredContract, predictions: Predictions) -> Iterator[Finding]:
    """Predictions whose mean entropy leaves the promised bounds.

    Why: before training a classifier over k classes should be uninformative, with an entropy near
    ln k, which is also its initial loss; after training the entropy says how sure it is, and a
    second softmax, a lost temperature or a head of zeros moves it. `[outputs.NAME] entropy` bounds
    the mean over all samples, in nats; of a sigmoid head it is the mean over its labels. PRD001
    judges untrained models without any promise.
    Fix: before training initialise the head with smaller weights; after it look for a softmax too
    many, or correct the bounds.

    Bad:
    # ln 4 is 1.386
    # stage: init
    # config: outputs.y.entropy = [1.25, 1.39]
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }

    Good:
    # stage: init
    # config: outputs.y.entropy = [1.25, 1.39]
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.1}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }
    """
    promised = {value: each.entropy for value, each in contract.outputs.items() if each.entropy}
    if not promised:
        raise NotApplicable("the contract promises no entropy of an output")
    seen = {each.head.value: each for each in predictions if each.is_probable}
    for value, bounds in promised.items():
        if value not in seen:
            yield Finding(
                value,
                f"output {value.name!r} is not recognised as predictions (promised an entropy)",
                hint=f"declare outputs.{value.name}.head, or take the entropy out of the contract",
            )
        elif not is_kept(seen[value].entropy, bounds):
            measured = seen[value].entropy
            yield Finding(
                seen[value],
                f"mean entropy of {seen[value].rows:,} predictions of output {value.name!r} is "
                f"{measured:.4g} nats ({told(bounds)})",
                measured=measured,
                limit=crossed(measured, bounds),
                unit="nats",
                hint="look for a softmax too many or weights of another scale, or change "
                f"outputs.{value.name}.entropy",
            )
