"""A plan as people read it: a tree, its price, what it waits for, and what is not known. Stable, so that it diffs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from perdure.core.estimate import NOTHING, Span
from perdure.interpreters.plan.fold import Again, Choice, End, Piece, Rounds, Task
from perdure.interpreters.plan.leaf import Leaf
from perdure.interpreters.plan.price import Way
from perdure.interpreters.plan.shape import Shape, shape_of
from perdure.interpreters.plan.words import Names, amount, declared, dollars, priced, printable

if TYPE_CHECKING:
    from perdure.interpreters.plan.plan import Plan

#: Columns are not made wider than this for a long cell; ends are not longer than `_END`.
_WIDEST: Final = 44
_END: Final = 90


def text(plan: Plan, told: Mapping[int, tuple[str, str]] = {}, below: Sequence[str] = ()) -> str:
    """The whole plan; the last line says whether it is complete.

    Args:
        plan: The plan.
        told: More about a request, by the id of its piece: what stands before its name, and in its line.
        below: Lines under the tree.
    """
    drawing = _Drawing.of(plan, told)
    title = plan.title if len(plan.title) <= _END else plan.title[: _END - 1] + "…"
    head = f"{title}{f' -> {plan.output}' if plan.output else ''}  plan {plan.hash}"
    return "\n".join(map(printable, [head, *drawing.lines(), *below, *_footer(plan, drawing.names)]))


# -- The tree. --------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class _Line:
    """A line of the tree: cells, what it is a drawing of, and the lines below it."""

    cells: tuple[str, ...]
    piece: Piece | None = None
    below: list[_Line] = attrs.field(factory=list["_Line"])
    sign: str = ""


@attrs.define(eq=False)
class _Drawing:
    plan: Plan
    names: Names
    shape: Shape
    told: Mapping[int, tuple[str, str]]
    drawn: set[int] = attrs.field(factory=set[int])
    wanted: dict[int, int] = attrs.field(factory=dict[int, int])

    @classmethod
    def of(cls, plan: Plan, told: Mapping[int, tuple[str, str]]) -> _Drawing:
        return cls(plan, Names.of(plan), shape_of(plan.folded), told)

    def lines(self) -> list[str]:
        tree = self._sequence(self.plan.folded, None, [], None)
        rows: list[tuple[str, tuple[str, ...]]] = []
        self._rows(tree, "", rows)
        first = min(_WIDEST, max((len(head) + len(cells[0]) for head, cells in rows if len(cells) > 1), default=0))
        widths = [min(_WIDEST, max((len(c[n]) for _, c in rows if len(c) > 1), default=0)) for n in range(1, 4)]
        said = []
        for head, cells in rows:
            if len(cells) == 1:
                said.append(head + cells[0])
            else:
                said.append(
                    "  ".join([(head + cells[0]).ljust(first), *_padded(cells[1:4], widths), *cells[4:]]).rstrip()
                )
        return said

    def _rows(self, lines: list[_Line], indent: str, rows: list[tuple[str, tuple[str, ...]]]) -> None:
        for n, line in enumerate(lines):
            last = n == len(lines) - 1
            number = self.wanted.get(id(line.piece))
            first, *rest = line.cells
            marked = first if number is None else f"[{number}] {first}"
            rows.append((f"{indent}{'└─' if last else '├─'}{line.sign} ", (marked, *rest)))
            self._rows(line.below, indent + ("   " if last else "│  "), rows)

    def _sequence(
        self, start: Piece, until: Piece | None, stops: Sequence[Piece], rounds: Rounds | None
    ) -> list[_Line]:
        """What happens from a piece on.

        Args:
            start: The piece.
            until: Where ways meet again: whoever draws them goes on from there.
            stops: All that others go on from.
            rounds: The innermost rounds, of which this is drawn within.
        """
        lines: list[_Line] = []
        piece: Piece | None = start
        while piece is not None and piece is not until:
            if isinstance(piece, Again):
                if rounds is None or piece.level != rounds.level:
                    lines.append(_Line(("→ the next outer round",)))
                elif not lines:
                    lines.append(_Line(("→ the next round",)))
                break
            if rounds is not None and piece is rounds.then:
                lines.append(_Line(("→ no further round",)))
                break
            if not isinstance(piece, End) and (id(piece) in self.drawn or any(piece is stop for stop in stops)):
                lines.append(_Line((f"→ [{self.wanted.setdefault(id(piece), len(self.wanted) + 1)}]",)))
                break
            self.drawn.add(id(piece))
            match piece:
                case Task(leaf=leaf, then=then):
                    lines.append(_Line(self._cells(leaf, self.told.get(id(piece), ("", ""))), piece))
                    piece = then
                case Rounds(times=times, body=body, then=then):
                    many = f"{'' if id(piece) in self.shape.fixed else 'up to '}×{times}"  # noqa: RUF001
                    lines.append(_Line((many,), piece, self._sequence(body, None, [*stops, then], piece), "↻"))
                    piece = then
                case Choice():
                    meet = self.shape.meet[id(piece)]
                    inner = stops if meet is None else [*stops, meet]
                    lines += self._choice(piece, until if meet is None else meet, inner, rounds)
                    piece = meet
                case End():
                    lines.append(_Line((self._end(piece),)))
                    piece = None
        return lines

    def _choice(
        self, choice: Choice, until: Piece | None, stops: Sequence[Piece], rounds: Rounds | None
    ) -> list[_Line]:
        ways: dict[int, tuple[list[str], Piece]] = {}
        for given, then in choice.answers:
            ways.setdefault(id(then), ([], then))[0].append(given)
        question = self.names.within(choice.question)
        tag = choice.question.removeprefix("len(").removesuffix(")")
        item = next((then for given, then in choice.answers if given == "1"), None)
        if item is not None and tag in self.plan.sized and until is not None and ways.get(id(until), ([],))[0] == ["0"]:
            below = self._sequence(item, until, stops, rounds)
            return [_Line((f"for each of {self.names.within(tag)}",), choice, below, "↻")]
        lines = [
            _below(f"{question}: {' / '.join(given)}", self._sequence(then, until, stops, rounds))
            for given, then in ways.values()
        ]
        lines[0].piece = choice
        if choice.missing:
            lines.append(_Line((f"{question}: … {choice.missing} more, not followed",), sign="◇"))
        return lines

    def _end(self, end: End) -> str:
        said = self.names.within(end.what)
        said = f"= {'' if end.how in ('success', 'failure') else end.how + ': '}{said}"
        left = f", not undone: {self.names.some(end.not_undone)}" if end.not_undone else ""
        return (said if len(said) <= _END else said[: _END - 1] + "…") + left

    def _cells(self, leaf: Leaf, told: tuple[str, str]) -> tuple[str, ...]:
        sign, more = told
        notes = [
            more,
            f"from {self.names.some(leaf.feeds)}" if leaf.feeds else "",
            *declared(leaf),
            f"version {leaf.version}" if leaf.version else "",
            priced(leaf),
        ]
        output = "" if leaf.role in ("timer", "now") else f"-> {leaf.output}"
        name = self.names.key(leaf.key)
        return (
            f"{sign} {name}" if sign else name,
            leaf.role,
            "|".join(leaf.agents),
            output,
            "  ".join(filter(None, notes)),
        )


def _below(answer: str, lines: list[_Line]) -> _Line:
    """A way of a choice; where it goes no further than a word, on one line."""
    if len(lines) == 1 and lines[0].piece is None and not lines[0].below and lines[0].sign == "":
        return _Line((f"{answer}  {lines[0].cells[0]}",), sign="◇")
    return _Line((answer,), below=lines, sign="◇")


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(cells, widths, strict=True) if width]


# -- What stands below it. --------------------------------------------------------------------------------------------


def _footer(plan: Plan, names: Names) -> list[str]:
    lines = ["", f"waits for people: {names.some(plan.people) or 'none'}", price_line(plan)]
    for what, span in (
        ("tokens in", plan.price.tokens_in),
        ("tokens out", plan.price.tokens_out),
        ("seconds of work", plan.price.seconds),
    ):
        if span not in (NOTHING, Span()):
            lines.append(f"{what}: {amount(span, lambda amount: f'{amount:,.0f}')}")
    if plan.cheapest.estimate.usd != plan.dearest.estimate.usd:
        lines += [_way("cheapest", plan.cheapest, names), _way("dearest", plan.dearest, names)]
    if plan.unpriced:
        lines.append(f"no price is known of: {names.some(plan.unpriced)}")
    if plan.uncounted:
        lines.append(f"not in the price, for want of an estimate: {names.some(plan.uncounted)}")
    return [*lines, *completeness(plan, names)]


def price_line(plan: Plan) -> str:
    """What the whole may cost, and what it costs as a rule."""
    usual = dollars(plan.usual.usd) if plan.usual.usd.max is not None else ""
    whole = dollars(plan.price.usd)
    return f"price: {whole}" + (f", as a rule {usual}" if usual not in ("", whole) else "")


def _way(which: str, way: Way, names: Names) -> str:
    shown = [names.within(str(answer)) for answer in way.answers[:3]]
    when = f" when {' and '.join(shown)}{' and …' if len(way.answers) > 3 else ''}" if shown else ""
    many = f"{len(way.requests)} request{'' if len(way.requests) == 1 else 's'}"
    return f"{which} path: {dollars(way.estimate.usd)}, {many}{when}"


def completeness(plan: Plan, names: Names) -> list[str]:
    """Why there may be other paths; the last line says whether there may."""
    doubts = [
        *(f"broken: {names.within(reason)}" for reason in plan.broken),
        *(f"assumed: {names.within(reason)}" for reason in plan.assumed),
        *(f"cut: {names.within(reason)}" for reason in plan.cut),
    ]
    if doubts:
        return [*doubts, "not complete: there may be other paths"]
    doubt = "" if plan.faults else ", if nothing fails or expires"
    if plan.sized:
        return [f"complete for 0 and 1 items of {names.within(', '.join(plan.sized))}: no other path{doubt}"]
    return [f"complete: no other path{doubt}"]
