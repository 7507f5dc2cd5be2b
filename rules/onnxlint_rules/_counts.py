"""Numbers with their nouns, as messages write them."""


def counted(number: int, noun: str) -> str:
    """The number with its noun: `1 sample`, `1,024 samples`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def all_of(number: int, noun: str) -> str:
    """Every one of them: `all 8 samples`, `the only sample`."""
    return f"the only {noun}" if number == 1 else f"all {number:,} {noun}s"
