"""What a type looks like in JSON: for models and forms (`json_schema`), and as a digest (`shape`).

Both read the forms that the codec is compiled from, so they describe what it writes.
"""

from __future__ import annotations

import inspect
import itertools
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from perdure.core.codec import canonical, digest
from perdure.core.forms import (
    Arguments,
    Arm,
    Choice,
    Either,
    Empty,
    Fixed,
    Foreign,
    Form,
    Items,
    NoSchema,
    Option,
    Plain,
    Record,
    Table,
    Union,
    at,
    dot,
)
from perdure.core.hints import is_alias, label, peel
from perdure.core.recognise import form
from perdure.core.scalars import TEXT, Scalar

__all__ = ["NoSchema", "json_schema", "shape"]


def json_schema(hint: Any) -> dict[str, Any]:
    """The JSON Schema (2020-12) of what the codec writes for `hint`, strict enough for structured output.

    All fields are required and no others allowed. Docstrings, and texts in `Annotated[T, "text"]`, describe.

    Raises:
        NoSchema: Its values have no JSON form. The error has the path.

    Example:
        >>> json_schema(dict[str, list[int]])
        {'type': 'object', 'additionalProperties': {'type': 'array', 'items': {'type': 'integer'}}}
    """
    return _Schemas().root(hint)


def shape(hint: Any) -> str:
    """A digest of what a recorded value is made of: fields, members, tags and their types.

    Words do not count: no descriptions, defaults, order, or names of classes but where they are tags.

    Raises:
        NoSchema: Its values have no JSON form.
    """
    try:
        return digest(canonical(_shape(hint, [])))
    except RecursionError:
        raise _endless(hint) from None


class _Schemas:
    """One schema in the making, and its definitions: one for each record, model and alias."""

    def __init__(self) -> None:
        self.defs: dict[str, dict[str, Any]] = {}
        self.names: dict[Any, str] = {}

    def root(self, hint: Any) -> dict[str, Any]:
        try:
            body = self.of(hint)
        except RecursionError:
            raise _endless(hint) from None
        if "$ref" in body:  # structured output wants the object itself at the top
            definition = self.defs[body.pop("$ref").removeprefix(_DEFS)]
            body = {**definition, **body}
        used = list(_mentioned(body))
        for name in used:
            used.extend(other for other in _mentioned(self.defs[name]) if other not in used)
        defs = {name: definition for name, definition in self.defs.items() if name in used}
        return {**body, "$defs": defs} if defs else body

    def of(self, hint: Any) -> dict[str, Any]:
        if typing.get_origin(hint) is typing.Annotated:
            return {**self.of(typing.get_args(hint)[0]), **_note(hint)}
        bare = peel(hint)
        made = form(bare)
        record = isinstance(made, Record) or (isinstance(made, Foreign) and made.fields is not None)
        if not record and not is_alias(hint):
            return self.body(made)
        if bare not in self.names:
            name = self.names[bare] = self.free(label(bare if record else hint), label(bare, full=True))
            self.defs[name] = {}  # taken, while its body refers to it
            self.defs[name] = self.foreign(made, name) if isinstance(made, Foreign) else self.body(made)
        return {"$ref": f"{_DEFS}{self.names[bare]}"}

    def free(self, *names: str) -> str:
        """The first of the names that no definition has, or the last with a number."""
        numbered = (f"{names[-1]}_{n}" for n in itertools.count(2))
        return next(name for name in itertools.chain(names, numbered) if name not in self.defs)

    def at(self, segment: str, hint: Any) -> dict[str, Any]:
        with at(segment):
            return self.of(hint)

    def body(self, made: Form) -> dict[str, Any]:
        match made:
            case Scalar(schema=schema):
                return dict(schema)
            case Plain():
                return {}
            case Empty():
                return {"not": {}}
            case Choice():
                return {"enum": [tree for _, tree in made.pairs], **_description(made.doc)}
            case Items():
                once = {"uniqueItems": True} if made.unordered else {}
                return {"type": "array", "items": self.at("[*]", made.item), **once}
            case Fixed():
                return _array([self.at(f"[{n}]", item) for n, item in enumerate(made.items)])
            case Table():
                keys = {} if made.key is TEXT else {"propertyNames": self.body(made.key)}
                return {"type": "object", **keys, "additionalProperties": self.at("[*]", made.item)}
            case Record():
                optional = [field.name for field in made.fields if made.is_dict and field.default]
                properties = {field.name: self.at(dot(field.name), field.hint) for field in made.fields}
                return {**_object(properties, optional), **_description(_doc(made.cls))}
            case Union():
                return {"anyOf": [self.arm(arm, made.key) for arm in made.arms]}
            case Either():
                return {
                    "anyOf": [_object({"ok": self.at(".ok", made.ok)}), _object({"err": self.at(".err", made.err)})]
                }
            case Option():
                return {"anyOf": [{"type": "null"}, _array([self.at("[0]", made.item)])]}
            case Arguments():
                return {"type": "array"}
            case Foreign():
                return self.foreign(made)

    def arm(self, arm: Arm, key: str) -> dict[str, Any]:
        tag = {key: {"const": arm.tag}}
        match arm.place:
            case "none":
                return self.of(arm.hint)
            case "around":
                return _object({**tag, "value": self.of(arm.hint)})
            case "inside":
                return {**self.tagged(arm, tag), **_note(arm.hint)}

    def tagged(self, arm: Arm, tag: Mapping[str, Any]) -> dict[str, Any]:
        """A record with its tag inside: a definition beside the one without."""
        slot = (peel(arm.hint), *tag, arm.tag)
        if slot not in self.names:
            name = self.names[slot] = self.free(f"{arm.tag}_tagged")
            self.defs[name] = {}
            own = isinstance(arm.form, Record)
            body = self.body(arm.form) if own else self.defs[self.of(arm.hint)["$ref"].removeprefix(_DEFS)]
            properties = {**tag, **body.get("properties", {})}
            self.defs[name] = {**body, "properties": properties, "required": [*tag, *body.get("required", ())]}
        return {"$ref": f"{_DEFS}{self.names[slot]}"}

    def foreign(self, made: Foreign, name: str = "") -> dict[str, Any]:
        """The schema that a class has of itself: its definitions go among ours, it itself is `name`."""
        try:
            body = {**made.schema()}
        except Exception as error:  # the user's code
            raise NoSchema("$", f"{label(made.hint)} has no JSON Schema: {error}") from error
        theirs = body.pop("$defs", {})
        names = {}
        if body.keys() == {"$ref"}:  # it contains itself
            names[body["$ref"]] = name
            body = theirs.pop(body["$ref"].removeprefix(_DEFS))
        for one, definition in theirs.items():
            same = self.defs.get(one) == definition
            names[f"{_DEFS}{one}"] = ours = one if same else self.free(one)
            self.defs[ours] = definition
        for one, definition in theirs.items():
            self.defs[names[f"{_DEFS}{one}"]] = _renamed(definition, names)
        renamed: dict[str, Any] = _renamed(body, names)
        return renamed


