"""Experts in the reference: each row is routed by itself, and goes through one expert after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tests.fuzz.reference import numbers
from tests.fuzz.reference.base import Reading
from tests.fuzz.reference.value import Val
from tests.fuzz.reference.weights import Frame

NEAR = 1e-6
"""Scores that are this near are told apart by rounding, and not by the model."""


class Experts(Reading):
    """What a feed-forward with experts computes."""

    @property
    def near(self) -> float:
        """0 where numbers are held against no model, but only computed."""
        return NEAR if self.limit else 0.0

    def mixture(self, knobs: Mapping[str, Any], x: Val, frame: Frame, bias: bool) -> Val:
        count, used = self.size(knobs["experts"], x), self.size(knobs["top_k"], x)
        if used > count:
            raise numbers.Fails("fewer experts than a token uses")
        router = knobs.get("router") or {}
        router = {"score": router} if isinstance(router, str) else router
        scores = self._scores(router, x, count, frame)
        shapes: dict[str, tuple[int, ...]] = {"": (count,)} if router.get("balance") else {}
        choice = scores + frame.group(shapes).get("", 0)
        allowed = self._allowed(router, x, choice)
        maps = self._maps(knobs, x, count, frame, bias)
        rows = x.data.reshape(-1, x.width)
        made: list[Tensor] = []
        for at, row in enumerate(rows):
            chosen = best(choice[at].where(allowed[at], -torch.inf), used, self.near)
            weights = scores[at][chosen]
            weights = weights / weights.sum() if router.get("renorm", True) else weights
            weights = weights * (self.rate(router["scale"], x) if "scale" in router else 1)
            results = [self._network(knobs, maps, row, expert) for expert in chosen]
            made.append(sum((w * y for w, y in zip(weights, results, strict=True)), row * 0))
        y = torch.stack(made).reshape(x.data.shape) if made else x.data
        return x.of(y)

    def _scores(self, router: Mapping[str, Any], x: Val, count: int, frame: Frame) -> Tensor:
        logits = self.linear(x.data, count, False, frame).reshape(-1, count)
        if router.get("score") == "sigmoid":
            return 1 / (1 + torch.exp(-logits))
        powers = torch.exp(logits - logits.amax(-1, keepdim=True))
        return powers / powers.sum(-1, keepdim=True)

    def _allowed(self, router: Mapping[str, Any], x: Val, choice: Tensor) -> Tensor:
        """Which experts each row may go to: those of its best groups."""
        allowed = torch.ones_like(choice, dtype=torch.bool)
        if "groups" not in router:
            return allowed
        groups, top = (self.size(router[name], x) for name in ("groups", "top_groups"))
        size, rest = divmod(choice.shape[-1], groups)
        if rest or size < 2 or top > groups:
            raise numbers.Fails("groups that do not fit")
        for at, row in enumerate(choice):
            two = [sum(sorted(group.tolist())[-2:]) for group in row.split(size)]
            kept = best(torch.tensor(two, dtype=row.dtype), top, self.near)
            allowed[at] = torch.tensor([expert // size in kept for expert in range(len(row))])
        return allowed

    def _maps(
        self, knobs: Mapping[str, Any], x: Val, count: int, frame: Frame, bias: bool
    ) -> dict[str, tuple[Tensor, Tensor | float]]:
        """The stacks of all experts, in order of execution."""
        hidden = self.size(knobs["hidden"], x)
        gated = knobs["act"] in numbers.GATED or knobs.get("gated")
        sizes = {"gate": (hidden, x.width), "up": (hidden, x.width), "down": (x.width, hidden)}
        found: dict[str, tuple[Tensor, Tensor | float]] = {}
        for name in ("gate", "up", "down") if gated else ("up", "down"):
            stack = frame.group({"": (count, *sizes[name])})[""]
            added = frame.group({"": (count, sizes[name][0])})[""] if bias else 0.0
            found[name] = (stack, added)
        return found

    def _network(self, knobs: Mapping[str, Any], maps: Any, row: Tensor, expert: int) -> Tensor:
        def through(name: str, value: Tensor) -> Tensor:
            stack, added = maps[name]
            y = stack[expert] @ value
            return y if isinstance(added, float) else y + added[expert]

        act = numbers.ACTS[numbers.GATED.get(knobs["act"], knobs["act"])]
        if "gate" not in maps:
            return through("down", act(through("up", row)))
        return through("down", act(through("gate", row)) * through("up", row))


def best(scores: Tensor, count: int, near: float) -> list[int]:
    """Where the largest are. Raises Explodes where scores this near would be told by rounding."""
    order = sorted(range(len(scores)), key=lambda at: -scores[at].item())
    if count < len(order) and scores[order[count - 1]] - scores[order[count]] < near:
        raise numbers.Explodes
    return order[:count]
