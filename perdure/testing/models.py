"""A provider of models on this machine, for tests: real requests, scripted answers, no key and no network.

`python -m perdure.testing.models TEXT` starts one that says the same to everybody, and prints its address.
"""

from __future__ import annotations

import sys
import threading

from perdure.agents.fake.harnesses import Pointing, pointing
from perdure.agents.fake.script import Api, Heard, Json, Said, Script, Use, by_turn, in_order
from perdure.agents.fake.server import KEY, FakeProvider

__all__ = [
    "KEY",
    "Api",
    "FakeProvider",
    "Heard",
    "Json",
    "Pointing",
    "Said",
    "Script",
    "Use",
    "by_turn",
    "in_order",
    "pointing",
]

if __name__ == "__main__":
    with FakeProvider(" ".join(sys.argv[1:]) or "hello") as provider:
        sys.stdout.write(f"{provider.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
