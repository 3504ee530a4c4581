"""Random blocks: attention, feed-forwards, branches in series and in parallel, residual rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.fuzz import rules, steps
from tests.fuzz.attends import attend
from tests.fuzz.experts import experts
from tests.fuzz.maker import BLOCKS, Maker
from tests.fuzz.rules import block_norm, own, residual
from tests.fuzz.steps import Made
from tests.fuzz.values import Val

Branch = Any
UNSET = ("scale", "softcap", "dropout", "mask")


def ffn(m: Maker, x: Val, *, branch: bool = True) -> Any:
    knobs: dict[str, Any] = {}
    if branch and len(x.parts) > 1 and not m.new and m.chance(25):
        knobs["only"] = m.pick(x.parts).name
    hidden = m.number(1, 12)
    knobs["hidden"] = m.size(hidden, x.width)
    knobs["act"] = m.pick(steps.ACTS + (["swiglu", "geglu", "reglu"] if m.chance(50) else []))
    m.weight += 3 * hidden * x.width
    if m.chance(20):
        knobs["gated"] = m.chance(50)
    if m.chance(20):
        knobs["bias"] = m.chance(50)
    if m.chance(15):
        knobs["dropout"] = 0.1
    if m.chance(20):
        knobs |= experts(m, x, hidden)
    if branch and "only" not in knobs and m.chance(12):
        return {"ffn": rules.shared(m, "ffn", x.width, knobs)}
    if branch:
        own(m, knobs, None if "only" in knobs else x)
    return {"ffn": knobs}


def series(m: Maker, x: Val) -> Branch:
    """Steps that end with the width they began with."""
    made: list[Any] = []
    inner = x
    choices = (steps.linear, steps.act, steps.norm, steps.scale, steps.softcap, steps.dropout)
    for _ in range(m.number(1, 3)):
        step, inner = m.pick(choices)(m, inner)
        made.append(step)
    if inner.width != x.width:
        step, inner = steps.linear(m, inner, x.width)
        made.append(step)
    return made if len(made) > 1 or m.chance(50) else made[0]


def branch(m: Maker, x: Val) -> Branch:
    roll = m.number(0, 9)
    made = attend(m, x) if roll < 4 else None
    if made is None and roll < 8:
        made = ffn(m, x)
    if made is None:
        return series(m, x)
    if m.chance(15) and "only" not in next(iter(made.values())):
        return [
            made,
            *([m.pick(["relu", {"dropout": 0.1}, {"scale": 0.5}])] if m.chance(50) else []),
        ]
    return made


def residual_block(m: Maker, x: Val) -> Any:
    block: dict[str, Any] = {}
    whole = x if len(x.parts) == 1 else None  # a branch may be of one part, if there are several
    if m.chance(75):
        block["norm"] = block_norm(m, whole)
    branches: list[Any] = []
    for _ in range(m.number(1, 3)):
        if m.chance(15):
            branches.append({"par": [branch(m, x) for _ in range(m.number(1, 3))]})
        else:
            branches.append(branch(m, x))
    block["do"] = branches
    if m.chance(25):
        block["residual"] = residual(m, whole)
    if m.chance(20):
        block["bias"] = m.chance(50)
    return block


def block(m: Maker, x: Val, *, lone: bool = False) -> str:
    """The name of a block that keeps x's shape: one that there is, or a new one.

    A `lone` one may share its weights with itself wherever it stands, but in no stack: there a share
    is of that stack alone, and `rounds` makes its block.
    """
    key = (m.stream, x)
    fitting = [name for name, known in m.blocks.items() if known == key]
    fitting = [name for name in fitting if lone or name not in m.lone]
    if fitting and m.chance(50):
        return m.pick(fitting)
    bases = [name for name in fitting if isinstance(m.tree["blocks"][name], dict)]
    if bases and m.chance(50):
        return _extended(m, m.pick(bases), key)
    listed = m.chance(20)
    m.own = None if listed or m.chance(60) else []
    made = series(m, x) if listed else residual_block(m, x)
    local, m.own = bool(m.own), None
    name = m.name(BLOCKS)
    m.tree["blocks"][name] = made if not listed or isinstance(made, list) else [made]
    if local:
        return name  # its layers' own weights are of one place
    m.blocks[name] = key
    if lone and not listed and m.chance(25):
        made["share"] = f"block_{len(m.blocks)}"
        m.lone.add(name)
    return name


def _extended(m: Maker, base: str, key: tuple[Any, ...]) -> str:
    """A block that changes some knobs of another one."""
    made: dict[str, Any] = {"extends": base}
    if m.chance(40):
        made["bias"] = m.chance(50)
    held = str(m.tree["blocks"][base])
    if "'bias'" in held.split("'do'")[0] + held.split("]")[-1] and m.chance(30):
        made["bias"] = "none"
    if "'ffn'" in held and m.chance(60):
        made["ffn"] = {"hidden": m.size(m.number(1, 6))}
    if "'attend'" in held and m.chance(40):
        made["attend"] = {"scale": m.pick([0.5, 2])}
    for step, knobs in (("ffn", ("bias", "dropout")), ("attend", UNSET)):
        for knob in knobs:
            if knob == "mask" and m.new:
                continue
            if f"'{step}'" in held and f"'{knob}'" in held and m.chance(40):
                made.setdefault(step, {})[knob] = "none"
    shares = "share" in held or "extends" in held  # a share must stay equal everywhere
    name = m.name(BLOCKS)
    m.tree["blocks"][name] = {"extends": base} if shares else made
    m.blocks[name] = key
    if base in m.lone:
        m.lone.add(name)
    return name


def stack(m: Maker, x: Val) -> Made:
    if m.chance(50):
        of: Any = block(m, x)
        length = 1
    else:
        layers: list[Any] = []
        for _ in range(m.number(1, 3)):
            several = m.chance(20)
            layers.append([block(m, x), block(m, x)] if several else block(m, x))
        of, length = layers, len(layers)
    rounds = m.number(1, 2)
    return {"stack": {"of": of, "depth": m.size(length * rounds)}}, x


def one_block(m: Maker, x: Val) -> Made:
    return block(m, x, lone=True), x


def bare(m: Maker, x: Val) -> Made | None:
    made = attend(m, x, branch=False) if m.chance(50) else ffn(m, x, branch=False)
    return None if made is None else (made, _repeated(m, x, made.get("attend", {}).get("to")))


def _repeated(m: Maker, x: Val, to: Any) -> Val:
    """x with the batch axes of what it attends to, if it has none: learned tokens that ask."""
    name = to[0] if isinstance(to, list) else to
    there = not isinstance(name, str) or name in {part.name for part in x.parts}
    source = None if there else m.values.get(name)
    return x if source is None or x.batch else replace(x, batch=source.batch)


STEPS: tuple[Callable[[Maker, Val], Made | None], ...] = (stack, one_block, bare)
