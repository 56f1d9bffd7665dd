"""What an attacker would find: hunters side by side, and for each somebody who is shown the places and nothing else.

perdure run examples/gstack/security.py:cso -a folder=shop
"""

from collections.abc import Mapping

from artefacts import Findings, Lines, Posture, Stopped
from team import Team, team
from world import keep, source, surface

from perdure import Do, Effect, StepFault, fail, prompt, step, workflow
from perdure.components import panel

#: Below this confidence, from 1 to 10, nothing is told: a report full of noise is read by nobody.
DAILY, COMPREHENSIVE = 8, 2

HUNTS = {
    "secrets": "secrets in files, in settings and in the history",
    "supply-chain": "dependencies: unpinned, abandoned, with scripts that run at installation, with known holes",
    "pipeline": "the pipelines that build and deploy, and the machines that they leave open",
    "code": "the ten classic holes of the web; spoofing, tampering, repudiation, disclosure, denial, elevation",
    "models": "language models: text of strangers in prompts, answers that are trusted, calls without a limit of cost",
}


@prompt("prompts/cso/hunt.md")
def hunt_prompt(what: str, surface: str, code: str) -> None: ...
@prompt("prompts/cso/verify.md")
def verify_prompt(places: Lines, code: str) -> None: ...


@step
def places(seen: Findings) -> Lines:
    return Lines([one.where for one in seen.found])


@step
def posture(verified: dict[str, Findings], bar: int) -> Posture:
    """What was confirmed with confidence. Anything critical keeps the cycle from going on."""
    sure = [(who, one) for who, several in verified.items() for one in several.found if one.confidence >= bar]
    confirmed = [f"[{one.severity}, {one.confidence}/10] {one.where}: {one.what} ({who})" for who, one in sure]
    return Posture(confirmed, any(one.severity == "critical" for _, one in sure))


@workflow
def hunted(cast: Team, what: str, surface: str, code: str) -> Do[Findings, StepFault]:
    """Found by one, and judged by another one who does not know what the first one thought."""
    found = yield from cast.first.asks("hunt", hunt_prompt(what, surface, code), Findings)
    where = yield from places(found)
    return (yield from cast.second.asks("verify", verify_prompt(where, code), Findings))


@workflow
def cso(folder: str, comprehensive: bool = False, live: bool = False) -> Do[Posture, StepFault | Stopped]:
    cast = team(folder, live)
    seen = yield from surface(folder)
    code = yield from source(folder)
    bar = COMPREHENSIVE if comprehensive else DAILY

    def judged(verified: Mapping[str, Findings]) -> Effect[Posture, StepFault]:
        return posture(dict(verified), bar)

    found = yield from panel({name: hunted(cast, what, seen, code) for name, what in HUNTS.items()}, judged)
    yield from keep(folder, "cso", found)
    if found.blocking:
        yield from fail(Stopped("cso", "something critical was confirmed: see cso.md"))
    return found
