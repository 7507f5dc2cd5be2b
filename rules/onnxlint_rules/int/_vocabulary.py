"""The entries of a vocabulary, and which words the steps before it can produce."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from onnxlint import Node
from onnxlint.model.graph.operators import RESHAPING
from onnxlint.model.graph.traversal import sources
from onnxlint_rules.int._tokens import UnknownExpressionError, can_be

TOKENIZER = "com.microsoft::Tokenizer"


_MOVING = RESHAPING | {"Identity"}
"""Same words in the same order: n-grams are of neighbours."""


_SPLITTING = {TOKENIZER, "StringSplit"}
_STEPS = _SPLITTING | {"StringNormalizer"}

_NEAR = 16
"""So many nodes before a vocabulary are looked at."""


Gives = Callable[[str], bool]
"""Whether a step before the vocabulary can give a word."""


def entries(node: Node) -> Iterator[tuple[str, ...]]:
    """The entries of a vocabulary, each as its words."""
    pool = [_text(each) for each in node.attribute("pool_strings", [])]
    starts = [*(node.integers("ngram_counts") or []), len(pool)]
    if starts != sorted(starts):
        return
    for length, (start, end) in enumerate(pairwise(starts), 1):
        if 0 <= start <= end <= len(pool):
            yield from (tuple(pool[at : at + length]) for at in range(start, end, length))


def steps_before(node: Node) -> Iterator[Gives]:
    """What stands before a vocabulary, from it backwards to the tokenizer's own text."""
    tokens = True
    for value in sources(node.input(0), _MOVING | _STEPS, _NEAR):
        maker = value.producer
        if maker is None or (maker.op in _SPLITTING and not tokens):
            return
        if maker.op == "StringNormalizer":
            yield from _normalised(maker, tokens)
        elif maker.op in _SPLITTING:
            yield _tokenised(maker) if maker.op == TOKENIZER else _split(maker)
            tokens = False  # before it stand texts, which no stop word is


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
