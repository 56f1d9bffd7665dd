"""Record what the real programs print, for the tests that have none of them: `python tests/agents/record.py [NAME…]`.

It needs the programs on the PATH, and asks nobody but a provider on loopback.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from contract import SCENES, play, played  # noqa: E402
from subjects import SUBJECTS, environ  # noqa: E402

from perdure.agents.harness import coding  # noqa: E402
from perdure.agents.process import Ended  # noqa: E402
from perdure.testing.models import FakeProvider  # noqa: E402

RECORDED = HERE / "recorded"


def record(name: str, what: str) -> str:
    subject, scene = SUBJECTS[name], SCENES[what]
    root = Path(tempfile.mkdtemp(prefix="perdure-harness-", dir=Path.home()))
    home, work = root / "home", root / "folder"
    home.mkdir()
    work.mkdir()
    turns: list[dict[str, Any]] = []
    real = coding.run_process

    async def run_process(launch: Any, on_line: Any, **options: Any) -> Ended:
        # What it was told stands between what it said, as {"told": …}.
        lines: list[str | dict[str, str]] = [{"told": launch.stdin}] if launch.talks else []

        def keep(line: str) -> Any:
            lines.append(line)
            then = on_line(line)
            if not callable(then):
                if isinstance(then, str):
                    lines.append({"told": then})
                return then

            async def ask() -> Any:
                answer = await then()
                lines.append({"told": getattr(answer, "text", answer)})
                return answer

            return ask

        ended = await real(launch, keep, **options)
        stderr = ended.stderr.splitlines()[-20:]
        turns.append({"code": ended.code, "hangs": ended.stopped is not None, "stderr": stderr, "lines": lines})
        return ended

    coding.run_process = run_process  # type: ignore[assignment]
    try:
        with FakeProvider(scene.says(subject, work), key=scene.key) as provider:
            told = play(name, subject, scene, work, environ(home, subject.home(home, provider.url)))
        version = next((each.reply.version for each in told if hasattr(each.reply, "version")), "")
        tree = {"version": version, "turns": turns}
        text = json.dumps(tree, indent=1, ensure_ascii=False)
        for real_path, said in ((work, "/folder"), (home, "/home"), (root, "/room"), (Path.home(), "/home")):
            text = text.replace(str(real_path), said).replace(str(real_path).replace("/", "-"), said.replace("/", "-"))
        text = re.sub(rf"(\w+/)*{root.name}/", "", text)  # some say where a file is seen from a folder above
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", text)
        text = re.sub(r"(file://)?/[\w./-]*?/node_modules/", "/node_modules/", text)
        text = re.sub(r"/tmp/", "/temporary/", text)
        file = RECORDED / name / f"{what.replace(' ', '-')}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
        return " | ".join(str(each.reply)[:300] + (f" LEFT {each.left}" if each.left else "") for each in told)
    finally:
        coding.run_process = real
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    for name in [each for each in SUBJECTS if not sys.argv[1:] or each in sys.argv[1:]]:
        for what in [
            each for each in played(SUBJECTS[name]) if not set(SCENES) & set(sys.argv[1:]) or each in sys.argv[1:]
        ]:
            print(f"{name} {what}: {record(name, what)}", flush=True)
