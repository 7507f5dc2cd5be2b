"""What native libraries say, without what is only of use in their own sources."""

from __future__ import annotations

import re

_FILE = (
    r"(?<![\w'\"])(?:[A-Za-z]:)?[\w./\\@+-]{1,300}\.(?:cc|cpp|cxx|cuh?|hpp|hh?|c):[1-9]\d{0,5}:?\s+"
)
_ARGUMENTS = r"\((?:[^()]|\((?:[^()]|\([^()]{0,300}\)){0,300}\)){0,500}\)"
_TEMPLATE = r" \[with (?:[^\[\]]|\[[^\[\]]{0,200}\]){1,1000}\]"
_FUNCTION = (
    rf"(?:[^()'\"]{{0,300}}?::[^()'\"]{{0,300}}{_ARGUMENTS}(?:>?(?:::)?[\w~:<>=]{{0,200}}{_ARGUMENTS})*"
    rf"(?: const)?(?: noexcept)?(?:{_TEMPLATE})?|[\w:~<>]{{1,300}})"
)
_CONDITION = r"(?:[^.]|\.(?!\s)){1,500}? was false\.\s+(?=\S)"
_ASSERTION = r"Assertion [`'][^`']{1,500}' failed:\s+(?=\S)"

_SOURCE = rf"{_FILE}{_FUNCTION}(?:\s+|:\s+|$)(?:{_CONDITION}|{_ASSERTION})?"
"""A file of C++ and its line, the function there, and the condition that did not hold."""

_STATUS = r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : "


def readable(text: str) -> str:
    """The text without places in sources of C++ and codes of status, in one line.

    A condition that did not hold stays where nothing else is said.
    """
    return " ".join(re.sub(_SOURCE, "", re.sub(_STATUS, "", text)).split())
