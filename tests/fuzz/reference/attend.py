"""Attention, from its definition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tests.fuzz.reference import numbers, scores
from tests.fuzz.reference.base import Reading
from tests.fuzz.reference.masks import Known, Predicate
from tests.fuzz.reference.numbers import Fails
from tests.fuzz.reference.tokens import coordinates, extent, looked_up, places
from tests.fuzz.reference.value import Val, layout
from tests.fuzz.reference.weights import Frame

ATTEND_BIAS = ("q", "k", "v", "out")


class Attention(Reading):
    def step_attend(self, knobs: Any, x: Val) -> Val:
        source = self._attended(knobs["to"], x) if "to" in knobs else x
        rule = knobs.get("pos", {})
        rule = rule if isinstance(rule, dict) and {"query", "key"} & rule.keys() else (
            {"query": rule, "key": rule} if rule else {})  # fmt: skip
        read = self._read(rule, x, source)
        frame = self._child(knobs)
        with self._using(frame=frame):
            asks, answers = self._placed(rule, read, x, source)
        return self._attention(knobs, x, source, x.of(asks), source.of(answers), frame)

    def _attention(
        self, knobs: Any, x: Val, source: Val, asks: Val, answers: Val, frame: Frame
    ) -> Val:
        """x, to the source: queries are made of what asks, and keys of what answers."""
        heads = self.size(knobs["heads"], x)
        groups = self.size(knobs["kv_heads"], x) if "kv_heads" in knobs else heads
        if "head_dim" not in knobs and x.width % heads:
            raise Fails("heads do not divide the width")
        dim = self.size(knobs["head_dim"], x) if "head_dim" in knobs else x.width // heads
        wide = self.size(knobs["v_head_dim"], x) if "v_head_dim" in knobs else dim
        bias = knobs.get("bias", self.defaults.get("bias", True))
        biased = [bias] * 4 if isinstance(bias, bool) else [name in bias for name in ATTEND_BIAS]
        maps, sinks = list[Tensor](), None
        if "latent" in knobs:
            *maps, sinks = self._latent(knobs, x, heads, dim, wide, frame)
            dim = maps[0].shape[-1]
        for data, count, each, has in (
            (asks.data, heads, dim, biased[0]), (answers.data, groups, dim, biased[1]),
            (source.data, groups, wide, biased[2]),
        ) if not maps else ():  # fmt: skip
            maps.append(self.linear(data, count * each, has, frame))
        if "latent" not in knobs:
            maps = self._split(knobs, maps, (heads, groups, groups), frame)
        if "rope" in knobs and "latent" not in knobs:
            maps[:2] = [self._turned(knobs["rope"], y, x) for y in maps[:2]]
        scale = self.rate(knobs["scale"], x) if "scale" in knobs else dim**-0.5
        cap = self.rate(knobs["softcap"], x) if "softcap" in knobs else None
        mask = self._predicate(knobs["mask"], x, source) if "mask" in knobs else None
        with self._using(frame=frame):
            added = self._added_scores(knobs, x, heads, mask)
        if "latent" not in knobs:
            sinks = _sinks(knobs, heads, frame)
        seen = self._seen(knobs, x, source, mask)
        y = numbers.attention(*maps, scale, cap, added, seen, sinks).transpose(-2, -3).flatten(-2)
        batch = max(x.batch, source.batch, key=len)
        return Val(self.linear(y, x.width, biased[3], frame), batch, x.parts)

    def _split(
        self, knobs: Any, maps: list[Tensor], counts: Sequence[int], frame: Frame
    ) -> list[Tensor]:
        """In heads; queries and keys normed after that, or before it over all heads together."""

        def normed(values: list[Tensor]) -> list[Tensor]:
            with self._using(frame=frame):
                return [self._normed(rule, y) for y in values[:2]] + values[2:]

        rule = self._qk_norm(knobs["qk_norm"]) if "qk_norm" in knobs else {}
        if rule.get("over") == "full":
            maps = normed(maps)
        maps = [_headed(y, count) for y, count in zip(maps, counts, strict=True)]
        return normed(maps) if rule and rule.get("over") != "full" else maps

    def _read(self, rule: Mapping[str, Any], x: Val, source: Val) -> dict[str, Tensor]:
        """The values that pipelines of `pos` have: of each side, or of both where they are one."""
        found: dict[str, Tensor] = {}
        for side, to in (("query", x), ("key", source)):
            if side not in rule or _is_table(rule[side]):
                continue
            if side == "key" and source is x and _alike(rule.get("query"), rule["key"]):
                found[side] = found["query"]
                continue
            term = self.run(rule[side], to)
            term = self._repeated(term, to) if len(to.parts) == 1 else term
            to.fits(term)
            if term.width != to.width:
                raise Fails("positions of another width")
            found[side] = term.data
        return found

    def _placed(
        self, rule: Mapping[str, Any], read: Mapping[str, Tensor], x: Val, source: Val
    ) -> tuple[Tensor, Tensor]:
        """What queries and keys are made of."""
        made: dict[str, Tensor] = {}
        for side, to in (("query", x), ("key", source)):
            if side == "key" and source is x and _alike(rule.get("query"), rule.get("key")):
                made[side] = made["query"]
            elif side in rule and _is_table(rule[side]):
                made[side] = self.step_pos(rule[side], to).data
            else:
                made[side] = to.data + read[side] if side in rule else to.data
        return made["query"], made["key"]

    def _latent(
        self, knobs: Any, x: Val, heads: int, dim: int, wide: int, frame: Frame
    ) -> list[Any]:
        """Queries, keys and values by way of latents: equations 9 to 18 of DeepSeek-AI 2024; and the
        sinks, which are there before what makes keys of latents."""
        given, rule = knobs["latent"], self._qk_norm("head")
        turning = self.size(given["rope"], x) if "rope" in given else 0
        widths = [self.size(given[name], x) for name in ("q", "kv") if name in given]
        *query, latent = [self.linear(x.data, width, False, frame) for width in widths]
        key = self.linear(x.data, turning, False, frame) if turning else None
        with self._using(frame=frame):
            q = self._normed(rule, query[0]) if query else x.data
            q = _headed(self.linear(q, heads * (dim + turning), False, frame), heads)
            latent = self._normed(rule, latent)
        sinks = _sinks(knobs, heads, frame)
        k = _headed(self.linear(latent, heads * dim, False, frame), heads)
        v = _headed(self.linear(latent, heads * wide, False, frame), heads)
        if key is not None:
            turned = self._turned(knobs["rope"], q[..., dim:], x)
            q = torch.cat([q[..., :dim], turned], -1)
            key = self._turned(knobs["rope"], key, x).unsqueeze(-3)
            k = torch.cat([k, key.expand(*k.shape[:-1], turning)], -1)
        return [q, k, v, sinks]

    def _turned(self, rope: Any, y: Tensor, x: Val) -> Tensor:
        rope = rope if isinstance(rope, dict) else {"base": rope}
        features = y.shape[-1] * self.rate(rope.get("partial", 1))
        if abs(features - round(features)) > 1e-9:
            raise Fails("a share of the head that is not whole")
        at = [torch.arange(y.shape[-2])]
        if "over" in rope:
            at = [coordinates(x, axis)[0] for axis in rope["over"]]
        base, scaling = self.rate(rope["base"], x), dict(rope.get("scaling", {}))
        return scores.turned(y, at, round(features), base, rope.get("interleaved", False), scaling)

    def _added_scores(
        self, knobs: Mapping[str, Any], x: Val, heads: int, mask: Predicate | None
    ) -> Tensor | None:
        """[heads, queries, keys]"""
        tokens = sum(x.lengths())
        found = scores.alibi(heads, tokens) if knobs.get("alibi") else None
        rule = knobs.get("rel_bias")
        if rule is None:
            return found
        rule = rule if isinstance(rule, dict) else {"axes": rule}
        if "axes" in rule:
            window = knobs.get("window", {})
            here = [self.size(window[a], x) if a in window else extent(x, a) for a in rule["axes"]]
            most = [n if a in window else self.length_at_most(a, n)
                    for a, n in zip(rule["axes"], here, strict=True)]  # fmt: skip
            table = self._table(rule, (heads, *(2 * n - 1 for n in most)))
            at = [coordinates(x, axis)[0] for axis in rule["axes"]]
            added = scores.by_distance(table, at, most)
        else:
            rows, far = self.size(rule["buckets"], x), self.size(rule["max"], x)
            table = self._table(rule, (rows, heads))
            added = scores.by_bucket(table, tokens, far, mask is not None and mask.causal)
        return added if found is None else found + added

    def _table(self, rule: Mapping[str, Any], shape: tuple[int, ...]) -> Tensor:
        held = {"weight" if "buckets" in rule else "": shape}
        share = rule.get("share")
        (table,) = (self.shared(share, held) if share else self.frame.group(held)).values()
        return table

    def _seen(
        self, knobs: Mapping[str, Any], x: Val, source: Val, mask: Predicate | None
    ) -> Tensor | None:
        """Which keys a query may see: [batch..., 1, queries, keys], or without batch axes."""
        seen = None
        for axis, window in knobs.get("window", {}).items():
            at, length = coordinates(x, axis)[0], extent(x, axis)
            shift = numbers.rate(
                knobs.get("shift", {}).get(axis, 0), self.sizes | {"width": x.width}
            )
            if shift != int(shift):
                raise numbers.Fails("a shift of less than a token")
            each = scores.same_window(at, length, self.size(window, x), int(shift))
            seen = each if seen is None else seen & each
        if mask is None:
            return seen
        place = id(knobs), *(tuple(name for name, _ in each.parts) for each in (x, source))
        self.masks.add((place, bool(mask.allowed().any())))
        shape = sum(x.lengths()), sum(source.lengths())
        most = max(x, source, key=lambda value: len(value.batch))
        batch = most.data.shape[: len(most.batch)]
        asked = mask.allowed().expand(math.prod(batch), *shape).reshape(*batch, 1, *shape)
        return asked if seen is None else asked & seen

    def _qk_norm(self, knobs: Any) -> dict[str, Any]:
        """Its kind, and with it its eps, are the block's where it has none of its own."""
        given = {"over": knobs} if isinstance(knobs, str) else dict(knobs)
        block = self.defaults.get("norm", {})
        block = {} if block == "none" else block
        if "kind" not in given:
            given["kind"] = block.get("kind", "layer")
            if "eps" not in given and "eps" in block:
                given["eps"] = block["eps"]
        return given

    def _attended(self, to: Any, x: Val) -> Val:
        first, *steps = to if isinstance(to, list) else [to]
        current = self.whole or x
        if isinstance(first, str) and first in [name for name, _ in current.parts]:
            value = current.cut(first)
        elif first == "self":
            value = x
        else:
            value = self.run(first, x)
        return self.run(steps, value) if steps else value

    def _predicate(self, mask: str, x: Val, source: Val) -> Predicate:
        dims, inputs = self.tree.get("dims", {}), self.tree.get("inputs", {})
        batches = {name for name, size in dims.items() if size == "batch"}

        def ask(side: str, name: str) -> Known:
            value = x if side == "query" else source
            if name in ("index", "pos"):
                return _along(side, torch.arange(sum(value.lengths())))
            if name not in inputs:
                return _along(side, *coordinates(value, name))
            if name not in self.given:  # left out: hides nothing
                return Known(torch.tensor(True))
            _, axes = layout(inputs[name])
            axes = [axis.partition("/")[0] for axis in axes]
            return _along(side, *looked_up(value, self.given[name], axes, batches))

        def member(side: str, name: str) -> Known:
            """An input's flags, or whether each token is in a part; of a part that a side has not,
            none is."""
            if name in inputs:
                return ask(side, name)
            value = x if side == "query" else source
            return _along(side, torch.tensor([part == name for part, _ in places(value)]))

        return Predicate(mask, self.sizes, ask, member)


