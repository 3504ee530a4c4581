"""What a compiled step keeps: the choice that torch's partitioner makes on the joint graph.

Source: `min_cut_rematerialization_partition` of torch 2.13 (`torch/_functorch/partitioners.py`)
with its default settings; each rule here names its place there. The partitioner's joint graph is
told by the stand-in for torch (`tfspec.shadow.joint`), which knows the kind of every op.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from tfspec.passes.memory.cut import Part, least_cut
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.tensor import Tensor

FAR = 1_000_000_000
"""`dist_from_bw` of what no path leads to backward from."""
MOST = 100
"""`get_node_weight`: the distance beyond which a step is no dearer."""
GROWTH = 1.1
"""`get_node_weight`: what each op on the way to backward adds."""
DEARER = [GROWTH**far for far in range(MOST + 1)]
LONG = 100
"""`ban_if_long_fusible_chains`: steps that may run again in a row."""
MUCH = 4
"""`ban_if_reduction`: a result so many times smaller than its operands is kept."""


def fusible(first: Step, second: Step) -> bool:
    """`is_fusible`: whether one kernel may run both. A join takes others in; none takes it in."""
    if second.kind == "joins":
        return True
    return first.kind in ("view", "fused") and second.kind in ("view", "fused")


class Partition:
    """Which steps are kept, of a joint graph up to its loss."""

    def __init__(self, joint: Joint, loss: Tensor) -> None:
        self.run = joint.forward(loss)
        self.order = {step: at for at, step in enumerate(self.run)}
        self.users = _users(joint, self.order)
        self.steps = [step for step in joint.steps if step in self.users]
        self.banned: set[Step] = set()
        self.far: dict[Step, int] = {}
        self._measure()
        for step in self.run:
            if self._once(step):
                self._ban(step)
        for step in self.run:
            self._ban_far_uses(step)
        self._ban_long_chains()

    def kept(self) -> list[Step]:
        """The steps of the least cut, one for each storage, in order."""
        place = {step: at for at, step in enumerate(self.steps)}
        cut = least_cut([
            Part(
                self._weight(step), step in self.banned, step.needed,
                [place[user] for user in self.users[step]],
            )
            for step in self.steps
        ])  # fmt: skip
        found = [self.steps[at] for at in cut]
        return list({step.base: step for step in found if step.base.kind != "known"}.values())

    # ---- distances
    def _measure(self) -> None:
        """`dist_from_bw`: 0 outside of forward."""
        for step in reversed(self.steps):
            if step not in self.order:
                self.far[step] = 0
                continue
            near = min([self.far[user] for user in self.users[step]], default=FAR) + 1
            self.far[step] = min(near, 1 if step.needed else FAR)

    # ---- what does not run again
    def _ban(self, step: Step) -> None:
        """`ban_recomputation_if_allowed`: views always may."""
        if step.kind != "view":
            self.banned.add(step)

    def _once(self, step: Step) -> bool:
        """`should_ban_recomputation`, by the kind of an op, its readers, or its size."""
        if step.kind == "known":
            return True
        if _is_item(step):
            return False
        if step.kind in ("apart", "joins") or self._stands_in_backward(step):
            return True
        return step.guessed * MUCH < sum(parent.guessed for parent in step.sized)

    def _stands_in_backward(self, step: Step) -> bool:
        """`is_materialized_backwards`: a kernel reads it there, or one of its views."""
        if step.kind == "view":
            return False
        todo = [step]
        while todo:
            at = todo.pop()
            if at.far:
                return True
            for user in self.users[at]:
                if user not in self.order and not fusible(at, user):
                    return True
                if user.kind == "view":
                    todo.append(user)
        return False

    def _ban_far_uses(self, step: Step) -> None:
        """`ban_if_used_far_apart`: no use after an op apart, which a nearer use leads to."""
        users = [user for user in step.users if user in self.order]
        if len(users) < 2:  # a nearer use is another one's
            return
        first = self._first_apart(users)
        for user in users:
            if self.order[user] > first and fusible(step, user) and user not in self.banned:
                self._ban(user)

    def _first_apart(self, users: Sequence[Step]) -> int:
        """`find_first_unfusible`"""
        last = max(self.order[user] for user in users)
        todo = [(self.order[user], True) for user in users]
        heapq.heapify(todo)
        seen = set(todo)
        while todo:
            at, fuses = heapq.heappop(todo)
            if not fuses:
                return at
            step = self.run[at]
            for user in step.users:
                found = (self.order.get(user, last + 1), fusible(step, user))
                if found[0] <= last and found not in seen:
                    seen.add(found)
                    heapq.heappush(todo, found)
        return last

    def _ban_long_chains(self) -> None:
        """`ban_if_long_fusible_chains`"""
        visited: set[int] = set()
        for start in range(len(self.run)):
            todo = [start]
            while todo:
                at = heapq.heappop(todo)
                if at in visited:
                    continue
                visited.add(at)
                step = self.run[at]
                if at > start + LONG and not todo:
                    self._ban(step)
                    break
                for user in step.users:
                    if user in self.order and fusible(step, user) and user not in self.banned:
                        heapq.heappush(todo, self.order[user])

    # ---- what keeping costs
    def _weight(self, step: Step) -> int | None:
        """`get_node_weight`; None for what cannot be kept."""
        if step.whole:
            return None
        if step.free:
            return 0
        weight = int(int(step.guessed) * DEARER[max(min(self.far[step], MOST), 1)])
        return weight if self._stands(step) else weight * 2

    def _stands(self, step: Step) -> bool:
        """`is_materialized`: in memory in any case."""
        if step.kind == "known" or step.far:
            return True
        return not all(fusible(step, user) for user in self.users[step]) or _unfused(step)


def _users(joint: Joint, run: Mapping[Step, int]) -> dict[Step, list[Step]]:
    """What is made of each step, of all that forward or backward is made of."""
    found: dict[Step, list[Step]] = {}
    for step in reversed(joint.steps):
        users = [user for user in step.users if user in found]
        if users or step.needed or step in run:
            found[step] = users
    return found


def _unfused(step: Step) -> bool:
    """Readers in backward fuse with it only where it may be fused."""
    return step.near and step.kind not in ("view", "fused")


def _is_item(step: Step) -> bool:
    return bool(step.parents) and step.parents[0].whole
