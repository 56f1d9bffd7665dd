"""Where things are: the database, and the workflow behind a target.

The nearest `.perdure/` counts, from the working directory up to the root of the repository, as with git.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import attrs

from perdure.core import codec
from perdure.core.effect import Call
from perdure.core.leaves import parameters_of
from perdure.core.workflow import Block, block_of
from perdure.interpreters.durable.errors import Corrupt, Unusable
from perdure.interpreters.durable.ports import Run

FOLDER = ".perdure"
FILE = "perdure.db"


def database(url: str | None, here: Path) -> Path:
    """The database file that a URL or path names, or the nearest one.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, a plain path, or None.
        here: The working directory.

    Raises:
        Unusable: Another kind of database.
    """
    if url:
        scheme, mark, rest = url.partition("://")
        if not mark:
            return (here / url).resolve()
        if scheme != "sqlite" or not rest.startswith("/") or rest == "/":
            raise Unusable(
                f"{url!r} is no database that perdure can use: give a path, or sqlite:///relative.db, or sqlite:////absolute.db"
            )
        return (here / unquote(urlsplit(url).path)[1:]).resolve()
    for folder in (here, *here.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER / FILE
        if (folder / ".git").exists():
            break
    return here / FOLDER / FILE


# -- targets ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Target:
    """Where a workflow is found again.

    Attributes:
        text: `module:qualname`, or `/absolute/file.py:qualname`.
        folder: What has to be on the module search path.
    """

    text: str
    folder: str


def target(text: str, here: Path) -> Target:
    """What a person typed, made absolute.

    Raises:
        Unusable: It has no workflow's name.
    """
    where, mark, name = text.rpartition(":")
    if not mark or not where or not name:
        raise Unusable(f"{text!r} names no workflow: write file.py:workflow or package.module:workflow")
    if where.endswith(".py"):
        file = (here / where).resolve()
        return Target(f"{file}:{name}", str(file.parent))
    return Target(text, str(here))


def relative(found: Target, here: Path) -> Target:
    """A target as it is called from a folder, where it is below; for a file that other machines read too."""
    where, mark, name = found.text.rpartition(":")
    return Target(f"{_below(where, here) if where.endswith('.py') else where}{mark}{name}", _below(found.folder, here))


def absolute(found: Target, here: Path) -> Target:
    """The other way."""
    where, mark, name = found.text.rpartition(":")
    file = str((here / where).resolve()) if where.endswith(".py") else where
    return Target(f"{file}{mark}{name}", str((here / found.folder).resolve()))


def _below(path: str, here: Path) -> str:
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def same(one: Target, two: Target) -> bool:
    """Whether two targets are one workflow: a file may be named as a module too. Nothing is imported."""
    if _file(one) == _file(two):
        return _name(one) == _name(two)
    return one.text == two.text and not (_file(one).exists() or _file(two).exists())  # it is installed elsewhere


def _file(found: Target) -> Path:
    where = found.text.rpartition(":")[0]
    if where.endswith(".py"):
        return Path(where)
    module = Path(found.folder, *where.split(".")).resolve()
    return module / "__init__.py" if module.is_dir() else module.with_suffix(".py")


def _name(found: Target) -> str:
    return found.text.rpartition(":")[2]


def load(found: Target) -> Block:
    """Import a target's module and return the workflow. Nothing is called.

    Raises:
        Unusable: There is no such file, module or workflow, or it cannot be imported; the message says which.
    """
    where, _, name = found.text.rpartition(":")
    if found.folder not in sys.path:
        sys.path.insert(0, found.folder)
    module = _from_file(Path(where)) if where.endswith(".py") else _imported(where, found)
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part, None)
    block = block_of(value)
    if block is None:
        names = [n for n, v in vars(module).items() if block_of(v) is not None and not n.startswith("_")]
        raise Unusable(
            f"{name!r} in {where} is not a @workflow; "
            + (f"there are: {', '.join(names)}" if names else "there is none at all")
        )
    return block


def _imported(name: str, found: Target) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise Unusable(f"cannot import {name!r} (from {found.folder}): {type(error).__name__}: {error}") from error


def _from_file(file: Path) -> ModuleType:
    name = f"perdure_file_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(file) and module.__name__ != "__main__":
            return module
    spec = importlib.util.spec_from_file_location(name, file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise Unusable(f"there is no file {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and type hints look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise Unusable(f"cannot import {file}: {type(error).__name__}: {error}") from error
    return module


def target_of(block: Block) -> Target:
    """Where a workflow that is in memory will be found by another process.

    Raises:
        Unusable: It is not at the top level of a module or file.
    """
    qualname, module = block.fn.__qualname__, sys.modules.get(block.fn.__module__)
    if "<" in qualname or module is None:
        raise Unusable(
            f"workflow {qualname!r} is defined inside a function: move it to the top of a file, where a resume finds it"
        )
    value: Any = module
    for part in qualname.split("."):
        value = getattr(value, part, None)
    found = block_of(value)
    if found is None or found.fn is not block.fn:
        raise Unusable(
            f"workflow {qualname!r} is not what {module.__name__}.{qualname} names: a resume would find something else"
        )
    file = getattr(module, "__file__", None)
    if file is None:
        raise Unusable(f"workflow {qualname!r} was typed into a session: put it into a file, where a resume finds it")
    path = Path(file).resolve()
    if module.__name__ == "__main__" or module.__name__.startswith("perdure_file_"):
        return Target(f"{path}:{qualname}", str(path.parent))
    depth = module.__name__.count(".") + (path.name == "__init__.py")
    return Target(f"{module.__name__}:{qualname}", str(path.parents[depth]))


def load_recorded(recorded: Target) -> Block:
    """As `load`, for what a database names.

    Raises:
        Corrupt: It is not there any more, or is no workflow; the run cannot be read without it.
    """
    try:
        return load(recorded)
    except Unusable as error:
        raise Corrupt(
            f"the run's workflow {recorded.text} cannot be found: {error}. Say where it is: --target file.py:workflow"
        ) from error


def call_of(run: Run, target: Target | None = None) -> Call[Any, Any]:
    """The workflow call that a row describes.

    Args:
        run: The row.
        target: Where its workflow is now; where it was, by default.

    Raises:
        Corrupt: The workflow is not found, or its arguments do not fit any more.
    """
    block = load_recorded(target or Target(run.target, run.folder))
    try:
        tree = json.loads(run.input)
        if codec.digest(codec.canonical(tree)) != run.input_digest:
            raise ValueError("they were changed after they were written")
        args, kwargs = parameters_of(block.fn).decode(tree)
    except (ValueError, TypeError) as error:
        raise Corrupt(
            f"run {run.run_id}: its recorded arguments do not fit {run.target} any more: {error}. "
            "Restore the old parameters, or give new ones a default"
        ) from error
    return Call(block, args, kwargs)
