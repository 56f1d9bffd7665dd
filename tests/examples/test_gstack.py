"""examples/gstack: a product cycle on a real repository; nothing is pushed, merged or live before its gate."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from loading import loaded
from plans import without_agents
from returns.result import Failure, Success

from perdure import Denied, Do, Exhausted, Scripted, approval, ask, plan, saga, suspend, workflow
from perdure.cli import policies
from perdure.core.workflow import block_of
from perdure.interpreters.plan.plan import AnyInput
from perdure.interpreters.plan.policy import Policy, Verdict, judge
from perdure.interpreters.plan.survey import survey
from perdure.testing import PlanSnapshot, assert_crash_safe, each, simulate

FOLDER = Path(__file__).parents[2] / "examples" / "gstack"
PAGE = Path(__file__).parents[2] / "docs" / "gstack.md"
IDEA = "Greet visitors by name."
#: The lines of the thirteen templates of the original that the example is held against, and a fifth of them.
ORIGINAL, MOST = 6_699, 1_340
#: What no stage consists of: a team of rules and a project to try it on; and the commands of a project.
STANDING_IN, COMMANDS = {"rules.py", "playground.py"}, {"world.py"}


def flow(file: str, name: str) -> Any:
    """A workflow of the example, as a run will find it again."""
    return getattr(loaded(FOLDER / f"{file}.py", name), name)


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules find one another, as they do for the command line."""
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """A project with a first release that is live."""
    folder = str(tmp_path / "shop")
    simulate(flow("playground", "playground")(folder)).value()
    return folder


def people(**others: object) -> dict[str, Any]:
    """Whoever says yes to all, and has an answer to everything."""
    from artefacts import Frame

    answers: dict[str, Any] = {
        "frame": Frame("fun", "idea"),
        "answer": "The baker asked for it.",
        "search-terms": "",
        "agree-premises": "both",
        "approach": "in the page",
        "choose-fixes": "all",
        "new-baseline": "yes",
        **dict.fromkeys(GATES, "approve"),
    }
    return {**answers, **{name.replace("_", "-"): answer for name, answer in others.items()}}


GATES = ("approve-design", "premises-stand", "approve-plan", "ship-it", "confirm-setup", "merge-it")


def went_live(folder: str, commit: str) -> None:
    from world import put_live

    put_live(folder, commit)


def cycled(shop: str, answers: Mapping[str, Any] | None = None, **script: Any) -> Any:
    steps = {"deploy": went_live, **script.pop("steps", {})}
    return simulate(
        flow("cycle", "cycle")(shop, IDEA), answers=people() if answers is None else answers, steps=steps, **script
    )


def git(shop: str, *arguments: str, at: str = "origin.git") -> str:
    return subprocess.run(["git", *arguments], cwd=Path(shop, at), capture_output=True, text=True, check=True).stdout


def page(shop: str, name: str) -> str:
    command = [sys.executable, "app.py", *([name] if name else [])]
    return subprocess.run(command, cwd=Path(shop, "live"), capture_output=True, text=True, check=True).stdout.strip()


def test_a_cycle_goes_from_an_idea_to_a_live_release_and_a_look_back(shop: str) -> None:
    sim = cycled(shop)

    assert sim.value().wins == ["It is live."]
    assert (page(shop, "<b>"), page(shop, "")) == ("<p>Hello, &lt;b&gt;.</p>", "<p>Hello, you.</p>")
    assert git(shop, "show", "main:VERSION") == "0.2.0\n"
    kept = {file.stem for file in Path(shop, "artefacts").glob("*.md")}
    assert kept == {
        *("design", "plan-ceo", "plan-eng", "plan-devex", "plan", "review", "qa", "cso"),
        *("ship", "request", "readiness", "deploy", "canary", "retro"),
    }


def test_what_the_commands_refuse_is_built_again_with_what_they_said(shop: str) -> None:
    sim = cycled(shop)

    first, second = sim.asked("build")
    assert "attempt: None" in first.given
    assert "NameError" in second.given.partition("attempt: ")[2]


