"""How fast tfspec itself answers, beside the same answer from transformers on the meta device.

    python benchmarks/tool.py            a table
    python benchmarks/tool.py --json     the same rows as JSON

The question is "how many parameters has this model". `process` rows ask it as a shell does, from
the start of Python to its end; `warm` rows ask it again in a process that has asked before. `draw`
and `report` rows write the model's picture and its report in the time that transformers takes to
have the model at all. Each figure is a median, tfspec and transformers measured in turns.

`file` rows load and check each bundled spec from its file, in CPU time of a process that has done
so before, in turns with plain PyYAML, which reads the same texts and understands nothing of them: a
machine that is slow or busy slows both.

`sweep` rows ask what training costs at 1,000 lengths on a GPU: the whole process against one cost,
a process too, so that the ratio says how much of one cost all others take together.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

PEERS = {
    "gpt2": "from transformers import GPT2Config as C, GPT2LMHeadModel as M; c = C()",
    "vit-b16": (
        "from transformers import ViTConfig as C, ViTForImageClassification as M;"
        "c = C(num_labels=1000)"
    ),
    "transformer-base": (
        "from transformers import MarianConfig as C, MarianMTModel as M;"
        "c = C(vocab_size=37000, d_model=512, encoder_layers=6, decoder_layers=6,"
        " encoder_attention_heads=8, decoder_attention_heads=8, encoder_ffn_dim=2048,"
        " decoder_ffn_dim=2048, pad_token_id=0, decoder_start_token_id=0)"
    ),
}
COUNT = """
import torch
{peer}
with torch.device("meta"):
    model = M(c)
print(sum(p.numel() for p in model.parameters() if p.requires_grad))
"""


SWEPT = ("gpt2", "deepseek-v3")
TRAINED = ("--dtype", "bf16", "--target", "h200", "--format", "json")


@dataclass(frozen=True)
class Row:
    """One comparison: seconds of tfspec and of a peer, and how many times the peer's is longer."""

    what: str
    tfspec_s: float
    peer: str
    peer_s: float
    ratio: float


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description="The speed of tfspec itself.")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--repeats", type=int, default=5, help="of each process (default: 5)")
    args = parser.parse_args()
    rows: list[Row] = []
    for measure in track(plan(args.repeats), "measuring", console=Console(stderr=True)):
        rows.append(measure())
    if args.json:
        print(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=2))
    else:
        show(rows)


def plan(repeats: int) -> list[Callable[[], Row]]:
    """The measurements, as calls."""
    verbs = [lambda verb=verb: process("gpt2", repeats, verb) for verb in ("draw", "report")]
    processes = [lambda name=name: process(name, repeats) for name in PEERS]
    warms = [lambda name=name: warm(name) for name in PEERS]
    sweeps = [lambda name=name: sweep(name, repeats) for name in SWEPT]
    drawn = [lambda name=name: warm(name, "draw") for name in PEERS]
    depths = [lambda: depth("gpt2", 12, 96)]
    return [*processes, *verbs, *warms, *drawn, *depths, *files(), *sweeps]


def files(repeats: int = 25) -> list[Callable[[], Row]]:
    """A measurement of each bundled spec."""
    from tfspec import zoo

    return [lambda name=name: file(name, repeats) for name in zoo.names()]


def file(name: str, repeats: int) -> Row:
    """A load and check of a bundled spec's file, against PyYAML's reading of it and its bases."""
    import yaml

    import tfspec
    from tfspec import zoo

    path = zoo.path(name)
    assert path is not None
    spec = tfspec.load(path)
    assert spec.check().ok
    texts = spec.loaded.sources.values()
    ways = lambda: tfspec.load(path).check(), lambda: [*map(yaml.safe_load, texts)]
    ours, theirs = zip(*(map(cpu_seconds, ways) for _ in range(repeats)), strict=True)
    return row(f"file, {name}", "PyYAML, the text", median(ours), median(theirs))


def cpu_seconds(call: Callable[[], Any]) -> float:
    """What one call takes of the processor."""
    start = time.process_time()
    call()
    return time.process_time() - start


def sweep(name: str, repeats: int) -> Row:
    """1,000 costs of one process against one cost of another, in user CPU time."""
    command = [sys.executable, "-m", "tfspec", "cost", name, "--mode", "train", *TRAINED]
    ways = ([*command, "--sweep", "T=1..1000:1000"], [*command, "--set", "T=1000"])
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        answers: list[str] = []
        for way, taken in zip(ways, times, strict=True):
            start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            answers.append(subprocess.run(way, check=True, capture_output=True, text=True).stdout)
            taken.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start)
        check_sweep(*map(json.loads, answers))
    return row(f"sweep, {name}, 1,000 lengths", "tfspec, one length", *map(median, times))