_DEFS: Final = "#/$defs/"


def _renamed(tree: Any, names: Mapping[str, str]) -> Any:
    if isinstance(tree, list):
        return [_renamed(item, names) for item in tree]
    if isinstance(tree, dict):
        return {
            key: f"{_DEFS}{names[item]}"
            if key == "$ref" and isinstance(item, str) and item in names
            else _renamed(item, names)
            for key, item in tree.items()
        }
    return tree


def _mentioned(tree: Any) -> Iterator[str]:
    """The definitions that a schema refers to."""
    if isinstance(tree, list):
        for item in tree:
            yield from _mentioned(item)
    if isinstance(tree, dict):
        for key, item in tree.items():
            if key == "$ref" and isinstance(item, str) and item.startswith(_DEFS):
                yield item.removeprefix(_DEFS)
            else:
                yield from _mentioned(item)


def _object(properties: Mapping[str, Any], optional: Sequence[str] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _array(items: list[Any]) -> dict[str, Any]:
    size = {"minItems": len(items), "maxItems": len(items)}
    return {"type": "array", "prefixItems": items, **size} if items else {"type": "array", **size}


def _note(hint: Any) -> dict[str, str]:
    notes = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return _description(next((note for note in notes if isinstance(note, str)), None))


def _description(text: str | None) -> dict[str, str]:
    return {"description": text} if text else {}


def _doc(cls: type) -> str | None:
    """The docstring that somebody wrote, not the signature that dataclasses and NamedTuples put in its place."""
    doc = cls.__doc__
    return inspect.cleandoc(doc) if doc and not doc.startswith(f"{cls.__name__}(") else None


def _endless(hint: Any) -> NoSchema:
    return NoSchema("$", f"{label(hint)} has no end: it contains ever larger types")


def _shape(hint: Any, above: list[Any]) -> Any:
    hint = peel(hint)
    if hint in above:
        return {"up": above[::-1].index(hint)}
    made, above = form(hint), [*above, hint]

    def under(segment: str, inner: Any) -> Any:
        with at(segment):
            return _shape(inner, above)

    match made:
        case Scalar(name=name):
            return name
        case Plain():
            return "any"
        case Empty():
            return "never"
        case Arguments():
            return "args"
        case Choice(pairs=pairs):
            return {"one of": sorted((tree for _, tree in pairs), key=canonical)}
        case Items(item=item):
            return {"set" if made.unordered else "list": under("[*]", item)}
        case Fixed(items=items):
            return {"items": [under(f"[{n}]", item) for n, item in enumerate(items)]}
        case Table(key=key, item=item):
            keys = key.name if isinstance(key, Scalar) else sorted(tree for _, tree in key.pairs)
            return {"keys": keys, "values": under("[*]", item)}
        case Record(fields=fields):
            return {"fields": {field.name: under(dot(field.name), field.hint) for field in fields}}
        case Union(arms=arms):
            members = [[None if arm.place == "none" else arm.tag, _shape(arm.hint, above)] for arm in arms]
            return {"union": sorted(members, key=canonical)}
        case Either(ok=ok, err=err):
            return {"ok": under(".ok", ok), "err": under(".err", err)}
        case Option(item=item):
            return {"maybe": under("[0]", item)}
        case Foreign(fields=None):
            return {"class": label(made.hint)}
        case Foreign(fields=fields):
            return {"fields": {name: _foreign_shape(inner, above) for name, inner in (fields or {}).items()}}


def _foreign_shape(hint: Any, above: list[Any]) -> Any:
    """Of a pydantic field, whose type may be one that only pydantic knows."""
    try:
        return _shape(hint, above)
    except NoSchema:
        return label(hint)