def test_each_mended_bug_has_a_commit_and_a_test_of_its_own(shop: str) -> None:
    cycled(shop)

    subjects = git(shop, "log", "main", "--no-merges", "--format=%s").splitlines()
    assert subjects.count("fix: greet whoever says no name") == 1
    assert "test_it_greets_whoever_says_no_name" in git(shop, "show", "main:test_app.py")


@pytest.mark.parametrize("gate", ["premises-stand", "ship-it", "confirm-setup", "merge-it"])
def test_a_no_ends_it_and_nothing_is_merged_or_live(shop: str, gate: str) -> None:
    before = git(shop, "rev-parse", "main")
    sim = cycled(shop, people(**{gate: Denied(by="ann", note="not today")}))

    assert isinstance(sim.outcome, Failure)
    assert "not today" in sim.outcome.failure().why
    assert git(shop, "rev-parse", "main") == before
    assert page(shop, "Ann") == "<p>Hello.</p>"
    assert sim.count("push") == (gate in ("confirm-setup", "merge-it"))


@pytest.mark.parametrize(
    ("gate", "made", "it"), [("approve-design", "design", "draft"), ("approve-plan", "plan", "plan")]
)
def test_a_no_with_a_wish_is_another_round_and_no_yes_at_all_the_end(shop: str, gate: str, made: str, it: str) -> None:
    twice = cycled(shop, people(**{gate: each(Denied(by="ann", note="smaller"), "approve")}))
    never = cycled(shop, people(**{gate: Denied(by="ann", note="smaller")}))

    assert isinstance(twice.outcome, Success)
    assert [f"last {it}: smaller" in asked.given for asked in twice.asked(made)] == [False, True]
    assert isinstance(never.outcome, Failure)
    assert isinstance(never.outcome.failure(), Exhausted)
    assert (never.count("build"), never.count("push")) == (0, 0)


def test_work_that_never_passes_the_commands_is_not_pushed(shop: str) -> None:
    from artefacts import Checks

    sim = cycled(shop, steps={"checks": Checks(False, "2 failed")})

    assert isinstance(sim.outcome.failure(), Exhausted)
    assert (sim.count("build"), sim.count("push")) == (2, 0)


def test_what_fails_right_before_the_push_is_not_pushed(shop: str) -> None:
    from artefacts import Checks, Stopped

    sim = cycled(shop, steps={"verify": Checks(False, "1 failed")})

    assert sim.outcome == Failure(Stopped("ship", "1 failed"))
    assert sim.count("push") == 0


def test_something_critical_that_was_confirmed_ends_the_cycle_before_the_push(shop: str) -> None:
    from artefacts import Finding, Findings

    hole = Findings([Finding("app.py: page", "a stranger's script runs", "critical", 9, False)])
    sim = cycled(shop, agents={"verify": hole})

    assert sim.outcome.failure().stage == "cso"
    assert sim.count("push") == 0
    assert "a stranger's script runs" in Path(shop, "artefacts", "cso.md").read_text()


def test_a_fix_that_makes_it_worse_is_taken_back_and_the_work_not_shipped(shop: str) -> None:
    from artefacts import Change, Changes, File

    worse = Changes([Change("fix: nothing", [File("app.py", "def page(")])])
    sim = cycled(shop, agents={"cycle/qa/*/fix": worse})

    assert isinstance(sim.outcome.failure(), Exhausted)
    assert "def page(name" in Path(shop, "work", "app.py").read_text()
    assert sim.count("push") == 0


def test_a_site_that_is_unwell_after_the_deploy_is_put_back_and_the_merge_reverted(shop: str) -> None:
    from artefacts import Health, Unwell

    sim = cycled(shop, steps={"cycle/*/after/look": Health("", ["ImportError"])})

    assert sim.outcome == Failure(Unwell("ImportError; the page is empty"))
    assert page(shop, "Ann") == "<p>Hello.</p>"
    assert git(shop, "show", "main:VERSION") == "0.1.0\n"
    assert not sim.not_undone


