"""What outlives a call: caches of keys and values, positions of new tokens, attention maps."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.program import expr as ex
from tfspec.program import lengths
from tfspec.program.code_names import safe
from tfspec.program.holding import Holding
from tfspec.program.method import Assign, Kept, When
from tfspec.program.refusal import NotYet
from tfspec.program.saves import A_BUFFER, NO_GRADIENT
from tfspec.program.value import Shape, Storage, Value, in_order
from tfspec.symbolic import Dim, product

CACHE = '''class Cache(nn.Module):
    """Keys and values of one attention, in static buffers [B, h, S, k]."""

    def __init__(self, keys, values, like):
        super().__init__()
        self.register_buffer("k", like.new_zeros(keys))
        self.register_buffer("v", like.new_zeros(values))

    @property
    def slots(self):
        return self.k.shape[2]

    def update(self, k, v, position=None):
        """Keep new keys and values; return those to attend to.

        A prompt (no position) attends to itself; later tokens to every slot.
        """
        if position is None:
            self.k[:, :, : k.shape[2]] = k
            self.v[:, :, : v.shape[2]] = v
            return k, v
        self.k.index_copy_(2, position, k)
        self.v.index_copy_(2, position, v)
        return self.k, self.v
'''

LATENT_CACHE = '''class LatentCache(nn.Module):
    """What one attention makes its keys and values of, in a static buffer [B, S, c]."""

    def __init__(self, shape, like):
        super().__init__()
        self.register_buffer("kept", like.new_zeros(shape))

    @property
    def slots(self):
        return self.kept.shape[1]

    def update(self, new, position=None):
        """Keep what is new: a prompt (no position), or later tokens. Return every slot."""
        if position is None:
            self.kept[:, : new.shape[1]] = new
        else:
            self.kept.index_copy_(1, position, new)
        return self.kept
'''

FILL = '''def fill(cache, k, v):
    """Keep all keys and values of a memory, which is as long as its cache: [B, h, S, k]."""
    cache.k.copy_(k)
    cache.v.copy_(v)
    return k, v
'''


TWO = "a branch with two attentions is not supported yet with a cache"
ALONE = (
    "a text that is decoded stands alone or last, its axis the first: `ids(V) B T`",
    "ask for a forward, which has every token",
)
NUMBERED = (
    "give what stands before the text sizes that are numbers, as `{T: 256}`",
    "ask for a forward, which reads sizes off its inputs",
)
ONE_BATCH = (
    "give the text one batch axis, as `ids(V) B T`",
    "ask for a forward, which may have several or none",
)
APART = "let each be a branch of its own, or ask for no decoding"


class Caching(Holding):
    """Values that a caller of the model keeps and gives again."""

    def position(self) -> Value:
        """Its new places in the text, each of one token or of a few: [T] int64, while decoding."""
        tokens = self.graph.token_axis.size
        return self.extra("position", (tokens,), "int64", absent=self.mode != "decode")

    def positions(self, tokens: Dim, before: Dim | None = None) -> Value:
        """Where the new tokens of a value stand among all of its own: [tokens] int64, decoding.

        Each place of the text has as many of them, which follow each other. `before` them stand as
        many as in what the running step reads, or as are given.
        """
        before = self.before if before is None else before
        count = self._a_place(tokens)
        if self.mode != "decode" or (self.is_one(count) and before == 0):
            return self.position()

        def build() -> Value:
            found = self.position()
            if not self.is_one(count):
                first = found.new_axes("k1").times(self.number(count, "tokens"))
                found = (first + self.range(count, "inside")).flatten(0, 1)
            return self._behind(found, before)

        return self.hoist(("positions", count, before), "positions", build)

    def _behind(self, index: Value, before: Dim) -> Value:
        """An index among the text's tokens as one among all, of which so many stand before it."""
        if before == 0:
            return index
        expr = ex.Binary("+", index.ref, self.number(before, "before"))
        return index.pointwise(expr, NO_GRADIENT)

    def slots_of(self, tokens: Dim, before: Dim | None = None) -> Dim:
        """How many slots a cache has for a value of so many new tokens."""
        before = self.before if before is None else before
        return before + self._a_place(tokens) * self.graph.slots

    def _a_place(self, tokens: Dim) -> Dim:
        """How many stand at each place of the text. Raises NotYet where that is not one number."""
        text = self.graph.token_axis.size
        if self.mode != "decode":
            tokens, text = tokens - self.before, self.length(self.graph.text.space.parts[0])
        count = self.graph.a_place(tokens, text)
        if count is None or self.fixed(count) is None:
            message = f"a text with {tokens} tokens along {self.graph.text.space}"
            raise NotYet.of(f"{message} is not supported yet with a cache", self.place, *ALONE)
        return count

    def cached(self, k: Value, v: Value, window: Dim | None = None) -> tuple[Value, Value]:
        """Keys and values with those of earlier calls: [B, g, T, k] -> [B, g, S, k] while decoding.

        A prompt attends to itself, and leaves its keys and values behind. `window` says how many
        of the latest tokens a query sees, where not all.
        """
        state = self.extra("cache", (), "state", absent=self.mode == "forward")
        if self.method.kept:
            raise NotYet.of(TWO, self.place, APART)
        self._check_batch(k, "h", "N", "k")
        self.method.kept.append(Kept(self.place))
        self.method.room = self._room(k, v, self._slots(k.shape[-2]))
        given = (k.ref, v.ref, self.positions(k.shape[-2]).ref)
        update = ex.Call(ex.Attribute(state.ref, "update"), given)
        self.helper("Cache", CACHE)
        outputs = tuple(self._kept(value) for value in (k, v))
        self.method.steps.append(When(state, outputs, (k, v), update, self.nodes, window))
        return outputs[0], outputs[1]

    def latent_cached(self, parts: Sequence[Value], window: Dim | None = None) -> Value | None:
        """What keys and values are made of, side by side, with that of earlier tokens:
        [B, T, c], [B, T, r] -> [B, S, c + r] while decoding.

        A prompt leaves its own behind, and gets nothing: it has it. `window` as of `cached`.
        """
        state = self.extra("cache", (), "state", absent=self.mode == "forward")
        if self.method.kept:
            raise NotYet.of(TWO, self.place, APART)
        self._check_batch(parts[0], "N", "c")
        self.method.kept.append(Kept(self.place))
        first, width = parts[0], sum((part.shape[-1] for part in parts), Dim.of(0))
        slots = self._slots(first.shape[-2])
        room = ex.Tuple((ex.Name("batch"), slots, self.number(width, "width")))
        self.method.room = ex.Call(self.helper("LatentCache", LATENT_CACHE), (room, self._like()))
        self.method.keeps = "latents"
        new = together(parts)
        update = ex.Attribute(state.ref, "update")
        if self.mode != "decode":
            self.method.steps.append(When(state, (), (), ex.Call(update, (new,)), self.nodes))
            return None
        slots = self.slots_of(first.shape[-2])
        kept = self._buffer(first, (*first.shape[:-2], slots, width)).named("kept")
        call = ex.Call(update, (new, self.positions(first.shape[-2]).ref))
        self.method.steps.append(Assign((kept,), call, A_BUFFER, self.nodes))
        self.method.held[kept] = window
        return kept

    def kept_whole(self, k: Value, v: Value) -> tuple[Value, Value]:
        """Keys and values of what a prompt makes once: [B, g, S, k], the cache's while decoding."""
        state = self.extra("cache", (), "state", absent=self.mode == "forward")
        self._check_batch(k, "h", "M", "k")
        self.method.kept.append(Kept(self.place, whole=True))
        self.method.room = self._room(k, v, self._whole(k.shape[-2]))
        self.helper("Cache", CACHE)
        if self.mode == "decode":
            outputs = tuple(self._buffer(value, value.shape) for value in (k, v))
            held = ex.Bare(tuple(ex.Attribute(state.ref, name) for name in "kv"))
            self.method.steps.append(Assign(outputs, held, A_BUFFER, self.nodes))
            self.method.held |= dict.fromkeys(outputs)
            return outputs[0], outputs[1]
        outputs = tuple(self._kept(value) for value in (k, v))
        fill = ex.Call(self.helper("fill", FILL), (state.ref, k.ref, v.ref))
        self.method.steps.append(When(state, outputs, (k, v), fill, self.nodes))
        return outputs[0], outputs[1]

    def _check_batch(self, value: Value, *own: str) -> None:
        """Raises NotYet where there is not one axis, the batch, before those that a cache has."""
        axes = len(value.shape) - len(own)
        if axes != 1:
            message = f"attention over {axes or 'no'} batch axes is not supported yet with a cache"
            raise NotYet.of(message, self.place, *ONE_BATCH)

    def _whole(self, tokens: Dim) -> ex.Expr:
        """How many tokens a memory has: a number, or by a dim that its caller gives."""
        if self.fixed(tokens) is not None:
            return self.number(tokens, "tokens")
        name = self._sole(tokens)
        if name is None:
            message = f"a memory of {tokens} tokens is not supported yet with a cache"
            way = "let that be a multiple of one dim, or a number, or ask for no decoding"
            raise NotYet.of(message, self.place, way)
        self.method.memory = name
        self.method.by_memory = lengths.solved(tokens, name, self.facts) or lengths.ITSELF
        return self._linear(tokens, name, ex.Name(safe(name)))

    def _slots(self, tokens: Dim) -> ex.Expr:
        """How many slots a cache of `length` places gets: so many for each of them."""
        count = self._a_place(tokens)
        self.method.a_place, self.method.before = self.fixed(count) or 1, self._fixed_before()
        slots: ex.Expr = ex.Name("length")
        if not self.is_one(count):
            slots = ex.Binary("*", self.number(count, "times"), slots)
        if self.before == 0:
            return slots
        return ex.Binary("+", self.number(self.before, "before"), slots)

    def _fixed_before(self) -> int:
        """How many tokens stand before the text. Raises NotYet where that is not one number."""
        found = self.fixed(self.before)
        if found is None:
            message = f"a text behind {self.before} tokens is not supported yet with a cache"
            raise NotYet.of(message, self.place, *NUMBERED)
        return found

    def _room(self, k: Value, v: Value, tokens: ex.Expr) -> ex.Expr:
        """Cache(shape of keys, shape of values, like one of the module's weights)."""
        shapes: list[ex.Expr] = []
        for value in (k, v):
            heads = self.number(value.shape[-3], "heads")
            width = self.number(value.shape[-1], "head_dim")
            shapes.append(ex.Tuple((ex.Name("batch"), heads, tokens, width)))
        return ex.Call(ex.Name("Cache"), (*shapes, self._like()))

    def _like(self) -> ex.Expr:
        """One of the module's weights, by which a cache has its dtype and its device."""
        members = self.program.members[self.method.scope].values()
        held = next(member.name for member in members if "weight" in member.holds)
        return ex.Attribute(ex.Member(held), "weight")

    def _kept(self, value: Value) -> Value:
        """Keys or values to attend to: a prompt's own, or the cache's buffer while decoding."""
        if self.mode != "decode":
            storage, strides = value.storage, value.strides
            return Value(self.method, value.shape, value.dtype, storage, strides, value.hint)
        slots = self.slots_of(value.shape[-2])
        return self._buffer(value, (*value.shape[:-2], slots, value.shape[-1]))

    def _buffer(self, value: Value, shape: Shape) -> Value:
        storage = Storage(product(shape), value.dtype, "buffer")
        return Value(self.method, shape, value.dtype, storage, in_order(shape), value.hint)

    def record_map(self, weights: Value) -> Value:
        """Attention weights handed to whoever asked for maps: the explicit style's window."""
        maps = self.extra("maps", (), "state", optional=True)
        append = ex.Call(ex.Attribute(maps.ref, "append"), (weights.ref,))
        self.method.steps.append(When(maps, (), (), append, self.nodes))
        return weights

    def slots_range(self, slots: Dim) -> Value:
        """The index of every slot of a cache that has so many: [slots] int64."""

        def build() -> Value:
            count = self.number(slots, "slots")
            call = ex.Call(ex.Name("torch.arange"), (count,), (("device", self.device()),))
            return self.method.emit(call, (slots,), "int64", NO_GRADIENT)

        return self.hoist(("slots", slots), "slots", build)


def together(parts: Sequence[Value]) -> ex.Expr:
    """Features side by side, as an expression."""
    if len(parts) == 1:
        return parts[0].ref
    refs = ex.Tuple(tuple(part.ref for part in parts))
    return ex.Call(ex.Name("torch.cat"), (refs,), (("dim", ex.Name("-1")),))
