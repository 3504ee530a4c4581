"""The page of bundled specs: what each is, its parameters, its FLOPs, its source."""

from __future__ import annotations

import tfspec
from docs.pages import markdown
from docs.pages.markdown import anchor, code, table
from tfspec import zoo
from tfspec.passes.cost.report import Cost, Quantity

ABOUT = (
    "Each comes with tfspec: `tfspec show NAME` prints it. FLOPs are of one forward pass at the "
    "sizes under them, a multiply-add being 2; `tfspec cost` has all formulas at any sizes."
)


def page() -> str:
    costs = [tfspec.load(name).cost() for name in zoo.names()]
    head = ("spec", "parameters", "forward FLOPs")
    listed = table(head, [(_link(cost), *map(_number, _two(cost))) for cost in costs])
    return markdown.page("Bundled specs", ABOUT, listed, *map(_section, costs))


def _link(cost: Cost) -> str:
    return f"[{cost.name}]({anchor(cost.name)})"


def _number(quantity: Quantity) -> str:
    return f"{quantity.value:,}"


def _two(cost: Cost) -> tuple[Quantity, Quantity]:
    """Its parameters, and the FLOPs of a forward pass."""
    found = {quantity.name: quantity for quantity in cost.formulas}
    return found["parameters"], found["forward"]


def _section(cost: Cost) -> str:
    about = cost.graph.spec.about
    assert about, cost.name
    params, flops = _two(cost)
    lines = [f"parameters = {params.formula} = {_number(params)}"]
    lines += [f"forward FLOPs = {flops.formula} = {_number(flops)}", _sizes(cost)]
    flow = f"`{cost.graph.signature_line()}`"
    return "\n\n".join([f"## {cost.name}", f"{about}.", flow, code("\n".join(lines))])


def _sizes(cost: Cost) -> str:
    """What the formulas' symbols are: dims at these sizes, and letters for numbers of tokens."""
    letters = [f"{name} = {size}" for name, size in cost.letters.items()]
    dims = [f"{name} = {cost.values[name]}" for name in cost.graph.dims if name in cost.values]
    return "where " + "; ".join([*letters, *dims])
