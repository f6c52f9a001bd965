"""An action's parameters: read by their shape, and rendered for a message.

Owns checking a JSON value against a shape, compiling the templates in it, and putting their texts
in. Knows no action by name.

Source: AWS IoT Core Developer Guide, "Substitution templates".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

from rules.actions.shapes import Flag, Items, Map, Record, Shape, Text, Whole
from rules.errors import Problem, SqlError
from rules.fields import Fields, json_type, nearest
from rules.message import Context
from rules.template import Template, compile_template

__all__ = ["ParameterReader", "TemplateTerms", "render", "templates_in"]

# Texts come from a document: what of them goes into a sentence has a bound.
_SHOWN_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True)
class TemplateTerms:
    """What the templates of an action may use.

    Attributes:
        version: The rule's SQL version.
        variables: The names that the rule's SET gives, as `Statement.variables` has them; None
            where they are not known, and any is accepted.
        allow_reaching: Whether they may call functions that reach out.
    """

    version: str
    variables: tuple[str, ...] | None = ()
    allow_reaching: bool = True

    def compile(self, text: str, *, start_characters: int = 0) -> Template:
        """Compile one template.

        Raises:
            SqlError: It is malformed, or uses what these terms exclude.
        """
        return compile_template(
            text,
            self.version,
            start_characters=start_characters,
            variables=self.variables,
            allow_reaching=self.allow_reaching,
        )


@final
class ParameterReader:
    """Reads values by their shapes.

    Args:
        terms: What templates may use.
        remarks: Where everything goes that is wrong with the values' form.
        problems: Where templates that cannot be compiled go.
        warnings: Where the compiler's warnings go.
    """

    __slots__ = ("_problems", "_remarks", "_terms", "_warnings")

    def __init__(
        self,
        terms: TemplateTerms,
        remarks: list[Problem],
        problems: list[Problem],
        warnings: list[Problem],
    ) -> None:
        self._terms = terms
        self._remarks = remarks
        self._problems = problems
        self._warnings = warnings

    def read(self, members: dict[str, object], shape: Record, path: str) -> dict[str, object]:
        """Return the members, with a compiled template for each text that holds `${`.

        What is wrong is noted, and stays in the result as it is. A topic that begins with `$$`
        begins with `$` in the result.
        """
        fields = Fields(members, path, self._remarks)
        shapes = shape.members()
        fields.check_keys(shapes)
        read = dict(members)
        for key, member in shapes.items():
            if key in members:
                read[key] = self._value(members[key], member, fields.path_of(key), key)
            elif key in shape.required:
                fields.report_missing(key, _expected(member), known=shapes)
        if shape.any_of and not any(group <= members.keys() for group in map(set, shape.any_of)):
            named = [" with ".join(map(repr, group)) for group in shape.any_of]
            self._remark(path, f"{_or(named)} is missing")
        return read

    def _value(self, value: object, shape: Shape, path: str, name: str) -> object:
        match shape:
            case Text() if isinstance(value, str):
                return self._text(value, shape, path, name)
            case Flag() if isinstance(value, bool):
                return value
            case Whole():
                self._check_number(value, shape, path, name)
                return value
            case Record() if isinstance(value, dict):
                return self.read(value, shape, path)
            case Items() if isinstance(value, list):
                return self._items(value, shape, path, name)
            case Map() if isinstance(value, dict):
                return self._map(value, shape, path, name)
        self._remark(path, f"'{name}' must be {_expected(shape)}, is {json_type(value)}")
        return value

    def _check_number(self, value: object, shape: Whole, path: str, name: str) -> None:
        if type(value) is int and shape.minimum <= value <= shape.maximum:
            return
        if shape.maximum - shape.minimum == 1:
            bounds = f"{shape.minimum} or {shape.maximum}"
        else:
            bounds = f"a whole number from {shape.minimum} to {shape.maximum}"
        shown = _shown(value) if isinstance(value, str | int | float) else json_type(value)
        remedy = "write the number without quotes" if isinstance(value, str) else ""
        self._remark(path, f"'{name}' must be {bounds}, is {shown}", remedy)

    def _items(self, values: list[object], shape: Items, path: str, name: str) -> list[object]:
        if len(values) < shape.minimum:
            self._remark(path, f"'{name}' has {len(values)} items; at least {shape.minimum}")
        if shape.maximum is not None and len(values) > shape.maximum:
            self._remark(path, f"'{name}' has {len(values)} items; at most {shape.maximum}")
        return [
            self._value(value, shape.item, f"{path}[{index}]", f"{name}[{index}]")
            for index, value in enumerate(values)
        ]

    def _map(
        self, members: dict[str, object], shape: Map, path: str, name: str
    ) -> dict[object, object]:
        if len(members) > shape.maximum:
            self._remark(path, f"'{name}' has {len(members)} members; at most {shape.maximum}")
        read: dict[object, object] = {}
        for key, value in members.items():
            member_path = f"{path}.{key}"
            name_read = self._text(key, shape.key, member_path, key)
            read[name_read] = self._value(value, shape.value, member_path, key)
        return read

    def _text(self, text: str, shape: Text, path: str, name: str) -> str | Template:
        if len(text) < shape.min_characters:
            self._remark(
                path,
                f"'{name}' has {len(text)} characters; at least {shape.min_characters}"
                if text
                else f"'{name}' is empty",
            )
            return text
        if shape.max_characters is not None and len(text) > shape.max_characters:
            self._remark(
                path, f"'{name}' has {len(text)} characters; at most {shape.max_characters}"
            )
        # In a rule, `$$aws/…` stands for the reserved topic `$aws/…`.
        is_escaped = shape.is_topic and text.startswith("$$") and not text.startswith("$${")
        start_characters = 1 if is_escaped else 0
        if not shape.takes_templates or "${" not in text:
            value = text[start_characters:]
            self._check_text(value, shape, path, name)
            return value
        try:
            template = self._terms.compile(text, start_characters=start_characters)
        except SqlError as error:
            self._problems.append(Problem(path, f"in the template: {error}", error.hint))
            return text
        self._warnings.extend(Problem(path, warning) for warning in template.warnings)
        if template.constant is not None:
            self._check_text(template.constant, shape, path, name)
        return template

    def _check_text(self, text: str, shape: Text, path: str, name: str) -> None:
        """Note what is wrong with a text that is known when the rule is read."""
        if shape.choices and text not in shape.choices:
            choices = [_shown(choice) for choice in shape.choices]
            near = nearest(text, shape.choices)
            remedy = f"did you mean {_shown(near)}?" if near else ""
            self._remark(path, f"'{name}' must be {_or(choices)}, is {_shown(text)}", remedy)
        elif shape.form is not None and shape.form.pattern.fullmatch(text) is None:
            self._remark(path, f"{_shown(text)} {shape.form.complaint}", shape.form.remedy)

    def _remark(self, path: str, message: str, remedy: str = "") -> None:
        self._remarks.append(Problem(path, message, remedy))


def render(value: object, shape: Shape, context: Context) -> object:
    """Return what was read with each template replaced by its text for one message.

    Raises:
        TemplateUndefined: An expression of a template has no value.
        EvaluationFailed: A function that reaches out could not be answered.
    """
    if isinstance(value, Template):
        return value.render_in(context)
    match shape:
        case Record() if isinstance(value, dict):
            shapes = shape.members()
            return {
                key: render(member, shapes[key], context) if key in shapes else member
                for key, member in value.items()
            }
        case Items() if isinstance(value, list):
            return [render(item, shape.item, context) for item in value]
        case Map() if isinstance(value, dict):
            return {
                render(key, shape.key, context): render(member, shape.value, context)
                for key, member in value.items()
            }
    return value


def templates_in(value: object) -> Iterator[Template]:
    """Give every template in what was read."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, Mapping):
        for pair in value.items():
            for part in pair:
                yield from templates_in(part)
    elif isinstance(value, list):
        for item in value:
            yield from templates_in(item)


def _expected(shape: Shape) -> str:
    match shape:
        case Text():
            return "a string"
        case Flag():
            return "true or false"
        case Whole():
            return "a number"
        case Items():
            return "an array"
    return "an object"


def _or(words: list[str]) -> str:
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "…"
