"""NUM: numbers that an operator cannot take, by the bounds of what it reads."""
