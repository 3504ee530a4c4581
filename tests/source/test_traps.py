"""What YAML takes without a word and a spec refuses, and the bounds: the whole message for each."""

import pytest

from tests.source.cases import PARSERS, case, messages

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{last}'] * 10)}]\n"
    for last, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40 + "\n"

KEYS = [
    case(
        "a key twice",
        "dims: {d: 768, h: 12, d: 64}\n",
        r"""
        error[TS010]: the key `d` stands twice in one mapping
         --> a.yaml:1:23
          |
        1 | dims: {d: 768, h: 12, d: 64}
          |                       ^ here again
          |        - here first
          = help: keep one of the two, or rename one
        """,
    ),
    case(
        "a section twice",
        "name: a\ndims: {d: 8}\nname: b\n",
        r"""
        error[TS010]: the key `name` stands twice in one mapping
         --> a.yaml:3:1
          |
        3 | name: b
          | ^^^^ here again
          |
        1 | name: a
          | ---- here first
          = help: keep one of the two, or rename one
        """,
    ),
    case(
        "a key three times",
        "a: 1\na: 2\na: 3\n",
        r"""
        error[TS010]: the key `a` stands twice in one mapping
         --> a.yaml:2:1
          |
        2 | a: 2
          | ^ here again
          |
        1 | a: 1
          | - here first
          = help: keep one of the two, or rename one

        error[TS010]: the key `a` stands twice in one mapping
         --> a.yaml:3:1
          |
        3 | a: 3
          | ^ here again
          |
        1 | a: 1
          | - here first
          = help: keep one of the two, or rename one
        """,
    ),
    case(
        "a merge key",
        "blocks:\n  a: &a {do: [ffn]}\n  b:\n    <<: *a\n    norm: none\n",
        r"""
        error[TS011]: merge keys (`<<`) are not part of the spec language
         --> a.yaml:4:5
          |
        4 |     <<: *a
          |     ^^
          = help: a block takes over another one's keys by `extends: NAME`
        """,
    ),
    case(
        "a list as key",
        "dims: {[a, b]: 1}\n",
        r"""
        error[TS013]: a key must be a name, and here is a list
         --> a.yaml:1:8
          |
        1 | dims: {[a, b]: 1}
          |        ^^^^^^
          = help: put a list in brackets, and a text that begins with a brace or bracket in quotes
        """,
    ),
    case(
        "a template",
        "about: {{ name }}\n",
        r"""
        error[TS013]: a key must be a name, and here is a mapping
         --> a.yaml:1:9
          |
        1 | about: {{ name }}
          |         ^^^^^^^^
          = help: put a list in brackets, and a text that begins with a brace or bracket in quotes
        """,
    ),
    case(
        "no key",
        "dims: {: 1}\n",
        r"""
        error[TS009]: a colon has no key before it
         --> a.yaml:1:8
          |
        1 | dims: {: 1}
          |        ^
        """,
    ),
    case(
        "an empty key",
        'dims: {"": 1}\n',
        r"""
        error[TS013]: a key must be a name, and here is nothing
         --> a.yaml:1:8
          |
        1 | dims: {"": 1}
          |        ^^
        """,
    ),
    case(
        "a colon without space in braces",
        "dims: {d:768, h: 12}\n",
        r"""
        error[TS014]: `d:768` is one word: a colon needs a space after it
         --> a.yaml:1:8
          |
        1 | dims: {d:768, h: 12}
          |        ^^^^^
          = help: write `d: 768`
        """,
    ),
    case(
        "a colon without space in a list",
        "do:\n  - norm:rms\n",
        r"""
        error[TS014]: `norm:rms` is one word: a colon needs a space after it
         --> a.yaml:2:5
          |
        2 |   - norm:rms
          |     ^^^^^^^^
          = help: write `norm: rms`
        """,
    ),
]