@pytest.mark.parametrize("keeps", [True, False])
def test_what_two_looks_in_a_row_see_is_told_and_a_person_decides(shop: str, keeps: bool) -> None:
    from artefacts import Health, Unwell

    answers = people(keep_release="approve" if keeps else Denied(by="ann"))
    sim = cycled(shop, answers, steps={"cycle/canary/drift_detector/pair/look*": Health("<p>", ["TimeoutError"])})

    assert isinstance(sim.outcome, Success) == keeps
    assert keeps or sim.outcome == Failure(Unwell("TimeoutError"))
    assert git(shop, "show", "main:VERSION") == ("0.2.0\n" if keeps else "0.1.0\n")
    assert page(shop, "Ann") == ("<p>Hello, Ann.</p>" if keeps else "<p>Hello.</p>")


def test_a_single_blip_is_not_told(shop: str) -> None:
    from artefacts import Health

    blip = each(Health("<p>", ["TimeoutError"]), *[Health("<p>", [])] * 3)
    sim = cycled(shop, steps={"cycle/canary/drift_detector/pair/look*": blip})

    assert isinstance(sim.outcome, Success)
    assert not sim.asked("keep-release")


# -- crashes ---------------------------------------------------------------------------------------------------------

#: The stages in their order, and what each takes beside the folder.
STAGES = {
    "office_hours:office_hours": (IDEA,),
    "planning:autoplan": (),
    "building:build": (),
    "reviewing:review": (),
    "qa:qa": (),
    "security:cso": (),
    "shipping:ship": (),
    "landing:land_and_deploy": (),
    "watching:canary": (),
    "retro:retro": (),
}
LENSES = ("plan_ceo_review", "plan_design_review", "plan_eng_review", "plan_devex_review")


def stage(named: str, shop: str) -> Any:
    return flow(*named.split(":"))(shop, *STAGES.get(named, ()))


def test_each_stage_runs_alone_after_those_before_it_and_no_crash_changes_what_it_makes(shop: str) -> None:
    for number, named in enumerate(STAGES):
        copy = str(shutil.copytree(shop, f"{shop}-{number}"))  # whatever a crash makes it take back, it is not this
        proved = assert_crash_safe(stage(named, copy), answers=people(), steps={"deploy": went_live})
        (single,) = proved.tried
        assert single.runs == single.of, named
        assert isinstance(simulate(stage(named, shop), answers=people(), steps={"deploy": went_live}).outcome, Success)

    assert page(shop, "Ann") == "<p>Hello, Ann.</p>"
    assert git(shop, "show", "main:VERSION") == "0.2.0\n"


@pytest.mark.parametrize("lens", LENSES)
def test_a_plan_can_be_looked_at_through_a_single_lens_in_a_posture_that_a_person_chose(shop: str, lens: str) -> None:
    simulate(stage("office_hours:office_hours", shop), answers=people())

    sim = simulate(flow("planning", lens)(shop), answers={"posture": "hold the scope"})

    assert sim.value().score == 8
    assert "hold the scope" in sim.asked("weigh")[0].given
    assert Path(shop, "artefacts", f"plan-{lens.split('_')[1]}.md").exists()


def test_a_stage_whose_artefact_is_missing_says_which_one(shop: str) -> None:
    from artefacts import Stopped

    assert simulate(stage("building:build", shop)).outcome == Failure(Stopped("plan", "there is no plan.md yet"))


def test_crashes_that_are_drawn_change_nothing_of_a_whole_cycle(shop: str) -> None:
    """`PERDURE_CRASHES=2000` tries every point there is."""
    proved = assert_crash_safe(
        flow("cycle", "cycle")(shop, IDEA),
        answers=people(),
        steps={"deploy": went_live},
        budget=int(os.environ.get("PERDURE_CRASHES", "20")),
    )

    (single,) = proved.tried
    assert single.of > 500


def again(step: Any, *given: Any) -> tuple[Any, Any]:
    """What a step gives, and what it gives once more, as after a crash that cut off its recording."""
    return step.task.fn(*given), step.task.fn(*given)


