"""Mistakes that several layers can make: their rules, beside no single check."""

from __future__ import annotations

from tfspec.diagnostics import Rule

NOT_DIVIDED = Rule(
    "TS202",
    "a size that does not divide",
    "A size is an exact quotient, or an axis is cut into exact tiles, and for an allowed value of "
    "the dims there is a remainder.",
    "`/` in a size asserts that it divides for every allowed value; the model would not run at the "
    "others.",
    "dims: {H: 32..224, p: 16}  # patch: {size: {H: p, W: p}}, and H may be 33",
    "Change one of the sizes, narrow a dim's declaration as the message shows (here to "
    "`H: multiple(16) <= 224`), or write `//` where rounding down is meant.",
)
NOT_POSITIVE = Rule(
    "TS203",
    "a size that is not positive",
    "A size comes out as zero or less for an allowed value of the dims.",
    "No axis, width or count can have such a size.",
    "linear: d - 768",
    "Change the expression, or narrow the declaration of the dim that makes it small.",
)
UNDECIDED = Rule(
    "TS204",
    "a fact that could be neither proved nor refuted",
    "tfspec could not show that a size fits for every allowed value, nor find one that fails.",
    "`ok` promises every allowed value, so what is not proved is an error.",
    "dims: {S: 1..100000, T: 1..100000}  # prepend: {reg: (S - T) ** 2 + 1}",
    "Narrow the declaration of the dims in the message, fix one of them, or list the fact under "
    "`assume`, if you know that it holds: `assume: [S * S - 2 * S * T + T * T + 1 >= 1]`.",
)
NOT_FIXED = Rule(
    "TS205",
    "a weight whose size is not fixed",
    "A width, a count of heads or layers, or a table depends on a dim that is a range or a batch.",
    "Weights are made once; only tokens and batches may vary when the model runs.",
    "dims: {d: 1..768}  # linear: d",
    "Give the dim one value.",
)


NO_VALUE = Rule(
    "TS206",
    "a step without a value to work on",
    "A step works on a value that is not there yet: nothing stands before it, it reads a mark "
    "of its own stream that stands after it, or a size speaks of `width` where no vectors enter.",
    "A pipeline starts at a source, and its steps run one after the other.",
    "streams: {text: [tokens, {embed: 64}, {sum: [text.here, relu]}, {mark: here}]}",
    "Put the source, or the mark, in front; write a number or a dim for `width`.",
)
WRONG_KIND = Rule(
    "TS207",
    "a step on the wrong kind of value",
    "A step that works on vectors is given ids or flags, or `embed` is given vectors.",
    "Ids are names, not quantities: only `embed` gives them vectors.",
    "streams: {text: [tokens, {linear: 64}]}",
    "Embed ids first; read flags in masks only.",
)
UNEQUAL_SHARE = Rule(
    "TS208",
    "shared weights of unequal shapes",
    "Two steps share weights by one name, and need weights of different shapes.",
    "Equal names are the same weights, everywhere in the spec.",
    "embed: {width: 512, share: words}  # linear: {width: V, share: words} on a width of 256",
    "Make the shapes equal, or give the weights two names.",
)
UNKNOWN_PART = Rule(
    "TS213",
    "a part that the value does not have",
    "`only`, `take` or `drop` names a part that the value at this place does not have.",
    "Parts come from streams, `prepend`, `concat` and `zip`.",
    "attend: {only: txet, heads: 8}",
    "Correct the name; the message lists the parts that there are.",
)
NO_AXIS = Rule(
    "TS214",
    "an axis that the value does not have",
    "A step names an axis that the value at this place does not have.",
    "Axes come from inputs, `learn`, `prepend` and `zip`, and go with `take` and `pool`.",
    "take: {X: 0}",
    "Name one of the value's axes; the message lists them.",
)
AXIS_TWICE = Rule(
    "TS238",
    "an axis named twice",
    "`rel_bias`, or `per` of an `embed`, names an axis twice.",
    "A pair of tokens has one offset on each axis, and a token one place.",
    "rel_bias: [H, H]",
    "Name each axis once.",
)
OUTSIDE = Rule(
    "TS215",
    "an index outside its axis",
    "`take` asks for an index that the axis does not have at some allowed size, or for positions "
    "of which the value may have no token; or the `offset` of a table of positions is negative.",
    "Indices run from 0 to the size less one; negative ones of `take` count from the end.",
    "take: {T: 512}  # T: 1..512",
    "Use an index that every allowed size has.",
)

NO_LAYER = Rule(
    "TS240",
    "a layer index outside a layer",
    "A rate, or the index of shared weights, speaks of `i` or `n`, the index of a layer and how "
    "many there are, in a list block that runs between the layers.",
    "Layers are those of stacks, and blocks with `do`; a list block is a series, run in place.",
    "blocks: {halve: [{merge: {H: 2, W: 2}}, {dropout: 0.1 * i / n}]}",
    "Write it without `i` and `n`, or run the block in a stack if it keeps the shape.",
)

UNEQUAL_PARTS = Rule(
    "TS298",
    "parts of several widths",
    "A step works on all parts of a value, and they have widths of their own.",
    "`concat` puts parts of several widths side by side; a step over several parts has one set of "
    "weights, for one width.",
    "joint: [{concat: [text, image]}, {norm: rms}]  # text is as wide as d, image as e",
    "Say which part: `only` in a block, or `take`; or bring the parts to one width by `linear`.",
)

KINDS = {"float": "vectors", "ids": "ids", "bool": "flags"}
"""What a value of a kind is called."""
ROUNDS_DOWN = ("`//` rounds down",)
"""What helps where an exact quotient of the spec leaves a rest."""
WAYS_OUT = {
    "float": "`linear` maps vectors to vectors",
    "ids": "`embed` turns ids into vectors",
    "bool": "flags are read in masks: `mask: key.valid`",
}
"""What helps where a value is of the wrong kind."""
IDLE_KNOB = Rule(
    "TS228",
    "a knob without effect",
    "A knob is given that means nothing beside the others: the base of sinusoids for a learned "
    "table, or shared weights for a table that has none.",
    "Whoever wrote it expects an effect.",
    "pos: {learned: T, base: 500}",
    "Leave it out.",
)
