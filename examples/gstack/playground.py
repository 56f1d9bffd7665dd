"""A small project to try a cycle on: a repository with its origin beside it, and a first release that is live.

perdure run examples/gstack/playground.py:playground -a folder=shop
"""

from pathlib import Path

from world import git, put_live, run

from perdure import Do, StepFault, step, workflow

APP = '''"""The page that visitors see."""

import sys


def page(name: str) -> str:
    return "<p>Hello.</p>"


if __name__ == "__main__":
    print(page(" ".join(sys.argv[1:])))
'''

TESTS = """import unittest

from app import page


class Page(unittest.TestCase):
    def test_it_says_hello(self) -> None:
        self.assertIn("Hello", page("Ann"))
"""


@step
def project(folder: str) -> str:
    """Made once; what is there stays as it is."""
    root, work = Path(folder), Path(folder, "work")
    if (work / "VERSION").exists():
        return str(work)
    work.mkdir(parents=True)
    (root / "artefacts").mkdir()
    run(root, "git", "init", "-q", "--bare", "-b", "main", "origin.git")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", "../origin.git")
    for name, text in {
        ".gitignore": "__pycache__/\n",
        "app.py": APP,
        "test_app.py": TESTS,
        "CHANGELOG.md": "",
        "VERSION": "0.1.0\n",
    }.items():
        (work / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "feat: a page")
    git(folder, "push", "-q", "origin", "main")
    put_live(folder, git(folder, "rev-parse", "HEAD"))
    return str(work)


@workflow
def playground(folder: str) -> Do[str, StepFault]:
    return (yield from project(folder))
