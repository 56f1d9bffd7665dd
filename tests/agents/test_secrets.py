"""No secret is left in what is recorded, in whatever form it was written."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.agents.secrets import HIDDEN, Secrets, Veil

VALUE = "hunter2+hunter/2 é"
values = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=8, max_size=40)


@given(value=values, before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_a_secret_is_found_in_base64_wherever_it_begins(value: str, before: bytes, after: bytes) -> None:
    secrets = Secrets({"X": value}, ["X"])

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + value.encode() + after).decode()
        hidden = secrets.hide(encoded)
        # What may be left are the characters that bear bits of its neighbours too.
        assert HIDDEN in hidden
        assert len(hidden.replace(HIDDEN, "").rstrip("=")) <= 4 * ((len(before) + 2) // 3 + (len(after) + 2) // 3) + 2


@pytest.mark.parametrize("ascii", [True, False])
def test_a_secret_is_found_within_json(ascii: bool) -> None:
    value = 'say "é" and \\ more'

    assert Secrets({"X": value}, ["X"]).hide(json.dumps([value], ensure_ascii=ascii)) == f'["{HIDDEN}"]'


@pytest.mark.parametrize("safe", ["", "/", "!'()*", ";,/?:@&=+$-_.!~*'()#"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("encode", [quote, quote_plus])
def test_a_secret_is_found_in_an_address_whoever_encoded_it(encode: Any, safe: str, lower: bool) -> None:
    value = "ab/cd!ef'(x)* g+h=é"
    encoded = encode(value, safe)
    if lower:
        encoded = re.sub("%..", lambda escape: escape[0].lower(), encoded)

    assert Secrets({"X": value}, ["X"]).hide(f"?key={encoded}&x") == f"?key={HIDDEN}&x"


def test_a_secret_is_found_as_forms_of_browsers_encode_it() -> None:
    assert Secrets({"X": "ab/cd*~ g+h=é"}, ["X"]).hide("ab%2Fcd*%7E+g%2Bh%3D%C3%A9") == HIDDEN


def test_a_secret_of_many_lines_is_found_in_each() -> None:
    value = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nabcdefgh\n-----END PRIVATE KEY-----\n"
    secrets = Secrets({"X": value}, ["X"])

    assert [secrets.hide(line) for line in value.splitlines()] == [HIDDEN] * 4


@pytest.mark.parametrize("width", [64, 76])
def test_a_long_secret_is_found_in_base64_of_many_lines(width: int) -> None:
    value = "".join(f"{number}-" for number in range(60))
    encoded = textwrap.wrap(base64.b64encode(value.encode()).decode(), width)

    assert {Secrets({"X": value}, ["X"]).hide(line).rstrip("=") for line in encoded} == {HIDDEN}


@pytest.mark.parametrize(
    "key",
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
def test_what_is_a_key_beyond_doubt_is_hidden_wherever_it_is_printed(key: str) -> None:
    assert Secrets({}, ()).hide_printed(f"it is {key}, he said") == f"it is {HIDDEN}, he said"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bearer abcdefghijklmnop12345", f"Bearer {HIDDEN}"),
        ("http://me:password@proxy:3128/", f"http://{HIDDEN}@proxy:3128/"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("task-force-of-the-whole-ministry", "task-force-of-the-whole-ministry"),
    ],
)
def test_only_the_secret_part_of_what_is_printed_is_hidden(text: str, expected: str) -> None:
    assert Secrets({}, ()).hide_printed(text) == expected


@pytest.mark.parametrize("form", [VALUE, quote(VALUE, safe=""), quote_plus(VALUE)])
def test_a_secret_is_found_as_it_is_and_in_urls(form: str) -> None:
    assert Secrets({"X_TOKEN": VALUE}, ()).hide(f"a{form}z") == f"a{HIDDEN}z"


def test_a_tree_is_cleaned_in_its_keys_and_values() -> None:
    secrets = Secrets({"X": VALUE}, ["X"])

    assert secrets.hide_tree({VALUE: [VALUE, 1, None]}) == {HIDDEN: [HIDDEN, 1, None]}


def test_what_looks_like_a_key_is_hidden_in_errors_only() -> None:
    secrets = Secrets({}, ())

    assert (
        secrets.hide_error("Incorrect API key provided: sk-live-12345678.") == f"Incorrect API key provided: {HIDDEN}."
    )
    assert secrets.hide_error("Authorization: Bearer abcdefgh12345678") == f"Authorization: {HIDDEN}"
    assert secrets.hide("the variable sk-live-12345678 is named so") == "the variable sk-live-12345678 is named so"


@given(
    secrets=st.lists(st.text("abc-", min_size=8, max_size=10), max_size=3),
    parts=st.lists(st.text("abc-", max_size=12), max_size=12),
    planted=st.integers(0, 12),
)
def test_a_text_in_parts_hides_what_the_whole_text_hides(secrets: list[str], parts: list[str], planted: int) -> None:
    for secret in secrets:  # cut in two, so that it is there at all
        parts[planted:planted] = [secret[:planted], secret[planted:]]
    hiding = Secrets({f"S{n}": secret for n, secret in enumerate(secrets)}, [f"S{n}" for n in range(len(secrets))])
    veil = Veil(hiding)

    told = "".join([*map(veil.add, parts), veil.rest()])

    assert told == hiding.hide("".join(parts))


def test_only_what_may_begin_a_secret_is_held_back() -> None:
    veil = Veil(Secrets({"X_TOKEN": VALUE}, ()))

    assert veil.add(f"plain text, {VALUE[:3]}") == "plain text, "
    assert veil.add("!") == f"{VALUE[:3]}!"
    assert veil.rest() == ""


def test_a_short_value_is_no_secret() -> None:
    assert Secrets({"KEY": "on"}, ["KEY"]).hide("on and on") == "on and on"


def test_a_longer_secret_that_contains_a_shorter_one_is_hidden_whole() -> None:
    assert Secrets({"A_KEY": "12345678", "B_KEY": "12345678-and-more"}, ()).hide("12345678-and-more") == HIDDEN
