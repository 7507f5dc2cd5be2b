"""RUN004 nondeterministic."""

from collections.abc import Iterator

from onnxlint import Behaviour, Finding, Severity, Ties, rule
from onnxlint_rules.run._sameness import severity, told


@rule("RUN004", "nondeterministic", severity=Severity.WARNING)
def nondeterministic(
    behaviour: Behaviour, ties: Ties, *, max_difference: float = 0.01
) -> Iterator[Finding]:
    """An output that differs when the same input is run again.

    Why: golden tests flicker, a bug report cannot be reproduced, and two replicas of a service
    contradict each other. The first samples are run twice in one session, and compared with another
    session. A seed does not help: it fixes the first run of every session, and the next one draws
    other numbers.
    A difference counts from `max_difference` of the output's peak on (a hundredth: the most that
    205 sound models show by rounding is 0.0012, between optimisation levels), for float16 twice,
    for quantised models five times that. It is an error where predictions for data of the user's
    change and nothing in the graph is random by its name. An info is a tie: TopK, ArgMax,
    NonMaxSuppression or a threshold choose otherwise between scores that agree within rounding.
    Fix: call `model.eval()` before the export, make the noise an input of the model. Where random
    results are wanted, ignore this rule for the model.

    Bad:
    net (float[N, 4] mean) => (float[N, 4] z)
    {
        noise = RandomNormalLike(mean)
        z = Add(mean, noise)
    }

    Good:
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
        where = "two runs on one input" if repeat.in_session else "two sessions on one input"
        cause = f"; {source.place} draws at random" if source is not None else ""
        by_design = source is not None and source.op != "Dropout"
        yield Finding(
            difference,
            f"{where} differ {told(difference, tie)}{cause}",
            measured=difference.measured,
            limit=difference.limit(max_difference),
            unit="fraction of the peak",
            severity=Severity.WARNING if by_design else severity(behaviour, difference, tie),
        )
