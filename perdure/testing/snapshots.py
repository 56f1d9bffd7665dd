"""Plans as text beside the tests: what a workflow may do cannot change unnoticed."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, Final

import attrs

from perdure.core.effect import Effect
from perdure.interpreters.plan.plan import plan

#: What writes the files.
UPDATE: Final = "--perdure-update"
#: What a test's name may have and a file's had better not: brackets, slashes, spaces.
_NO_FILE_NAME: Final = re.compile(r"[^\w.-]+")


@attrs.frozen
class PlanSnapshot:
    """Compares the plan of an effect with a file. The fixture `plan_snapshot`.

    Attributes:
        folder: Where the files are: `plans` beside the test's file.
        test: What the file is named by: the test's module and name.
        update: Whether to write the file in place of comparing.
    """

    folder: Path
    test: str
    update: bool = False

    def __call__(self, effect: Effect[Any, Any], name: str = "", *, faults: bool = False) -> None:
        """Make sure that the plan is the one in the file.

        Args:
            effect: A call of a workflow, or any effect.
            name: Tells several plans of one test apart.
            faults: Let everything also fail, as `perdure plan --faults`.

        Raises:
            AssertionError: The plan is another one, or there is no file yet.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        now = f"{plan(effect, faults=faults)}\n"
        file = self._file(name)
        if self.update:
            self.folder.mkdir(parents=True, exist_ok=True)
            file.write_text(now, encoding="utf-8")
            return
        if not file.exists():
            raise AssertionError(
                f"there is no plan to compare with: {file} is missing. Write it by `pytest {UPDATE}`, read it, and "
                f"commit it:\n{now}"
            )
        kept = file.read_text(encoding="utf-8")
        if kept != now:
            lines = difflib.unified_diff(kept.splitlines(), now.splitlines(), "as kept", "now", lineterm="")
            raise AssertionError(
                f"the plan is not the one in {file}; if the change is meant: `pytest {UPDATE}`\n" + "\n".join(lines)
            )

    def _file(self, name: str) -> Path:
        title = f"{self.test}.{name}" if name else self.test
        return self.folder / f"{_NO_FILE_NAME.sub('-', title).strip('-')}.txt"
