"""How exceptions that mean lack of memory are known."""

import pytest

from onnxlint.safety.memory import is_out_of_memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        SystemError("error return without exception set"),
        SystemError("<class 'X'> returned NULL without setting an exception"),
        SystemError("initialization of _upb failed without raising an exception"),
    ],
)
def test_lack_of_memory(error: BaseException):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [SystemError("bad argument"), ValueError("without exception")])
def test_other_errors(error: BaseException):
    assert not is_out_of_memory(error)
