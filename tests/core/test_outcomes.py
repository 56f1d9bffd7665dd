"""How outcomes are written: by declared error, or by a class below one."""

from __future__ import annotations

import attrs
import pytest
from returns.result import Failure, Success

from perdure import Exhausted, Fault, StepFault
from perdure.core.codec import CodecError
from perdure.core.outcomes import dump, load


@attrs.frozen
class Refused(Fault):
    why: str


@attrs.frozen
class TooLate(Refused):
    days: int


@pytest.mark.parametrize(
    ("outcome", "errors"),
    [
        (Success(1), ()),
        (Failure(Refused("no")), (Refused,)),
        (Failure(TooLate("no", 3)), (Refused,)),
        (Failure(TooLate("no", 3)), (Fault,)),
        (Failure(Fault("plain")), (Fault,)),
        (Failure(StepFault("s", "ValueError", "x")), ()),
        (Failure(StepFault("s", "ValueError", "x")), (Fault,)),
        (Failure(Exhausted(7, 3)), (Exhausted[int],)),
        (Failure("text"), (str,)),
    ],
)
def test_what_is_written_is_read_back(outcome: object, errors: tuple[object, ...]) -> None:
    assert load(dump(outcome, int, errors), int, errors) == outcome  # type: ignore[arg-type]


def test_a_declared_error_is_written_by_its_bare_name_and_one_below_it_with_its_module() -> None:
    assert dump(Failure(Refused("no")), int, (Refused,)) == '{"err":{"type":"Refused","value":{"why":"no"}}}'
    assert f'"type":"{__name__}.TooLate"' in dump(Failure(TooLate("no", 1)), int, (Fault,))


def test_a_class_whose_module_moved_is_found_by_its_name() -> None:
    text = dump(Failure(TooLate("no", 3)), int, (Refused,)).replace(__name__, "elsewhere.flows")
    assert load(text, int, (Refused,)) == Failure(TooLate("no", 3))


@pytest.mark.parametrize("module", [__name__, "elsewhere"])
def test_a_class_is_not_mistaken_for_the_one_that_it_replaced(module: str) -> None:
    class Late(Refused):
        days: int

    slotted = attrs.frozen(Late)  # a second class of this name: it has slots, and the first is still alive
    text = dump(Failure(slotted("no", 3)), int, (Fault,))

    assert slotted is not Late
    assert load(text.replace(__name__, module), int, (Fault,)) == Failure(slotted("no", 3))


def test_what_is_not_declared_is_refused() -> None:
    with pytest.raises(CodecError):
        dump(Failure(KeyError("x")), int, (Refused,))
    with pytest.raises(CodecError):
        dump(Failure(KeyError("x")), int, (Exception,))


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "perdure.core.faults.Defect", "subprocess.Popen", "x.y.z"]
)
def test_a_name_in_a_text_never_reaches_anything_but_a_known_error(name: str) -> None:
    with pytest.raises(CodecError):
        load(f'{{"err":{{"type":"{name}","value":{{}}}}}}', int, (Fault,))


@pytest.mark.parametrize(
    "text", ["", "{}", "null", '{"ok":}', '{"err":}', '{"err":{"type":3}}', '{"ok":"text"}', "[1]"]
)
def test_a_text_that_is_no_outcome_is_refused(text: str) -> None:
    with pytest.raises(CodecError):
        load(text, int, (Fault,))
