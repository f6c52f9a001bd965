"""Paths of REST operations: a method and a path in, the operation and its labels out.

Owns templates such as `/rules/{ruleName}/enable` and `/destinations/{arn+}`. Knows nothing of
parameters beyond the text of a label, nor of HTTP beyond method and path.

A path is looked at as it was sent: a segment that is empty, `.` or `..` matches nothing, for a
signature covers the path without those, and what was signed must be what is done.

Source: Smithy's `http` trait.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, TypeVar, final
from urllib.parse import unquote

__all__ = ["RestRouter"]

_Target = TypeVar("_Target")

_MATCHES_NOTHING: Final = frozenset(("", ".", ".."))


@final
class _Node(Generic[_Target]):
    """What may follow a path's beginning."""

    __slots__ = ("ends", "greedy", "label", "literals")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[_Target]] = {}
        self.label: _Node[_Target] | None = None
        self.greedy: _Node[_Target] | None = None
        # By method: the target, and the names of the labels passed on the way.
        self.ends: dict[str, tuple[_Target, tuple[str, ...]]] = {}


@final
class RestRouter(Generic[_Target]):
    """Finds what a method and a path are for; a literal goes before a label."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: _Node[_Target] = _Node()

    def add(self, method: str, template: str, target: _Target) -> None:
        """Serve one operation.

        Args:
            method: Its method.
            template: Its path; `{name}` is one segment, `{name+}` at the end is one or more.
            target: What `find` is to give.

        Raises:
            ValueError: The template is of a form not known here, or taken already.
        """
        node, names = self._root, []
        segments = template.split("/")
        if segments[0] or "?" in template:
            raise ValueError(f"the path {template!r} is of a form that is not known here")
        for index, segment in enumerate(segments[1:], start=2):
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, _Node())
            elif segment.endswith("+}") and index == len(segments):
                names.append(segment[1:-2])
                node.greedy = node = node.greedy or _Node()
            elif segment.endswith("}") and not segment.endswith("+}"):
                names.append(segment[1:-1])
                node.label = node = node.label or _Node()
            else:
                raise ValueError(f"the path {template!r} is of a form that is not known here")
        if method in node.ends:
            raise ValueError(f"{method} {template} is served twice")
        node.ends[method] = (target, tuple(names))

    def find(self, method: str, path: str) -> tuple[_Target, Mapping[str, str]] | None:
        """Return what a request is for and its labels, decoded; None if it is for nothing here.

        Args:
            method: The request's.
            path: The request's, as it was sent.
        """
        segments = path.split("/")
        if segments[0] or not _MATCHES_NOTHING.isdisjoint(segments[1:]):
            return None
        found = _find(self._root, method, segments, 1)
        if found is None:
            return None
        (target, names), values = found
        try:
            # In reverse: the way back from the end has gathered them that way.
            decoded = [unquote(value, errors="strict") for value in reversed(values)]
        except UnicodeDecodeError:
            return None
        return target, dict(zip(names, decoded, strict=True))


def _find(
    node: _Node[_Target], method: str, segments: list[str], index: int
) -> tuple[tuple[_Target, tuple[str, ...]], list[str]] | None:
    """Return an end below `node`, and the labels' texts from the last to the first."""
    if index == len(segments):
        end = node.ends.get(method)
        return None if end is None else (end, [])
    following = node.literals.get(segments[index])
    if following is not None:
        found = _find(following, method, segments, index + 1)
        if found is not None:
            return found
    if node.label is not None:
        found = _find(node.label, method, segments, index + 1)
        if found is not None:
            found[1].append(segments[index])
            return found
    if node.greedy is not None:
        end = node.greedy.ends.get(method)
        if end is not None:
            return end, ["/".join(segments[index:])]
    return None
