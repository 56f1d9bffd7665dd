"""What each coding agent is started with: permissions, limits and servers of tools, in its own words."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest

from perdure.agents.harness import antigravity_child
from perdure.agents.harness.adapter import Room, Say
from perdure.agents.harness.known import adapter_of
from perdure.agents.process import Launch
from perdure.agents.reply import Call
from perdure.core.agents import Antigravity, ClaudeCode, Codex, Gemini, Harness, Limits, McpServer, OpenCode, Pi
from perdure.core.asked import Attempt
from perdure.core.leaves import Ask

ROOM = Room(Path("/folder"), Path("/scratch"), {"PATH": "/bin", "KEY": "a secret value"}, "a-fresh-uuid")
SERVER = McpServer(name="wf", command=["serve", "--fast"], env=["KEY"])
UNTRUSTED = {"/folder": {"trust_level": "untrusted"}, "/": {"trust_level": "untrusted"}}
EVERY = [ClaudeCode, Codex, Pi, Antigravity, Gemini, OpenCode]


def launched(agent: Harness, **call: Any) -> Launch:
    adapter = adapter_of(agent)
    assert adapter is not None
    ask: Ask[Any] = Ask("q", (agent,), "do it")  # type: ignore[arg-type]  # each has a name
    turn = Call(ask=ask, attempt=Attempt("r", "q", 1, "k"), message="do it", **call)
    return adapter.command(agent, turn, ROOM)


def settings_of(launch: Launch) -> dict[str, Any]:
    """What Antigravity's library is told."""
    ((_, text),) = launch.files.items()
    told: dict[str, Any] = json.loads(text)
    return told


def after(launch: Launch, word: str) -> str:
    return launch.argv[launch.argv.index(word) + 1]


@pytest.mark.parametrize("make", EVERY)
def test_prompt_and_secrets_pass_by_no_argument(make: Any) -> None:
    launch = launched(make(system="You are strict.", env=["KEY"], mcp=[] if make is Pi else [SERVER]))

    assert launch.stdin.endswith("do it")
    assert launch.cwd == Path("/folder")
    assert launch.env["KEY"] == "a secret value"
    for text in (*launch.argv, *launch.files.values(), launch.env.get("OPENCODE_CONFIG_CONTENT", "")):
        assert "do it" not in text
        assert "a secret value" not in text
    assert all(path.parent == Path("/scratch") for path in launch.files)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (ClaudeCode(access="read"), ["--tools", "Read,Glob,Grep", "--permission-mode", "dontAsk"]),
        (ClaudeCode(access="full"), ["--permission-mode", "bypassPermissions"]),
        (Codex(access="read"), ["-s", "read-only"]),
        (Codex(), ["-s", "workspace-write"]),
        (Codex(access="full"), ["--dangerously-bypass-approvals-and-sandbox"]),
        (Pi(access="read"), ["--tools", "read,grep,find,ls"]),
        (Pi(), ["--tools", "read,grep,find,ls,edit,write"]),
        (Gemini(access="read"), ["--approval-mode", "default"]),
        (Gemini(), ["--approval-mode", "auto_edit"]),
        (Gemini(access="full"), ["--approval-mode", "yolo"]),
    ],
)
def test_access_is_said_in_the_words_of_the_harness(agent: Harness, expected: list[str]) -> None:
    argv = list(launched(agent).argv)

    at = argv.index(expected[0])
    assert argv[at : at + len(expected)] == expected


