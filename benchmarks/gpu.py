"""The battery for a GPU: is the emitted code right there, and how fast is it beside its peers.

    python benchmarks/gpu.py prepare     where tfspec is: emit the files, write down predictions
    python benchmarks/gpu.py numerics    where the GPU is: right, against transformers?
    python benchmarks/gpu.py speed       where the GPU is: how fast, side by side?
    python benchmarks/gpu.py show        the rows that are there, as tables

`numerics` and `speed` need torch, transformers, rich and the prepared folder, and not tfspec. Each
goes on where it was stopped. README.md beside this file says what the rows mean.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_cases import BATTERY, MODELS, RESULTS, read_manifest
from gpu_rows import Job, Journal, run, say, versions


def main() -> int:
    """The exit status: 0 fine, 1 something is wrong, 3 there was not time for all."""
    args = parser().parse_args()
    if args.verb == "prepare":
        from gpu_prepare import prepare

        say(f"wrote {prepare(args.battery, args.target)}")
        return 0
    if args.verb == "show":
        from gpu_table import show

        return show(args.results)
    return measure(args)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = top.add_subparsers(dest="verb", required=True)
    prepare = verbs.add_parser("prepare", help="emit what the others need")
    prepare.add_argument("--target", help="the target of the emitted files")
    show = verbs.add_parser("show", help="print the rows that are there")
    numerics = verbs.add_parser("numerics", help="compare numbers")
    speed = verbs.add_parser("speed", help="take times")
    for verb in (prepare, numerics, speed):
        verb.add_argument("--battery", type=Path, default=BATTERY, help="the prepared folder")
    for verb in (numerics, speed, show):
        verb.add_argument("--results", type=Path, default=RESULTS, help="the folder of the rows")
    for verb in (numerics, speed):
        _measuring(verb)
    speed.add_argument("--iterations", type=int, default=30, help="of each (default: 30)")
    return top


def _measuring(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--device", default="cuda", help="cuda (default) or cpu")
    verb.add_argument("--tiny", action="store_true", help="tiny sizes: a rehearsal")
    verb.add_argument("--only", metavar="START", help="jobs whose name starts so: gpt2/full/fp32")
    verb.add_argument("--minutes", type=float, default=7.5, help="stop before this (default: 7.5)")
    verb.add_argument("--inductor", action="store_true", help="on a CPU too, not aot_eager")
    verb.add_argument("--eager", action="store_true", help="compile nothing")
    verb.add_argument("--fresh", action="store_true", help="measure again what is there")
    verb.add_argument("--retry", action="store_true", help="measure again what is not ok")
    verb.add_argument("--list", action="store_true", help="name the jobs, and run none")


def measure(args: argparse.Namespace) -> int:
    """Run what is missing, and print all rows of the jobs asked for."""
    from gpu_table import tables

    manifest = read_manifest(args.battery)
    jobs = [job for job in plan(args, manifest) if job.id.startswith(args.only or "")]
    if args.list:
        print(*(job.id for job in jobs), sep="\n")
        return 0
    common = common_columns(args, manifest)
    journal = Journal(args.results / f"{args.verb}.jsonl", common)
    if args.fresh or args.retry:
        journal.drop(jobs, bad_only=not args.fresh)
    status = run(jobs, journal, args.minutes)
    tables([row for job in jobs for row in journal.of(job)])
    assert not sys.modules.get("tfspec"), "the emitted files must stand alone"
    return status


def plan(args: argparse.Namespace, manifest: dict) -> Sequence[Job]:
    """The jobs of the verb, in order."""
    import gpu_numerics
    from gpu_models import Model

    size = "tiny" if args.tiny else "full"
    entries = manifest["models"]
    models = [Model(name, size, args.battery, entries[name][size], args.device) for name in MODELS]
    how = gpu_numerics.How(backend(args), manifest["compile"])
    if args.verb == "numerics":
        return gpu_numerics.jobs(models, how)
    import gpu_speed

    return gpu_speed.jobs(models, how, args.iterations)


def backend(args: argparse.Namespace) -> str | None:
    if args.eager:
        return None
    return "inductor" if args.device.startswith("cuda") or args.inductor else "aot_eager"


def common_columns(args: argparse.Namespace, manifest: dict) -> dict:
    """What every row says of this run."""
    import torch

    cuda = args.device.startswith("cuda")
    if cuda and not torch.cuda.is_available():
        raise SystemExit("there is no GPU here; rehearse with: --device cpu --tiny")
    found = versions() | {"tfspec": manifest["tfspec"], "target": manifest["target"]}
    if cuda:
        found["cuda"] = torch.version.cuda
    device = torch.cuda.get_device_name() if cuda else "cpu"
    common = {"device": device, "torch": found["torch"], "versions": found}
    return common | {"backend": backend(args) or "eager"}


if __name__ == "__main__":
    sys.exit(main())
