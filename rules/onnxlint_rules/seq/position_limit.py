"""SEQ004 position-limit."""

from collections.abc import Iterator

from onnxlint import Finding, Language, Severity, TableLimit, rule


@rule("SEQ004", "position-limit", severity=Severity.ERROR)
def position_limit(language: Language) -> Iterator[Finding]:
    """A table of positions that is too short, or read beyond its end without an error.

    Why: a text of the length that is promised fails at its last token where the table lacks a row;
    and beyond the end onnxruntime refuses an index, which is the right answer, unless the graph
    limits or wraps it first: then all further tokens are taken to stand at one place, and the
    answers get worse without anybody being told. Judged are tables with learned or computed rows
    that are added to the tokens' own; rotary and relative positions have none. How many positions
    are promised is what the configuration declares (`positions` of the input of tokens), or what
    `config.json` beside the model says: `max_target_positions`, `max_position_embeddings` or
    `n_positions`. A position eight rows beyond the end is run: told as such, behind a cache of
    this length, or, if that costs little, as the last of so many tokens. That it is taken is a
    warning where positions start again from the first, and an info where all are taken as the
    last one, or it is not known as which.
    Fix: export the whole table; let an index beyond it fail, and cut texts in the tokenizer.

    Bad:
    # config: inputs.input_ids.positions = 6
    net (int64[N, S] input_ids, int64[N, S] position_ids) => (float[N, S, 2] states)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     float[5, 2] places = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}>
    {
        x = Gather(table, input_ids)
        p = Gather(places, position_ids)
        states = Add(x, p)
    }

    Bad:
    # positions from 4 on are all the last one
    net (int64[N, S] input_ids, int64[N, S] position_ids) => (float[N, S, 2] states)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     float[5, 2] places = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}, int64 last = {4}>
    {
        x = Gather(table, input_ids)
        within = Min(position_ids, last)
        p = Gather(places, within)
        states = Add(x, p)
    }

    Good:
    net (int64[N, S] input_ids, int64[N, S] position_ids) => (float[N, S, 2] states)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     float[5, 2] places = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}>
    {
        x = Gather(table, input_ids)
        p = Gather(places, position_ids)
        states = Add(x, p)
    }
    """
    for found in language.limits:
        yield _short(found) if found.promised is not None else _beyond(found)


def _short(found: TableLimit) -> Finding:
    promised = found.promised
    assert promised is not None
    return Finding(
        found,
        f"the table of positions has {found.rows:,} rows, fewer than the {promised.count:,} "
        f"positions that are promised ({promised.source})",
        measured=found.rows,
        limit=promised.count,
        unit="rows",
        hint="export the whole table, or promise fewer positions",
    )


def _beyond(found: TableLimit) -> Finding:
    row = "as another one" if found.as_row is None else f"as position {found.as_row:,}"
    return Finding(
        found,
        f"position {found.beyond:,} is taken {row}, without an error "
        f"(the table has {found.rows:,} rows)",
        measured=found.beyond,
        limit=found.rows - 1,
        unit="position",
        severity=Severity.WARNING if found.starts_again else Severity.INFO,
        hint="take out the limit or the remainder before the look-up, so that onnxruntime refuses "
        "what is beyond the table",
    )
