"""Weight files: finding, checking, reading, writing, and the cards that describe them."""

from __future__ import annotations

from sharpening.weights.card import WeightCard, card_path, load_card, markdown_table
from sharpening.weights.store import find, load_into, load_state, save_state

__all__ = ["WeightCard", "card_path", "find", "load_card", "load_into", "load_state", "markdown_table", "save_state"]
