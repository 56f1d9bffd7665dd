"""A person as the reviewer of a loop: what they say with a no is what the next round is told."""

from typing import Never

import attrs

from perdure import Approved, Effect, approval


@attrs.frozen
class Decided:
    """A yes, perhaps with a wish; or a no, and what has to change."""

    approved: bool
    feedback: str


def decided(name: str, prompt: str, show: object) -> Effect[Decided, Never]:
    gate = approval(name, prompt=prompt, show=show)
    return gate.map(lambda answer: Decided(isinstance(answer, Approved), answer.note))
