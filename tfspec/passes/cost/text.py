"""Costs as plain text: what matters first, a table as the model runs, then every formula."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tfspec.diagnostics.escape import escape, shorten
from tfspec.passes.cost.groups import By
from tfspec.passes.cost.growth import Growth, growth
from tfspec.passes.cost.names import CONVENTION
from tfspec.passes.text_table import COLUMNS, Column, joined, table
from tfspec.passes.time.machine import OPTIMIZER
from tfspec.passes.time.text import facts, interval, notes, plans, seconds

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost, Quantity, Row
    from tfspec.passes.time.rates import Seconds

_TABLE = (
    Column("step", 40, gives=0),
    Column("parameters", 40, right=True),
    Column("FLOPs", 14, right=True),
    Column("share", 7, right=True),
    Column("", 20),
)
_TIMED = (
    *_TABLE[:3],
    Column("time", 8, right=True),
    Column("share", 6, right=True),
    Column("bound", 7),
    Column("", 10),
)
BAR = 20
KEPT = "Activations are what autograd keeps of an eager forward on {}, before the loss."
COMPILED = (
    "Activations are what torch.compile keeps of forward and loss, both compiled as a whole.",
    "The loss is cross entropy over the last axis of every output; another one, of `build --loss`, "
    "is not counted.",
)
UNPROVED = "What a GPU's kernels keep is written down from their source, and no GPU has proved it."
PEAK = "The peak is of tensors, beside weights and inputs; kernels may take more for themselves."
ROUTED = "Every expert is taken to get an equal share of the rows there."
LOSS = (
    "The loss is cross entropy over the last axis of every output, and the peak has it; "
    "another one, of `build --loss`, is not counted."
)
SCALES = (
    (10**24, "Y"),
    (10**21, "Z"),
    (10**18, "E"),
    (10**15, "P"),
    (10**12, "T"),
    (10**9, "G"),
    (10**6, "M"),
    (10**3, "k"),
)


def text(cost: Cost, by: By = "module") -> str:
    rows = [*(_cells(cost, row) for row in cost.grouped(by)), *_rest(cost)]
    parts = [
        [
            _title(cost),
            *_active(cost),
            *_trained(cost),
            *_wrapped([*facts(cost), *plans(cost), *taken(cost)]),
        ],
        table(_TIMED if cost.timing else _TABLE, rows) if rows else [],
        list(_formulas(cost)),
        _wrapped(growths(cost)),
        [*joined(legend(cost)), *_wrapped(remarks(cost, by))],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def scaled(number: int, unit: str) -> str:
    """291.65 GFLOPs, 497.76 MB: four or five digits, and the unit by thousands."""
    size, letter = next(((size, letter) for size, letter in SCALES if number >= size), (1, ""))
    if number >= 1000 * SCALES[0][0]:  # beyond all units, and maybe beyond floats
        digits = str(number)
        return f"{digits[0]}.{digits[1:3]}e{len(digits) - 1} {unit}"
    return f"{number / size:,.2f} {letter}{unit}" if letter else f"{number:,} {unit}"


def _title(cost: Cost) -> str:
    flops = cost.number(cost.flops)
    name = shorten(escape(cost.name), 40)
    params = cost.number(cost.graph.params)
    work = f"{scaled(flops, 'FLOPs')} ({scaled(flops // 2, 'MACs')})"
    return f"{name}, {cost.mode}: {params:,} parameters, {work}"


def _active(cost: Cost) -> list[str]:
    """How many of the parameters one token uses, where not all."""
    active, params = (cost.number(each) for each in (cost.graph.active, cost.graph.params))
    if active == params:
        return []
    return [f"parameters that one token uses: {rounded(active)} of {rounded(params)} active"]


def _trained(cost: Cost) -> list[str]:
    """How many of the parameters are trained, where a stream is frozen."""
    if not cost.graph.freezes:
        return []
    trained, params = (cost.number(each) for each in (cost.graph.trained, cost.graph.params))
    return [f"parameters that are trained: {trained:,} of {params:,}, the rest is frozen"]


def rounded(count: int) -> str:
    """A count in three digits: 12.9 B, 671 B, 23.4 M; a small one as it is."""
    for size, letter in ((10**12, "T"), (10**9, "B"), (10**6, "M")):
        if count >= size:
            places = 2 - min(2, len(str(count // size)) - 1)
            return f"{count / size:,.{places}f} {letter}"
    return f"{count:,}"


def taken(cost: Cost) -> list[str]:
    """What nobody set, and so was chosen."""
    sizes = ", ".join(_taken(cost, name, size) for name, size in cost.chosen.items())
    return [escape(f"taken, since not set: {sizes}")] if sizes else []


def _taken(cost: Cost, name: str, size: int) -> str:
    """A size; for the slots of the cache, which are no dim, with the dim that sets them."""
    if name != cost.graph.slots_name:
        return f"{name} = {size}"
    return f"{name} = {size} slots of the cache (set {cost.graph.token_axis.size})"


def _cells(cost: Cost, row: Row) -> tuple[str, ...]:
    done = cost.of_mode(row.work)
    flops, total = cost.number(done), cost.number(cost.flops)
    share = flops / total if total else 0.0
    label = "  " * row.depth + (f"{row.label} × {row.count}" if row.count > 1 else row.label)
    params = "shared" if row.shared else f"{cost.number(row.params):,}" if row.params.terms else ""
    number = scaled(flops, "").rstrip() if done.terms else ""
    if cost.times is not None:
        return (escape(label), params, number, *_time(cost, cost.times.of(row.nodes)))
    if not done.terms:
        return (escape(label), params, "", "", "")
    bar = "█" * round(share * BAR) or "▏"
    return (escape(label), params, number, f"{share:.1%}", bar)


def _time(cost: Cost, time: Seconds) -> tuple[str, ...]:
    """A row's time, its share of the whole, and what it is bound by."""
    if cost.time is None or not time.typical:
        return ("", "", "", "")
    share = time.typical / cost.time.typical
    return (seconds(time.typical), f"{share:.1%}", time.bound or "", "█" * round(10 * share) or "▏")


