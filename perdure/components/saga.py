"""All of it or none of it: what was done is taken back, the last first, when a later part fails.

```text
book ──► pay ──► ship ──► done
                  │ fails
unbook ◄─ refund ◄┘
```

`saga` and `compensate` are the core's own: that a rollback survives a crash in its middle is a promise of the machine
that drives effects, and no composition of others could keep it. A saga over a list is that of a `for_each`, one at a
time: `saga(for_each(regions, deploy, limit=1))`, where `deploy` is a compensated step.

* Compensations run in reverse, whatever the others of them did, when the saga fails and when the run is cancelled.
* What failed itself has nothing to take back; what was done by the loser of a race has.
* What is still in work when a sibling of it fails, or when the run is cancelled, is cut off: it may take effect all the
  same, and has no outcome to take back. So it is not compensated, and reported.
* Within a rollback a crash loses nothing: compensations that were recorded do not run again.
* What could not be undone is reported: `not_undone` of a simulated run, a note in the journal, `perdure show`. Where
  that is not enough, let a compensated step before it reserve what it uses.
* The saga fails with the failure that began the rollback.

Example:
    >>> from perdure import Do, StepFault, step, workflow
    >>> from perdure.components import compensate, saga
    >>> from perdure.testing import simulate
    >>> @step
    ... def book(what: str) -> str:
    ...     return f"{what} 17"
    >>> @step
    ... def cancel(booking: str) -> None: ...
    >>> @step
    ... def pay() -> str:
    ...     raise ConnectionError("card refused")
    >>> @workflow
    ... def trip() -> Do[str, StepFault]:
    ...     seat = yield from compensate(book("seat"), cancel)
    ...     room = yield from compensate(book("room"), cancel)
    ...     return f"{seat}, {room}: {(yield from pay())}"
    >>> sim = simulate(saga(trip()))
    >>> [record.given["booking"] for record in sim.asked("cancel")]
    ['room 17', 'seat 17']
    >>> sim.outcome.failure()
    StepFault(step='pay', error='ConnectionError', reason='card refused')
"""

from perdure.core.operations import compensate, saga

__all__ = ["compensate", "saga"]
