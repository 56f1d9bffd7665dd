"""How a value of a type could be written: what a person is shown to copy into a script."""

from __future__ import annotations

from typing import Any, Final

from perdure.core.codec import NoSchema
from perdure.core.forms import (
    Arguments,
    Choice,
    Either,
    Empty,
    Fixed,
    Foreign,
    Form,
    Items,
    Option,
    Plain,
    Record,
    Table,
    Union,
)
from perdure.core.hints import label
from perdure.core.recognise import form
from perdure.core.scalars import Scalar

_SCALARS: Final = {
    "None": "None",
    "bool": "True",
    "int": "1",
    "float": "1.0",
    "str": '"…"',
    "bytes": 'b"…"',
    "datetime": "datetime(2030, 1, 1, tzinfo=UTC)",
    "date": "date(2030, 1, 1)",
    "time": "time(12)",
    "timedelta": "timedelta(hours=1)",
    "Decimal": 'Decimal("1")',
    "UUID": "UUID(int=1)",
}
_BRACKETS: Final = {"list": "[{}]", "tuple": "({},)", "set": "{{{}}}"}
#: A record in a record in a record is shown by three points.
_DEEPEST: Final = 3


def example(hint: Any, room: int = _DEEPEST) -> str:
    """A value of the declared type `hint`, as Python would build it.

    Args:
        room: How many levels of it are written out.

    Example:
        >>> example(dict[str, list[int]])
        '{"…": [1]}'
        >>> from perdure import Approved, Denied
        >>> example(Approved | Denied)
        'Approved(by="…")'
    """
    if room == 0:
        return "…"
    try:
        return _of(form(hint), room)
    except NoSchema:
        return f"{label(hint)}(…)"


def _of(made: Form, room: int) -> str:
    def inner(other: Any) -> str:
        return example(other, room - 1)

    match made:
        case Scalar(name=name):
            return _SCALARS.get(name, f'{name}("…")')
        case Plain() | Empty():
            return "…"
        case Choice(pairs=pairs):
            value = pairs[0][0]
            return str(value) if hasattr(value, "name") else _quoted(value)
        case Union(arms=arms):
            return example(arms[0].hint, room)
        case Fixed(items=items):
            return f"({', '.join(map(inner, items))}{',' if len(items) == 1 else ''})"
        case Items(make=make, item=item):
            return _BRACKETS.get(make.__name__, f"{make.__name__}([{{}}])").format(inner(item))
        case Table(key=key, item=item):
            return f"{{{_of(key, room)}: {inner(item)}}}"
        case Either(ok=ok):
            return f"Success({inner(ok)})"
        case Option(item=item):
            return f"Some({inner(item)})"
        case Arguments(cls=cls):
            return f'{cls.__name__}("…")'
        case Record(cls=cls, fields=fields):
            shown = [field for field in fields if not field.default] or fields[:1]
            if made.is_dict:
                return f"{{{', '.join(f'{_quoted(field.name)}: {inner(field.hint)}' for field in shown)}}}"
            return f"{cls.__name__}({', '.join(f'{field.init}={inner(field.hint)}' for field in shown)})"
        case Foreign(hint=other, fields=fields):
            return f"{label(other)}({', '.join(f'{name}={inner(field)}' for name, field in (fields or {}).items())})"


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) and '"' not in value and "\\" not in value else repr(value)