def _rest(cost: Cost) -> Iterator[tuple[str, ...]]:
    """What is no step's."""
    if cost.times is not None and cost.times.rest.typical:
        yield (OPTIMIZER, "", "", *_time(cost, cost.times.rest))


def _formulas(cost: Cost) -> Iterator[str]:
    """Each quantity with its number, and under it its formula."""
    wide = max(len(each.name) for each in cost.quantities)
    for each in cost.quantities:
        yield f"{each.name:<{wide}}  {number(each)}"
        indent = " " * (wide + 2)
        wrap = textwrap.TextWrapper(
            COLUMNS, initial_indent=indent, subsequent_indent=f"{indent}  ",
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
        yield from wrap.wrap(f"= {formula(each)}")
        if each.name == "traffic" and cost.time and cost.timing:
            yield f"{'time':<{wide}}  {interval(cost.time, cost.timing.kind)}"


def formula(each: Quantity) -> str:
    """A quantity's formula, and what is to be said beside it, or instead."""
    alone = bool(each.said) and not each.said.startswith(",")
    return each.said if alone else escape(str(each.formula)) + each.said


def number(each: Quantity) -> str:
    """A quantity with its unit."""
    if each.unit == "bytes":
        return scaled(each.value, "B")
    if each.unit == "FLOPs":
        return f"{each.value:,} FLOPs, {scaled(each.value // 2, 'MACs')}"
    return f"{each.value:,}"


def growths(cost: Cost) -> Iterator[str]:
    """How FLOPs grow, a sentence for each length and width."""
    for each in growth(cost):
        flops = "the FLOPs that masks leave" if each.of == "needed" else "FLOPs"
        where = f" where {each.where}" if each.where else ""
        said = f"in {each.symbol}, the {each.what}, {flops} grow as {each.order}{where}"
        yield escape(said + _from(each))


def _from(each: Growth) -> str:
    if each.overtakes is None:
        return ""
    return f", and that overtakes the rest from {each.symbol} = {each.overtakes:,} on"


def symbols(cost: Cost) -> list[str]:
    """Every symbol of a formula, and those that its letters stand for, in the spec's order."""
    shown = {name for each in cost.quantities for name in each.formula.symbols}
    shown |= {
        name for letter in shown & cost.letters.keys() for name in cost.letters[letter].symbols
    }
    return [name for name in cost.values if name in shown]


def legend(cost: Cost) -> list[str]:
    """What each symbol is here."""
    said: list[str] = []
    for name in symbols(cost):
        size = cost.letters.get(name)
        middle = "" if size is None else f" = {size}"
        after = " slots of the cache" if name == cost.graph.slots_name else ""
        said.append(escape(f"{name}{middle} = {cost.values[name]}{after}"))
    return said


def remarks(cost: Cost, by: By) -> list[str]:
    """What the numbers mean."""
    lines = [f"Convention: {CONVENTION}."]
    if cost.mode == "train":
        lines += [*_rule_of_thumb(cost), f"Sizes for {cost.precision.about} and {cost.optimizer}."]
        if isinstance(cost.stays, str):
            lines.append(f"What a compiled step keeps is not known: {cost.stays}.")
        elif cost.stays is not None:
            lines += COMPILED
        else:
            lines.append(KEPT.format(escape(cost.target.about if cost.target else "a CPU")))
    if cost.target is not None and cost.target.kind == "cuda" and cost.mode == "train":
        lines.append(UNPROVED)
    lines += _of_peak(cost)
    if cost.mode == "prefill":
        lines.append("A prompt's outputs are computed of its last token alone.")
    if cost.mode == "decode" and cost.cache:
        lines.append("Decoding attends to every slot of the static cache, filled or not.")
    if by != "kind" and any(row.count > 1 for row in cost.rows):
        lines.append("A row under × n shows all n together: parts sum to the row that they are in.")
    return [*lines, *notes(cost)]


def _of_peak(cost: Cost) -> list[str]:
    if isinstance(cost.peak, str):
        return [f"The peak is not known: {cost.peak}."]
    if cost.peak is None:
        return []
    routed = [ROUTED] if cost.peak.routed else []
    return [PEAK, *routed, LOSS] if cost.mode == "train" else [PEAK, *routed]


def _rule_of_thumb(cost: Cost) -> list[str]:
    """6·N·D (Hoffmann et al. 2022), for a model that reads one text."""
    texts = [tensor for tensor in cost.graph.inputs if tensor.kind != "bool"]
    if len(texts) != 1 or texts[0].kind != "ids" or not cost.flops.terms:
        return []
    tokens = texts[0].elements.value(cost.values)
    active = cost.number(cost.graph.active)
    rule = 6 * active * tokens
    share = rule / cost.number(cost.flops)
    params = cost.graph.params
    kind = "parameters" if active == cost.number(params) else "active parameters"
    words = f"of {active:,} {kind} and {tokens:,} tokens"
    frozen = "; it takes all of them to be trained" if cost.graph.freezes else ""
    given = f"{scaled(rule, 'FLOPs')}, {share:.1%} of this step's{frozen}"
    return [f"The rule 6·N·D {words} gives {given}."]


def _wrapped(lines: Iterable[str]) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, COLUMNS)]
