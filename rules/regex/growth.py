"""Whether the linear engine keeps up with a long text.

Owns the proof. RE2 turns a pattern into a deterministic automaton while it reads. Where that would
have too many states, it steps through all its program for every character instead: linear still,
but with a factor that makes a long text slow (`[ab]*a[ab]{50}c`). Here the automaton is built over
classes of characters, both ways, because RE2 reads back from the end to find where a match begins.
The proof gives up early: then only short texts may be searched.

Source: Russ Cox, "Regular Expression Matching in the Wild", on the behaviour of RE2.
"""

from __future__ import annotations

from typing import Final, final

from rules.regex.character_sets import CharacterSet, FlatSet, contains
from rules.regex.sizes import OF_STATEMENTS
from rules.regex.tree import Choice, Greed, Group, Node, OneOf, Point, Repeat, Sequence

__all__ = ["has_few_states"]

_MOST_STATES: Final = OF_STATEMENTS.automaton_states
_MOST_STEPS: Final = 12_000
_MOST_INSTRUCTIONS: Final = 1000
_MOST_CLASSES: Final = 100
_MOST_PROPERTIES: Final = 3
_MOST_COMPARISONS: Final = 20_000

_MATCH: Final = -1
_BEGIN_ANYWHERE: Final = -2


class _GaveUp(Exception):  # noqa: N818
    pass


def has_few_states(root: Node, most: int = _MOST_STATES) -> bool:
    """Whether the automaton of a pattern is known to stay small.

    Args:
        root: The pattern.
        most: How many states it may have, each way.
    """
    try:
        forward = _Program(root, is_reversed=False)
        _count(forward, most, is_anchored=_begins_at_start(root))
        _count(_Program(root, is_reversed=True), most, is_anchored=True)
    except _GaveUp:
        return False
    return True


def _begins_at_start(node: Node) -> bool:
    if isinstance(node, Sequence):
        return bool(node.items) and _begins_at_start(node.items[0])
    if isinstance(node, Group):
        return _begins_at_start(node.item)
    if isinstance(node, Choice):
        return all(map(_begins_at_start, node.branches))
    return node is Point.TEXT_START


@final
class _Program:
    """Instructions that read a character of a set, those that branch, and what stands behind each.

    Attributes:
        sets: For each instruction the number of its set; -1 for one that branches.
        after: Where it goes on: the one place, or the places in the order of preference.
        start: The first instruction.
        is_reversed: Whether it reads backwards.
        different: The sets, each once.
    """

    __slots__ = (
        "_closures",
        "_steps_left",
        "after",
        "different",
        "is_reversed",
        "sets",
        "start",
        "unsure",
    )

    def __init__(self, root: Node, *, is_reversed: bool) -> None:
        self.sets: list[int] = []
        self.after: list[tuple[int, ...]] = []
        self.unsure: set[int] = set()
        self.different: dict[CharacterSet, int] = {}
        self.is_reversed = is_reversed
        self._closures: dict[int, tuple[int, ...]] = {}
        self._steps_left = _MOST_STEPS
        self.start = self._add(root, _MATCH)

    def spend(self, steps: int) -> None:
        """Count work done.

        Raises:
            _GaveUp: It is too much.
        """
        self._steps_left -= steps
        if self._steps_left < 0:
            raise _GaveUp

    def _new(self, number: int, *after: int) -> int:
        if len(self.sets) >= _MOST_INSTRUCTIONS:
            raise _GaveUp
        self.sets.append(number)
        self.after.append(after)
        return len(self.sets) - 1

    def _add(self, node: Node, then: int) -> int:
        self.spend(1)  # what is empty adds no instruction, however often it is counted
        if isinstance(node, OneOf):
            number = self.different.setdefault(node.characters, len(self.different))
            return self._new(number, then)
        if isinstance(node, Sequence):
            for item in node.items if self.is_reversed else reversed(node.items):
                then = self._add(item, then)
            return then
        if isinstance(node, Choice):
            return self._new(-1, *(self._add(branch, then) for branch in node.branches))
        if isinstance(node, Group):
            return self._add(node.item, then)
        if isinstance(node, Repeat):
            return self._repeat(node, then)
        condition = self._new(-1, then)
        self.unsure.add(condition)
        return condition

    def _repeat(self, node: Repeat, then: int) -> int:
        is_lazy = node.greed is Greed.LAZY
        if max(node.low, node.high or 0) > _MOST_INSTRUCTIONS:
            raise _GaveUp
        if node.high is None:
            loop = self._new(-1)
            again = self._add(node.item, loop)
            self.after[loop] = (then, again) if is_lazy else (again, then)
            then = loop
        else:
            end = then
            for _ in range(node.high - node.low):
                once = self._add(node.item, then)
                then = self._new(-1, end, once) if is_lazy else self._new(-1, once, end)
        for _ in range(node.low):
            then = self._add(node.item, then)
        return then

    def closure(self, start: int) -> tuple[int, ...]:
        """Return the reading instructions that a place leads to, in the order of preference."""
        known = self._closures.get(start)
        if known is not None:
            return known
        found: list[int] = []
        seen: set[tuple[int, bool]] = set()
        stack = [(start, True)]
        while stack:
            here, is_sure = stack.pop()
            if (here, is_sure) in seen:
                continue
            seen.add((here, is_sure))
            if here == _MATCH:
                # A match that hangs on a condition does not end the others.
                if is_sure:
                    found.append(_MATCH)
            elif self.sets[here] >= 0:
                found.append(here)
            else:
                is_sure = is_sure and here not in self.unsure
                stack.extend((next_one, is_sure) for next_one in reversed(self.after[here]))
        self.spend(2 * len(seen))
        closure = self._closures[start] = tuple(dict.fromkeys(found))
        return closure


