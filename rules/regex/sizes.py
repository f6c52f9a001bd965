r"""How large a pattern may be, and how large one is, before an engine sees it.

Owns the limits and the sum over a tree. What a single node costs an engine, that engine says. Both
engines write a counted item out as often as it is counted, and counts multiply: fifteen characters
such as `(.{1000}){1000}` can take an engine a second and a gigabyte. The sum here builds nothing.

Source: measurements; the figures are in the record of the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from rules.regex.tree import (
    Atomic,
    Backreference,
    Choice,
    Grapheme,
    Group,
    Look,
    Node,
    OneOf,
    Point,
    Repeat,
    Sequence,
)

__all__ = ["OF_MESSAGES", "OF_STATEMENTS", "Leaf", "Limits", "size"]

Leaf: TypeAlias = OneOf | Point | Backreference | Grapheme
"""A node with no other in it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a pattern may be.

    Attributes:
        characters: Its length.
        linear_instructions: How many instructions of the linear engine it may need.
        linear_memory_bytes: What that engine may use for it: its program and its states.
        automaton_instructions: With how many instructions a long text may be read: with more, the
            memory is not enough for the states of the automaton.
        automaton_states: How many states that automaton may have.
        limited_nodes: How many nodes of the limited engine it may need, some 270 bytes each.
        limited_characters: Its length in that engine's syntax, which a compiler in Python reads.
    """

    characters: int
    linear_instructions: int
    linear_memory_bytes: int
    automaton_instructions: int
    automaton_states: int
    limited_nodes: int
    limited_characters: int


OF_STATEMENTS: Final = Limits(
    characters=10_000,
    linear_instructions=25_000,
    linear_memory_bytes=4 * 1024 * 1024,
    automaton_instructions=2000,
    automaton_states=300,
    limited_nodes=15_000,
    limited_characters=15_000,
)
"""For a pattern compiled when a rule is created: some 50 ms and a few MB."""

OF_MESSAGES: Final = Limits(
    characters=1000,
    linear_instructions=4000,
    linear_memory_bytes=1024 * 1024,
    automaton_instructions=1000,
    automaton_states=100,
    limited_nodes=2000,
    limited_characters=1500,
)
"""For a pattern compiled while its message waits: a few ms, and well below 1 MB."""

_AROUND: Final = 2
"""What a group, a lookaround or an atomic group adds: its begin and its end."""


def size(node: Node, of_leaf: Callable[[Leaf], int], copies: Callable[[Repeat], int]) -> int:
    """Return what a node costs an engine that writes out what is counted.

    Args:
        node: The node.
        of_leaf: What a node with no other in it costs.
        copies: How often the engine writes what a quantifier repeats.
    """
    if isinstance(node, Sequence):
        # One more, so that what is empty costs something too: it is copied as well.
        return 1 + sum(size(item, of_leaf, copies) for item in node.items)
    if isinstance(node, Choice):
        branches = node.branches
        return len(branches) + sum(size(branch, of_leaf, copies) for branch in branches)
    if isinstance(node, Repeat):
        # One more each: what may be left out takes a branch.
        return (1 + size(node.item, of_leaf, copies)) * max(1, copies(node))
    if isinstance(node, (Group, Atomic, Look)):
        return _AROUND + size(node.item, of_leaf, copies)
    return of_leaf(node)
