"""What stages do in the world: real commands on a real repository, each a step that may be repeated.

A project is a folder: `work` is its repository, with a remote called origin; `live` is production; `artefacts` is where
every stage leaves what it made. In earnest a forge and a host stand in the place of the last two.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
from artefacts import (
    Artefact,
    Audit,
    Change,
    Changes,
    Checks,
    Fixed,
    Health,
    Lines,
    Mended,
    Metrics,
    Release,
    Stopped,
)
from returns.result import Failure, Result, Success

from perdure import Effect, StepFault, fail, pure, step

#: What has to pass. A project of another language has others.
COMMANDS = (["-m", "compileall", "-q", "."], ["-m", "unittest", "-q"])
#: Nobody signs in the name of a person.
SIGNED = {f"GIT_{who}_{what}": "gstack" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **SIGNED}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def git(folder: str, *arguments: str) -> str:
    """What git says; a command that fails is a failed step, with git's own words."""
    done = run(Path(folder, "work"), "git", *arguments)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def committed(folder: str, message: str) -> str:
    """A commit of all that is not committed: the one there is, where there is nothing. So it may be done again."""
    git(folder, "add", "-A")
    if git(folder, "status", "--porcelain"):
        git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def checked(at: Path) -> Checks:
    """The commands, one after the other, up to the first that fails."""
    for command in COMMANDS:
        done = run(at, sys.executable, *command)
        if done.returncode:
            return Checks(False, f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return Checks(True, "")


def written(folder: str, change: Change) -> str:
    for file in change.files:
        path = Path(folder, "work", file.path).resolve()
        if not path.is_relative_to(Path(folder, "work").resolve()):
            raise ValueError(f"{file.path} is not in the repository")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
    return committed(folder, change.message)


# -- artefacts -------------------------------------------------------------------------------------------------------


def told(value: Artefact) -> str:
    """An artefact as a document for people: a heading for each field."""
    parts = [f"# {type(value).__name__}"]
    for field in attrs.fields(type(value)):
        held = getattr(value, field.name)
        lines = [f"- {one}" for one in held] if isinstance(held, list) else [f"{held}"]
        parts += [f"## {field.name.replace('_', ' ').capitalize()}", "\n".join(lines) or "none"]
    return "\n\n".join(parts) + "\n"


@step
def keep(folder: str, name: str, value: Artefact) -> str:
    """Leave an artefact for the next stage, and for people, with the commit that it is about."""
    file = Path(folder, "artefacts", f"{name}.md")
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{told(value)}\nAt {git(folder, 'rev-parse', 'HEAD')}.\n")
    return str(file)


@step
def recall(folder: str, name: str) -> Result[str, Stopped]:
    """What a stage before left."""
    file = Path(folder, "artefacts", f"{name}.md")
    return Success(file.read_text()) if file.exists() else Failure(Stopped(name, f"there is no {file.name} yet"))


# -- looking ---------------------------------------------------------------------------------------------------------


@step
def survey(folder: str) -> str:
    """What there is: the last commits, the files, the open tasks and earlier designs."""
    todos = Path(folder, "work", "TODOS.md")
    kept = sorted(file.name for file in Path(folder, "artefacts").glob("*.md"))
    said = (
        git(folder, "log", "-30", "--oneline"),
        git(folder, "ls-files"),
        todos.read_text() if todos.exists() else "",
    )
    return "\n\n".join((*said, " ".join(kept)))


@step
def source(folder: str) -> str:
    """Every tracked file under its name: what a coding agent reads by itself, a model is told."""
    names = git(folder, "ls-files", "*.py").splitlines()
    return "\n\n".join(f"=== {name}\n{Path(folder, 'work', name).read_text()}" for name in names)


@step
def diff(folder: str) -> Result[str, Stopped]:
    """What the branch changes. There is nothing to review on the base branch."""
    changed = git(folder, "diff", "origin/main...HEAD")
    return Success(changed) if changed else Failure(Stopped("review", "nothing is changed against origin/main"))


@step
def use(folder: str) -> Health:
    """The work, used as somebody would who says nothing."""
    return asked(Path(folder, "work"))


@step
def surface(folder: str) -> str:
    """What an attacker sees: files that build, deploy or configure, and lines that look like doors."""
    names = [name for name in git(folder, "ls-files").splitlines() if not name.endswith((".py", ".md"))]
    doors = run(Path(folder, "work"), "git", "grep", "-nE", "argv|environ|input\\(|subprocess|eval\\(").stdout
    return "\n".join([*names, doors])


def checks_of(folder: str) -> Checks:
    return checked(Path(folder, "work"))


checks = step(name="checks")(checks_of)
#: The same, where a later step is not made without it.
verify = step(name="verify")(checks_of)


def passing(stage: str, made: Effect[Checks, StepFault]) -> Effect[Checks, StepFault | Stopped]:
    """Checks that pass, or the end of the stage."""
    return made.bind(lambda said: pure(said) if said.approved else fail(Stopped(stage, said.feedback)))


# -- changing --------------------------------------------------------------------------------------------------------


@step
def branch(folder: str, name: str) -> Result[str, Stopped]:
    """A branch for the work, from what is on the main one. What somebody left uncommitted is theirs."""
    if git(folder, "status", "--porcelain"):
        return Failure(Stopped("build", "there are uncommitted changes: commit or stash them"))
    git(folder, "fetch", "-q", "origin")
    git(folder, "checkout", "-q", "-B", name, "origin/main")
    return Success(name)


@step
def commit(folder: str, change: Change) -> str:
    return written(folder, change)


@step
def try_fixes(folder: str, changes: Changes) -> Mended:
    """Each fix in a commit of its own, which is reverted if the checks do not pass with it."""
    return Mended([tried(folder, change) for change in changes.changes])


def tried(folder: str, change: Change) -> Fixed:
    before = git(folder, "rev-parse", "HEAD")
    after = written(folder, change)
    if after == before:
        return Fixed(change.message, "nothing to do")
    if checks_of(folder).approved:
        return Fixed(change.message, "verified")
    git(folder, "revert", "--no-edit", after)
    return Fixed(change.message, "reverted")


@step
def merge_base(folder: str) -> Result[str, Stopped]:
    """The base branch merged in before anything is tested; a conflict is for a person."""
    name = git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    if name == "main":
        return Failure(Stopped("ship", "this is the base branch: ship from a branch of your own"))
    git(folder, "fetch", "-q", "origin")
    if run(Path(folder, "work"), "git", "merge", "-q", "--no-edit", "origin/main").returncode:
        conflicts = git(folder, "diff", "--name-only", "--diff-filter=U")
        git(folder, "merge", "--abort")
        return Failure(Stopped("ship", f"it conflicts with main in {conflicts}"))
    return Success(name)


@step
def prepare(folder: str, name: str, audit: Audit) -> Release:
    """The next version after that of main, a CHANGELOG and open tasks. From the same audit always the same."""
    old = [int(part) for part in git(folder, "show", "origin/main:VERSION").split(".")]
    at = ("major", "minor", "patch").index(audit.level)
    version = ".".join(str(part) for part in [*old[:at], old[at] + 1, *([0] * (2 - at))])
    work = Path(folder, "work")
    work.joinpath("VERSION").write_text(f"{version}\n")
    earlier = git(folder, "show", "origin/main:CHANGELOG.md")
    work.joinpath("CHANGELOG.md").write_text(
        "\n".join([f"## {version}", *(f"- {line}" for line in audit.changelog), "", earlier, ""])
    )
    if audit.undone:
        work.joinpath("TODOS.md").write_text("".join(f"- {what}\n" for what in audit.undone))
    return Release(name, version, committed(folder, f"chore: version {version}"))


@step
def push(folder: str, release: Release) -> None:
    """Never by force. What is there already is there."""
    git(folder, "push", "-q", "origin", f"{release.commit}:refs/heads/{release.branch}")


@step
def open_request(folder: str, release: Release, audit: Audit) -> str:
    """A forge would be asked here; again, it would change the request that is there."""
    file = Path(folder, "artefacts", "request.md")
    body = "\n".join(f"- {line}" for line in audit.changelog)
    file.write_text(f"v{release.version} {release.branch}\n\n{body}\n\n{release.commit}\n")
    return str(file)


# -- releasing -------------------------------------------------------------------------------------------------------


@step
def find_request(folder: str) -> Result[Release, Stopped]:
    """The request for this branch, its version still the next one, and its branch where it was."""
    file = Path(folder, "artefacts", "request.md")
    if not file.exists():
        return Failure(Stopped("land", "there is no request: run ship first"))
    title, *_, head = file.read_text().rstrip().split("\n\n")
    version, name = title.removeprefix("v").split(" ", 1)
    git(folder, "fetch", "-q", "origin")
    if git(folder, "rev-parse", f"origin/{name}") != head:
        return Failure(Stopped("land", f"{name} has moved since the request: run ship again"))
    if git(folder, "merge-base", "origin/main", head) != git(folder, "rev-parse", "origin/main"):
        return Failure(Stopped("land", f"main has moved, and {version} may be taken: run ship again"))
    return Success(Release(name, version, head))


@step
def rehearse(folder: str, release: Release) -> Lines:
    """What will happen, tried without effect."""
    merged = run(Path(folder, "work"), "git", "merge-tree", "--write-tree", "origin/main", release.commit).returncode
    live = Path(folder, "live")
    said = [
        f"merge {release.branch} into main: {'no conflict' if not merged else 'it conflicts'}",
        f"deploy {release.version} to {live}: {'reachable' if live.is_dir() else 'it is not there yet'}",
        "look at the site; roll back if somebody says so",
    ]
    return Lines(said)


@step
def ci(folder: str, release: Release) -> Result[Checks, Stopped]:
    """The commands on a fresh checkout of what was pushed."""
    place = Path(folder, "artefacts", "checkout")
    shutil.rmtree(place, ignore_errors=True)
    git(folder, "clone", "-q", git(folder, "remote", "get-url", "origin"), str(place.resolve()), "-b", release.branch)
    said = checked(place)
    shutil.rmtree(place)
    return Success(said) if said.approved else Failure(Stopped("land", said.feedback))


@step
def readiness(folder: str, release: Release) -> Lines:
    """Which stages were gone through, and whether code was changed after what they saw."""
    lines = ["ci: passed"]
    for stage in ("review", "qa", "cso", "ship"):
        file = Path(folder, "artefacts", f"{stage}.md")
        seen = file.read_text().rpartition("At ")[2].strip().rstrip(".") if file.exists() else ""
        later = git(folder, "diff", "--name-only", seen, release.commit, "--", "*.py").split() if seen else []
        lines.append(f"{stage}: {'not run' if not seen else f'before changes of {later}' if later else 'current'}")
    return Lines(lines)


@step
def released(folder: str) -> str:
    """The commit that is live; nothing before the first release."""
    file = Path(folder, "live", "RELEASE")
    return file.read_text().strip() if file.exists() else ""


def put_live(folder: str, commit: str) -> None:
    live = Path(folder, "live")
    shutil.rmtree(live, ignore_errors=True)
    live.mkdir()
    if commit:
        packed = live / "release.tar"
        git(folder, "archive", "-o", str(packed.resolve()), commit)
        shutil.unpack_archive(packed, live, filter="data")
        packed.unlink()
        live.joinpath("RELEASE").write_text(f"{commit}\n")


@step(repeat="once")
def deploy(folder: str, commit: str) -> None:
    """Here a host would be told. Whether it heard it nobody knows after a crash, so it is not told twice."""
    put_live(folder, commit)


@step
def put_back(folder: str, commit: str) -> None:
    """What was live before is live again."""
    put_live(folder, commit)


@step
def merge(folder: str, release: Release) -> str:
    """A merge into main on origin; where it is there already, that one."""
    git(folder, "fetch", "-q", "origin")
    found = git(folder, "log", "origin/main", "--merges", "--format=%H", f"--grep=^v{release.version} ")
    if found:
        return found.splitlines()[0]
    git(folder, "checkout", "-q", "-B", "main", "origin/main")
    git(folder, "merge", "-q", "--no-ff", "-m", f"v{release.version} {release.branch}", release.commit)
    git(folder, "push", "-q", "origin", "main")
    return git(folder, "rev-parse", "HEAD")


@step
def revert(folder: str, commit: str) -> None:
    """A commit that takes a merge back; none, where that was done."""
    git(folder, "checkout", "-q", "-B", "main", "origin/main")
    if not git(folder, "log", "--format=%H", f"--grep=This reverts commit {commit[:12]}"):
        git(folder, "revert", "--no-edit", "-m", "1", commit)
        git(folder, "push", "-q", "origin", "main")


def asked(place: Path, *said: str) -> Health:
    """A page of the site, and the last line of what went wrong on it."""
    done = run(place, sys.executable, "app.py", *said)
    return Health(done.stdout.strip(), [line for line in done.stderr.splitlines()[-1:] if line])


def seen(folder: str) -> Health:
    """The live site, asked for its page."""
    return asked(Path(folder, "live"), "Ann")


@step
def remember(folder: str, health: Health, wanted: str = "yes") -> None:
    """How the site is when it is well, if somebody wants this to be it."""
    if wanted == "yes":
        Path(folder, "artefacts", "baseline.json").write_text(json.dumps(attrs.asdict(health)))


@step
def baseline(folder: str) -> Health:
    """How the site was before the release; how it is now, where nobody looked before."""
    file = Path(folder, "artefacts", "baseline.json")
    return Health(**json.loads(file.read_text())) if file.exists() else seen(folder)


@step
def look(folder: str) -> Health:
    return seen(folder)


# -- looking back ----------------------------------------------------------------------------------------------------


@step
def metrics(folder: str) -> Metrics:
    """What the main branch says of the last week."""
    week = ("log", "main", "--since=7 days ago", "--no-merges")
    subjects = git(folder, *week, "--format=%s").splitlines()
    files = git(folder, *week, "--format=", "--name-only").splitlines()
    fixes = sum(subject.startswith("fix") for subject in subjects)
    return Metrics(len(subjects), fixes, sorted({*files} - {""}), sum("test" in file for file in files))


@step
def gathered(folder: str) -> str:
    """All that this cycle left, and what the last look back said."""
    return "\n\n".join(file.read_text() for file in sorted(Path(folder, "artefacts").glob("*.md")))
