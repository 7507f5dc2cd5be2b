"""INT011 unreachable-vocabulary."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from onnxlint import Finding, Graph, Node, Severity, rule
from onnxlint_rules.int._tokens import LONGEST, UnknownExpressionError, can_be

TOKENIZER = "com.microsoft::Tokenizer"

_MOVING = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})

_NEAR = 16
"""So many nodes before a vocabulary are looked at."""

_MOST_NAMED = 3

Gives = Callable[[str], bool]
"""Whether a step before the vocabulary can give a word."""


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
        grams = [*_grams(node)]
        if not grams:
            continue
        steps = [*_steps(node)]
        lost = [gram for gram in grams if not _is_reachable(gram, node, steps)]
        if lost:
            named = ", ".join(repr(" ".join(gram)) for gram in lost[:_MOST_NAMED])
            message = f"{len(lost)} of {len(grams)} entries can never occur in the input: {named}"
            hint = f"check that the tokenizer and the normaliser before it can produce {named}"
            yield Finding(node, message, len(lost), 0, "entries", hint=hint)


def _grams(node: Node) -> Iterator[tuple[str, ...]]:
    """The entries of a vocabulary, each as its words."""
    pool = [_text(each) for each in node.attribute("pool_strings", [])]
    starts = [*(node.integers("ngram_counts") or []), len(pool)]
    if starts != sorted(starts):
        return
    for length, (start, end) in enumerate(pairwise(starts), 1):
        if 0 <= start <= end <= len(pool):
            yield from (tuple(pool[at : at + length]) for at in range(start, end, length))


def _is_reachable(gram: tuple[str, ...], node: Node, steps: list[Gives]) -> bool:
    shortest, longest = node.attribute("min_gram_length", 1), node.attribute("max_gram_length", 1)
    if not shortest <= len(gram) <= longest:
        return False
    return all(len(word) > LONGEST or all(gives(word) for gives in steps) for word in gram)


def _steps(node: Node) -> Iterator[Gives]:
    """What stands before a vocabulary, from it backwards to the tokenizer's own text."""
    value, tokens = node.input(0), True
    for _ in range(_NEAR):
        maker = value.producer if value is not None else None
        if maker is None:
            return
        if maker.op == "StringNormalizer":
            yield from _normalised(maker, tokens)
        elif maker.op == TOKENIZER and tokens:
            yield _tokenised(maker)
            tokens = False  # before it stand texts, which no stop word is
        elif maker.op == "StringSplit" and tokens:
            yield _split(maker)
            tokens = False
        elif maker.op not in _MOVING:
            return
        value = maker.input(0)


def _normalised(node: Node, tokens: bool) -> Iterator[Gives]:
    change = node.attribute("case_change_action", "NONE")
    if change == "LOWER":
        yield lambda word: word == word.lower()
    if change == "UPPER":
        yield lambda word: word == word.upper()
    stops = {_text(each) for each in node.attribute("stopwords", [])} if tokens else set()
    if stops and node.attribute("is_case_sensitive", 0):
        yield lambda word: word not in stops
    elif stops:
        folded = {stop.lower() for stop in stops}
        yield lambda word: word.lower() not in folded


def _tokenised(node: Node) -> Gives:
    fewest, expression = node.attribute("mincharnum", 1), node.attribute("tokenexp", "")
    separators = [_text(each) for each in node.attribute("separators", [])]
    plain = [each for each in separators if each.isalnum() or each.isspace()]

    def gives(word: str) -> bool:
        if len(word) < fewest or any(each in word for each in plain):
            return False
        try:
            return not expression or can_be(expression, word)
        except UnknownExpressionError:
            return True

    return gives


def _split(node: Node) -> Gives:
    delimiter = node.attribute("delimiter", "")
    if delimiter:
        return lambda word: delimiter not in word
    return lambda word: len(word.split()) == 1


def _text(item: object) -> str:
    return item.decode(errors="replace") if isinstance(item, bytes) else str(item)