def _count(program: _Program, most: int, *, is_anchored: bool) -> None:
    """Build the automaton.

    Raises:
        _GaveUp: It has too many states, or takes too long.
    """
    columns = _columns(program.different)
    first = program.closure(program.start)
    start = first if is_anchored else (*first, _BEGIN_ANYWHERE)
    seen = {start}
    waiting = [start]
    while waiting:
        state = waiting.pop()
        for column in columns:
            reached: dict[int, None] = {}
            for here in state:
                if here == _MATCH:
                    continue
                if here == _BEGIN_ANYWHERE:
                    reached.update(dict.fromkeys(start))
                elif column >> program.sets[here] & 1:
                    closure = program.closure(program.after[here][0])
                    reached.update(dict.fromkeys(closure))
                    program.spend(len(closure))
                    if _MATCH in closure and not program.is_reversed:
                        break
            program.spend(len(state) + 1)
            following = tuple(sorted(reached) if program.is_reversed else reached)
            if following not in seen:
                seen.add(following)
                waiting.append(following)
            if len(seen) > most:
                raise _GaveUp


def _columns(different: dict[CharacterSet, int]) -> list[int]:
    """Return one column for each kind of character: bit n says whether it is in set n."""
    sets: list[FlatSet] = []
    for one in different:
        if not isinstance(one, FlatSet):
            raise _GaveUp
        sets.append(one)
    starts = {0}
    known: set[str] = set()
    for one in sets:
        for low, high in one.ranges:
            starts.update((low, high + 1))
        known.update(item.limited for item in one.properties)
    names = sorted(known)
    if len(starts) > _MOST_CLASSES or len(names) > _MOST_PROPERTIES:
        raise _GaveUp
    if (len(starts) << len(names)) * sum(1 + len(one.ranges) for one in sets) > _MOST_COMPARISONS:
        raise _GaveUp
    columns: set[int] = set()
    for code_point in starts:
        for chosen in range(1 << len(names)):
            holds = {name: bool(chosen >> index & 1) for index, name in enumerate(names)}
            column = 0
            for index, one in enumerate(sets):
                inside = contains(one, code_point)
                if inside is None:
                    having = any(holds[p.limited] != p.is_negated for p in one.properties)
                    inside = having != one.is_negated
                column |= inside << index
            columns.add(column)
    return sorted(columns)