def test_a_step_that_is_repeated_leaves_the_world_as_if_it_was_not(shop: str) -> None:
    import world

    for named in list(STAGES)[:7]:
        simulate(stage(named, shop), answers=people()).value()
    wanted = world.find_request.task.fn(shop).unwrap()

    merged, once_more = again(world.merge, shop, wanted)
    again(world.revert, shop, merged)
    again(world.push, shop, wanted)
    again(world.put_back, shop, merged)

    assert merged == once_more
    assert len(git(shop, "log", "main", "--format=%s", "--grep=^Revert").splitlines()) == 1
    assert git(shop, "show", "main:VERSION") == "0.1.0\n"
    assert page(shop, "Ann") == "<p>Hello, Ann.</p>"


def test_a_file_outside_the_repository_is_not_written(shop: str) -> None:
    import world
    from artefacts import Change, File

    with pytest.raises(ValueError, match="is not in the repository"):
        world.commit.task.fn(shop, Change("fix: everything", [File("../live/app.py", "")]))


@pytest.mark.parametrize(
    ("ui", "dx", "seen"),
    [(False, False, ["ceo", "eng"]), (True, True, ["ceo", "design", "eng", "devex"])],
)
def test_a_plan_is_seen_through_the_lenses_that_apply_one_after_the_other(
    shop: str, ui: bool, dx: bool, seen: list[str]
) -> None:
    simulate(stage("office_hours:office_hours", shop), answers=people())

    sim = simulate(flow("planning", "autoplan")(shop, ui=ui, dx=dx), answers=people())

    assert [record.path.split("/")[3] for record in sim.asked("weigh")] == seen
    assert sim.asked("weigh")[-1].given.count("Small, and worth it.") == len(seen) - 1


# -- before it runs --------------------------------------------------------------------------------------------------


def test_what_a_cycle_may_do_is_what_was_reviewed(plan_snapshot: PlanSnapshot) -> None:
    plan_snapshot(flow("cycle", "cycle")("shop", IDEA))


def test_live_others_are_asked_at_a_known_price_and_all_else_is_the_same() -> None:
    offline, live = (plan(flow("cycle", "cycle")("shop", IDEA, live=live)) for live in (False, True))

    assert offline.complete
    assert live.complete
    assert without_agents(live) == without_agents(offline)
    assert live.price.usd.max is not None
    assert not live.unpriced


def held() -> tuple[Policy, ...]:
    """The policies of the example."""
    return policies.of(block_of(flow("cycle", "cycle")))


def judged(effect: Any) -> Verdict:
    return judge(held(), survey(effect))


@pytest.mark.parametrize("named", STAGES)
def test_every_policy_is_proved_of_every_stage(named: str) -> None:
    verdict = judged(stage(named, "shop"))

    assert not verdict.violations
    assert not verdict.unproved


@pytest.mark.parametrize("live", [False, True])
def test_every_policy_is_proved_of_the_whole_cycle_for_any_idea_and_whatever_fails(live: bool) -> None:
    call = flow("cycle", "cycle")
    verdict = judged(call("shop", IDEA, live=True) if live else AnyInput(block_of(call)))

    assert not verdict.violations
    assert not verdict.unproved


# -- breaches --------------------------------------------------------------------------------------------------------


@workflow(name="cycle")
def planned_only(folder: str) -> Do[None]:
    yield from flow("planning", "autoplan")(folder)
    yield from flow("building", "build")(folder)


@workflow(name="cycle")
def designed_only(folder: str) -> Do[None]:
    yield from flow("office_hours", "office_hours")(folder, IDEA)
    yield from flow("building", "build")(folder)


@workflow
def curious(folder: str) -> Do[None]:
    found = yield from ask("landscape", Scripted("first", {}), "What do others know?")
    yield from suspend("search-terms", str, show=found)


@workflow(name="autoplan")
def unquestioned(folder: str) -> Do[None]:
    yield from flow("planning", "lenses")(folder, False, True, False)


@workflow(name="cycle")
def without_premises(folder: str) -> Do[None]:
    yield from unquestioned(folder)


def release() -> Any:
    from artefacts import Release

    return Release("work", "0.2.0", "HEAD")


@workflow(name="ship")
def hasty(folder: str) -> Do[None]:
    import world

    yield from world.push(folder, release())
    yield from world.passing("ship", world.verify(folder))
    yield from approval("ship-it")


@workflow(name="cycle")
def reviewed_late(folder: str) -> Do[None]:
    yield from flow("shipping", "ship")(folder)
    yield from flow("reviewing", "review")(folder)


