"""How it shows that memory ran out."""

import re


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, in Python or in native code.

    Native code whose allocation fails may return no result and set no exception: the interpreter
    raises SystemError in its place.
    """
    if isinstance(error, SystemError):
        return re.search("without .*exception", str(error)) is not None
    return isinstance(error, MemoryError)
