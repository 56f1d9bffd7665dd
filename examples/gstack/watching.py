"""What is live is watched for a while; somebody is asked at once when it is worse than it was.

perdure run examples/gstack/watching.py:canary -a folder=shop
"""

from datetime import timedelta

from artefacts import Health, Unwell, Watch
from world import baseline, keep, look, put_back, released, remember, revert

from perdure import Denied, Do, StepFault, approval, sleep, step, suspend, workflow
from perdure.components import drift_detector

MINUTE = timedelta(minutes=1)


@step
def compared(was: Health, looks: list[Health]) -> Watch:
    """Changes count and not absolutes; and only what every look of a row saw: a single blip is none."""
    lasting = set(looks[0].errors).intersection(*(one.errors for one in looks)) - set(was.errors)
    blank = ["the page is empty"] if was.text and not any(one.text for one in looks) else []
    return Watch(bool(lasting or blank), "; ".join([*sorted(lasting), *blank]) or "nothing")


@workflow
def pair(folder: str) -> Do[list[Health], StepFault]:
    """Two looks, a minute apart."""
    one = yield from look(folder)
    yield from sleep(MINUTE)
    return [one, (yield from look(folder))]


@workflow
def canary(folder: str, pairs: int = 2) -> Do[Watch, StepFault | Unwell]:
    was = yield from baseline(folder)
    watch = yield from drift_detector(
        [was],
        pair(folder),
        lambda before, looks: compared(before[0], looks),
        lambda watch: keep(folder, "alert", watch),
        every=MINUTE,
        rounds=pairs,
    )
    if watch.drifted:
        kept = yield from approval("keep-release", prompt="It has become worse. Keep the release?", show=watch)
        if isinstance(kept, Denied):
            commit = yield from released(folder)
            yield from revert(folder, commit)
            yield from put_back(folder, f"{commit}^1")
            raise Unwell(watch.what)
    yield from keep(folder, "canary", watch)
    now = yield from look(folder)
    usual = yield from suspend("new-baseline", str, prompt="Is this how it looks from now on, yes or no?", show=now)
    yield from remember(folder, now, usual)
    return watch
