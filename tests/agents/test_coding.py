"""What all coding agents have in common: their limits, homes, worktrees, and how many run at once."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from scenes import zombies

from perdure.agents import shim
from perdure.agents.harness.coding import Coding
from perdure.agents.harness.known import adapter_of
from perdure.agents.places import mark_of
from perdure.agents.reply import AgentError, Call, Event, Permit, Reply, Started, Unanswered, Wanted, Warned
from perdure.agents.secrets import HIDDEN
from perdure.core.agents import (
    Acp,
    Antigravity,
    ClaudeCode,
    Codex,
    Command,
    Gemini,
    Harness,
    Limits,
    McpServer,
    OpenCode,
    Pi,
)
from perdure.core.asked import Attempt
from perdure.core.leaves import Approved, Ask, Denied

#: Speaks as Claude Code does; `{BODY}` is what it does in between.
CLAUDE = """
import json, os, sys, time
if "--version" in sys.argv:
    print("9.9.9"); sys.exit()
told = sys.stdin.read()
def say(**event):
    print(json.dumps(event), flush=True)
say(type="system", subtype="init", session_id="s", model="m")
def said(number):
    usage = {"input_tokens": 10, "output_tokens": 5}
    say(type="assistant", message={"id": f"m{number}", "content": [], "usage": usage})
def end(text="", **more):
    say(**{"type": "result", "subtype": "success", "is_error": False, "result": text, "total_cost_usd": 0.25,
        "usage": {"input_tokens": 1, "output_tokens": 1}, **more})
"""


@pytest.fixture
def claude(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Puts a program `claude` on a PATH, and gives the environment of a worker there."""

    def make(body: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "claude"
        program.write_text(f"#!{sys.executable}\n{CLAUDE}{body}\n")
        program.chmod(stat.S_IRWXU)
        (tmp_path / "home").mkdir(exist_ok=True)
        return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(tmp_path / "home")}

    return make


def answer(
    agent: Harness, environ: dict[str, str], *, key: str = "", number: int = 1, events: list[Event] | None = None
) -> Reply:
    adapter = adapter_of(agent)
    assert adapter is not None
    ask: Ask[Any] = Ask("q", (agent,), "do it")  # type: ignore[arg-type]  # each has a name
    call = Call(ask=ask, attempt=Attempt("run", "q", number, key or uuid.uuid4().hex), message="do it")
    tell = [] if events is None else events
    return anyio.run(Coding("it", agent, adapter, environ).answer, call, tell.append)


#: Goes on after the prompt: asks about a call, and says what it was told of it.
TALK = """
import json, os, sys, time
if "--version" in sys.argv:
    print("9.9.9"); sys.exit()
def say(**event):
    print(json.dumps(event), flush=True)
def asked(number, **input):
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": input}
    say(type="control_request", request_id=f"r{number}", request=request)
    return json.loads(sys.stdin.readline())["response"]["response"]
def end(text):
    say(type="result", subtype="success", is_error=False, result=text, total_cost_usd=0.25,
        usage={"input_tokens": 10, "output_tokens": 5})
prompt = json.loads(sys.stdin.readline())["message"]["content"]
say(type="system", subtype="init", session_id="s", model="m")
"""


@pytest.fixture
def talker(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """The same for one that asks."""

    def make(body: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "claude").write_text(f"#!{sys.executable}\n{TALK}{body}\n")
        (folder / "claude").chmod(stat.S_IRWXU)
        (tmp_path / "home").mkdir(exist_ok=True)
        return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(tmp_path / "home")}

    return make


@attrs.define
class Person:
    """Says what it was told to say, call by call; then nothing for ever."""

    says: list[Approved | Denied | Exception] = attrs.field(factory=list)
    asked: list[Any] = attrs.field(factory=list)

    async def confirm(self, wanted: Wanted) -> Approved | Denied:
        self.asked.append(wanted.input)
        if not self.says:
            await anyio.sleep_forever()
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


def confirmed(
    environ: dict[str, str], folder: Path, person: Person, permits: list[Permit] | None = None, **more: Any
) -> Reply:
    """The answer of an agent that asks that person."""
    options = {"hold": timedelta(milliseconds=300), **more.pop("options", {})}
    agent = ClaudeCode(cwd=str(folder), confirm=True, **options)
    adapter = adapter_of(agent)
    assert adapter is not None
    attempt = Attempt("run", "q", 1, uuid.uuid4().hex)
    given = {"message": "do it", **more}
    call = Call(
        ask=Ask("q", (agent,), "do it"),
        attempt=attempt,
        permits=tuple(permits or ()),
        confirm=person.confirm,
        **given,
    )
    try:
        return anyio.run(Coding("it", agent, adapter, environ).answer, call, lambda _: None)
    finally:
        assert shim.marked(mark_of(attempt)) == set()