def test_who_asks_a_person_has_the_tools_that_it_has_to_ask_for() -> None:
    claude = launched(ClaudeCode(confirm=True))
    assert {"Bash", "WebFetch", "Edit"} <= set(after(claude, "--tools").split(","))
    assert "Bash" not in after(claude, "--allowedTools").split(",")
    assert after(claude, "--permission-mode") == "default"
    assert after(claude, "--permission-prompt-tool") == "stdio"
    assert json.loads(claude.stdin)["message"]["content"] == "do it"
    named = launched(ClaudeCode(confirm=True, tools=["Read", "Bash(pytest:*)"]))
    assert (after(named, "--tools"), after(named, "--allowedTools")) == ("Read,Bash", "Read,Bash(pytest:*)")
    opencode = json.loads(launched(OpenCode(confirm=True, model="m/n")).env["OPENCODE_CONFIG_CONTENT"])
    assert opencode["permission"] == {"edit": "allow", "bash": "ask", "webfetch": "ask"}
    assert opencode["model"] == "m/n"
    assert settings_of(launched(Antigravity(confirm=True)))["asks"] is True


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (Codex(confirm=True), ["codex", "app-server"]),
        (
            Gemini(confirm=True, model="m"),
            ["gemini", "--acp", "--skip-trust", "--approval-mode", "auto_edit", "-m", "m"],
        ),
        (OpenCode(confirm=True, isolated=True), ["opencode", "acp", "--pure"]),
    ],
)
def test_who_asks_a_person_is_spoken_to(agent: Harness, expected: list[str]) -> None:
    launch = launched(agent)

    assert list(launch.argv[: len(expected)]) == expected
    assert launch.talks
    assert json.loads(launch.stdin)["method"] == "initialize"


@pytest.mark.parametrize("make", [ClaudeCode, Codex, Antigravity, Gemini, OpenCode])
def test_in_a_repair_nobody_is_asked(make: Any) -> None:
    agent = make(confirm=True, access="full")
    session: Any = {"thread": "t", "counted": {}} if make is Codex else "s"
    launch = launched(agent, session=session, repair=True)

    told = "\n".join([launch.stdin, *launch.argv, *launch.files.values(), *launch.env.values(), *talk(agent, session)])
    strict = {
        ClaudeCode: "--permission-mode\ndontAsk",
        Codex: '"sandbox": "read-only", "approvalPolicy": "never"',
        Antigravity: '"asks": false',
        Gemini: "--approval-mode\ndefault",
        OpenCode: '"bash": "deny"',
    }
    assert strict[make] in told


def talk(agent: Harness, session: Any) -> list[str]:
    """What an agent is told in a repair after the first line, where it is spoken to."""
    adapter = adapter_of(agent)
    assert adapter is not None
    ask: Ask[Any] = Ask("q", (agent,), "do it")  # type: ignore[arg-type]  # each has a name
    call = Call(ask=ask, attempt=Attempt("r", "q", 1, "k"), message="do it", session=session, repair=True)
    reading = adapter.reading(agent, call, ROOM)
    return [json.dumps(said.told) for said in reading.take({"id": 1, "result": {}}) if isinstance(said, Say)]


def test_who_may_only_edit_gets_no_shell() -> None:
    assert "Bash" not in after(launched(ClaudeCode()), "--tools").split(",")
    assert "bash" not in after(launched(Pi()), "--tools").split(",")
    config = json.loads(launched(OpenCode()).env["OPENCODE_CONFIG_CONTENT"])
    assert config["permission"] == {"edit": "allow", "bash": "deny", "webfetch": "deny"}
    assert "--tools" not in launched(Pi(access="full")).argv


def test_no_settings_of_a_project_stand_above_the_access() -> None:
    read = {"edit": "deny", "bash": "deny", "webfetch": "deny"}
    assert kept_of(launched(OpenCode(access="read"))) == {**read, "task": "deny"}
    assert kept_of(launched(OpenCode())) == {**read, "edit": "allow", "task": "deny"}
    assert kept_of(launched(OpenCode(access="read", confirm=True))) == {**dict.fromkeys(read, "ask"), "task": "deny"}
    assert kept_of(launched(OpenCode(access="full"), session="s", repair=True)) == {**read, "task": "deny"}
    assert "agent" not in json.loads(launched(OpenCode(access="full")).env["OPENCODE_CONFIG_CONTENT"])
    changing = ["write_file", "replace", "run_shell_command"]
    assert policy_of(launched(Gemini(access="read"))) == {"deny": changing}
    assert policy_of(launched(Gemini())) == {"deny": ["run_shell_command"]}
    assert policy_of(launched(Gemini(access="read", confirm=True))) == {"ask_user": changing}
    assert policy_of(launched(Gemini(confirm=True), session="s", repair=True)) == {"deny": changing}
    assert policy_of(launched(Gemini(access="full"))) == {}
    for codex in (Codex(access="read"), Codex()):
        assert "--ignore-rules" in launched(codex).argv
        assert trust_of(launched(codex)) is None
    for asking in (Codex(access="read", confirm=True), Codex(confirm=True)):
        assert trust_of(launched(asking)) == UNTRUSTED
    assert "--ignore-rules" not in launched(Codex(access="full")).argv
    assert trust_of(launched(Codex(access="full", confirm=True))) is None


