# mypy: disable-error-code="empty-body"
"""What running yields: outcomes to match on, in memory and on a store."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_type

from given import Draft, RateLimited, Refused, number
from returns.result import Failure, Success

import perdure
from perdure import Cancelled, Do, Outcome, Waiting, run_in_memory, workflow


@workflow
def ship(topic: str) -> Do[Draft, RateLimited | Refused]:
    yield from number()
    return Draft(topic)


# program: memory answers an outcome of the effect's own types
async def in_memory() -> None:
    assert_type(await run_in_memory(number()), Outcome[int, RateLimited | Cancelled])
    assert_type(
        await run_in_memory(ship("x"), answers={"gate": True}), Outcome[Draft, RateLimited | Refused | Cancelled]
    )


# program: a store's result is the outcome or what is waited for
def on_a_store() -> str:
    with perdure.open("x.db") as store:
        handle = store.start(ship("bees"), id="mine", key="k")
        result = handle.result(timedelta(minutes=1))
        assert_type(result, Outcome[Draft, RateLimited | Refused | Cancelled] | Waiting)
        match result:
            case Success(draft):
                assert_type(draft, Draft)
                return draft.text
            case Failure(error):
                assert_type(error, RateLimited | Refused | Cancelled)
                return str(error)
            case Waiting(unblock=command):
                assert_type(command, str | None)
                return command or ""


# program: the async store does the same
async def on_an_async_store() -> None:
    async with await perdure.open_async() as store:
        handle = await store.start(ship("bees"))
        assert_type(handle.run_id, str)
        assert_type(await handle.result(), Outcome[Draft, RateLimited | Refused | Cancelled] | Waiting)


# program: a handle remembers what its workflow yields
def remembered(store: perdure.Store) -> perdure.Handle[Draft, RateLimited | Refused]:
    return store.start(ship("bees"))
