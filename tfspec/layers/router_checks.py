"""What a router is refused for: more experts than there are, groups that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.diagnostics import Label, Rule
from tfspec.layers.heads import named, remainder

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.construct.stop import Stop
    from tfspec.graph.tensor import Tensor
    from tfspec.layers.router import Router
    from tfspec.spec.expression import SizeExpr
    from tfspec.symbolic import Dim

UNEVEN_EXPERTS = Rule(
    "TS243",
    "experts that cannot be chosen so",
    "A token is to use more experts than there are, or `groups` does not put them into groups of "
    "equal size from which the choice can be made.",
    "A token's experts are `top_k` different ones; with groups, they are of the `top_groups` whose "
    "two best experts have most (DeepSeek-AI 2024, section 2.1.2).",
    "ffn: {hidden: 4 * d, act: swiglu, experts: 4, top_k: 8}",
    "Correct the number that the message points at.",
)
HALF_GIVEN = Rule(
    "TS244",
    "a choice of experts that is half given",
    "`experts` stands without `top_k`, or one of `groups` and `top_groups` without the other.",
    "How many a token uses is part of the architecture, and nothing else tells it.",
    "ffn: {hidden: 4 * d, act: swiglu, experts: 8}",
    "Give both.",
)
NOTHING_TO_LEARN = Rule(
    "TS245",
    "a router that nothing teaches",
    "A token uses one expert, and the weights of its experts are made to sum to 1.",
    "The one weight is then 1 whatever the router says: no gradient reaches it (Fedus et al. 2021, "
    "section 2.1, keep the score itself).",
    "ffn: {hidden: 4 * d, act: gelu, experts: 8, top_k: 1}",
    "Write `router: {renorm: false}`.",
)

NO_WEIGHT = Rule(
    "TS246",
    "a factor of experts' weights that is not above 0",
    "`scale` of a router is 0 or less.",
    "It multiplies the weights of the chosen experts: 2.5 in DeepSeek-V3; with 0 experts say "
    "nothing, and below 0 the best ones count against what they say.",
    "router: {score: sigmoid, scale: 0}",
    "Give a number above 0, or leave it out.",
)

_MISSING = {
    "groups": "into how many groups of equal size experts are put",
    "top_groups": "how many groups a token's experts may be of",
}
_LARGEST = 1 << 20  # a number whose divisors are worth looking for


def check(g: Builder, router: Router, experts: Dim, top_k: SizeExpr, x: Tensor) -> None:
    """Refuse a choice that cannot be made, or that nothing teaches."""
    count, used = g.facts.value(experts), g.count(top_k, x)
    assert count is not None, "experts are fixed"
    if used > count:
        raise g.refuse(
            UNEVEN_EXPERTS,
            f"a token cannot use {used} of {count} experts",
            Label(top_k.span, f"{named(top_k, used)}there are {count}"),
            came=g.declared(*sorted(experts.symbols), what="the number of experts"),
            help=[f"use {count} at most"],
        )
    if router.scale is not None and (factor := g.number(router.scale, x)) <= 0:
        message = f"a factor of experts' weights is above 0, and {factor:g} is not"
        raise g.refuse(NO_WEIGHT, message, router.scale.span)
    if used == 1 and router.sums_to_1:
        message = "the weight of a token's one expert is always 1, and its router learns nothing"
        help = ["keep the router's score as it is: `router: {renorm: false}`"]
        raise g.refuse(NOTHING_TO_LEARN, message, top_k.span, help=help)
    if router.groups is not None and router.top_groups is not None:
        _check_groups(g, router.groups, router.top_groups, (count, used), x)
    elif router.groups is not None:
        raise _half(g, router, "groups", "top_groups")
    elif router.top_groups is not None:
        raise _half(g, router, "top_groups", "groups")


def _half(g: Builder, router: Router, there: str, missing: str) -> Stop:
    message = f"`{there}` is given, and `{missing}` is not"
    help = [f"give `{missing}`: {_MISSING[missing]}"]
    return g.refuse(HALF_GIVEN, message, router.key_span(there), help=help)


def _check_groups(
    g: Builder, groups: SizeExpr, kept: SizeExpr, of: tuple[int, int], x: Tensor
) -> None:
    """`of`: how many experts there are, and how many a token uses."""
    (experts, used), count, most = of, g.count(groups, x), g.count(kept, x)
    if experts % count:
        message = f"{experts} experts cannot be put into {count} equal groups"
        raise _refused(g, groups, count, message, remainder(experts, count), _fitting(experts))
    size = experts // count
    if size == 1:
        message = f"each of {count} groups has one expert, and a group is as good as its best two"
        raise _refused(g, groups, count, message, f"there are {experts} experts", _fitting(experts))
    if most > count:
        message = f"a token cannot use {most} of {count} groups"
        raise _refused(g, kept, most, message, f"there are {count}", f"use {count} at most")
    if used > most * size:
        message = f"a token cannot use {used} experts of {most} group{'s' * (most > 1)} of {size}"
        help = f"use {-(-used // size)} or more"
        raise _refused(g, kept, most, message, f"{most} × {size} = {most * size}", help)


def _refused(g: Builder, size: SizeExpr, value: int, message: str, why: str, help: str) -> Stop:
    label = Label(size.span, named(size, value) + why)
    came = g.declared(*sorted(size.names))
    return g.refuse(UNEVEN_EXPERTS, message, label, came=came, help=[help] if help else [])


def _fitting(experts: int) -> str:
    """The groups that there may be, in a sentence."""
    from tfspec.symbolic.mending import divisors

    if not 1 < experts <= _LARGEST:
        return ""
    listed = ", ".join(str(n) for n in divisors(experts) if experts // n > 1)
    return f"groups that {experts} experts can be put into: {listed}"