def refusal(agent: Harness, environ: dict[str, str]) -> AgentError:
    with pytest.raises(AgentError) as raised:
        answer(agent, environ)
    return raised.value


def test_what_goes_beyond_its_turns_is_ended(claude: Any, tmp_path: Path) -> None:
    environ = claude("for n in range(1000): said(n); time.sleep(0.01)\nend()")

    error = refusal(ClaudeCode(cwd=str(tmp_path), limits=Limits(turns=3)), environ)

    assert (error.kind, error.message) == ("budget", "the model replied more than 3 times")
    assert (error.session, error.usage.input, error.usage.output) == ("s", 40, 20)


def test_what_goes_beyond_its_tokens_is_ended(claude: Any, tmp_path: Path) -> None:
    environ = claude("for n in range(1000): said(n); time.sleep(0.01)\nend()")

    error = refusal(ClaudeCode(cwd=str(tmp_path), limits=Limits(tokens=40)), environ)

    assert (error.kind, error.message) == ("budget", "it used 45 tokens, of 40")


def test_what_goes_beyond_its_time_is_ended(claude: Any, tmp_path: Path) -> None:
    environ = claude("for n in range(10000): said(n); time.sleep(0.01)\nend()")

    error = refusal(ClaudeCode(cwd=str(tmp_path), limits=Limits(wall=timedelta(milliseconds=500))), environ)

    assert error.kind == "budget"
    assert error.message.startswith("it took too long and was ended")
    assert error.session == "s"


def test_what_a_person_says_reaches_the_agent(talker: Any, tmp_path: Path) -> None:
    environ = talker("end(json.dumps([asked(1, command='a'), asked(2, command='b'), asked(3, command='c')]))")
    person = Person([Approved(note="go"), Denied(note="not here"), Denied()])

    told = json.loads(confirmed(environ, tmp_path, person).text)

    assert person.asked == [{"command": "a"}, {"command": "b"}, {"command": "c"}]
    assert told == [
        {"behavior": "allow", "updatedInput": {}},
        {"behavior": "deny", "message": "not here", "interrupt": False},
        {"behavior": "deny", "message": "A reviewer did not allow it.", "interrupt": False},
    ]


@pytest.mark.parametrize("decision", [Approved(), Denied(note="no")])
def test_what_was_decided_before_holds_for_one_equal_call(decision: Any, talker: Any, tmp_path: Path) -> None:
    environ = talker("end(json.dumps([asked(n, times=1)['behavior'] for n in range(2)]))")
    person, permit = Person([Approved()]), Permit(Wanted("other", "Bash", {"times": 1}), decision)

    told = json.loads(confirmed(environ, tmp_path, person, [permit]).text)

    assert told == ["allow" if isinstance(decision, Approved) else "deny", "allow"]
    assert person.asked == [{"times": 1}]


@pytest.mark.parametrize(
    "permit",
    [Wanted("r1", "Bash", {"times": True}), Wanted("r1", "Bash", {"times": 2}), Wanted("r1", "B", {"times": 1})],
)
def test_another_call_than_the_decided_one_is_asked_about(permit: Wanted, talker: Any, tmp_path: Path) -> None:
    person = Person([Denied()])

    told = confirmed(talker("end(asked(1, times=1)['behavior'])"), tmp_path, person, [Permit(permit, Approved())])

    assert (told.text, person.asked) == ("deny", [{"times": 1}])


def test_where_nobody_answers_in_time_the_agent_stops_and_its_process_is_gone(talker: Any, tmp_path: Path) -> None:
    environ = talker("open('told', 'w').write(json.dumps(asked(1, command='a'))); end('stopped')")

    with pytest.raises(Unanswered) as raised:
        confirmed(environ, tmp_path, Person())

    waits = raised.value
    assert (waits.wanted, waits.session) == (Wanted("r1", "Bash", {"command": "a"}), "s")
    assert (waits.usage.input, str(waits.cost.usd)) == (10, "0.25")
    assert json.loads((tmp_path / "told").read_text()) == {
        "behavior": "deny",
        "message": "A reviewer has to look at this first; stop here.",
        "interrupt": True,
    }


def test_nobody_is_asked_more_by_an_agent_that_was_told_to_stop(talker: Any, tmp_path: Path) -> None:
    body = "asked(1, command='a'); open('told', 'w').write(json.dumps(asked(2, command='b'))); end('stopped')"
    person = Person()

    with pytest.raises(Unanswered) as raised:
        confirmed(talker(body), tmp_path, person)

    assert raised.value.wanted.input == {"command": "a"}
    assert person.asked == [{"command": "a"}]
    assert json.loads((tmp_path / "told").read_text())["interrupt"] is True


