"""INT011 unreachable-vocabulary."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, rule
from onnxlint_rules.int._tokens import LONGEST
from onnxlint_rules.int._vocabulary import Gives, entries, steps_before

_MOST_NAMED = 3


@rule("INT011", "unreachable-vocabulary", severity=Severity.WARNING, ops=("TfIdfVectorizer",))
def unreachable_vocabulary(graph: Graph) -> Iterator[Finding]:
    """Vocabulary entries that no text can produce, because of the steps before.

    Why: the count of such an entry is 0 for every text. A tokenizer with `[a-zA-Z0-9_]+` only knows
    ASCII: it matches no word of a Devanagari vocabulary, and splits every accented word
    (sklearn-onnx issue 1175); words with capitals never leave a normaliser to lower case; n-grams
    outside `min_gram_length` to `max_gram_length` are never counted. Expressions that this rule
    does not understand are assumed to match everything.
    Fix: use a tokenizer that matches the words as the vocabulary was built, for example
    `[\\p{L}\\p{M}\\p{N}_]+`; the same change of case on both sides.

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    net (string[N] text) => (float[N, 2] y)
    {
        words = com.microsoft.Tokenizer <
            mark = 0, mincharnum = 1, pad_value = "#", tokenexp = "[a-zA-Z0-9_]+"> (text)
        y = TfIdfVectorizer <
            mode = "TF", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,
            ngram_counts = [0], ngram_indexes = [0, 1],
            pool_strings = ["cafe", "caf\u00e9"]> (words)
    }

    Bad:
    net (string[N] words) => (float[2] y)
    {
        lower = StringNormalizer <case_change_action = "LOWER"> (words)
        y = TfIdfVectorizer <
            mode = "TF", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,
            ngram_counts = [0], ngram_indexes = [0, 1], pool_strings = ["good", "Bad"]> (lower)
    }

    Bad:
    # the pairs are never counted
    net (string[N] words) => (float[3] y)
    {
        y = TfIdfVectorizer <
            mode = "TF", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,
            ngram_counts = [0, 2], ngram_indexes = [0, 1, 2],
            pool_strings = ["good", "bad", "not", "good"]> (words)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    net (string[N] text) => (float[N, 2] y)
    {
        words = com.microsoft.Tokenizer <
            mark = 0, mincharnum = 1, pad_value = "#", tokenexp = "[\\\\p{L}\\\\p{N}_]+"> (text)
        y = TfIdfVectorizer <
            mode = "TF", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,
            ngram_counts = [0], ngram_indexes = [0, 1],
            pool_strings = ["cafe", "caf\u00e9"]> (words)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    net (string[N] text) => (float[N, 2] y)
    {
        words = com.microsoft.Tokenizer <
            mark = 0, mincharnum = 1, pad_value = "#", tokenexp = "(a|b)+"> (text)
        y = TfIdfVectorizer <
            mode = "TF", min_gram_length = 1, max_gram_length = 2, max_skip_count = 0,
            ngram_counts = [0, 2], ngram_indexes = [0, 1, 2],
            pool_strings = ["good", "bad", "not", "good"]> (words)
    }
    """
    for node in graph.nodes("TfIdfVectorizer"):
        grams = [*entries(node)]
        if not grams:
            continue
        steps = [*steps_before(node)]
        lost = [gram for gram in grams if not _is_reachable(gram, node, steps)]
        if lost:
            named = ", ".join(repr(" ".join(gram)) for gram in lost[:_MOST_NAMED])
            message = f"{len(lost)} of {len(grams)} entries can never occur in the input: {named}"
            hint = f"check that the tokenizer and the normaliser before it can produce {named}"
            yield Finding(node, message, len(lost), 0, "entries", hint=hint)


def _is_reachable(gram: tuple[str, ...], node: Node, steps: list[Gives]) -> bool:
    shortest, longest = node.attribute("min_gram_length", 1), node.attribute("max_gram_length", 1)
    if not shortest <= len(gram) <= longest:
        return False
    return all(len(word) > LONGEST or all(gives(word) for gives in steps) for word in gram)
