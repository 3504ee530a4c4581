"""The battery for a GPU: is the emitted code right there, and how fast is it beside its peers.

Where tfspec is, `prepare` emits the files and writes down predictions, and `judge` predicts again
what was measured. Where the GPU is, each part is one command, which goes on where it was stopped;
it needs torch, transformers, rich and the prepared folder, and not tfspec. README.md beside this
file says what the rows mean.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gpu_cases import BATTERY, RESULTS, read_manifest
from gpu_parts import PARTS, Setting, device_name
from gpu_rows import Journal, run, say, versions


def main() -> int:
    """The exit status: 0 fine, 1 something is wrong, 3 there was not time for all."""
    args = parser().parse_args()
    if args.part == "prepare":
        from gpu_prepare import prepare

        say(f"wrote {prepare(args.battery, args.target)}")
        return 0
    if args.part == "judge":
        from gpu_judge import judge

        return judge(args.results, args.efficiency)
    if args.part == "show":
        from gpu_table import show

        return show(args.results)
    return measure(args)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = top.add_subparsers(dest="part", required=True, metavar="PART")
    prepare = parts.add_parser("prepare", help="where tfspec is: emit what the others need")
    prepare.add_argument("--target", help="the target of the emitted files")
    measuring = {name: parts.add_parser(name, help=part.about) for name, part in PARTS.items()}
    judge = parts.add_parser("judge", help="where tfspec is: predict again what was measured")
    judge.add_argument("--efficiency", type=Path, metavar="FILE", help="a table that `time` wrote")
    show = parts.add_parser("show", help="print the rows that are there")
    for part in (prepare, *measuring.values()):
        part.add_argument("--battery", type=Path, default=BATTERY, help="the prepared folder")
    for part in (*measuring.values(), judge, show):
        part.add_argument("--results", type=Path, default=RESULTS, help="the folder of the rows")
    for part in measuring.values():
        _measuring(part)
    return top


def _measuring(part: argparse.ArgumentParser) -> None:
    part.add_argument("--device", default="cuda", help="cuda (default) or cpu")
    part.add_argument("--tiny", action="store_true", help="tiny sizes: a rehearsal")
    part.add_argument("--only", metavar="START", help="jobs whose name starts so: gpt2/full/fp32")
    part.add_argument("--minutes", type=float, default=7.5, help="stop before this (default: 7.5)")
    part.add_argument("--iterations", type=int, default=30, help="timed calls (default: 30)")
    part.add_argument("--inductor", action="store_true", help="on a CPU too, not aot_eager")
    part.add_argument("--eager", action="store_true", help="compile nothing")
    part.add_argument("--fresh", action="store_true", help="measure again what is there")
    part.add_argument("--retry", action="store_true", help="measure again what is not ok")
    part.add_argument("--list", action="store_true", help="name the jobs, and run none")


def measure(args: argparse.Namespace) -> int:
    """Run what is missing, and print all rows of the jobs asked for."""
    from gpu_table import tables

    manifest = read_manifest(args.battery)
    planned = PARTS[args.part].plan(setting(args, manifest))
    jobs = [job for job in planned if job.id.startswith(args.only or "")]
    if args.list:
        print(*(job.id for job in jobs), sep="\n")
        return 0
    common = common_columns(args, manifest)
    journal = Journal(args.results / f"{args.part}.jsonl", common)
    if args.fresh or args.retry:
        journal.drop(jobs, bad_only=not args.fresh)
    status = run(jobs, journal, args.minutes)
    rows = [row for job in jobs for row in journal.of(job)]
    tables(rows)
    PARTS[args.part].finish(rows, args.results)
    assert not sys.modules.get("tfspec"), "the emitted files must stand alone"
    return status


def setting(args: argparse.Namespace, manifest: dict) -> Setting:
    size = "tiny" if args.tiny else "full"
    if not args.device.startswith("cuda"):
        from gpu_masked import rehearse

        rehearse()
    return Setting(manifest, args.battery, size, args.device, backend(args), args.iterations)


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
    found = versions() | {"tfspec": manifest["tfspec"], "target": target_of(args, manifest)}
    if cuda:
        found["cuda"] = torch.version.cuda
    common = {"device": device_name(args.device), "torch": found["torch"], "versions": found}
    return common | {"backend": backend(args) or "eager"}


def target_of(args: argparse.Namespace, manifest: dict) -> str:
    """What the files that a part runs were emitted for."""
    if args.part in ("memory", "time"):
        return "cpu" if args.tiny else manifest["flex target"]
    return manifest["flex target" if args.part.startswith("flex") else "target"]


if __name__ == "__main__":
    sys.exit(main())
