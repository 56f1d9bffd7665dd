"""`perdure plan` shows everything and does nothing; `run --approve-plan` starts only what was looked at."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from terminal import Terminal

EXAMPLE = Path(__file__).parents[2] / "examples" / "ship.py"

SHIP = """\
ship('bees') -> str or Rejected | StepFault  plan HASH
├─ research      ask       researcher  -> Research           $0
├─ plan          ask       planner     -> Plan               from research  $0
├─ approve-plan  approval              -> Approved | Denied  from plan
├─◇ approve-plan: Approved
│  ├─ implement  ask       writer      -> Report             from plan  $0
│  ├─ publish    step                  -> str                from implement
│  └─ = Success('<publish>')
└─◇ approve-plan: Denied  = Failure(Rejected(by='<approve-plan.by>', note='<approve-plan.note>'))

waits for people: approve-plan
price: $0
not in the price, for want of an estimate: publish
complete for 0 and 1 items of research.findings: no other path, if nothing fails or expires
next: perdure run ship.py:ship -i '"bees"' --approve-plan HASH
"""


@pytest.fixture
def shipping(terminal: Terminal) -> Terminal:
    shutil.copy(EXAMPLE, terminal.folder)
    return terminal


def planned(terminal: Terminal, *arguments: str) -> str:
    """The hash of the plan that is made."""
    found: str = terminal.here("plan", *arguments, "--json").document["hash"]
    return found


def test_the_plan_of_the_example_shows_every_path(shipping: Terminal) -> None:
    said = shipping.here("plan", "ship.py:ship", "-i", '"bees"')

    assert said.code == 0
    assert said.out == SHIP.replace("HASH", planned(shipping, "ship.py:ship", "-i", '"bees"'))
    assert said.err == ""


def test_a_plan_makes_no_database_and_runs_nothing(shipping: Terminal) -> None:
    ledger = shipping.folder / "ledger"

    shipping.here("plan", "ship.py:ship", "-i", '"bees"', "--faults", SHIP_LEDGER=str(ledger))

    assert not shipping.database.parent.exists()
    assert not ledger.exists()


def test_without_an_input_the_plan_is_for_any_and_the_next_command_asks_for_one(shipping: Terminal) -> None:
    said = shipping.here("plan", "ship.py:ship")

    assert said.out.startswith("ship(topic, live=False) -> ")
    assert said.out.splitlines()[-1] == "next: perdure plan ship.py:ship -i JSON"


def test_a_workflow_without_parameters_needs_no_input(terminal: Terminal) -> None:
    said = terminal.here("plan", "flows.py:asks")

    assert said.out.splitlines()[-1].startswith("next: perdure run flows.py:asks --approve-plan ")


def test_with_options_the_next_command_shows_the_plan_that_can_be_approved(shipping: Terminal) -> None:
    said = shipping.here("plan", "ship.py:ship", "-a", "topic=a bee's", "--faults")

    assert said.out.splitlines()[-2] == "complete for 0 and 1 items of research.findings: no other path"
    assert shlex.split(said.out.splitlines()[-1]) == ["next:", "perdure", "plan", "ship.py:ship", "-a", "topic=a bee's"]


def test_an_input_from_stdin_is_repeated_in_the_next_command(terminal: Terminal) -> None:
    said = terminal.here("plan", "flows.py:hello", "-i", "-", input='"bees"\n')

    assert shlex.split(said.out.splitlines()[-1])[1:6] == ["perdure", "run", "flows.py:hello", "-i", '"bees"']


def test_the_document_has_the_same_tree(shipping: Terminal) -> None:
    found = shipping.here("plan", "ship.py:ship", "-i", '"bees"', "--json").document

    assert [request["key"] for request in found["requests"]] == [
        *("ship/research", "ship/plan", "ship/approve-plan", "ship/implement", "ship/publish")
    ]
    assert found["pieces"][0] == {"is": "task", "key": "ship/research", "then": 1}
    assert found["pieces"][3] == {
        "is": "choice",
        "question": "ship/approve-plan",
        "answers": [{"given": "Approved", "then": 4}, {"given": "Denied", "then": 7}],
        "missing": 0,
    }
    assert found["requests"][3]["when"] == ["ship/approve-plan -> Approved"]
    assert (found["complete"], found["paths"], found["people"]) == (True, 4, ["ship/approve-plan"])


def test_the_document_of_a_plan_with_rounds_and_doubts_fits_the_schema(terminal: Terminal) -> None:
    (terminal.folder / "loops.py").write_text(
        "from perdure import *\n"
        "@workflow\n"
        "def polls() -> Do[str]:\n"
        "    for _ in range(9):\n"
        "        if (yield from suspend('done')):\n"
        "            break\n"
        "    return str(len((yield from signal('text', str))))\n"
    )

    found = terminal.here("plan", "loops.py:polls", "--json", "--faults").document

    assert {piece["is"] for piece in found["pieces"]} == {"task", "choice", "rounds", "again", "end"}
    assert found["assumed"] == ["len(polls/text)"]
    assert found["complete"] is False


def test_the_number_of_paths_can_be_bounded(terminal: Terminal) -> None:
    found = terminal.here("plan", "flows.py:two_gates", "--max-paths", "3", "--json").document

    assert found["cut"] == ["more than 3 paths: every answer was followed once, not in all combinations"]
    assert (found["paths"], found["complete"]) == (3, False)


def test_what_the_workflow_prints_is_not_part_of_the_plan(terminal: Terminal) -> None:
    (terminal.folder / "loud.py").write_text(
        "from perdure import *\n"
        "@workflow\n"
        "def loud() -> Do[bool]:\n"
        "    print('noise')\n"
        "    return (yield from suspend('a'))\n"
    )

    said = terminal.alone("plan", "loud.py:loud", "--json")

    assert said.document["workflow"] == "loud()"
    assert "noise" in said.err


def test_an_input_that_does_not_fit_is_refused(shipping: Terminal) -> None:
    said = shipping.here("plan", "ship.py:ship", "-i", "5")

    assert (said.code, said.out) == (2, "")
    assert "the input does not fit ship(topic: str, live: bool = False)" in said.err


# -- Approving. --------------------------------------------------------------------------------------------------------


def test_a_run_starts_when_its_plan_is_the_one_that_was_approved(terminal: Terminal) -> None:
    approved = planned(terminal, "flows.py:hello", "-a", "name=bees")

    said = terminal.here("run", "flows.py:hello", "-a", "name=bees", "--approve-plan", approved)

    assert (said.code, said.out) == (0, '"hello bees"\n')


def test_another_input_has_another_plan_and_nothing_is_started(terminal: Terminal) -> None:
    approved = planned(terminal, "flows.py:hello", "-a", "name=bees")
    now = planned(terminal, "flows.py:hello", "-a", "name=wasps")

    said = terminal.here("run", "flows.py:hello", "-a", "name=wasps", "--approve-plan", approved)

    assert (said.code, said.out) == (9, "")
    assert f"the plan for this input is {now}, and approved was {approved}: nothing was started" in said.err
    assert said.err.endswith("next: perdure plan flows.py:hello -a name=wasps\n")
    assert not terminal.database.exists()


def test_a_workflow_that_was_changed_since_is_not_started(terminal: Terminal) -> None:
    flows = terminal.folder / "changing.py"
    text = "from perdure import *\n@workflow\ndef go() -> Do[bool]:\n    return (yield from suspend('a'))\n"
    flows.write_text(text)
    approved = terminal.alone("plan", "changing.py:go", "--json").document["hash"]
    flows.write_text(text.replace("'a'", "'b'"))

    said = terminal.alone("run", "changing.py:go", "--approve-plan", approved, "--json")

    assert said.code == 9
    assert (said.document["error"], said.document["next"]) == ("conflict", ["perdure plan changing.py:go"])
    assert not terminal.database.exists()


# -- Policies. ---------------------------------------------------------------------------------------------------------

POLICIES = """
[[tool.perdure.policy]]
name = "a person says yes before it is published"
steps = "publish"
needs = "approval"

