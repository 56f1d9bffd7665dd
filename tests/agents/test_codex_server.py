"""What Codex asks by its app server, and what it is told: without a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perdure.agents.harness.adapter import Reading, Room, Say
from perdure.agents.harness.known import adapter_of
from perdure.agents.reply import Call, Event, ToolEnded, Wanted, Warned
from perdure.core.agents import Codex, McpServer
from perdure.core.asked import Attempt
from perdure.core.leaves import Approved, Ask, Denied

COMMAND = "item/commandExecution/requestApproval"
FILES = "item/fileChange/requestApproval"
PERMISSIONS = "item/permissions/requestApproval"
FORM = "mcpServer/elicitation/request"


@pytest.fixture
def reading() -> Reading:
    """One whose turn has begun."""
    agent = Codex(confirm=True, model="m", mcp=[McpServer(name="wf", command=["serve"])])
    adapter = adapter_of(agent)
    assert adapter is not None
    call = Call(ask=Ask("q", (agent,), "do it"), attempt=Attempt("r", "q", 1, "k"), message="do it")
    reading = adapter.reading(agent, call, Room(Path("/folder"), Path("/scratch"), {}, "a-fresh-uuid"))
    for said in ({"id": 1, "result": {}}, {"id": 2, "result": {"thread": {"id": "t"}}}, {"id": 3, "result": {}}):
        list(reading.take(said))
    return reading


def asked(reading: Reading, method: str, **params: Any) -> Event | Say | Wanted:
    """What comes of a question."""
    (come,) = reading.take({"id": 7, "method": method, "params": {"threadId": "t", "turnId": "u", **params}})
    return come


def wanted(reading: Reading, method: str, **params: Any) -> Wanted:
    come = asked(reading, method, **params)
    assert isinstance(come, Wanted)
    return come


def test_a_command_is_asked_about_by_what_it_is_and_where_it_runs(reading: Reading) -> None:
    what = wanted(reading, COMMAND, itemId="i", command="make", cwd="/folder", reason="it has to", startedAtMs=1)

    assert what == Wanted("7", "command_execution", {"command": "make", "cwd": "/folder"})
    assert reading.answer(what, Approved()) == [{"id": 7, "result": {"decision": "accept"}}]


def test_a_change_of_files_is_asked_about_by_what_it_changes(reading: Reading) -> None:
    changes = [{"path": "/x", "kind": {"type": "add"}, "diff": "a\n"}]
    item = {"type": "fileChange", "id": "i", "changes": changes, "status": "inProgress"}
    list(reading.take({"method": "item/started", "params": {"threadId": "t", "item": item}}))

    what = wanted(reading, FILES, itemId="i")

    assert what == Wanted("7", "file_change", {"changes": changes})
    steer, no = reading.answer(what, Denied(note="not here"))
    assert steer["method"] == "turn/steer"
    assert steer["params"]["expectedTurnId"] == "u"
    assert steer["params"]["input"][0]["text"] == "The reviewer did not allow this call: not here. Go on without it."
    assert no == {"id": 7, "result": {"decision": "decline"}}


def test_permissions_are_given_as_they_were_asked_for_and_for_the_turn(reading: Reading) -> None:
    asks = {"network": {"enabled": True}}

    what = wanted(reading, PERMISSIONS, itemId="i", cwd="/folder", permissions=asks)

    assert what == Wanted("7", "permissions", {"cwd": "/folder", "permissions": asks})
    assert reading.answer(what, Approved()) == [{"id": 7, "result": {"permissions": asks, "scope": "turn"}}]
    what = wanted(reading, PERMISSIONS, itemId="i", cwd="/folder", permissions=asks)
    assert reading.answer(what, Denied())[1] == {"id": 7, "result": {"permissions": {}}}


def test_a_server_that_it_was_given_is_used_and_another_one_is_asked_about(reading: Reading) -> None:
    call = {"codex_approval_kind": "mcp_tool_call", "tool_name": "pay", "tool_params": {"cents": 5}}

    assert asked(reading, FORM, serverName="wf", _meta=call) == Say(
        {"id": 7, "result": {"action": "accept", "content": {}}}
    )
    what = wanted(reading, FORM, serverName="bank", _meta=call)
    assert what == Wanted("7", "bank.pay", {"cents": 5})
    assert reading.answer(what, Denied())[1] == {"id": 7, "result": {"action": "decline"}}


def test_a_form_that_somebody_would_have_to_fill_in_is_declined(reading: Reading) -> None:
    assert asked(reading, FORM, serverName="bank", mode="form", message="Who?") == Say(
        {"id": 7, "result": {"action": "decline"}}
    )


def test_what_is_not_offered_is_refused(reading: Reading) -> None:
    come = asked(reading, "item/tool/requestUserInput", questions=[])

    assert isinstance(come, Say)
    assert come.told["error"]["message"] == "item/tool/requestUserInput is not offered"


def test_where_nobody_answers_the_turn_is_ended_before_the_no(reading: Reading) -> None:
    stop, no = reading.answer(wanted(reading, COMMAND, command="make"), Denied(note="later"), stop=True)

    assert (stop["method"], stop["params"]) == ("turn/interrupt", {"threadId": "t", "turnId": "u"})
    assert no == {"id": 7, "result": {"decision": "decline"}}


def test_a_reason_that_comes_too_late_is_no_failure(reading: Reading) -> None:
    steer, _ = reading.answer(wanted(reading, COMMAND, command="make"), Denied(note="no"))

    assert list(reading.take({"id": steer["id"], "error": {"code": -32600, "message": "no active turn"}})) == []
    assert not reading.done


def test_what_agents_of_its_own_do_is_not_told_as_its_own(reading: Reading) -> None:
    item = {"type": "agentMessage", "id": "i", "text": "mine"}

    assert list(reading.take({"method": "item/completed", "params": {"threadId": "other", "item": item}})) == []
    assert reading.text == ""


def test_a_declined_tool_has_not_gone_well_and_a_fault_of_the_way_is_a_warning(reading: Reading) -> None:
    item = {"type": "commandExecution", "id": "i", "command": "make", "status": "declined"}
    ended = reading.take({"method": "item/completed", "params": {"threadId": "t", "item": item}})
    error = {"threadId": "t", "error": {"message": "Reconnecting"}, "willRetry": True}

    assert list(ended) == [ToolEnded("i", False, "")]
    assert list(reading.take({"method": "error", "params": error})) == [Warned("Reconnecting")]
    assert reading.failed is None


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ("usageLimitExceeded", "quota"),
        ("contextWindowExceeded", "context"),
        ("unauthorized", "auth"),
        ({"responseTooManyFailedAttempts": {"httpStatusCode": 429}}, "rate"),
        ({"httpConnectionFailed": {"httpStatusCode": 503}}, "transient"),
        ("serverOverloaded", "rate"),
        ("modelNotFound", "config"),
        ("badRequest", "config"),
        ("internalServerError", "transient"),
        ("bioPolicy", "refused"),
        ("other", "crashed"),
        (None, "crashed"),
    ],
)
def test_an_error_has_its_kind(info: Any, kind: str, reading: Reading) -> None:
    turn = {"id": "u", "status": "failed", "error": {"message": "it did not work", "codexErrorInfo": info}}

    list(reading.take({"method": "turn/completed", "params": {"threadId": "t", "turn": turn}}))

    assert reading.failed is not None
    assert reading.failed.kind == kind
