"""Every picture is sound by the rules of its format, whatever is in it, and the same every time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args
from xml.etree import ElementTree

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_workflows import REFERENCES

from perdure import plan
from perdure.interpreters.plan.drawing.cards import Card
from perdure.interpreters.plan.drawing.dot import dot
from perdure.interpreters.plan.drawing.letters import cells, cut, wrapped
from perdure.interpreters.plan.drawing.mermaid import mermaid
from perdure.interpreters.plan.drawing.palette import PALETTES, Palette
from perdure.interpreters.plan.drawing.shapes import SIGNS
from perdure.interpreters.plan.drawing.style import Theme
from perdure.interpreters.plan.drawing.svg import svg
from perdure.interpreters.plan.graph import Edge, Graph, Mark, Node, Role, State, graph_of

SVG = "{http://www.w3.org/2000/svg}"
GRAPHS = {name: graph_of(plan(effect)) for name, effect in REFERENCES.items()}

#: Text as nobody should name anything.
HOSTILE = '"]; end\\" \\n `#quot; <script>&amp;</svg>]]> {%%|--> \ud800\x00\x1b[31m\u202e日本語 e\u0301'
hostile = st.text(st.characters(), max_size=60) | st.just(HOSTILE)


def simple(text: str, state: State | None = None) -> Graph:
    """A graph of all roles with one text everywhere."""
    mark = Mark(state, 2, 3) if state in SIGNS else Mark(state) if state else None
    nodes = [Node(f"n{n}", role, text, text, (text,), key=text, mark=mark) for n, role in enumerate(get_args(Role))]
    edges = [Edge(f"n{n}", f"n{n + 1}", (text, text)) for n in range(len(nodes) - 1)]
    back = Edge(nodes[-1].id, "n1", back=True)
    return Graph(text, text, "0" * 12, tuple(nodes), (*edges, back), (text,), "run-1" if state else "")


# -- SVG. --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRAPHS)
def test_an_svg_shows_every_node_and_edge_and_needs_nothing_from_elsewhere(name: str) -> None:
    graph = GRAPHS[name]
    root = ElementTree.fromstring(svg(graph))

    nodes = [each for each in root.iter(f"{SVG}g") if str(each.get("class")).startswith("node ")]
    drawn = [each for each in nodes if each.find(f"{SVG}title") is not None]
    assert [str(each.get("class")).split()[1] for each in drawn] == [node.role for node in graph.nodes]
    edges = [each for each in root.iter(f"{SVG}g") if str(each.get("class")).startswith("edge")]
    assert len(edges) == len(graph.edges)
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "g", "path", "polygon", "circle", "text")
    }
    assert not re.search(r"url\(|@import|href|http(?!://www\.w3\.org/2000/svg)", svg(graph))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_names_of_a_plan_can_be_read_in_its_picture(name: str) -> None:
    words = {each.text for each in ElementTree.fromstring(svg(GRAPHS[name])).iter(f"{SVG}text")}

    for node in GRAPHS[name].nodes:
        if node.key:
            assert node.name in words
            assert any(str(word).startswith(node.said[0][:20]) for word in words)


@pytest.mark.parametrize("name", GRAPHS)
def test_text_stays_in_its_box(name: str) -> None:
    """A fixed-width font is as wide as is reckoned with, so that what fits here fits everywhere."""
    for group in ElementTree.fromstring(svg(GRAPHS[name])).iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        if box is None or box.get("class") == "ground" or group.find(f"{SVG}title") is None:
            continue
        left, wide = float(str(box.get("x"))), float(str(box.get("width")))
        top, high = float(str(box.get("y"))), float(str(box.get("height")))
        for text in group.iter(f"{SVG}text"):
            room = cells(str(text.text)) * 0.602 * (13 if text.get("class") == "name" else 11)
            x = float(str(text.get("x"))) - (room / 2 if text.get("text-anchor") == "middle" else 0)
            assert left <= x
            assert x + room <= left + wide
            assert top < float(str(text.get("y"))) <= top + high


@given(hostile)
def test_an_svg_is_xml_whatever_it_says(text: str) -> None:
    ElementTree.fromstring(svg(simple(text)))


def test_what_xml_cannot_hold_is_replaced() -> None:
    drawn = svg(simple("a\x00b\ud800c<d>"))

    assert "a\ufffdb\ufffdc&lt;d&gt;" in drawn
    drawn.encode()


@pytest.mark.parametrize("theme", get_args(Theme))
def test_a_theme_is_the_one_that_was_asked_for(theme: Theme) -> None:
    style = next(iter(ElementTree.fromstring(svg(GRAPHS["panel"], theme)).iter(f"{SVG}style"))).text or ""
    plain, _, media = style.partition("@media (prefers-color-scheme:dark)")

    assert bool(media) == (theme == "both")
    assert f".ground{{fill:{PALETTES['dark' if theme == 'dark' else 'light'].ground}}}" in plain
    assert theme != "both" or f".ground{{fill:{PALETTES['dark'].ground}}}" in media


def test_an_svg_says_in_words_what_it_shows() -> None:
    root = ElementTree.fromstring(svg(GRAPHS["rollout"]))
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")

    assert root.get("role") == "img"
    assert title is not None
    assert desc is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert title.text == "rollout('1.2')"
    assert str(desc.text).startswith("rollout('1.2') leads to deploy; deploy leads to state; state leads to sleep if ")
    assert "up to ×6 leads back to state;" in str(desc.text)  # noqa: RUF001


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_all_text_can_be_read_on_its_ground(palette: Palette) -> None:
    tones = [*palette.roles.values(), *palette.states.values()]
    grounds = {palette.ground, *(tone.fill for tone in tones if tone != palette.roles["start"])}

    assert min(contrast(ink, ground) for ink in (palette.ink, palette.soft) for ground in grounds) >= 4.5
    told = [tone for state, tone in palette.states.items() if state not in ("skipped", "ahead")]
    assert min(contrast(tone.line, tone.fill) for tone in told) >= 4.5, "the words of a state are in its colour"
    seen = [tone for kind, tone in palette.roles.items() if kind != "start"]
    assert min(contrast(tone.line, palette.ground) for tone in seen) >= 3, "outlines and signs"


def contrast(one: str, two: str) -> float:
    """The contrast of two colours by the rules for accessible pages."""

    def light(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_role_and_state_looks_different_without_colour() -> None:
    graph = simple("x")
    shapes = set[tuple[str, str]]()
    for node in graph.nodes:
        if node.role in ("start", "fork", "join", "condition"):
            continue
        shapes.add((node.role, SIGNS[node.role]))

    assert len({sign for _, sign in shapes}) == len(shapes)
    assert len({SIGNS[state] for state in get_args(State) if state in SIGNS}) == 7


@pytest.mark.parametrize("state", get_args(State))
def test_the_state_of_a_node_is_told_in_words_and_colour(state: State) -> None:
    drawn = svg(simple("x", state))

    assert f'class="node agent {state}"' in drawn
    assert f".perdure .{state} .shape" in drawn


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    assert cut("abcdefghijklmnop", 9) == "abcdef…op"
    assert wrapped("tries/round/1/improved/score < tries/round/2/improved/score", 34, 3) == [
        "tries/round/1/improved/score <",
        "tries/round/2/improved/score",
    ]
    assert wrapped("x" * 200, 10, 2) == ["x" * 10, "xx…xxxxx"]


@given(hostile, st.integers(4, 40), st.integers(1, 4))
def test_no_line_is_longer_than_its_room(text: str, room: int, lines: int) -> None:
    found = wrapped(text, room, lines)

    assert len(found) <= lines
    assert all(cells(line) <= room for line in found)


@given(hostile)
def test_no_box_grows_out_of_the_picture(text: str) -> None:
    assert all(Card.of(node).box.width <= 420 for node in simple(text).nodes)


# -- Mermaid and DOT. --------------------------------------------------------------------------------------------------

NODE = re.compile(r'    \w+(\(\(|\(\[|\(|\[\[|\[/|\[\\|\[|\{\{|\{|>)"([^"\n]*)"(\)\)|\]\)|\)|\]\]|\\\]|/\]|\]|\}\}|\})')
ARROW = re.compile(r'    \w+ (-->|==>|-\.->)(\|"[^"\n]*"\|)? \w+')
CLASS = re.compile(r"    classDef \w+ [\w#:,. -]+|    class [\w,]+ \w+|    linkStyle [\d,]+ [\w#:,-]+")


def is_mermaid(text: str) -> None:
    """Hold a flowchart against the part of the grammar that is used."""
    head, kind, *lines = text.splitlines()
    assert head.startswith("%% ")
    assert not re.search(r"[{}]", head)
    assert kind == "flowchart TD"
    for line in lines:
        found = NODE.fullmatch(line)
        assert found or ARROW.fullmatch(line) or CLASS.fullmatch(line), line
        if found:
            pairs = {"(": ")", "((": "))", "([": "])", "[": "]", "[[": "]]", "[/": "\\]", "[\\": "/]", "{": "}"}
            assert found[3] == {**pairs, "{{": "}}", ">": "]"}[found[1]]
            said = re.sub(r"#\d+;|<br/>", "", found[2])
            assert not re.search(r'["<>&#`\[\]{}|\\]', said), said


def is_dot(text: str) -> None:
    """Hold a graph against the part of the grammar that is used."""
    quoted = r'"(?:[^"\\\n]|\\.)*"'
    attribute = rf"\w+=(?:{quoted}|[\w.]+)"
    statement = rf"    (?:\w+|\w+ -> \w+) \[{attribute}(?: {attribute})*\]"
    first, *lines, last = text.splitlines()
    assert (first, last) == ("digraph perdure {", "}")
    for line in lines:
        assert re.fullmatch(statement, line), line


@pytest.mark.parametrize("name", GRAPHS)
def test_mermaid_and_dot_have_every_node_and_edge(name: str) -> None:
    graph = GRAPHS[name]
    flowchart, digraph = mermaid(graph), dot(graph)

    is_mermaid(flowchart)
    is_dot(digraph)
    assert flowchart.count("    n") == len(graph.nodes) + len(graph.edges)
    assert digraph.count(" -> n") == len(graph.edges)
    for node in graph.nodes:
        assert re.search(rf"^    {node.id}[\[({{>]", flowchart, re.MULTILINE)
        assert re.search(rf"^    {node.id} \[", digraph, re.MULTILINE)


@given(hostile)
def test_mermaid_and_dot_are_sound_whatever_they_say(text: str) -> None:
    """The graph of a plan has printable text only; this holds of that."""
    clean = "".join(each if each.isprintable() else "?" for each in text)

    is_mermaid(mermaid(simple(clean)))
    is_dot(dot(simple(clean, "done")))


@pytest.mark.parametrize("state", ["done", "failed", "waiting", "skipped"])
def test_mermaid_and_dot_mark_states(state: Literal["done", "failed", "waiting", "skipped"]) -> None:
    graph = simple("x", state)
    graph = attrs.evolve(graph, edges=tuple(attrs.evolve(edge, taken=True) for edge in graph.edges))
    tone = PALETTES["light"].states[state]

    assert f"classDef {state}_ fill:{tone.fill},stroke:{tone.line}" in mermaid(graph)
    assert "==>" in mermaid(graph)
    assert f'fillcolor="{tone.fill}" color="{tone.line}"' in dot(graph)


def test_every_format_is_the_same_in_every_process() -> None:
    program = """
import hashlib
from reference_workflows import REFERENCES
from perdure import plan
from perdure.interpreters.plan.drawing.dot import dot
from perdure.interpreters.plan.drawing.mermaid import mermaid
from perdure.interpreters.plan.drawing.svg import svg
from perdure.interpreters.plan.graph import graph_of
graphs = [graph_of(plan(effect)) for effect in REFERENCES.values()]
print(hashlib.sha256("".join(write(graph) for write in (svg, dot, mermaid) for graph in graphs).encode()).hexdigest())
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(said) == 1