TAGS = [
    case(
        "a tag",
        "eps: !!float 1\n",
        r"""
        error[TS012]: tags such as `!!float` are not part of the spec language
         --> a.yaml:1:6
          |
        1 | eps: !!float 1
          |      ^^^^^^^
          = help: leave the tag out; put a text in quotes where it must stay a text
        """,
    ),
    case(
        "a tag that runs code",
        'name: !!python/object/apply:os.system ["true"]\n',
        r"""
        error[TS012]: tags such as `!!python/object/apply:os.system` are not part of the spec language
         --> a.yaml:1:7
          |
        1 | name: !!python/object/apply:os.system ["true"]
          |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          = help: leave the tag out; put a text in quotes where it must stay a text
        """,
    ),
    case(
        "a tag of its own",
        "dims: !mine {d: 8}\n",
        r"""
        error[TS012]: tags such as `!mine` are not part of the spec language
         --> a.yaml:1:7
          |
        1 | dims: !mine {d: 8}
          |       ^^^^^
          = help: leave the tag out; put a text in quotes where it must stay a text
        """,
    ),
    case(
        "a tag after an anchor",
        "d: &size !!int 8\n",
        r"""
        error[TS012]: tags such as `!!int` are not part of the spec language
         --> a.yaml:1:10
          |
        1 | d: &size !!int 8
          |          ^^^^^
          = help: leave the tag out; put a text in quotes where it must stay a text
        """,
    ),
    case(
        "a tag without a name",
        "d: ! 8\n",
        r"""
        error[TS012]: tags such as `!` are not part of the spec language
         --> a.yaml:1:4
          |
        1 | d: ! 8
          |    ^
          = help: leave the tag out; put a text in quotes where it must stay a text
        """,
    ),
    case(
        "two tags",
        "a: !x 1\nb: !y 2\n",
        r"""
        error[TS012]: tags such as `!x` are not part of the spec language
         --> a.yaml:1:4
          |
        1 | a: !x 1
          |    ^^
          = help: leave the tag out; put a text in quotes where it must stay a text

        error[TS012]: tags such as `!y` are not part of the spec language
         --> a.yaml:2:4
          |
        2 | b: !y 2
          |    ^^
          = help: leave the tag out; put a text in quotes where it must stay a text
        """,
    ),
    case(
        "a tag never closed",
        "a: !<x\n",
        r"""
        error[TS012]: tags such as `!<x` are not part of the spec language
         --> a.yaml:1:4
          |
        1 | a: !<x
          |    ^^^
          = help: leave the tag out; put a text in quotes where it must stay a text
        """,
    ),
    case(
        "a tag with an unknown handle",
        "a: !x!y z\n",
        r"""
        error[TS012]: tags such as `!x!y` are not part of the spec language
         --> a.yaml:1:4
          |
        1 | a: !x!y z
          |    ^^^^
          = help: leave the tag out; put a text in quotes where it must stay a text
        """,
    ),
]

NUMBERS = [
    case(
        "infinity",
        "eps: .inf\n",
        r"""
        error[TS015]: `.inf` is not a finite number
         --> a.yaml:1:6
          |
        1 | eps: .inf
          |      ^^^^
          = help: write a number, or leave the key out
        """,
    ),
    case(
        "no number",
        "eps: -.NaN\nscale: .nan\n",
        r"""
        error[TS015]: `.nan` is not a finite number
         --> a.yaml:2:8
          |
        2 | scale: .nan
          |        ^^^^
          = help: write a number, or leave the key out
        """,
    ),
    case(
        "larger than a float",
        "eps: 1e999\n",
        r"""
        error[TS015]: `1e999` is not a finite number
         --> a.yaml:1:6
          |
        1 | eps: 1e999
          |      ^^^^^
          = help: write a number, or leave the key out
        """,
    ),
]

