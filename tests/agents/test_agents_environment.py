"""An agent sees a short list of harmless variables, and those that it declares."""

from __future__ import annotations

import pytest

from perdure.agents import environment


def test_no_key_and_no_parent_session_passes() -> None:
    mine = {
        "PATH": "/bin", "HOME": "/home/me", "LC_ALL": "C", "HTTPS_PROXY": "http://proxy", "TERM": "xterm",
        "ANTHROPIC_API_KEY": "sk-1", "CLAUDECODE": "1", "CLAUDE_CODE_SSE_PORT": "1", "AWS_SECRET_ACCESS_KEY": "x",
    }  # fmt: skip

    assert environment.allowed(mine) == {
        "PATH": "/bin", "HOME": "/home/me", "LC_ALL": "C", "HTTPS_PROXY": "http://proxy", "TERM": "dumb",
        "NO_COLOR": "1",
    }  # fmt: skip


def test_a_declared_variable_passes() -> None:
    assert environment.declared(["KEY"], {"KEY": "1", "OTHER": "2"}) == {"KEY": "1"}


def test_a_declared_variable_that_is_not_set_is_told_with_what_mends_it() -> None:
    with pytest.raises(
        LookupError, match=r"env=\['A', 'B'\] is declared, but B is not set here.*export B=… where the worker starts"
    ):
        environment.declared(["A", "B"], {"A": "1"})
