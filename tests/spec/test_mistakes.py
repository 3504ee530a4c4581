"""Mistakes in a spec, and the whole messages that they give: one mistake gives one message."""

import pytest

from tests.spec.small import load_changed, shown

# The texts replaced in the small spec, and every message that comes.
CASES: list[tuple[list[tuple[str, str]], list[str]]] = [
    (
        [("tfspec: 1", "tfspec: 2")],
        [
            "1:9-10 TS108 this is tfspec's language version 1, and the spec is of another = write `tfspec: 1`"
        ],
    ),
    ([("tfspec: 1\n", "")], ["1:1-30 TS102 a spec needs `tfspec` = add `tfspec: ...`"]),
    (
        [("name: small", "name: ''")],
        ["2:7-9 TS109 the name of a spec has from 1 to 100 characters"],
    ),
    ([("name: small", "name: 3")], ["2:7-8 TS103 `name` takes a text, not `3`"]),
    ([("dims: {", "dim: {")], ["3:1-4 TS101 a spec has no `dim` = did you mean `dims`?"]),
    (
        [("outputs:\n  logits: [text, {linear: V}]\n", "")],
        ["1:1-83 TS102 a spec needs `outputs` = add `outputs: ...`"],
    ),
    (
        [("outputs:\n  logits: [text, {linear: V}]\n", "outputs: {}")],
        ["13:1-8 TS102 a spec needs an output = name what comes out: `outputs: {states: text}`"],
    ),
    (
        [("outputs:\n  logits: [text, {linear: V}]\n", "outputs: [text]")],
        ["13:10-16 TS103 `outputs` takes a mapping with a name for each value, not a list"],
    ),
    ([("norm: {at", "nrom: {at")], ["7:5-9 TS101 a block has no `nrom` = did you mean `norm`?"]),
    ([("at: pre", "att: pre")], ["7:12-15 TS101 `norm` has no `att` = did you mean `at`?"]),
    (
        [("at: pre", "at: [pre, outt]")],
        ["7:22-26 TS104 `at` is `pre`, `out` or `post`, not `outt` = did you mean `out`?"],
    ),
    (
        [("attend: {heads", "atend: {heads")],
        ["9:9-14 TS106 there is no step `atend` = did you mean `attend`?"],
    ),
    (
        [("heads: h,", "hedas: h,")],
        ["9:18-23 TS101 `attend` has no `hedas` = did you mean `heads`?"],
    ),
    ([("heads: h,", "")], ["9:17-46 TS102 `attend` needs `heads` = add `heads: ...`"]),
    (
        [("heads: h,", "heads: [h],")],
        ["9:25-28 TS103 `heads` takes a size: a number or an expression, not a list"],
    ),
    (
        [("heads: h,", "heads: true,")],
        ["9:25-29 TS103 `heads` takes a size: a number or an expression, not `true`"],
    ),
    ([("heads: h,", "heads: ,")], ["9:18-23 TS103 `heads` has no value = `none` unsets a knob"]),
    (
        [("heads: h,", "heads: 2.0,")],
        ["9:25-28 TS250 a size is written as a whole number, not 2.0 = write 2"],
    ),
    ([("heads: h,", "heads: 2.5,")], ["9:25-28 TS250 a size is a whole number, and 2.5 is not"]),
    ([("heads: h,", "heads: 0,")], ["9:25-26 TS251 a size is at least 1, and 0 is not"]),
    ([("heads: h,", "heads: -2,")], ["9:25-27 TS251 a size is at least 1, and -2 is not"]),
    ([("heads: h,", "heads: 1e30,")], ["9:25-29 TS251 a size is at most 2**53"]),
    ([("heads: h,", "heads: 9007199254740993,")], ["9:25-41 TS251 a size is at most 2**53"]),
    (
        [("heads: h,", "heads: 2**10**9,")],
        ["9:25-33 TS252 an exponent in a size is from 0 to 64, and 1000000000 is not"],
    ),
    (
        [("heads: h,", "heads: (h+d+V)**50,")],
        ["9:25-36 TS252 an exponent in a size is from 0 to 16, and 50 is not"],
    ),
    (
        [
            (
                "heads: h,",
                "heads: '((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((h))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))',",
            )
        ],
        ["9:25-228 TS121 a size has more than 50 parentheses in one another"],
    ),
    (
        [("heads: h,", "heads: 4 * * h,")],
        [
            "9:29-30 TS120 a size cannot be read: `*` stands where a number, a name or a parenthesis should be"
        ],
    ),
    (
        [("heads: h,", "heads: d / 3 ** h,")],
        ["9:29-35 TS252 an exponent in a size is a number, not a dim"],
    ),
    ([("heads: h,", "heads: d / 0,")], ["9:25-30 TS250 a size that divides by zero"]),
    ([("heads: h,", "heads: hh,")], ["9:25-27 TS133 there is no dim `hh` = did you mean `h`?"]),
    (
        [("linear: V", "linear: i")],
        ["14:27-28 TS133 there is no dim `i` = `i` counts layers, and is known only in blocks"],
    ),
    (
        [("act: gelu", "act: gleu")],
        [
            "10:39-43 TS104 `act` cannot be `gleu` = did you mean `gelu`? = it is one of relu, gelu, gelu_tanh, quick_gelu, silu, relu2, tanh, sigmoid, swiglu, geglu, reglu"
        ],
    ),
    (
        [("act: gelu", "act: [gelu]")],
        [
            "10:39-45 TS103 `act` is `relu`, `gelu`, `gelu_tanh`, `quick_gelu`, `silu`, `relu2`, `tanh`, `sigmoid`, `swiglu`, `geglu` or `reglu`, not a list"
        ],
    ),
    ([("depth: 2", "depht: 2")], ["12:66-71 TS101 `stack` has no `depht` = did you mean `depth`?"]),
    (
        [("of: layer", "of: leyer")],
        ["12:59-64 TS133 there is no block `leyer` = did you mean `layer`?"],
    ),
    (
        [("of: layer", "of: []")],
        ["12:59-61 TS103 `of` takes a block or a list of blocks, not nothing"],
    ),
    (
        [("of: layer", "of: {a: b}")],
        ["12:59-65 TS103 `of` takes a block or a list of blocks, not a mapping"],
    ),
    (
        [(", norm]", ", nrom]")],
        ["12:78-82 TS133 there is no input, stream, block or step `nrom` = did you mean `norm`?"],
    ),
    (
        [("[tokens,", "[tokns,")],
        [
            "12:10-15 TS133 there is no input, stream, block or step `tokns` = did you mean `tokens`?"
        ],
    ),
    (
        [("[tokens, ", "[")],
        [
            "12:11-16 TS135 `embed` works on a value, and here is none yet = begin with an input or a stream, such as `tokens`, or with `learn`"
        ],
    ),
    (
        [("[text, ", "[{embed: d}, ")],
        [
            "14:13-18 TS135 `embed` works on a value, and here is none yet = begin with an input or a stream, such as `tokens`, or with `learn`"
        ],
    ),
    (
        [("norm]", "norm, tokens]")],
        [
            "12:84-90 TS134 `tokens` is a source, and stands first in a pipeline = to combine two values: sum, join or concat"
        ],
    ),
    (
        [("norm]", "norm, {learn: {width: d}}]")],
        [
            "12:85-90 TS134 `learn` is a source, and stands first in a pipeline = to combine two values: sum, join or concat"
        ],
    ),
    (
        [("norm]", "norm, {par: [relu]}]")],
        ["12:85-88 TS136 `par` stands only in the `do` of a block"],
    ),
    (
        [("norm]", "norm, {linear: d, relu: 3}]")],
        [
            "12:84-104 TS107 one item has one step, and here stand `linear`, `relu` = write each in its own braces"
        ],
    ),
    (
        [("norm]", "norm, 3]")],
        ["12:84-85 TS107 a pipeline is a name, a step with its knobs, or a list of these"],
    ),
    ([("norm]", "norm, []]")], ["12:84-86 TS107 an empty list makes no value"]),
    (
        [("norm]", "norm, {linear: }]")],
        ["12:85-92 TS107 `linear` has no knobs here = write `linear` without the colon"],
    ),
    (
        [("norm]", "norm, {take: {X: 0}}]")],
        ["12:92-93 TS133 there is no axis `X` = the axes are `B`, `T`"],
    ),
    (
        [("norm]", "norm, {take: cls}]")],
        [
            "12:91-94 TS133 there is no part or ids input `cls` = `prepend: cls` makes a part, and `take: {T: 0}` takes an index of axis T"
        ],
    ),
    ([("norm]", "norm, {take: {T: foo}}]")], ["12:95-98 TS133 there is no label or dim `foo`"]),
    (
        [("norm]", "norm, {pool: {mean: [Q]}}]")],
        ["12:99-100 TS133 there is no axis `Q` = the axes are `B`, `T`"],
    ),
    (
        [("norm]", "norm, {pos: {learned: cls + T*Q}}]")],
        [
            "12:100-103 TS133 there is no axis or part `cls`",
            "12:108-109 TS133 there is no axis `Q` = the axes are `B`, `T`",
        ],
    ),
    (
        [("norm]", "norm, {pos: lerned}]")],
        [
            "12:90-96 TS104 `pos` is `learned` or `sinusoidal`, not `lerned` = did you mean `learned`?"
        ],
    ),
    (
        [("norm]", "norm, {pos: {learned: T, sinusoidal: T}}]")],
        ["12:90-117 TS103 `pos` is either `learned` or `sinusoidal`"],
    ),
    ([("d: 8", "d: 0")], ["3:39-40 TS251 a size is at least 1, and 0 is not"]),
    ([("d: 8", "d: -8")], ["3:39-41 TS251 a size is at least 1, and -8 is not"]),
    ([("d: 8", "d: 8.5")], ["3:39-42 TS250 a size is a whole number, and 8.5 is not"]),
    ([("d: 8", "d: 99999999999999999999")], ["3:39-59 TS251 a size is at most 2**53"]),
    ([("d: 8", "d: 3 * 2**52")], ["3:39-48 TS251 a size is at most 2**53"]),
    (
        [("d: 8", "d: h / 3")],
        ["3:39-44 TS250 2 / 3 is not a whole number (3:46 h comes from here)"],
    ),
    (
        [("d: 8", "d: h - 2")],
        ["3:39-44 TS251 `d` comes to 0, and a size is from 1 to 2**53 (3:46 h comes from here)"],
    ),
    ([("d: 8", "d: h2")], ["3:39-41 TS133 there is no dim `h2` = did you mean `h`?"]),
    (
        [("d: 8", "d: 2**10**9")],
        ["3:39-47 TS252 an exponent in a size is from 0 to 64, and 1000000000 is not"],
    ),
    (
        [("d: 8", "d: a, a: c, c: d")],
        ["3:39-40 TS130 dims need each other: `d` -> `a` -> `c` -> `d`"],
    ),
    ([("d: 8", "d: d + 1")], ["3:39-44 TS130 dims need each other: `d` -> `d`"]),
    (
        [("d: 8", "d: true")],
        [
            "3:39-43 TS103 `d` takes a number, an expression, `batch`, `1..512` or `multiple(32)`, not `true`"
        ],
    ),
    (
        [("d: 8", "d: [1]")],
        [
            "3:39-42 TS103 `d` takes a number, an expression, `batch`, `1..512` or `multiple(32)`, not a list"
        ],
    ),
    (
        [("d: 8", "d: ")],
        [
            "3:36-38 TS103 `d` takes a number, an expression, `batch`, `1..512` or `multiple(32)`, not nothing"
        ],
    ),
    (
        [("d: 8", "d: width")],
        [
            "3:39-44 TS133 there is no dim `width` = a size that varies is `batch`, a range `1..512` or `multiple(32)`"
        ],
    ),
    ([("1..16", "5..2")], ["3:21-25 TS123 the range 5..2 is empty = write 2..5"]),
    ([("1..16", "0..2")], ["3:21-22 TS251 a size is at least 1, and 0 is not"]),
    ([("1..16", "1..")], ["3:21-24 TS123 a range goes from one integer to another, as in 1..512"]),
    ([("1..16", "1..h")], ["3:21-25 TS123 a range goes from one integer to another, as in 1..512"]),
    ([("1..16", "1..99999999999999999")], ["3:24-41 TS251 a size is at most 2**53"]),
    ([("1..16", "multiple(0)")], ["3:30-31 TS251 a size is at least 1, and 0 is not"]),
    (
        [("1..16", "multiple(h)")],
        ["3:21-32 TS123 `multiple` takes one integer, as in multiple(32)"],
    ),
    (
        [("1..16", "multiple(8) <= 7")],
        ["3:21-37 TS123 no multiple of 8 is 7 or less = write multiple(8) <= 8"],
    ),
    ([("1..16", "(T*T*T*T)**16")], ["3:21-34 TS130 dims need each other: `T` -> `T`"]),
    (
        [("d: 8", "width: 8")],
        [
            "3:36-41 TS131 dim `width` has a reserved name",
            "12:26-27 TS133 there is no dim `d` = the dims are `B`, `T`, `V`, `h`, `width`",
        ],
    ),
    (
        [("d: 8", "text: 8, d: 8")],
        ["12:3-7 TS132 stream `text` has the name of a dim (3:36 the dim)"],
    ),
    ([("d: 8", "linear: 8, d: 8")], ["3:36-42 TS132 dim `linear` has the name of a step"]),
    (
        [("d: 8", "head-dim: 8, d: 8")],
        ["3:36-44 TS105 `head-dim` is no name: names have letters, digits and _"],
    ),
    (
        [("d: 8", "δ: 8, d: 8")],
        ["3:36-37 TS105 `δ` is no name: names have letters from A to Z, digits and _"],
    ),
    (
        [("d: 8", f"{'w' * 61}: 8, d: 8")],
        [f"3:36-97 TS105 `{'w' * 59}…` is too long for a name: 60 characters are the most"],
    ),
    (
        [("d: 8", "1d: 8, d: 8")],
        ["3:36-38 TS105 `1d` is no name: names have letters, digits and _"],
    ),
    (
        [("ids(V)", "ids")],
        ["4:18-25 TS124 `ids` says below which number its ids are, as in ids(50257)"],
    ),
    (
        [("ids(V)", "ints(V)")],
        ["4:18-22 TS124 an input is of kind `ids(E)`, `float` or `bool`, not `ints`"],
    ),
    ([("ids(V)", "ids(VV)")], ["4:22-24 TS133 there is no dim `VV` = did you mean `V`?"]),
    ([("ids(V) B T", "ids(V) B T T")], ["4:29-30 TS124 an input has axis `T` only once"]),
    (
        [("ids(V) B T", "ids(V) B 3 T")],
        ["4:27-28 TS124 only a `float` input has features, and this is `ids`"],
    ),
    (
        [("bool B T", "float B 3 4 T")],
        ["4:47-48 TS124 an input has a number of features only once"],
    ),
    (
        [("bool B T", "bool B T/")],
        [
            "4:37-46 TS120 an input cannot be read: the text ends where a number, a name or a parenthesis should be"
        ],
    ),
    (
        [("bool B T", "bool B X")],
        ["4:44-45 TS133 there is no dim `X` = the dims are `B`, `T`, `V`, `d`, `h`"],
    ),
    (
        [("causal and key.valid", "causal and key.vald")],
        ["9:45-53 TS133 there is no bool input or part `vald` = did you mean `valid`?"],
    ),
    (
        [("causal and key.valid", "causl")],
        ["9:34-39 TS133 there is no bool input or part `causl` = did you mean `causal`?"],
    ),
    (
        [("causal and key.valid", "causal and")],
        [
            "9:34-44 TS120 a predicate cannot be read: the text ends where a number, a name or a condition should be"
        ],
    ),
    ([("causal and key.valid", "3")], ["9:34-35 TS122 3 is a number, where a condition should be"]),
    (
        [("causal and key.valid", "true")],
        ["9:34-38 TS103 `mask` takes a predicate such as `causal`, not `true`"],
    ),
    (
        [("causal and key.valid", "key.tokens")],
        [
            "9:34-44 TS122 key.tokens is a number, where a condition should be = compare it with a number, or with another token's"
        ],
    ),
    (
        [("causal and key.valid", "key.valid == 3")],
        [
            "9:34-43 TS122 key.valid is a condition, where a number should be = it is true or false: write `key.valid` or `not key.valid`"
        ],
    ),
    (
        [("causal and key.valid", "within(V + X)")],
        ["9:45-46 TS133 there is no dim `X` = the dims are `B`, `T`, `V`, `d`, `h`"],
    ),
    (
        [("causal and key.valid", "within 3")],
        [
            "9:41-42 TS120 a predicate cannot be read: `3` stands where `(` and a size after `within` should be"
        ],
    ),
    (
        [("causal and key.valid", "foo.T == 3")],
        ["9:34-39 TS122 only `query.` and `key.` have coordinates, and `foo.` is neither"],
    ),
    (
        [("causal and key.valid", "causal, to: imag")],
        [
            "9:46-50 TS133 there is no part, mark, stream or input `imag` = the inputs and streams are `tokens`, `valid`, `text`"
        ],
    ),
    ([("causal and key.valid", "causal, only: imag")], ["9:48-52 TS133 there is no part `imag`"]),
    (
        [("norm]", "norm, {splice: {at: query.T == 3, from: {learn: {width: d}}}}]")],
        [
            "12:98-105 TS122 query.T has no meaning here: there is one token, not a query and a key = write T"
        ],
    ),
    (
        [("  text: [tokens,", "  a: [text]\n  text: [a,")],
        ["12:7-11 TS137 streams read each other: `a` -> `text` -> `a` (13:10 and here)"],
    ),
    (
        [
            (
                "  text: [tokens,",
                "  a: [{learn: {width: d}}, {attend: {heads: 2, to: text}}]\n  b: [a]\n  text: [b,",
            )
        ],
        [
            "12:52-56 TS137 streams read each other: `a` -> `text` -> `b` -> `a` (14:10 and here) (13:7 and here)"
        ],
    ),
    (
        [("blocks:\n", "blocks:\n  a: [norm, b]\n  b: [relu, a]\n")],
        ["6:13-14 TS138 blocks contain each other: `a` -> `b` -> `a` (7:13 and here)"],
    ),
    (
        [("blocks:\n", "blocks:\n  a: {extends: b}\n  b: {extends: a}\n")],
        ["7:16-17 TS111 blocks extend each other: `a` -> `b` -> `a`"],
    ),
    (
        [("blocks:\n", "blocks:\n  a: {extends: leyer, attend: {heads: 3}}\n")],
        ["6:16-21 TS110 there is no block `leyer` to extend = did you mean `layer`?"],
    ),
    (
        [("blocks:\n", "blocks:\n  a: {extends: layer, atend: {heads: 3}}\n")],
        ["6:23-28 TS101 a block has no `atend` = did you mean `attend`?"],
    ),
    (
        [("blocks:\n", "blocks:\n  a: {extends: layer, conv: {width: 3}}\n")],
        ["6:23-27 TS112 the block has no `conv` in `do` to merge this into"],
    ),
    (
        [("blocks:\n", "blocks:\n  a: {extends: layer, attend: {hedas: 3}}\n")],
        ["6:32-37 TS101 `attend` has no `hedas` = did you mean `heads`?"],
    ),
    (
        [("blocks:\n", "blocks:\n  a: {attend: {heads: 3}}\n")],
        [
            "6:7-13 TS112 `attend` is a step: it goes into the `do` of a block = only a block that `extends` another changes its steps by name"
        ],
    ),
    (
        [("blocks:\n", "blocks:\n  a: {extends: l}\n  l: [norm]\n")],
        ["6:16-17 TS110 block `l` is a list, and has no keys to extend"],
    ),
    (
        [("blocks:\n", "blocks:\n  a: {extends: layer, attend: 3}\n")],
        ["6:31-32 TS103 `attend` takes a mapping with `heads`, not `3` = write `{heads: 3}`"],
    ),
    (
        [("blocks:\n", "blocks:\n  a: 3\n")],
        ["6:6-7 TS103 `a` takes a list of steps, or a mapping with `do`, not `3`"],
    ),
    ([("blocks:\n", "blocks:\n  a: []\n")], ["6:6-8 TS107 an empty list makes no value"]),
    (
        [("streams:", "expect: {params: 3.5, max_params: -1, parms: 3}\nstreams:")],
        [
            "11:18-21 TS250 an amount is whole, and 3.5 is not",
            "11:35-37 TS251 an amount is from 0 to 2**80, and -1 is not",
            "11:39-44 TS101 `expect` has no `parms` = did you mean `params`?",
        ],
    ),
    (
        [("streams:", "assume: [T % 8 == 0, TT > 3, 3]\nstreams:")],
        ["11:30-31 TS122 3 is a number, where a condition should be"],
    ),
    (
        [("streams:", "assume: T\nstreams:")],
        ["11:9-10 TS103 `assume` takes a list of comparisons such as `T % 8 == 0`, not `T`"],
    ),
    (
        [("streams:", "init: {std: x, kind: norml}\nstreams:")],
        [
            "11:13-14 TS133 there is no dim `x` = the dims are `B`, `T`, `V`, `d`, `h`",
            "11:22-27 TS104 `kind` is `normal`, `truncated`, `xavier`, `fan_in` or `torch`, not `norml` = did you mean `normal`?",
        ],
    ),
    (
        [("streams:", '  "a\\nb": 3\nstreams:')],
        [
            "11:3-9 TS105 `a\\nb` is no name: names have letters, digits and _",
            "11:11-12 TS103 `a\\nb` takes a list of steps, or a mapping with `do`, not `3`",
        ],
    ),
    (
        [("norm]", "{mark: a}, {mark: a}]")],
        ["12:96-97 TS132 mark `a` has the name of a mark (12:85 the mark)"],
    ),
    (
        [("norm]", "{prepend: [cls, {reg: 0}]}]")],
        ["12:100-101 TS251 a size is at least 1, and 0 is not"],
    ),
    ([("norm]", "{prepend: [cls, self]}]")], ["12:94-98 TS131 part `self` has a reserved name"]),
    (
        [
            ("heads: h", "hedas: h"),
            ("depth: 2", "depht: 2"),
            ("[tokens", "[tokns"),
            ("act: gelu", "act: gleu"),
            ("d: 8", "d: 0"),
        ],
        [
            "3:39-40 TS251 a size is at least 1, and 0 is not",
            "9:18-23 TS101 `attend` has no `hedas` = did you mean `heads`?",
            "10:39-43 TS104 `act` cannot be `gleu` = did you mean `gelu`? = it is one of relu, gelu, gelu_tanh, quick_gelu, silu, relu2, tanh, sigmoid, swiglu, geglu, reglu",
            "12:10-15 TS133 there is no input, stream, block or step `tokns` = did you mean `tokens`?",
            "12:65-70 TS101 `stack` has no `depht` = did you mean `depth`?",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "messages"), CASES, ids=lambda case: str(case[0]))
def test_mistake(changes: list[tuple[str, str]], messages: list[str]) -> None:
    loaded = load_changed(*changes)
    assert [shown(each) for each in loaded.diagnostics] == messages
    assert loaded.spec is None


def test_the_small_spec_is_good() -> None:
    loaded = load_changed()
    assert list(loaded.diagnostics) == []
    assert loaded.spec is not None


def test_bombs_end_at_once() -> None:
    deep = "(" * 10_000 + "h" + ")" * 10_000
    (found,) = load_changed(("heads: h", f"heads: {deep}")).diagnostics
    assert found.message == "a size is too long: 20,001 characters, and 400 are allowed"
    for bomb in ("2**10**9", "(h + d + V)**16**16", "9**64**64", "((h + d)**16)**16"):
        assert not load_changed(("heads: h", f"heads: {bomb}")).diagnostics.ok