def test_an_agent_that_does_not_stop_is_ended_where_nobody_answers(
    talker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.agents.process._GOODBYE", timedelta(milliseconds=200))

    with pytest.raises(Unanswered) as raised:
        confirmed(talker("asked(1, command='a')\nwhile True: say(type='on'); time.sleep(0.01)"), tmp_path, Person())

    assert raised.value.session == "s"


def test_a_person_sees_no_secret_and_the_call_is_made_with_it(talker: Any, tmp_path: Path) -> None:
    environ = {**talker("end(json.dumps(asked(1, command=os.environ['KEY'])))"), "KEY": "correct horse battery"}
    person = Person([Approved()])

    told = json.loads(confirmed(environ, tmp_path, person, options={"env": ["KEY"]}).text)

    assert person.asked == [{"command": HIDDEN}]
    assert told == {"behavior": "allow", "updatedInput": {}}, "the agent keeps its own input"


def test_what_a_person_may_let_write_has_its_folder_for_itself(
    talker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(shim.MARK, raising=False)

    class Reader(Person):
        async def confirm(self, wanted: Wanted) -> Approved | Denied:
            folder = os.open(tmp_path, os.O_RDONLY)
            try:
                with pytest.raises(BlockingIOError):
                    fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
            finally:
                os.close(folder)
            return Approved()

    environ = talker("end(asked(1, command='a')['behavior'])")

    assert confirmed(environ, tmp_path, Reader(), options={"access": "read"}).text == "allow"


def test_a_failure_to_ask_is_the_failure_of_the_turn(talker: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the database is gone"):
        confirmed(talker("asked(1, command='a')"), tmp_path, Person([OSError("the database is gone")]))


def test_what_is_asked_in_a_way_that_nobody_knows_is_not_offered(talker: Any, tmp_path: Path) -> None:
    environ = talker(
        "say(type='control_request', request_id='r1', request={'subtype': 'hook_callback'}); end(sys.stdin.readline())"
    )

    told = json.loads(confirmed(environ, tmp_path, Person()).text)

    assert told["response"] == {"subtype": "error", "request_id": "r1", "error": "hook_callback is not offered"}


def test_a_lost_conversation_is_begun_anew_with_the_task_and_what_was_decided(talker: Any, tmp_path: Path) -> None:
    environ = talker(
        "if '--resume' in sys.argv: sys.stderr.write('No conversation found'); sys.exit(1)\n"
        "end(prompt + ' / ' + asked(1, command='a')['behavior'])"
    )
    permit = Permit(Wanted("r1", "Bash", {"command": "a"}), Approved())

    told = confirmed(environ, tmp_path, Person(), [permit], message="The reviewer allowed it", session="gone")

    assert told.text == "do it\n\nThe reviewer allowed it / allow"


def test_what_hangs_is_ended_and_can_be_continued(claude: Any, tmp_path: Path) -> None:
    environ = claude("time.sleep(1000)")

    error = refusal(ClaudeCode(cwd=str(tmp_path), limits=Limits(idle=timedelta(milliseconds=500))), environ)

    assert (error.kind, error.session) == ("crashed", "s")


def test_what_does_not_end_after_its_last_word_has_answered(
    claude: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.agents.harness.coding._LINGER", timedelta(milliseconds=200))
    environ = claude("end('done')\nsys.stdout.flush(); time.sleep(1000)")

    assert answer(ClaudeCode(cwd=str(tmp_path)), environ).text == "done"


def test_a_quota_says_when_it_is_there_again(claude: Any, tmp_path: Path) -> None:
    environ = claude(
        """
say(type="rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": int(time.time()) + 3600})
end("Claude usage limit reached", is_error=True, api_error_status=429)
"""
    )

    error = refusal(ClaudeCode(cwd=str(tmp_path)), environ)

    assert error.kind == "quota"
    assert error.retry_after is not None
    assert timedelta(minutes=50) < error.retry_after <= timedelta(hours=1)


def test_the_total_of_a_conversation_is_not_taken_for_the_cost_of_a_turn(claude: Any, tmp_path: Path) -> None:
    environ = claude(
        "end('x', total_cost_usd=9, model_usage_since_last_result={'m': {'costUSD': 0.5}, 'n': {'costUSD': 0.25}})"
    )

    assert str(answer(ClaudeCode(cwd=str(tmp_path)), environ).cost.usd) == "0.75"


def test_lines_that_are_no_objects_are_passed_over(claude: Any, tmp_path: Path) -> None:
    environ = claude("print('a warning'); print('[1]'); print('{broken'); end('done')")

    assert answer(ClaudeCode(cwd=str(tmp_path)), environ).text == "done"


def test_a_server_of_tools_that_did_not_start_is_told(claude: Any, tmp_path: Path) -> None:
    events: list[Event] = []
    environ = claude(
        'say(type="system", subtype="init", session_id="s", mcp_servers=[{"name":"wf","status":"failed"}]); end("x")'
    )

    answer(ClaudeCode(cwd=str(tmp_path)), environ, events=events)

    assert Warned("the server of tools 'wf' did not start") in events


def test_an_isolated_agent_has_an_empty_home_and_finds_it_again_in_the_next_attempt(
    claude: Any, tmp_path: Path
) -> None:
    environ = claude(
        """
home = os.environ["HOME"]
before = sorted(os.listdir(home))
open(os.path.join(home, "login"), "a").close()
end(json.dumps([home, before, "XDG_DATA_HOME" in os.environ]))
"""
    )
    environ["XDG_DATA_HOME"] = str(tmp_path / "data")
    agent = ClaudeCode(cwd=str(tmp_path), isolated=True)

    first = json.loads(answer(agent, environ, key="k" * 32).text)
    second = json.loads(answer(agent, environ, key="k" * 32, number=2).text)
    other = json.loads(answer(agent, environ, key="j" * 32).text)

    assert first[0] != environ["HOME"]
    assert (first[1], second[1], other[1]) == ([], ["login"], [])
    assert first[0] == second[0] != other[0]
    assert first[2] is False


def test_an_agent_in_a_worktree_changes_no_file_of_anybody_and_finds_its_own_again(claude: Any, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "inner").mkdir(parents=True)
    (repository / "inner" / "file").write_text("theirs")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    environ = claude("was = open('file').read(); open('file', 'w').write('mine'); end(json.dumps([os.getcwd(), was]))")
    agent = ClaudeCode(cwd=str(repository / "inner"), worktree=True)

    folder, was = json.loads(answer(agent, environ, key="k" * 32).text)
    again, now = json.loads(answer(agent, environ, key="k" * 32, number=2).text)

    assert (was, now) == ("theirs", "mine")
    assert folder == again == str(tmp_path / "repository.perdure" / f"run-{'k' * 12}" / "inner")
    assert (repository / "inner" / "file").read_text() == "theirs"


def test_a_worktree_that_git_did_not_finish_is_made_anew(claude: Any, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
    for words in (["init", "-q"], ["commit", "-qm", "first", "--allow-empty"]):
        subprocess.run([*git, *words], check=True)
    environ = claude("open('half', 'w').close(); end(' '.join(sorted(os.listdir('.'))))")
    agent = ClaudeCode(cwd=str(repository), worktree=True)
    answer(agent, environ, key="k" * 32)
    (locked,) = (repository / ".git" / "worktrees").glob("*")
    (locked / "locked").write_text("initializing")

    answer(agent, environ, key="k" * 32, number=2)

    assert not (locked / "locked").exists()


def test_a_worktree_of_no_repository_is_refused_with_what_mends_it(claude: Any, tmp_path: Path) -> None:
    error = refusal(ClaudeCode(cwd=str(tmp_path), worktree=True), {**claude("end()"), "LC_ALL": "C"})

    assert error.kind == "config"
    assert "not a git repository" in error.message
    assert error.message.endswith("Make it a repository with a commit")


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (
            Pi(mcp=[McpServer(name="wf", command=["serve"])]),
            "Pi takes no servers of tools: take mcp out, or ask another agent",
        ),
        (
            Codex(limits=Limits(usd=1)),
            "Codex does not say what it costs, so no limit of that can be kept: take usd out",
        ),
        (
            Command(["cat"], limits=Limits(tokens=1)),
            "Command does not say how many tokens it uses, so no limit of them can be kept: take tokens out",
        ),
        (Acp(command=["x"], model="m"), "ACP is started as its command says: take model and program out"),
        *(
            (
                agent,
                f"{title} cannot ask a person about single calls: take confirm out, and say what it may do by access=…",
            )
            for title, agent in [("Pi", Pi(confirm=True)), ("Command", Command(["cat"], confirm=True))]
        ),
        (
            OpenCode(confirm=True, limits=Limits(usd=1)),
            "OpenCode does not say what it costs, so no limit of that can be kept: take usd out",
        ),
        (OpenCode(tools=["bash"]), "OpenCode cannot be told which tools to use: take tools out, and say access=…"),
    ],
)
def test_what_cannot_be_said_to_a_harness_is_refused(agent: Harness, said: str, claude: Any) -> None:
    error = refusal(agent, claude("end()"))

    assert (error.kind, error.message) == ("config", said)


@pytest.mark.parametrize(
    "agent",
    [
        ClaudeCode(access="full", network=False),
        ClaudeCode(tools=["Read", "WebFetch"], network=False),
        ClaudeCode(tools=["Bash(pytest:*)"], network=False),
        Codex(access="full", network=False),
        Pi(access="full", network=False),
        Pi(tools=["read", "bash"], network=False),
        Gemini(access="full", network=False),
        OpenCode(access="full", network=False),
        Antigravity(access="full", network=False),
        Antigravity(tools=["view_file", "run_command"], network=False),
    ],
)
def test_who_has_tools_that_nothing_keeps_from_the_network_is_not_started(agent: Harness, claude: Any) -> None:
    error = refusal(agent, claude("end()"))

    assert error.kind == "config"
    assert error.message.endswith(
        "has tools that nothing keeps from the network: say less by access=… or tools=…, or take network out"
    )


@pytest.mark.parametrize(
    "agent",
    [
        ClaudeCode(access="full", tools=["Read"], network=True),
        Pi(access="read", network=True),
        Pi(network=True),
        Pi(access="full", tools=["read"], network=True),
        Antigravity(access="full", tools=["view_file"], network=True),
    ],
)
def test_who_has_no_tools_for_the_network_cannot_be_let_onto_it(agent: Harness, claude: Any) -> None:
    error = refusal(agent, claude("end()"))

    assert error.kind == "config"
    assert error.message.endswith("has no tools for the network: say more by access=… or tools=…, or take network out")


@pytest.mark.parametrize("make", [ClaudeCode, Codex, Antigravity, Gemini, OpenCode])
def test_who_asks_a_person_cannot_be_kept_from_the_network(make: Any, claude: Any) -> None:
    error = refusal(make(access="read", confirm=True, network=False), claude("end()"))

    assert error.kind == "config"
    assert error.message.endswith("may be let onto the network by a person: take confirm out, or take network out")


@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("agent", [Command(["cat"]), Acp(command=["x"]), Acp(command=["x"], confirm=True)])
def test_who_cannot_be_told_about_the_network_is_not_started(agent: Harness, network: bool, claude: Any) -> None:
    error = refusal(attrs.evolve(agent, network=network), claude("end()"))

    assert error.kind == "config"
    assert error.message.endswith("cannot be told about the network: take network out")


@pytest.mark.parametrize("network", [True, False])
def test_what_is_said_of_the_network_and_can_be_kept_is_done(network: bool, claude: Any, tmp_path: Path) -> None:
    environ = claude("end(sys.argv[sys.argv.index('--tools') + 1])")

    told = answer(ClaudeCode(cwd=str(tmp_path), access="read", network=network), environ).text

    assert told == ("Read,Glob,Grep,WebFetch,WebSearch" if network else "Read,Glob,Grep")


def test_the_version_is_told_with_the_conversation_and_with_a_failure(claude: Any, tmp_path: Path) -> None:
    events: list[Event] = []

    with pytest.raises(AgentError) as raised:
        answer(ClaudeCode(cwd=str(tmp_path)), claude("sys.exit(1)"), events=events)

    assert raised.value.version == "9.9.9"
    assert [event.version for event in events if isinstance(event, Started)] == ["9.9.9"]


def test_no_more_of_a_harness_run_at_once_than_its_adapter_allows(tmp_path: Path) -> None:
    program = "import os, sys, time\nopen(f'{os.getpid()}.in', 'w').close()\n"
    program += (
        "print(len([n for n in os.listdir('.') if n.endswith('.in')]))\ntime.sleep(0.2)\nos.remove(f'{os.getpid()}.in')"
    )
    agent = Command([sys.executable, "-c", program], cwd=str(tmp_path), access="read")
    adapter = adapter_of(agent)
    assert adapter is not None
    coding = Coding("it", agent, adapter, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")})
    seen: list[int] = []

    async def main() -> None:
        async def one(number: int) -> None:
            ask: Ask[Any] = Ask("q", (agent,), "x")
            call = Call(ask=ask, attempt=Attempt("run", "q", 1, f"{number:032}"), message="x")
            seen.append(int((await coding.answer(call, lambda _: None)).text))

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(one, number)

    anyio.run(main)

    assert len(seen) == 10
    assert max(seen) <= adapter.most
    assert zombies() == []