BOUNDS = [
    case(
        "several documents",
        "name: a\n---\nname: b\n",
        r"""
        error[TS018]: a file holds one spec, and here a second document begins
         --> a.yaml:2:1
          |
        2 | ---
          | ^^^
          = help: move it to a file of its own, or leave the line out
        """,
    ),
    case(
        "an end and a document",
        "name: a\n...\n---\nname: b\n",
        r"""
        error[TS018]: a file holds one spec, and here a second document begins
         --> a.yaml:3:1
          |
        3 | ---
          | ^^^
          = help: move it to a file of its own, or leave the line out
        """,
    ),
    case(
        "an unknown alias",
        "dims: *sizes\n",
        r"""
        error[TS016]: the alias `*sizes` has no anchor `&sizes` before it
         --> a.yaml:1:7
          |
        1 | dims: *sizes
          |       ^^^^^^
          = help: in YAML a word that begins with * is an alias; put it in quotes if it is a text
        """,
    ),
    case(
        "an expression that begins with a star",
        "hidden: *4\n",
        r"""
        error[TS016]: the alias `*4` has no anchor `&4` before it
         --> a.yaml:1:9
          |
        1 | hidden: *4
          |         ^^
          = help: in YAML a word that begins with * is an alias; put it in quotes if it is a text
        """,
    ),
    case(
        "an alias above its anchor",
        "a: *x\nb: &x 1\n",
        r"""
        error[TS016]: the alias `*x` has no anchor `&x` before it
         --> a.yaml:1:4
          |
        1 | a: *x
          |    ^^
          = help: in YAML a word that begins with * is an alias; put it in quotes if it is a text
        """,
    ),
    case(
        "an alias in itself",
        "do: &loop [ffn, *loop]\n",
        r"""
        error[TS016]: the alias `*loop` stands inside what it stands for
         --> a.yaml:1:17
          |
        1 | do: &loop [ffn, *loop]
          |                 ^^^^^
          |     ----- its anchor
        """,
    ),
    case(
        "an alias bomb",
        BOMB,
        r"""
        error[TS017]: a spec has at most 20,000 values, and its aliases stand for more
         --> a.yaml:5:8
          |
        5 | e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
          |        ^^
        """,
    ),
    case(
        "aliases that nest too deep",
        DEEP,
        r"""
        error[TS017]: lists and mappings are nested more than 64 deep
         --> a.yaml:2:44
          |
        2 | b: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
          |                                            ^^
        """,
    ),
    case(
        "ten thousand deep",
        "a: " + "[" * 10_000 + "]" * 10_000,
        r"""
        error[TS017]: lists and mappings are nested more than 64 deep
         --> a.yaml:1:67
          |
        1 | …[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[…
          |                                          ^
        """,
    ),
    case(
        "thirty thousand values",
        "a: [" + "x, " * 30_000 + "x]\n",
        r"""
        error[TS017]: a spec has at most 20,000 values, and here are more
         --> a.yaml:1:59996
          |
        1 | … x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, …
          |                                          ^
        """,
    ),
]

WHOLE_TEXTS = [
    case(
        "nothing",
        "",
        r"""
        error[TS006]: the file is empty
         --> a.yaml
          = help: a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one
        """,
    ),
    case(
        "blanks",
        "  \n\n",
        r"""
        error[TS006]: the file is empty
         --> a.yaml
          = help: a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one
        """,
    ),
    case(
        "comments",
        "# to be written\n",
        r"""
        error[TS006]: the file holds only comments
         --> a.yaml
          = help: a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one
        """,
    ),
    case(
        "a document of nothing",
        "---\n",
        r"""
        error[TS006]: the file is empty
         --> a.yaml
          = help: a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one
        """,
    ),
    case(
        "a list",
        "- embed\n- stack\n",
        r"""
        error[TS007]: a spec is a mapping of sections, and this is a list
         --> a.yaml:1:1
          |
        1 | - embed
          | ^^^^^^^
          = help: a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one
        """,
    ),
    case(
        "a text",
        "GPT-2, a model\n",
        r"""
        error[TS007]: a spec is a mapping of sections, and this is a single value
         --> a.yaml:1:1
          |
        1 | GPT-2, a model
          | ^^^^^^^^^^^^^^
          = help: a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one
        """,
    ),
    case(
        "null",
        "null\n",
        r"""
        error[TS007]: a spec is a mapping of sections, and this is a single value
         --> a.yaml:1:1
          |
        1 | null
          | ^^^^
          = help: a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one
        """,
    ),
    case(
        "a megabyte",
        'a: "' + "x" * 1_200_000,
        r"""
        error[TS003]: a spec has at most 1 MB, and this is 1.2 MB
         --> a.yaml
        """,
    ),
    case(
        "a control character",
        "name: a\n# \x07 rings\n",
        r"""
        error[TS005]: the control character \x07 has no place in a spec
         --> a.yaml:2:3
          |
        2 | # \x07 rings
          |   ^^^^
        """,
    ),
    case(
        "a NUL",
        "name: \x00\n",
        r"""
        error[TS005]: the control character \x00 has no place in a spec
         --> a.yaml:1:7
          |
        1 | name: \x00
          |       ^^^^
        """,
    ),
    case(
        "a terminal escape",
        'about: "\x1b[31mred"\n',
        r"""
        error[TS005]: the control character \x1b has no place in a spec
         --> a.yaml:1:9
          |
        1 | about: "\x1b[31mred"
          |         ^^^^
        """,
    ),
    case(
        "half a character",
        "about: \ud800\n",
        r"""
        error[TS005]: the control character \ud800 has no place in a spec
         --> a.yaml:1:8
          |
        1 | about: \ud800
          |        ^^^^^^
        """,
    ),
]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(("text", "message"), [*KEYS, *TAGS, *NUMBERS, *BOUNDS, *WHOLE_TEXTS])
def test_message(text: str, message: str, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert messages(text, parser, monkeypatch) == message
