"""A program that does what a recording says, in place of a coding agent: one turn of it each time that it is started.

    python fake_program.py FOLDER [ARGUMENT...]

FOLDER holds `recorded.json` (see record.py), and gets `heard.jsonl`: what it was started with, and told.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

folder, *arguments = sys.argv[1:]
recorded = json.loads(Path(folder, "recorded.json").read_text())
if arguments == ["--version"]:
    print(recorded["version"])
    sys.exit()

heard = Path(folder, "heard.jsonl")
number = len(heard.read_text().splitlines()) if heard.exists() else 0
with heard.open("a") as file:
    files = {word: Path(word).read_text() for word in arguments if Path(word).is_file()}
    told = {"argv": arguments, "files": files, "stdin": sys.stdin.read(), "env": dict(os.environ)}
    file.write(json.dumps(told) + "\n")

turn = recorded["turns"][number]
for line in turn["lines"]:
    print(line, flush=True)
for name, text in recorded["leaves"].items():
    Path(name).write_text(text)
sys.stderr.write("\n".join(turn["stderr"]))
sys.stderr.flush()
if turn["hangs"]:
    time.sleep(1000)
sys.exit(turn["code"])
