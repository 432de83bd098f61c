"""The peers that doxa is measured against, in an environment of their own under doxa's cache.

The Python peers are installed with pip; llama-server, llama-bench and llama-batched-bench are built
from the source package of llama-cpp-python, in the version that doxa itself uses.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
from importlib.metadata import version
from pathlib import Path

import platformdirs

LLAMA = version("llama-cpp-python")
PINS = (
    "lm-eval==0.4.13",
    "inspect-ai==0.3.285",
    "transformers==5.23.0",
    f"llama-cpp-python[server]=={LLAMA}",
    "accelerate",
    "gguf",
    "openai",
)
TORCH = "torch==2.13.0"  # first and pinned: what the others would pull is several gigabytes
TOOLS = ("llama-server", "llama-bench", "llama-batched-bench")
OFF = ("LLAMA_CURL", "LLAMA_OPENSSL", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_UI")


def cache() -> Path:
    """The folder of all that benchmarks keep between runs."""
    folder = Path(platformdirs.user_cache_dir("doxa")) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def python() -> Path:
    """The interpreter of the peers' environment, which is made where it is missing."""
    folder = cache() / "venv"
    interpreter = folder / "bin" / "python"
    wanted = "\n".join((TORCH, *PINS))
    done = folder / "installed.txt"
    if not done.is_file() or done.read_text("utf-8") != wanted:
        venv.create(folder, with_pip=True)
        pip = [str(interpreter), "-m", "pip", "install", "--quiet"]
        pinned = folder / "torch.txt"
        pinned.write_text(TORCH, "utf-8")
        subprocess.run([*pip, TORCH], check=True, stdout=sys.stderr)
        subprocess.run([*pip, "--constraint", str(pinned), *PINS], check=True, stdout=sys.stderr)
        done.write_text(wanted, "utf-8")
    return interpreter


def command(name: str) -> Path:
    """A command of the peers' environment, such as ``lm_eval``."""
    return python().parent / name


def tool(name: str) -> Path:
    """One of ``TOOLS``; all are built where it is missing, which takes minutes and resumes."""
    source = cache() / f"llama_cpp_python-{LLAMA}"
    built = source / "build" / "bin" / name
    if not (source / "unpacked").is_file():
        _unpack(source)
    if not built.is_file():
        options = [f"-D{option}=OFF" for option in OFF]
        configure = ["cmake", "-B", "build", *options, "vendor/llama.cpp"]
        subprocess.run(configure, cwd=source, check=True, stdout=sys.stderr)
        build = ["cmake", "--build", "build", f"-j{os.cpu_count()}", "--target", *TOOLS]
        subprocess.run(build, cwd=source, check=True, stdout=sys.stderr)
    return built


def versions() -> dict[str, str]:
    """The versions of what is installed for the peers, by name."""
    names = ["lm_eval", "inspect_ai", "transformers", "torch", "llama_cpp_python"]
    code = f"from importlib.metadata import version as v; [print(v(n)) for n in {names}]"
    found = subprocess.run([python(), "-c", code], check=True, capture_output=True, text=True)
    return dict(zip(names, found.stdout.split(), strict=True))


def prepare() -> None:
    """Install and build all peers."""
    python()
    for name in TOOLS:
        tool(name)


def _unpack(source: Path) -> None:
    fetch = ["download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-python"]
    wanted = [f"llama-cpp-python=={LLAMA}", "--dest", str(cache())]
    subprocess.run([sys.executable, "-m", "pip", *fetch, *wanted], check=True, stdout=sys.stderr)
    archive = next(cache().glob(f"llama_cpp_python-{LLAMA}.tar.gz"))
    with tarfile.open(archive) as packed:
        packed.extractall(cache(), filter="data")
    archive.unlink()
    (source / "unpacked").touch()


if __name__ == "__main__":
    prepare()
