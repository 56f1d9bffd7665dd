"""What is committed works anywhere: it names no place on the machine where it was written, and no registry."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def tracked() -> list[Path]:
    """Every file that git would put into a clone."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [file for name in listed.stdout.split("\0") if name and (file := ROOT / name).is_file()]


def pins() -> dict[str, str]:
    """constraints.txt: name to version."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [
        re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][A-Za-z0-9.]*)", line) for line in lines if line[:1] not in ("", "#")
    ]
    assert all(found), "each line pins one name to one version, and says nothing about where it comes from"
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def test_no_committed_file_names_the_folder_it_was_written_in() -> None:
    here = re.compile(rf"(?<![\w./-]){re.escape(str(ROOT))}(?![\w-])".encode())

    assert [str(file) for file in tracked() if here.search(file.read_bytes())] == []


def test_no_committed_file_says_where_packages_are_downloaded() -> None:
    place = re.compile(rb"--(extra-)?index-url|--find-links|[\w.-]+/simple/|file:///(opt|home|root|work|Users)/")
    itself = Path(__file__)

    assert [str(file) for file in tracked() if file != itself and place.search(file.read_bytes())] == []


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    said = [
        *project["project"]["dependencies"],
        *extras["dev"],
        *extras["models"],
        *project["build-system"]["requires"],
    ]
    wanted = [need for need in map(Requirement, said) if need.name != "perdure"]  # an extra names another of ours
    pinned = pins()

    assert [str(need) for need in wanted if not need.specifier.contains(pinned[canonicalize_name(need.name)])] == []