def test_where_rules_decide_about_the_tools_of_claude_those_of_a_project_are_left_out() -> None:
    for agent in (ClaudeCode(confirm=True), ClaudeCode(tools=["Read", "Bash(pytest:*)"])):
        assert after(launched(agent), "--setting-sources") == "user"
    for agent in (ClaudeCode(access="read"), ClaudeCode(tools=["Read"]), ClaudeCode(access="full", confirm=True)):
        assert "--setting-sources" not in launched(agent).argv
    assert after(launched(ClaudeCode(confirm=True, isolated=True)), "--setting-sources") == ""


def test_who_is_isolated_reads_no_settings_of_the_project() -> None:
    assert launched(OpenCode(isolated=True)).env["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"
    assert "OPENCODE_DISABLE_PROJECT_CONFIG" not in launched(OpenCode()).env
    assert after(launched(ClaudeCode(isolated=True)), "--setting-sources") == ""
    assert "--no-extensions" in launched(Pi(isolated=True)).argv
    for codex in (Codex(access="full", isolated=True), Codex(access="full", confirm=True, isolated=True)):
        assert trust_of(launched(codex)) == UNTRUSTED


def test_who_is_let_onto_the_network_has_what_reaches_it_without_asking() -> None:
    claude = launched(ClaudeCode(access="read", network=True))
    assert after(claude, "--tools") == after(claude, "--allowedTools") == "Read,Glob,Grep,WebFetch,WebSearch"
    asking = launched(ClaudeCode(network=True, confirm=True))
    assert "WebFetch" in after(asking, "--allowedTools").split(",")
    assert "Bash" not in after(asking, "--allowedTools").split(",")
    for codex in (launched(Codex(network=True)), launched(Codex(network=True, confirm=True))):
        assert network_of(codex) == {"sandbox_workspace_write": {"network_access": True}, "web_search": "live"}
    for access, edit in [("read", "deny"), ("edit", "allow")]:
        assert permission_of(launched(OpenCode(access=access, network=True))) == {  # type: ignore[arg-type]  # one of two
            "edit": edit,
            "bash": "deny",
            "webfetch": "allow",
            "websearch": "allow",
        }
    assert permission_of(launched(OpenCode(network=True, confirm=True)))["bash"] == "ask"
    for gemini in (launched(Gemini(access="read", network=True)), launched(Gemini(network=True, confirm=True))):
        assert policy_of(gemini)["allow"] == ["web_fetch", "google_web_search"]
    antigravity = settings_of(launched(Antigravity(access="read", network=True)))
    assert antigravity_child.allowed(antigravity) == (
        "view_file",
        "list_directory",
        "search_directory",
        "find_file",
        "search_web",
        "read_url_content",
    )


def test_who_is_kept_from_the_network_has_nothing_that_reaches_it() -> None:
    assert launched(ClaudeCode(network=False)) == launched(ClaudeCode())
    assert launched(Pi(network=False)) == launched(Pi())
    assert launched(Antigravity(network=False)) == launched(Antigravity())
    codex = {
        "sandbox_workspace_write": {"network_access": False},
        "web_search": "disabled",
        "features": {"apps": False},
    }
    assert network_of(launched(Codex(network=False))) == codex
    assert policy_of(launched(Gemini(network=False))) == {
        "deny": ["run_shell_command", "web_fetch", "google_web_search"]
    }
    opencode = launched(OpenCode(network=False))
    denied = {"edit": "allow", "bash": "deny", "webfetch": "deny", "websearch": "deny"}
    assert permission_of(opencode) == denied
    assert kept_of(opencode) == {**denied, "task": "deny"}


@pytest.mark.parametrize("make", EVERY)
def test_of_who_says_nothing_of_the_network_no_harness_is_told_of_it(make: Any) -> None:
    launch = launched(make())

    told = "\n".join([*launch.argv, *launch.files.values(), *launch.env.values()])
    assert not any(word in told for word in ("network_access", "web_search", "WebSearch", "websearch", "web_fetch"))


@pytest.mark.parametrize("make", EVERY)
def test_a_repair_needs_no_network(make: Any) -> None:
    agent = make(network=True, access="full" if make is Pi else "edit")
    launch = launched(agent, session={"thread": "t", "counted": {}} if make is Codex else "s", repair=True)

    kept = {
        Antigravity: lambda: settings_of(launch)["network"] is False,
        ClaudeCode: lambda: after(launch, "--tools") == "",
        Codex: lambda: network_of(launch)["web_search"] == "disabled",
        Pi: lambda: "--no-tools" in launch.argv,
        Gemini: lambda: set(policy_of(launch)) == {"deny"},
        OpenCode: lambda: {permission_of(launch)[tool] for tool in ("webfetch", "websearch", "bash")} == {"deny"},
    }
    assert kept[make]()


def network_of(launch: Launch) -> dict[str, Any]:
    """What Codex is told about the network."""
    told: dict[str, Any] = {}
    for setting in launch.argv[launch.argv.index("-c") :]:
        if setting.startswith(("sandbox_workspace_write", "web_search", "features")):
            told |= tomllib.loads(setting)
    return told


def trust_of(launch: Launch) -> Any:
    """What Codex is told of the folders that it may trust."""
    settings = [word for word in launch.argv if word.startswith("projects=")]
    return tomllib.loads(settings[0])["projects"] if settings else None


def permission_of(launch: Launch) -> dict[str, str]:
    """What OpenCode may do."""
    permission: dict[str, str] = json.loads(launch.env["OPENCODE_CONFIG_CONTENT"])["permission"]
    return permission


def kept_of(launch: Launch) -> dict[str, str]:
    """What the agent may do that OpenCode is, of which no settings speak."""
    config = json.loads(launch.env["OPENCODE_CONFIG_CONTENT"])
    ((name, agent),) = config["agent"].items()
    assert name == config["default_agent"] == "perdure-a-fresh-uuid"
    assert launch.argv[1] == "acp" or after(launch, "--agent") == name
    assert agent["mode"] == "primary"
    permission: dict[str, str] = agent["permission"]
    return permission


def policy_of(launch: Launch) -> dict[str, list[str]]:
    """The tools of Gemini by what is decided about them, above all that others decide."""
    if "--admin-policy" not in launch.argv:
        return {}
    rules = tomllib.loads(launch.files[Path(after(launch, "--admin-policy"))])["rule"]
    assert {rule["priority"] for rule in rules} == {999}
    return {rule["decision"]: rule["toolName"] for rule in rules}


def test_tools_that_are_named_are_the_only_ones() -> None:
    launch = launched(ClaudeCode(tools=["Read", "Bash(pytest:*)", "Bash(ruff:*)"], mcp=[SERVER]))

    assert after(launch, "--tools") == "Read,Bash"
    assert after(launch, "--allowedTools") == "Read,Bash(pytest:*),Bash(ruff:*),mcp__wf"
    assert after(launched(Pi(tools=["read"])), "--tools") == "read"
    assert after(launched(ClaudeCode(tools=["Read", "WebFetch"], network=True)), "--tools") == "Read,WebFetch"
    assert antigravity_child.allowed(settings_of(launched(Antigravity(tools=["search_web"], network=True)))) == (
        "search_web",
    )


@pytest.mark.parametrize("make", EVERY)
def test_a_repair_changes_nothing(make: Any) -> None:
    session = {"thread": "t", "counted": {}} if make is Codex else "s"
    launch = launched(
        make(access="full", tools=["bash"] if make in (ClaudeCode, Pi, Antigravity) else None),
        session=session,
        repair=True,
    )

    strict = {
        Antigravity: lambda: settings_of(launch)["access"] == "read" and settings_of(launch)["tools"] is None,
        ClaudeCode: lambda: after(launch, "--tools") == "",
        Codex: lambda: after(launch, "-s") == "read-only",
        Pi: lambda: "--no-tools" in launch.argv and "--tools" not in launch.argv,
        Gemini: lambda: after(launch, "--approval-mode") == "default",
        OpenCode: lambda: json.loads(launch.env["OPENCODE_CONFIG_CONTENT"])["permission"]["edit"] == "deny",
    }
    assert strict[make]()


@pytest.mark.parametrize(
    ("agent", "session", "expected"),
    [
        (ClaudeCode(), None, ["--session-id", "a-fresh-uuid"]),
        (ClaudeCode(), "s", ["--resume", "s"]),
        (Codex(), {"thread": "t", "counted": {}}, ["resume", "t", "-"]),
        (Pi(), "s", ["--session", "s"]),
        (Gemini(), None, ["--session-id", "a-fresh-uuid"]),
        (Gemini(), "s", ["--resume", "s"]),
        (OpenCode(), "s", ["--session", "s"]),
    ],
)
def test_a_conversation_is_begun_or_continued(agent: Harness, session: Any, expected: list[str]) -> None:
    argv = launched(agent, session=session).argv

    assert list(argv[-len(expected) :]) == expected or argv[argv.index(expected[0]) + 1] == expected[1]


def test_a_schema_is_given_to_those_who_take_one() -> None:
    schema = {"type": "object"}

    assert json.loads(after(launched(ClaudeCode(), schema=schema), "--json-schema")) == schema
    codex = launched(Codex(), schema=schema)
    assert json.loads(codex.files[Path(after(codex, "--output-schema"))]) == schema


def test_antigravity_is_told_all_by_a_private_file() -> None:
    agent = Antigravity(
        model="m", system="s", access="read", mcp=[SERVER], limits=Limits(turns=3), program="/opt/python"
    )

    launch = launched(agent, schema={"type": "object"}, session="c")

    assert launch.argv[0] == "/opt/python"
    assert settings_of(launch) == {
        "model": "m",
        "system": "s",
        "schema": {"type": "object"},
        "session": "c",
        "fresh": "a-fresh-uuid",
        "access": "read",
        "network": False,
        "tools": None,
        "asks": False,
        "turns": 3,
        "mcp": [{"name": "wf", "command": ["serve", "--fast"], "env": ["KEY"]}],
    }


def test_a_budget_is_told_to_those_who_keep_one() -> None:
    assert after(launched(ClaudeCode(limits=Limits(usd=1.5))), "--max-budget-usd") == "1.5"


def test_servers_of_tools_are_given_by_name_and_their_secrets_by_the_name_of_a_variable() -> None:
    claude = launched(ClaudeCode(mcp=[SERVER]))
    codex = launched(Codex(mcp=[SERVER]))
    gemini = launched(Gemini(mcp=[SERVER]))
    opencode = launched(OpenCode(mcp=[SERVER]))

    whole = {"command": "serve", "args": ["--fast"]}
    (file,) = claude.files.values()
    assert json.loads(file) == {"mcpServers": {"wf": {**whole, "env": {"KEY": "${KEY}"}}}}
    (setting,) = (word for word in codex.argv if word.startswith("mcp_servers"))
    assert tomllib.loads(setting)["mcp_servers"]["wf"] == {**whole, "env_vars": ["KEY"], "required": True}
    settings = gemini.files[Path(gemini.env["GEMINI_CLI_SYSTEM_SETTINGS_PATH"])]
    assert json.loads(settings)["mcpServers"]["wf"] == {**whole, "env": {"KEY": "$KEY"}, "trust": True}
    config = json.loads(opencode.env["OPENCODE_CONFIG_CONTENT"])
    assert config["mcp"]["wf"]["command"] == ["serve", "--fast"]
    assert config["mcp"]["wf"]["environment"] == {"KEY": "{env:KEY}"}


def test_any_text_reaches_codex_as_toml() -> None:
    system = 'Be "brief", \\ or\n\tnot: é 🐝 \x7f\x01'

    (setting,) = (word for word in launched(Codex(system=system)).argv if word.startswith("developer_instructions"))

    assert tomllib.loads(setting) == {"developer_instructions": system}


@pytest.mark.parametrize("make", EVERY)
def test_what_an_agent_is_told_beside_the_prompt_reaches_it(make: Any) -> None:
    launch = launched(make(system="You are strict."))

    texts = [*launch.files.values(), *launch.argv, launch.stdin]
    assert any("You are strict." in text for text in texts)


@pytest.mark.parametrize("make", EVERY)
def test_another_program_can_be_named(make: Any) -> None:
    assert launched(make(program="/opt/it")).argv[0] == "/opt/it"


def test_an_agent_of_a_class_below_one_is_run_as_that_one() -> None:
    @attrs.frozen(kw_only=True)
    class Mine(ClaudeCode):
        pass

    assert launched(Mine()).argv[0] == "claude"
