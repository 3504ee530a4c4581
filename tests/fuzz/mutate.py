"""Mutations of specs: of the tree (sizes, names, keys, steps), and of the YAML text itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

Tree = dict[str, Any]
Path = tuple[Any, ...]

SIZES: list[Any] = [0, -1, 1, 2, 3, 5, 7, 64, 1 << 20, 1 << 53, 1 << 54, 10**30, 1.5, 1e300, "1..3", "5..2",
                    "multiple(2)", "multiple(0)", "batch", "2**10**9", "(a+b+c+d)**50", "d / 3", "T", "B",
                    "h * T", "d // 0", "width / 5", "((((1))))", "i", "n - i", "-d", "d ** -1", "1 / 0"]  # fmt: skip
TEXTS: list[Any] = ["", "no", "none", "self", "x y", '"""', "'''\n", "\u202e[bold]", "a\x1b[31m", "é", "0x10",
                    "key.valid", "query.x", "not", "causal and", "within(0)", "within(T)", "abs(1)", "pre",
                    "post", "words(i)", "first(x)", "text.here", "layer", "norm", "attend", "*", "{", "ids(0) B T",
                    "float B (d) (d)", "bool T T", "ids(V) B T/2 T", "float", "a" * 70, "__class__", "None"]  # fmt: skip
OTHERS: list[Any] = [
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"a": {"b": [1]}},
    3.0,
    float("inf"),
    float("nan"),
]
CHARS = ["{", "}", "[", "]", ":", ",", "\n", " ", "  ", "-", "\t", "&a ", "*a", "!!", "<<: ", "'", '"', "#",
         "%", "@", "|", ">", "?", "\x00", "\x07", "\u2028", "\ufeff", "0", "e", "T", "..", "---\n"]  # fmt: skip


def mutated(tree: Tree, rng: Random) -> Tree:
    """A copy with one to three changes."""
    tree = copy.deepcopy(tree)
    changes = rng.choice(((_resize,), (_resize, _swap), CHANGES))
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(changes)(tree, rng)
    return tree


def garbled(text: str, rng: Random) -> str:
    """The text with some signs, words or lines changed."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        text = rng.choice((_insert, _erase, _copy_line, _cut, _indent))(text, rng)
    return text


# ---- trees
def paths(tree: Any, path: Path = ()) -> Iterator[Path]:
    """Every place below the root."""
    keys = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree if isinstance(tree, list) else ())
    )
    for key, value in keys:
        yield (*path, key)
        yield from paths(value, (*path, key))


def at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _place(tree: Tree, rng: Random) -> tuple[Any, Any] | None:
    """A random place: what holds it, and its key there."""
    found = [path for path in paths(tree) if path[0] not in ("tfspec",) or rng.random() < 0.05]
    if not found:
        return None
    path = rng.choice(found)
    return at(tree, path[:-1]), path[-1]


def _scalar(tree: Tree, rng: Random, kinds: tuple[type, ...]) -> tuple[Any, Any] | None:
    found = [p for p in paths(tree) if isinstance(at(tree, p), kinds) and p[0] != "tfspec"]
    if not found:
        return None
    path = rng.choice(found)
    return at(tree, path[:-1]), path[-1]


def _resize(tree: Tree, rng: Random) -> None:
    """Another size: the numbers of a spec do not fit each other any more."""
    found = _scalar(tree, rng, (int, str))
    if found:
        holder, key = found
        old = holder[key]
        near = (
            [old + 1, old - 1, old * 2, old + 7]
            if type(old) is int
            else [f"{old} + 1", f"{old} / 2"]
        )
        holder[key] = rng.choice(near if rng.random() < 0.7 else SIZES)


def _retext(tree: Tree, rng: Random) -> None:
    found = _scalar(tree, rng, (str, int, float, bool))
    if found:
        holder, key = found
        holder[key] = rng.choice(TEXTS + SIZES + OTHERS)


def _other(tree: Tree, rng: Random) -> None:
    found = _place(tree, rng)
    if found:
        found[0][found[1]] = copy.deepcopy(rng.choice(OTHERS + TEXTS))


def _delete(tree: Tree, rng: Random) -> None:
    found = _place(tree, rng)
    if found:
        del found[0][found[1]]


def _rename(tree: Tree, rng: Random) -> None:
    """A key misspelt, or exchanged for another key of the spec."""
    found = [p for p in paths(tree) if isinstance(p[-1], str)]
    if not found:
        return
    path = rng.choice(found)
    holder = at(tree, path[:-1])
    keys = sorted({str(p[-1]) for p in found})
    new = rng.choice([path[-1][:-1] or "x", path[-1] + "s", rng.choice(keys), rng.choice(TEXTS)])
    changed = {new if key == path[-1] else key: value for key, value in holder.items()}
    holder.clear()
    holder.update(changed)


def _swap(tree: Tree, rng: Random) -> None:
    """Two values change places."""
    first, second = _scalar(tree, rng, (str, int)), _scalar(tree, rng, (str, int))
    if first and second:
        (a, i), (b, j) = first, second
        a[i], b[j] = b[j], a[i]


def _move(tree: Tree, rng: Random) -> None:
    """A piece of the spec stands somewhere else too."""
    found = list(paths(tree))
    if found:
        piece = copy.deepcopy(at(tree, rng.choice(found)))
        lists = [p for p in found if isinstance(at(tree, p), list)]
        if lists and rng.random() < 0.7:
            target = at(tree, rng.choice(lists))
            target.insert(rng.randint(0, len(target)), piece)
        else:
            path = rng.choice(found)
            at(tree, path[:-1])[path[-1]] = piece


def _nest(tree: Tree, rng: Random) -> None:
    found = _place(tree, rng)
    if found:
        for _ in range(rng.choice((1, 3, 80))):
            found[0][found[1]] = [found[0][found[1]]]


CHANGES = (
    _resize,
    _resize,
    _resize,
    _resize,
    _retext,
    _other,
    _delete,
    _rename,
    _swap,
    _swap,
    _move,
    _move,
    _nest,
)


# ---- text
def _insert(text: str, rng: Random) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(CHARS) + text[at:]


def _erase(text: str, rng: Random) -> str:
    start = rng.randint(0, len(text))
    return text[:start] + text[start + rng.choice((1, 1, 2, 5)) :]


def _copy_line(text: str, rng: Random) -> str:
    lines = text.split("\n")
    lines.insert(rng.randint(0, len(lines)), rng.choice(lines))
    return "\n".join(lines)


def _cut(text: str, rng: Random) -> str:
    return text[: rng.randint(0, len(text))]


def _indent(text: str, rng: Random) -> str:
    lines = text.split("\n")
    at = rng.randint(0, len(lines) - 1)
    lines[at] = rng.choice((" " + lines[at], "  " + lines[at], lines[at].lstrip()))
    return "\n".join(lines)
