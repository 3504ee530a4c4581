"""What public cost tools say of public models, beside the right answer.

    python benchmarks/peers.py --install     makes .venv-peers, where the tools are
    python benchmarks/peers.py               measures what is missing, and prints the table
    python benchmarks/peers.py --show --format md

The tools run in an environment of their own, each in a process of its own, on transformers' models
with random weights. Rows go to `results/peers.jsonl`; README.md beside this file says what they
mean.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from gpu_rows import Job, Journal, Row, run, say
from peer_exact import case, exact, models, seconds
from peer_table import FORMATS

HERE = Path(__file__).parent
VENV, RESULTS = HERE.parent / ".venv-peers", HERE / "results" / "peers.jsonl"
REQUIREMENTS = HERE / "peers.requirements.txt"
LIMIT_S, LIMIT_GB = 300, 20
TOOLS = {
    "torchinfo": "torchinfo",
    "calflops": "calflops",
    "calflops, eager attention": "calflops",
    "fvcore": "fvcore",
    "fvcore, eager attention": "fvcore",
    "FlopCounterMode, CPU": "torch",
    "FlopCounterMode, meta": "torch",
    "accelerate": "accelerate",
    "llm-analysis": "llm-analysis",
}
HUGE = ("llama-3-8b", "mixtral-8x7b")


def main() -> int:
    """The exit status: 0 when every row is there."""
    args = parser().parse_args()
    if args.install:
        install(args.venv)
        return 0
    versions = pinned()
    common = {"python": platform.python_version(), "machine": platform.machine()}
    journal = Journal(args.results, common, key=("job", "version"))
    jobs = [job for job in planned(args.venv, versions) if job.id.startswith(args.only or "")]
    if args.list:
        print(*(job.id for job in jobs), sep="\n")
        return 0
    if args.fresh:
        journal.drop(jobs)
    status = 0 if args.show else measure(args.venv, jobs, journal)
    print(FORMATS[args.format]([row for job in jobs for row in journal.of(job)]), end="")
    return status


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    found.add_argument("--install", action="store_true", help="make the tools' environment")
    found.add_argument("--venv", type=Path, default=VENV, help="where it is (.venv-peers)")
    found.add_argument("--results", type=Path, default=RESULTS, help="the file of the rows")
    found.add_argument("--only", metavar="START", help="rows whose name starts so: gpt2/calflops")
    found.add_argument("--fresh", action="store_true", help="measure again what is there")
    found.add_argument("--show", action="store_true", help="print what is there, measure nothing")
    found.add_argument("--list", action="store_true", help="name the rows, measure nothing")
    found.add_argument(
        "--format", choices=FORMATS, default="table", help="table (default), json, md"
    )
    return found


def install(venv: Path) -> None:
    """An environment apart, with exactly what the requirements name."""
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)


def pinned() -> dict[str, str]:
    lines = (line.strip() for line in REQUIREMENTS.read_text("utf-8").splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def planned(venv: Path, versions: dict[str, str]) -> list[Job]:
    """tfspec and every tool on every model."""
    found: list[Job] = []
    for model in models():
        about = {"model": model, "load": case(model)["load"]}
        ours = {**about, "tool": "tfspec", "version": ""}
        found.append(Job(f"{model}/tfspec", ours, partial(right, model)))
        for tool, package in TOOLS.items():
            theirs = {**about, "tool": tool, "version": versions[package]}
            theirs["transformers"] = versions["transformers"]
            found.append(Job(f"{model}/{tool}", theirs, partial(asked, venv, tool, model)))
    return found


def measure(venv: Path, jobs: list[Job], journal: Journal) -> int:
    if not (venv / "bin" / "python").exists():
        say(f"there is no {venv}: run `python benchmarks/peers.py --install`")
        return 2
    return run(jobs, journal, minutes=60)


def right(model: str) -> list[Row]:
    took = seconds(model)
    return [
        {
            "quantity": name,
            "value": value,
            "exact": value,
            "error": 0.0,
            "seconds": took,
            "ok": True,
        }
        for name, value in exact(model).items()
    ]


def asked(venv: Path, tool: str, model: str) -> list[Row]:
    """A row for each number that the tool gives, or one that says why it gives none."""
    if tool == "FlopCounterMode, CPU" and model in HUGE:
        why = f"the weights alone are over {LIMIT_GB} GB"
        return [{"quantity": "", "cannot": why, "seconds": 0.0, "ok": True}]
    start = time.perf_counter()
    done = in_its_own_process(venv, tool, json.dumps(case(model) | {"bytes": LIMIT_GB * 10**9}))
    took = time.perf_counter() - start
    if isinstance(done, str):
        return [{"quantity": "", "cannot": done, "seconds": took, "ok": True}]
    return [{**row, "seconds": took, "ok": True} for row in judged(done, exact(model))]


def in_its_own_process(venv: Path, tool: str, question: str) -> dict[str, float] | str:
    """What the tool says, or why it says nothing."""
    command = [str(venv / "bin" / "python"), str(HERE / "peer_tools.py"), tool, question]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"it takes over {LIMIT_S} s"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return last.removeprefix("NotImplementedError: ")[:200]
    return json.loads(done.stdout)


def judged(said: dict[str, float], exact: dict[str, int]) -> list[Row]:
    """Each number as the quantity that it is; a MAC is two FLOPs."""
    found: list[Row] = []
    for name, number in said.items():
        quantity, factor = name.replace("MACs", "FLOPs"), 2 if name.endswith("MACs") else 1
        if quantity not in exact:
            continue
        value = factor * number
        row: Row = {"quantity": quantity, "said": number, "said_as": name, "value": value}
        row |= {"exact": exact[quantity], "error": value / exact[quantity] - 1}
        found.append(row)
    return found


if __name__ == "__main__":
    sys.exit(main())
