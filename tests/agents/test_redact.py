"""A secret is in nothing that an agent says, in none of the forms in which programs print it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.agents.redact import Redactor

SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40)


@given(SECRETS, st.binary(max_size=5), st.binary(max_size=5))
def test_a_declared_secret_is_taken_out_in_every_form(secret: str, before: bytes, after: bytes) -> None:
    redactor = Redactor({"KEY": secret})
    raw = secret.encode()
    forms = (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret))

    for form in (*forms, quote(secret, safe=""), quote_plus(secret)):
        assert redactor.text(form) == "[KEY]"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        told = redactor.text(encode(before + raw + after).decode())
        assert "[KEY]" in told
        # At both ends a letter may share bits with what stands beside the secret; it holds less than a byte of it.
        assert len(told) <= len(encode(before).decode()) + len(encode(after).decode()) + len("[KEY]") + 4


@given(st.dictionaries(st.sampled_from(["A", "B", "C"]), SECRETS), st.text(max_size=50))
def test_what_is_told_can_be_told_again(secrets: dict[str, str], text: str) -> None:
    redactor = Redactor(secrets)
    line = json.dumps({"text": text + "".join(secrets.values())}, ensure_ascii=False)

    assert all(value not in redactor.text(line) for value in secrets.values())


@pytest.mark.parametrize(
    "text",
    [
        "sk-ant-api03-abcdefghijklmnop",
        "AIzaSyAbcdefghijklmnopqrstuvwxyz012345",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0abcdefghijklmnopqrstu",
        "xoxb-123456789012-abcdefghijkl",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijklmno",
    ],
)
def test_what_looks_like_a_key_is_taken_out_though_nobody_declared_it(text: str) -> None:
    assert Redactor().text(f"it is {text}, he said") == "it is [secret], he said"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer [secret]"),
        ("http://me:password@proxy:3128/", "http://[secret]@proxy:3128/"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("task-force-of-the-ministry", "task-force-of-the-ministry"),
        ("a risk-averse-but-otherwise-fine plan", "a risk-averse-but-otherwise-fine plan"),
    ],
)
def test_only_the_secret_part_is_taken_out(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


def test_a_short_value_is_left_where_it_stands() -> None:
    assert Redactor({"KEY": "yes"}).text("yes, yesterday") == "yes, yesterday"


def test_a_redactor_does_not_show_what_it_knows() -> None:
    assert "horse" not in repr(Redactor({"KEY": "correct horse"}))