def _sinks(knobs: Mapping[str, Any], heads: int, frame: Frame) -> Tensor | None:
    return frame.group({"": (heads,)})[""] if knobs.get("sinks") else None


def _alike(a: Any, b: Any) -> bool:
    """Whether two pipelines say the same, be it in short or in long."""
    return _in_full(a) == _in_full(b)


def _in_full(pipeline: Any) -> Any:
    if isinstance(pipeline, list):
        return [_in_full(step) for step in pipeline]
    match pipeline:
        case {"linear": int() | str() as width}:
            return {"linear": {"width": width}}
        case "norm" | {"norm": None}:
            return {"norm": {}}
        case {"norm": {"kind": "layer", **knobs}}:
            return {"norm": knobs}
        case _:
            return pipeline


def _is_table(rule: Any) -> bool:
    return rule in ("learned", "sinusoidal") or (
        isinstance(rule, dict) and bool({"learned", "sinusoidal"} & rule.keys())
    )


def _headed(y: Tensor, heads: int) -> Tensor:
    """[..., tokens, heads · width] -> [..., heads, tokens, width]"""
    return y.reshape(*y.shape[:-1], heads, -1).transpose(-2, -3)


def _along(side: str, numbers: Tensor, there: Tensor | None = None) -> Known:
    """Numbers of [.., tokens] as [count, queries, keys]."""
    at = -1 if side == "query" else -2
    numbers = numbers.reshape(-1, numbers.shape[-1]).unsqueeze(at)
    return Known(numbers, None if there is None else there.reshape(1, -1).unsqueeze(at))
