"""What is handed on from run to run: past keys and values, and states."""

from __future__ import annotations

from collections.abc import Mapping

CACHE_SLOTS: Mapping[str, Mapping[int, int]] = {
    "com.microsoft::GroupQueryAttention": {3: 1, 4: 2},
    "com.microsoft::MultiHeadAttention": {6: 1, 7: 2},
    "com.microsoft::DecoderMaskedMultiHeadAttention": {5: 1, 6: 2},
    "com.microsoft::Attention": {4: 1},
    "Attention": {4: 1, 5: 2},
    "TensorScatter": {0: 0},
}
"""Slots of past keys and values, and the outputs that hold them with the new ones."""

STATES_HANDED_ON: Mapping[str, Mapping[int, int]] = {
    "GRU": {5: 1}, "LSTM": {5: 1, 6: 2}, "RNN": {5: 1},
}  # fmt: skip
"""Slots of states, and the outputs that are the last ones."""
