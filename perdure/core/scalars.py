"""Values that are one text or number in JSON.

Each is exact in both directions, or refused: nothing is rounded, guessed or given a zone that it does not have.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePath
from typing import Any, Final
from uuid import UUID

import attrs

NoneType: Final = type(None)

_DURATION: Final = r"-?P(?=\d|T\d)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,6})?S)?)?"
_DECIMAL: Final = r"-?[0-9]+(\.[0-9]+)?([Ee][+-]?[0-9]+)?"
_INTEGER: Final = r"0|-?[1-9][0-9]*"


@attrs.frozen(eq=False)
class Scalar:
    """One JSON text, number, bool or null.

    Attributes:
        name: What messages call it.
        classes: The classes of the values, exactly: a subclass would come back as its base.
        json: The Python class of its JSON.
        write: From a value to its JSON, or None if it is JSON already. It and `read` raise ValueError with the reason.
        read: Back again.
        schema: Its JSON Schema.
    """

    name: str
    classes: tuple[type, ...]
    json: type
    schema: Mapping[str, Any]
    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None

    @property
    def kinds(self) -> frozenset[type]:
        return frozenset({self.json})


def _write_instant(value: datetime) -> str:
    if value.utcoffset() is None:
        raise ValueError(f"{value.isoformat()} is a naive datetime, which names no instant; give it a time zone")
    return value.isoformat()


def _read_instant(written: str) -> datetime:
    value = datetime.fromisoformat(written)
    _write_instant(value)
    return value


def _write_time(value: time) -> str:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise ValueError(f"the offset of {value.tzinfo} depends on the day, so the time alone would lose its zone")
    return value.isoformat()


def _write_duration(value: timedelta) -> str:
    size = abs(value)
    minutes, seconds = divmod(size.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{size.microseconds:06}".rstrip("0") if size.microseconds else ""
    days = f"{size.days}D" if size.days else ""
    clock = "".join(
        (
            f"{hours}H" if hours else "",
            f"{minutes}M" if minutes else "",
            f"{seconds}{fraction}S" if seconds or fraction else "",
        )
    )
    return f"{'-' if value < timedelta(0) else ''}P{days}{'T' + clock if clock else ''}" if days or clock else "PT0S"


def _read_duration(written: str) -> timedelta:
    found = re.fullmatch(_DURATION, written, re.ASCII)
    if not found:
        raise ValueError("not an ISO-8601 duration of days, hours, minutes and seconds, e.g. P1DT2H30M or PT1.5S")
    days, _, hours, minutes, seconds, _ = found.groups()
    whole, _, fraction = (seconds or "0S")[:-1].partition(".")
    size = timedelta(
        days=int((days or "0D")[:-1]),
        hours=int((hours or "0H")[:-1]),
        minutes=int((minutes or "0M")[:-1]),
        seconds=int(whole),
        microseconds=int(fraction.ljust(6, "0")),
    )
    return -size if written[0] == "-" else size


def _write_decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not a number")
    return str(value)


def _read_decimal(written: str) -> Decimal:
    if not re.fullmatch(_DECIMAL, written):
        raise ValueError("not a decimal number")
    try:
        return Decimal(written)
    except InvalidOperation:
        raise ValueError("its exponent is out of range") from None


def _read_uuid(written: str) -> UUID:
    value = UUID(written)
    if str(value) != written.lower():
        raise ValueError("not five groups of hexadecimal digits")
    return value


def _read_bytes(written: str) -> bytes:
    return base64.b64decode(written, validate=True)


def _read_integer(written: str) -> int:
    if not re.fullmatch(_INTEGER, written):
        raise ValueError("not a whole number in decimal digits")
    return int(written)


def _string(**more: str) -> Mapping[str, Any]:
    return {"type": "string", **more}


_native: Final[tuple[type, ...]] = (type(PurePath()), type(Path()))

TEXT: Final = Scalar("str", (str,), str, _string())
#: A whole number as a key of a JSON object, which is always a text.
INTEGER_KEY: Final = Scalar("int", (int,), str, _string(pattern=f"^({_INTEGER})$"), str, _read_integer)

SCALARS: Final[Mapping[Any, Scalar]] = {
    NoneType: Scalar("None", (NoneType,), NoneType, {"type": "null"}),
    bool: Scalar("bool", (bool,), bool, {"type": "boolean"}),
    int: Scalar("int", (int,), int, {"type": "integer"}),
    float: Scalar("float", (float,), float, {"type": "number"}),
    str: TEXT,
    bytes: Scalar(
        "bytes",
        (bytes,),
        str,
        _string(contentEncoding="base64"),
        lambda v: base64.b64encode(v).decode("ascii"),
        _read_bytes,
    ),
    datetime: Scalar("datetime", (datetime,), str, _string(format="date-time"), _write_instant, _read_instant),
    date: Scalar("date", (date,), str, _string(format="date"), date.isoformat, date.fromisoformat),
    time: Scalar("time", (time,), str, _string(description="ISO-8601 time of day"), _write_time, time.fromisoformat),
    timedelta: Scalar(
        "timedelta", (timedelta,), str, _string(pattern=f"^{_DURATION}$"), _write_duration, _read_duration
    ),
    Decimal: Scalar("Decimal", (Decimal,), str, _string(pattern=f"^{_DECIMAL}$"), _write_decimal, _read_decimal),
    UUID: Scalar("UUID", (UUID,), str, _string(format="uuid"), str, _read_uuid),
    **{
        cls: Scalar(cls.__name__, tuple(c for c in _native if issubclass(c, cls)), str, _string(), str, cls)
        for cls in (PurePath, Path, *_native)
    },
}
