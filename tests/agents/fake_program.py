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

folder, *arguments = Path(sys.argv[1]), *sys.argv[2:]
recorded = json.loads((folder / "recorded.json").read_text())
if arguments == ["--version"]:
    print(recorded["version"])
    sys.exit()

heard = folder / "heard.jsonl"
number = len(heard.read_text().splitlines()) if heard.exists() else 0
with heard.open("a") as file:
    files = {word: Path(word).read_text() for word in arguments if Path(word).is_file()}
    turn = recorded["turns"][number]
    talks = any(isinstance(line, dict) for line in turn["lines"])
    stdin = "" if talks else sys.stdin.read()
    file.write(json.dumps({"argv": arguments, "files": files, "stdin": stdin, "env": dict(os.environ)}) + "\n")

for line in turn["lines"]:
    if isinstance(line, dict):  # here it was told something
        with (folder / "told.jsonl").open("a") as file:
            file.writelines(sys.stdin.readline() for _ in range(line["told"].count("\n")))
    else:
        print(line, flush=True)
for name, text in recorded["leaves"].items():
    Path(name).write_text(text)
sys.stderr.write("\n".join(turn["stderr"]))
sys.stderr.flush()
if turn["hangs"]:
    time.sleep(1000)
if talks:
    sys.stdin.read()
sys.exit(turn["code"])
