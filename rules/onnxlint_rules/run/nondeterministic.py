"""RUN004 nondeterministic."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Behaviour, Finding, Node, Option, Severity, Ties, rule
from onnxlint_rules.run._sameness import advice, severity, told


@rule("RUN004", "nondeterministic", severity=Severity.WARNING)
def nondeterministic(
    behaviour: Behaviour, ties: Ties, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.01,
) -> Iterator[Finding]:  # fmt: skip
    """An output that differs when the same input is run again.

    Why: golden tests are flaky, a bug report cannot be reproduced, and two replicas of a service
    contradict each other. The first samples are run twice in one session, and compared with another
    session. A seed does not help: a seed fixes the first run of every session, and the next run
    draws other values.
    A difference counts from `max_difference` of the output's peak on (1%: the maximum that 205
    valid models show by rounding is 0.12%, between optimisation levels), for float16 twice, for
    quantised models five times that. An error where predictions for the user's data change and no
    operator in the graph is random. A tie is an info: TopK, ArgMax, NonMaxSuppression or a
    threshold choose differently between scores that agree within rounding.
    Fix: call `model.eval()` before the export, make the noise an input of the model. Where random
    results are intended, ignore this rule for the model.

    Bad:
    net (float[N, 4] mean) => (float[N, 4] z)
    {
        noise = RandomNormalLike(mean)
        z = Add(mean, noise)
    }

    Instead:
    # the caller draws
    net (float[N, 4] mean, float[N, 4] noise) => (float[N, 4] z)
    {
        z = Add(mean, noise)
    }
    """
    for repeat in behaviour.repetitions:
        difference, source = repeat.difference, repeat.source
        if not difference.exceeds(max_difference):
            continue
        fresh = not repeat.in_session
        tie = None if source else ties.between_runs(difference, max_difference, fresh=fresh)
        where = "two runs" if repeat.in_session else "two sessions"
        cause = f"; {source.place} is a random operator" if source is not None else ""
        by_design = source is not None and source.op != "Dropout"
        yield Finding(
            difference,
            f"{where} with the same input differ {told(difference, tie, max_difference)}{cause}",
            measured=difference.measured,
            limit=difference.limit(max_difference),
            unit="fraction of the peak",
            severity=Severity.WARNING if by_design else severity(behaviour, difference, tie),
            hint=advice(tie, _remedy(source)),
        )


def _remedy(source: Node | None) -> str:
    if source is None:
        return "compare runs with one thread and with optimisation off to find the operator"
    if source.op == "Dropout":
        return f"call model.eval() before the export, so that {source.place} is inactive"
    return f"make the noise of {source.place} an input, or ignore this rule where it is intended"
