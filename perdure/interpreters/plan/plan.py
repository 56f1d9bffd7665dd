"""What a workflow may do, and what it may cost, before any of it happens. Nothing is executed."""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import attrs

from perdure.core.diagram import Answer
from perdure.core.effect import Call, Effect
from perdure.core.estimate import UNPRICED, Estimate
from perdure.core.explore import Exploration, Program, explore
from perdure.core.faults import Defect
from perdure.core.hints import label
from perdure.core.identity import scopes_of
from perdure.core.leaves import parameters_of
from perdure.core.symbols import Oracle, synth
from perdure.core.workflow import Block, block_of
from perdure.interpreters.plan import price
from perdure.interpreters.plan.fold import Piece, folded
from perdure.interpreters.plan.leaf import Leaf, leaves_of, same_everywhere
from perdure.interpreters.plan.price import Way
from perdure.interpreters.plan.settled import settled
from perdure.interpreters.plan.tree import canonical, leaf_tree, pieces_of

#: So many paths are followed at most.
MAX_PATHS: Final = 1000


@attrs.frozen(eq=False)
class Plan:
    """What a workflow may do. Made by `plan`; printed, it is a tree.

    Attributes:
        title: The workflow, with its arguments or parameters.
        output: The label of the type of its outcome; empty where it is no workflow call.
        exploration: The diagram, and how it was found.
        leaves: Every request by its key, in the order in which they are found.
        folded: The diagram with its rounds folded into one.
        price: What the whole may cost. Open where the plan is not complete.
        usual: From the least to the most that is expected of a path.
        cheapest: The path whose dollars may be the least.
        dearest: The path whose dollars may be the most.
        assumed: What was answered without knowing.
        cut: Where a budget was spent.
        faults: Whether failures and early timers were followed, too.
        hash: The same for the same plan, in every process.
    """

    title: str
    output: str
    exploration: Exploration = attrs.field(repr=False)
    leaves: Mapping[str, Leaf] = attrs.field(repr=False)
    folded: Piece = attrs.field(repr=False)
    price: Estimate
    usual: Estimate
    cheapest: Way = attrs.field(repr=False)
    dearest: Way = attrs.field(repr=False)
    assumed: tuple[str, ...]
    cut: tuple[str, ...]
    faults: bool
    hash: str

    @property
    def complete(self) -> bool:
        """Whether no other path exists, for collections of the sizes that were tried."""
        return not (self.broken or self.assumed or self.cut)

    @property
    def broken(self) -> tuple[str, ...]:
        """Why some paths could not be followed further."""
        return self.exploration.broken

    @property
    def sized(self) -> tuple[str, ...]:
        """Collections in replies that may have more items than were tried."""
        return self.exploration.sized

    @property
    def paths(self) -> int:
        """How many paths were followed."""
        return self.exploration.paths

    @property
    def when(self) -> Mapping[str, frozenset[Answer]]:
        """Every request by its key, with the answers that are given on all paths to it."""
        return self.exploration.when

    @property
    def always(self) -> frozenset[str]:
        """The keys of the requests that are made on every path."""
        return self.exploration.always

    @property
    def people(self) -> tuple[str, ...]:
        """The keys of the requests that wait for a person."""
        return tuple(key for key, leaf in self.leaves.items() if leaf.role in ("approval", "answer"))

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The keys of the requests whose dollars nobody knows: they open the upper bound."""
        return tuple(key for key, leaf in self.leaves.items() if leaf.estimate and leaf.estimate.usd.max is None)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The keys of the steps that bear no estimate: they are not in the price."""
        return tuple(key for key, leaf in self.leaves.items() if leaf.estimate is None)

    def covers(self, key: str) -> bool:
        """Whether a run may make this request: it is in the plan, or is for one more item of a `sized` collection."""
        return key in self.leaves or (bool(self.sized) and self._like_these.fullmatch(key) is not None)

    @functools.cached_property
    def _like_these(self) -> re.Pattern[str]:
        return re.compile("|".join({"/".join(map(_any_item, key.split("/"))) for key in self.leaves}))

    def __str__(self) -> str:
        from perdure.interpreters.plan.text import text

        return text(self)


def plan(
    effect: Effect[Any, Any] | Callable[..., Effect[Any, Any]],
    *,
    faults: bool = False,
    each: bool | None = None,
    max_paths: int = MAX_PATHS,
) -> Plan:
    """See all that a workflow may do. Nothing is executed: no step, no agent, no clock.

    Args:
        effect: A call of a workflow, or any effect. A workflow itself is planned for any input.
        faults: Let every leaf also fail, in each way that it may, and let timers fire early.
        each: Give every answer to every question once, instead of trying all combinations. By default that is done
            only where there are more than `max_paths` combinations, and the plan says so.
        max_paths: How many paths to follow at most.

    Raises:
        Defect: It is neither an effect nor a workflow.

    Example:
        >>> from perdure import Do, approval, workflow
        >>> @workflow
        ... def release(version: str) -> Do[str]:
        ...     yield from approval("publish", prompt=f"Publish {version}?")
        ...     return version
        >>> plan(release("1.0")).always
        frozenset({'release/publish'})
    """
    program, title, output = _program(effect)
    found = explore(program, faults=faults, each=bool(each), max_paths=max_paths)
    cut = found.cut
    if found.left and each is None:
        found = explore(program, faults=faults, each=True, max_paths=max_paths)
        cut = tuple(
            f"more than {max_paths} paths: {reason}" if reason.startswith("every answer") else reason
            for reason in found.cut
        )
    return _plan(title, output, found, cut, faults)


