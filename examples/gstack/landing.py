"""What was handed in goes live, after a last look by a person; and all of it is taken back if the site is unwell.

perdure run examples/gstack/landing.py:land_and_deploy -a folder=shop
"""

from artefacts import Lines, Release, Stopped, Unwell
from watching import compared
from world import ci, deploy, find_request, keep, look, merge, put_back, readiness, rehearse, released, remember, revert

from perdure import Denied, Do, StepFault, approval, fail, scope, workflow
from perdure.components import compensate, saga


@workflow
def release(folder: str, wanted: Release) -> Do[str, StepFault | Unwell]:
    """Every change of the world stands behind the one that takes it back."""
    was = yield from scope("before", look(folder))
    yield from remember(folder, was)
    yield from compensate(released(folder), lambda commit: put_back(folder, commit))
    merged = yield from compensate(merge(folder, wanted), lambda commit: revert(folder, commit))
    yield from deploy(folder, merged)
    now = yield from scope("after", look(folder))
    watch = yield from compared(was, [now])
    return merged if not watch.drifted else (yield from fail(Unwell(watch.what)))


@workflow
def land_and_deploy(folder: str, first: bool = True) -> Do[str, StepFault | Stopped | Unwell]:
    """`first`: a person confirms how this project is deployed before it is done for the first time."""
    wanted = yield from find_request(folder)
    if first:
        setup = yield from rehearse(folder, wanted)
        confirmed = yield from approval("confirm-setup", prompt="Is this how it is deployed?", show=setup)
        if isinstance(confirmed, Denied):
            raise Stopped("land", f"this is not how it is deployed: {confirmed.note}")
    yield from ci(folder, wanted)
    ready = yield from readiness(folder, wanted)
    yield from keep(folder, "readiness", ready)
    decision = yield from approval("merge-it", prompt=f"Merge and deploy {wanted.version}?", show=ready)
    if isinstance(decision, Denied):
        raise Stopped("land", f"not merged: {decision.note}")
    merged = yield from saga(release(folder, wanted))
    yield from keep(folder, "deploy", Lines([f"{wanted.version} is live", f"merged as {merged}"]))
    return merged