[[tool.perdure.policy]]
name = "no more than two agents are asked"
most = { asks = 2 }
"""


def test_policies_are_listed_after_the_plan_held_or_violated(shipping: Terminal) -> None:
    (shipping.folder / "pyproject.toml").write_text(POLICIES)
    command = ("plan", "ship.py:ship", "-i", '"bees"')

    said, plain = shipping.here(*command, "--policy"), shipping.here(*command)

    assert (said.code, plain.code) == (1, 0)
    assert said.out.splitlines()[:-6] == plain.out.splitlines()[:-1]
    assert said.out.splitlines()[-7:-1] == [
        "complete for 0 and 1 items of research.findings: no other path, if nothing fails or expires",
        "",
        "policies:",
        "✓ a person says yes before it is published: held",
        "! no more than two agents are asked: up to 3 asks on one path, and 2 are allowed",
        "    by this path: ship/research, ship/plan, ship/implement",
    ]
    assert said.out.splitlines()[-1] == "next: perdure check ship.py:ship -i '\"bees\"'"


def test_a_plan_within_its_policies_is_approved_as_without_them(shipping: Terminal) -> None:
    (shipping.folder / "pyproject.toml").write_text(POLICIES.replace("asks = 2", "asks = 3"))

    said = shipping.here("plan", "ship.py:ship", "-i", '"bees"', "--policy")

    assert said.code == 0
    assert said.out.splitlines()[-2] == "✓ no more than two agents are asked: held"
    assert "--approve-plan" in said.out.splitlines()[-1]


def test_a_policy_that_is_not_proved_does_not_pass(shipping: Terminal) -> None:
    (shipping.folder / "pyproject.toml").write_text(POLICIES)

    said = shipping.here("plan", "ship.py:ship", "-i", '"bees"', "--policy", "--max-paths", "1")

    assert said.code == 1
    assert "? a person says yes before it is published: not proved, for not all was seen" in said.out


def test_without_policies_there_is_nothing_to_judge(shipping: Terminal) -> None:
    said = shipping.here("plan", "ship.py:ship", "-i", '"bees"', "--policy")

    assert said.code == 0
    assert "policies: there are none, under [[tool.perdure.policy]] of a pyproject.toml" in said.out


def test_the_document_has_the_policies_where_they_were_judged(shipping: Terminal) -> None:
    (shipping.folder / "pyproject.toml").write_text(POLICIES)
    command = ("plan", "ship.py:ship", "-i", '"bees"', "--json")

    judged, plain = shipping.here(*command, "--policy"), shipping.here(*command)

    assert (judged.code, plain.code) == (1, 0)
    assert plain.document["policies"] is None
    assert judged.document["policies"] == [
        {"policy": "a person says yes before it is published", "verdict": "held", "said": None, "path": []},
        {
            "policy": "no more than two agents are asked",
            "verdict": "violated",
            "said": "up to 3 asks on one path, and 2 are allowed",
            "path": ["ship/research", "ship/plan", "ship/implement"],
        },
    ]
    assert judged.document["hash"] == plain.document["hash"]


def test_a_policy_that_cannot_be_read_stops_the_plan(shipping: Terminal) -> None:
    (shipping.folder / "pyproject.toml").write_text(POLICIES.replace("needs", "need"))

    said = shipping.here("plan", "ship.py:ship", "--policy")

    assert (said.code, said.out) == (2, "")
    assert "has no key 'need': did you mean 'needs'?" in said.err