def _plan(title: str, output: str, found: Exploration, cut: tuple[str, ...], faults: bool) -> Plan:
    leaves = leaves_of(found.asked)
    assumed = (*found.assumed, *_races(leaves))
    # Whoever waits for time stops nobody, and what is closed before it was asked costs nothing.
    closed = [key for key in found.closed if key in leaves and leaves[key].role != "timer"]
    costs = price.charged({key: leaf.estimate for key, leaf in leaves.items()}, closed)
    sizes = {*found.sized, *(f"len({tag})" for tag in found.sized)}
    whole, usual = (price.total(found.tree, each, sizes) for each in (costs, price.as_a_rule(costs)))
    made = folded(settled(found.tree) if cut else found.tree, leaves)
    return Plan(
        title,
        output,
        found,
        leaves,
        made,
        whole | UNPRICED if assumed else whole,
        usual,
        price.cheapest(found.tree, costs),
        price.dearest(found.tree, costs),
        assumed,
        cut,
        faults,
        _hash(made, leaves, (found.broken, assumed, cut, found.sized)),
    )


def like(key: str, other: str) -> bool:
    """Whether a request has the key of one in the plan, but for another item or round."""
    return _any_items(key).fullmatch(other) is not None


@functools.lru_cache(maxsize=4096)
def _any_items(key: str) -> re.Pattern[str]:
    return re.compile("/".join(map(_any_item, key.split("/"))))


def _any_item(segment: str) -> str:
    """A segment of a key as a pattern: numbers, and keys that come from items, are those of any item."""
    name = segment.partition("#")[0]
    any = r"\d+" if name.isdigit() else "[^/]+" if "<" in unquote(name) else re.escape(name)
    return any + r"(#\d+)?"


def _races(leaves: Mapping[str, Leaf]) -> tuple[str, ...]:
    """Races of requests: who wins was not tried. Timers fire last, and early where faults are followed."""
    sides: dict[str, set[str]] = {}
    for key, leaf in leaves.items():
        if leaf.role != "timer":
            for where in scopes_of(key, ("race",)):
                sides.setdefault(where, set()).add(key[len(where) + 1 :].partition("/")[0])
    return tuple(f"{where} is won by the first that was asked" for where, beside in sides.items() if len(beside) > 1)


def _hash(made: Piece, leaves: Mapping[str, Leaf], doubts: tuple[tuple[str, ...], ...]) -> str:
    requests = [leaf_tree(leaves[key]) for key in sorted(leaves)]
    said = [[same_everywhere(line) for line in lines] for lines in doubts]
    return hashlib.sha256(canonical([pieces_of(made), requests, said])).hexdigest()[:12]


# -- Arguments that nobody gave. ---------------------------------------------------------------------------------------


def _program(effect: Effect[Any, Any] | Callable[..., Effect[Any, Any]]) -> tuple[Program, str, str]:
    """What to explore, what to call it, and the type of its outcome."""
    if isinstance(effect, Effect):
        # To pyright a callable may be an effect too, and then of unknown types.
        return effect, *_said(effect)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    block = effect.block if isinstance(effect, AnyInput) else block_of(effect)
    if block is None:
        raise Defect(f"plan({effect!r}): give an effect, such as a call of a @workflow, or a @workflow itself")
    anything = AnyInput(block)
    return anything, str(anything), _output(block)


def _said(effect: Effect[Any, Any]) -> tuple[str, str]:
    if isinstance(effect, Call):
        return repr(effect), _output(effect.block)
    return type(effect).__name__, ""


@attrs.frozen
class AnyInput:
    """A workflow called with placeholders, made from the types of its parameters. Defaults stay what they are."""

    block: Block

    @property
    def open(self) -> tuple[str, ...]:
        """The parameters that have placeholders."""
        every = parameters_of(self.block.fn).signature.parameters.values()
        return tuple(p.name for p in every if p.default is p.empty and p.kind not in _SEVERAL)

    def __call__(self, oracle: Oracle) -> Call[Any, Any]:
        parameters = parameters_of(self.block.fn)
        bound = parameters.signature.bind_partial()
        bound.arguments.update({name: synth(parameters.hints[name], name, oracle) for name in self.open})
        return Call(self.block, bound.args, bound.kwargs)

    def __str__(self) -> str:
        every = parameters_of(self.block.fn).signature.parameters.values()
        said = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in every if p.kind not in _SEVERAL]
        return f"{self.block.name}({', '.join(said)})"


#: `*args` and `**kwargs` are empty where nobody gives any.
_SEVERAL: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _output(block: Block) -> str:
    try:
        value, error = block.hints
    except Exception:  # annotations that cannot be read break the exploration, which says why
        return ""
    return label(value) if label(error) in ("Never", "NoReturn") else f"{label(value)} or {label(error)}"