def check_sweep(swept: Any, one: Any) -> None:
    """The last point is the other answer, or the comparison is of nothing."""
    last = swept["points"][-1]
    assert (last["size"], len(swept["points"])) == (1000, 1000)
    assert last["quantities"]["forward"] == one["flops"]["forward"]
    assert last["quantities"]["activations"] == one["memory"]["activations"]
    assert last["time_seconds"] == one["time"]["seconds"]


def process(name: str, repeats: int, verb: str = "check") -> Row:
    """`tfspec check NAME`, or a verb that writes a file, against a script that counts the peer's
    parameters."""
    times: tuple[list[float], list[float]] = ([], [])
    with TemporaryDirectory() as folder:
        ours = [sys.executable, "-m", "tfspec", verb, name, *asks(verb, Path(folder))]
        theirs = [sys.executable, "-c", COUNT.format(peer=PEERS[name])]
        for _ in range(repeats):
            for command, taken in zip((ours, theirs), times, strict=True):
                start = time.perf_counter()
                answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                taken.append(time.perf_counter() - start)
                check_answer(name, answer or count_in(Path(folder)))
    what = f"process, {name}" if verb == "check" else f"process, {verb} {name}"
    return row(what, "transformers, meta", *map(median, times))


def asks(verb: str, folder: Path) -> list[str]:
    """What a verb's call ends with."""
    endings = {"check": ["--format", "json"], "draw": ["-o", str(folder / "made.svg")]}
    return endings.get(verb, ["-o", str(folder / "made.html")])


def count_in(folder: Path) -> str:
    """The parameters that the picture or the report just written tells: it is this model's."""
    (made,) = folder.iterdir()
    found = re.search(r"([0-9,]{9,}) parameters", made.read_text())
    made.unlink()
    assert found is not None, f"{made.name} tells no parameters"
    return found[1].replace(",", "")


def check_answer(name: str, answer: str) -> None:
    """Both must give the parameters that the spec expects, or the comparison is of nothing."""
    given = json.loads(answer)
    params = given if isinstance(given, int) else given["specs"][0]["params"]
    expected = {"gpt2": 124439808, "vit-b16": 86567656, "transformer-base": 63082496}[name]
    assert params == expected, f"{name}: {params:,} parameters, and not {expected:,}"


def warm(name: str, verb: str = "check") -> Row:
    """A check or a picture in a process that has made one before, against building the peer
    again."""
    import tfspec

    space: dict[str, Any] = {}
    exec(COUNT.format(peer=PEERS[name]).replace("print", "str"), space)
    build = compile('with torch.device("meta"):\n    M(c)', "<peer>", "exec")
    calls = {"check": lambda: tfspec.check(name), "draw": lambda: tfspec.draw(name).svg()}
    ours = median(timed(calls[verb], 15))
    return row(
        f"warm, {name}" if verb == "check" else f"warm, {verb} {name}",
        "transformers, meta",
        ours,
        median(timed(lambda: exec(build, space), 5)),
    )


def depth(name: str, shallow: int, deep: int) -> Row:
    """A warm check at two depths: a repeated block costs what one costs, so the ratio is near 1."""
    import tfspec

    one, other = (
        median(timed(lambda layers=layers: tfspec.check(name, {"L": layers}), 15))
        for layers in (shallow, deep)
    )
    return row(f"warm, {name}, {shallow} layers", f"tfspec, {deep} layers", one, other)


def timed(call: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each call, after one that warms up."""
    call()
    taken: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken


def row(what: str, peer: str, ours: float, theirs: float) -> Row:
    """A row, with its ratio."""
    return Row(what, ours, peer, theirs, theirs / ours)


def median(times: Sequence[float]) -> float:
    """The median, in seconds."""
    return statistics.median(times)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {"python": platform.python_version(), "machine": platform.machine()}


def show(rows: list[Row]) -> None:
    """The rows as a table."""
    table = Table("what", "tfspec", "peer", "peer's time", "ratio")
    for each in rows:
        times = (f"{each.tfspec_s * 1e3:,.1f} ms", f"{each.peer_s * 1e3:,.1f} ms")
        table.add_row(each.what, times[0], each.peer, times[1], f"{each.ratio:.1f}x")
    Console().print(table)


if __name__ == "__main__":
    main()
