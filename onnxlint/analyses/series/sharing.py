"""Many checkpoints, a part of them in each of several processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

from onnxlint.model.file.errors import DataError, ModelError
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget, share_cores

T = TypeVar("T")

Look = Callable[[Sequence[int]], list[T]]
"""What is seen of the checkpoints of these numbers, which follow each other."""


def shared(
    look: Look[T], numbers: Sequence[int], jobs: int, budget: Budget,
    encode: Callable[[list[T]], bytes], decode: Callable[[bytes], list[T]],
) -> list[T]:  # fmt: skip
    """Looks at all of them, `jobs` at a time; in this process where that is one.

    Raises:
        DataError: one of them cannot be looked at.
    """
    parts = [part for part in _parts(numbers, jobs) if part]
    if len(parts) <= 1:
        return _told(partial(look, numbers))
    answer = partial(_answer, look=look, encode=encode, jobs=len(parts))
    calls = [Isolated(partial(answer, part=part), b"", budget) for part in parts]
    found: list[T] = []
    try:
        for call in calls:
            found += decode(_opened(call.result()))
    except Crashed as error:
        raise DataError(f"a checkpoint of the series cannot be looked at: {error}") from error
    finally:
        for call in calls:
            call.close()
    return found


def _parts(numbers: Sequence[int], jobs: int) -> list[Sequence[int]]:
    size, more = divmod(len(numbers), jobs)
    ends = [0]
    for part in range(jobs):
        ends.append(ends[-1] + size + (part < more))
    return [numbers[start:end] for start, end in pairwise(ends)]


def _told(look: Callable[[], list[T]]) -> list[T]:
    try:
        return look()
    except ModelError as error:
        raise DataError(str(error)) from error


_SENTENCE, _RESULT = b"s", b"r"
"""How an answer begins that says why there is no result, or is one."""


def _answer(
    _: bytes, *, look: Look[T], part: Sequence[int], encode: Callable[[list[T]], bytes], jobs: int
) -> bytes:
    share_cores(jobs)
    try:
        return _RESULT + encode(_told(partial(look, part)))
    except DataError as error:
        return _SENTENCE + json.dumps(str(error)).encode()


def _opened(answer: bytes) -> bytes:
    if answer[:1] == _SENTENCE:
        raise DataError(json.loads(answer[1:]))
    return answer[1:]