@workflow
def merged_unseen(folder: str) -> Do[None]:
    yield from saga(flow("landing", "release")(folder, release()))


@workflow
def deployed_only(folder: str) -> Do[None]:
    import world

    yield from approval("merge-it")
    yield from world.deploy(folder, "HEAD")


@workflow
def chatty(folder: str) -> Do[None]:
    for _ in range(26):
        yield from suspend("answer", str)


BREACHES = {
    "nothing is built before a person approved the design": planned_only,
    "nothing is built before a person approved the plan": designed_only,
    "nothing is searched for that a person did not allow": curious,
    "no reviewed plan without premises that stand": without_premises,
    "nothing is pushed that was not verified": hasty,
    "nothing is pushed before the gate": hasty,
    "nothing is edited after it was pushed": reviewed_late,
    "nothing is pushed that was not reviewed, used and attacked": reviewed_late,
    "nothing is merged before a person said so": merged_unseen,
    "nothing goes live that was not merged": deployed_only,
    "a cycle does not ask for ever": chatty,
}


def test_a_breach_of_every_policy_is_planted() -> None:
    assert list(BREACHES) == [policy.name for policy in held()]


@pytest.mark.parametrize("policy", BREACHES)
def test_a_breach_of_a_policy_is_found(policy: str) -> None:
    assert policy in [violation.policy for violation in judged(BREACHES[policy]("shop")).violations]


# -- on SQLite, by hand ----------------------------------------------------------------------------------------------


def test_a_stranger_takes_a_release_through_its_gates_by_the_command_line(
    shop: str, cli: Callable[..., tuple[int, Any]]
) -> None:
    for named in list(STAGES)[:6]:
        simulate(stage(named, shop), answers=people()).value()

    codes = [
        cli("run", f"{FOLDER}/shipping.py:ship", "-a", "folder=shop", "--id", "s1")[0],
        cli("approve", "s1", "ship-it", "--by", "ann")[0],
        cli("resume", "s1")[0],
        cli("run", f"{FOLDER}/landing.py:land_and_deploy", "-a", "folder=shop", "--id", "l1")[0],
        cli("approve", "l1", "confirm-setup", "--by", "ann")[0],
        cli("resume", "l1")[0],
    ]
    before = page(shop, "Ann")
    codes += [cli("approve", "l1", "merge-it", "--by", "ann")[0]]
    ended, document = cli("resume", "l1")

    assert codes == [3, 0, 0, 3, 0, 3, 0]
    assert (ended, document["state"]) == (0, "succeeded")
    assert (before, page(shop, "Ann")) == ("<p>Hello.</p>", "<p>Hello, Ann.</p>")


# -- the page --------------------------------------------------------------------------------------------------------


def lines(files: Iterable[Path]) -> int:
    """As `wc -l` counts them: every line, empty ones too."""
    return sum(file.read_text().count("\n") for file in files)


def test_composition_and_prompts_have_no_more_lines_than_was_promised_and_as_many_as_are_told() -> None:
    code = [*FOLDER.glob("*.py"), FOLDER / "pyproject.toml"]
    composition = lines(file for file in code if file.name not in STANDING_IN | COMMANDS)
    prompts = lines(FOLDER.glob("prompts/*/*.md"))
    commands = lines(FOLDER / name for name in COMMANDS)

    assert composition + prompts <= MOST == ORIGINAL * 20 // 100 + 1
    for told in (composition, prompts, composition + prompts, composition + prompts + commands):
        assert f"| {told:,} |" in PAGE.read_text(), f"docs/gstack.md does not tell {told:,} lines"


def test_every_stage_and_gate_of_the_table_is_at_the_line_that_it_names() -> None:
    rows = re.findall(r"\[(\w+\.py):(\d+)\]\(\.\./examples/gstack/\1#L\2\) `([^`]+)`", PAGE.read_text())

    assert len(rows) > 60
    elsewhere = [
        (file, number, text)
        for file, number, text in rows
        if text not in (FOLDER / file).read_text().splitlines()[int(number) - 1]
    ]
    assert not elsewhere
