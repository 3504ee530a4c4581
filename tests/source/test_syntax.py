"""Texts that are no YAML, and the whole message for each: what is wrong, where, a way out."""

import pytest

from tests.source.cases import PARSERS, case, messages

BRACKETS = [
    case(
        "an open brace",
        "dims: {d: 768, h: 12\ninputs:\n  x: ids(V) B T\n",
        r"""
        error[TS009]: `{` is never closed
         --> a.yaml:1:7
          |
        1 | dims: {d: 768, h: 12
          |       ^ opened here
          |
        2 | inputs:
          |       - the reading came this far
          = help: write `}` where it ends
        """,
    ),
    case(
        "an open brace at the end",
        "a: 1\ndims: {d: 768, h: 12\n",
        r"""
        error[TS009]: `{` is never closed
         --> a.yaml:2:7
          |
        2 | dims: {d: 768, h: 12
          |       ^ opened here
          = help: write `}` where it ends
        """,
    ),
    case(
        "an open bracket",
        "streams:\n  x: [tokens, {embed: d}\noutputs:\n  y: x\n",
        r"""
        error[TS009]: `[` is never closed
         --> a.yaml:2:6
          |
        2 |   x: [tokens, {embed: d}
          |      ^ opened here
          |
        3 | outputs:
          | - the reading came this far
          = help: write `]` where it ends
        """,
    ),
    case(
        "a bracket closed by a brace",
        "x: [a, b}\n",
        r"""
        error[TS009]: `[` is closed by `}`
         --> a.yaml:1:9
          |
        1 | x: [a, b}
          |         ^ a `]` is missing here, or before
          |    - opened here
        """,
    ),
    case(
        "an inner bracket left open",
        "a: {b: [1, 2, c: 3}\n",
        r"""
        error[TS009]: `[` is closed by `}`
         --> a.yaml:1:19
          |
        1 | a: {b: [1, 2, c: 3}
          |                   ^ a `]` is missing here, or before
          |        - opened here
        """,
    ),
    case(
        "a bracket too many",
        "x: [a, b]]\ny: 1\n",
        r"""
        error[TS009]: `]` closes nothing
         --> a.yaml:1:10
          |
        1 | x: [a, b]]
          |          ^
          = help: leave it out
        """,
    ),
    case(
        "a brace too many",
        "x: {a: 1}}\ny: 1\n",
        r"""
        error[TS009]: `}` closes nothing
         --> a.yaml:1:10
          |
        1 | x: {a: 1}}
          |          ^
          = help: leave it out
        """,
    ),
    case(
        "a bracket alone",
        "x: ]\n",
        r"""
        error[TS009]: `]` closes nothing
         --> a.yaml:1:4
          |
        1 | x: ]
          |    ^
          = help: leave it out
        """,
    ),
    case(
        "a brace on a line",
        "a: 1\n}\n",
        r"""
        error[TS009]: `}` closes nothing
         --> a.yaml:2:1
          |
        2 | }
          | ^
          = help: leave it out
        """,
    ),
    case(
        "a comment eats the bracket",
        "a: [b #c, d]\n",
        r"""
        error[TS009]: `[` is never closed
         --> a.yaml:1:4
          |
        1 | a: [b #c, d]
          |    ^ opened here
          = help: write `]` where it ends, before the comment
        """,
    ),
    case(
        "a comma missing",
        "a: {b: 1 c: 2}\n",
        r"""
        error[TS009]: one entry has two colons
         --> a.yaml:1:11
          |
        1 | a: {b: 1 c: 2}
          |           ^ the second colon
          = help: a comma is missing before this entry; or put a text with a colon in quotes
        """,
    ),
    case(
        "a comma missing between mappings",
        "a: [{b: 1} {c: 2}]\n",
        r"""
        error[TS009]: a comma is missing between two entries
         --> a.yaml:1:12
          |
        1 | a: [{b: 1} {c: 2}]
          |            ^ before this
        """,
    ),
    case(
        "a comma missing between lines",
        "a: {b: 1\n  c: 2}\n",
        r"""
        error[TS009]: one entry has two colons
         --> a.yaml:2:4
          |
        2 |   c: 2}
          |    ^ the second colon
          = help: a comma is missing before this entry; or put a text with a colon in quotes
        """,
    ),
    case(
        "two commas",
        "a: [b,, c]\n",
        r"""
        error[TS009]: nothing stands before this comma
         --> a.yaml:1:7
          |
        1 | a: [b,, c]
          |       ^
          = help: leave the comma out
        """,
    ),
    case(
        "a comma first",
        "a: [, b]\n",
        r"""
        error[TS009]: nothing stands before this comma
         --> a.yaml:1:5
          |
        1 | a: [, b]
          |     ^
          = help: leave the comma out
        """,
    ),
]

INDENTATION = [
    case(
        "indented by a tab",
        "blocks:\n\tlayer: 1\n",
        r"""
        error[TS009]: a line is indented by a tab, and YAML indents by spaces
         --> a.yaml:2:1
          |
        2 |     layer: 1
          | ^^^^
          = help: replace each tab by two spaces
        """,
    ),
    case(
        "indented by a tab below a value",
        "blocks:\n  a: 1\n\tlayer: 1\n",
        r"""
        error[TS009]: a line is indented by a tab, and YAML indents by spaces
         --> a.yaml:3:1
          |
        3 |     layer: 1
          | ^^^^
          = help: replace each tab by two spaces
        """,
    ),
    case(
        "a tab after spaces",
        "blocks:\n  a: 1\n  \tlayer: 1\n",
        r"""
        error[TS009]: a line is indented by a tab, and YAML indents by spaces
         --> a.yaml:3:3
          |
        3 |       layer: 1
          |   ^^^^
          = help: replace each tab by two spaces
        """,
    ),
    case(
        "a tab before a dash",
        "do:\n\t- a\n",
        r"""
        error[TS009]: a line is indented by a tab, and YAML indents by spaces
         --> a.yaml:2:1
          |
        2 |     - a
          | ^^^^
          = help: replace each tab by two spaces
        """,
    ),
    case(
        "indentation that fits nothing",
        "blocks:\n  layer:\n    a: 1\n   b: 2\n",
        r"""
        error[TS009]: the indentation of a line fits no line above
         --> a.yaml:4:4
          |
        4 |    b: 2
          |    ^^
          |
        2 |   layer:
          |   - the keys begin here
          = help: indent it by as many spaces as the lines that it belongs with
        """,
    ),
    case(
        "a dash that fits nothing",
        "do:\n  - a\n - b\n",
        r"""
        error[TS009]: the indentation of a line fits no line above
         --> a.yaml:3:2
          |
        3 |  - b
          |  ^
          |
        1 | do:
          | - the keys begin here
          = help: indent it by as many spaces as the lines that it belongs with
        """,
    ),
    case(
        "deeper below a value",
        "a: 1\n  b: 2\n",
        r"""
        error[TS009]: a line is indented deeper than the one above, which has its value already
         --> a.yaml:2:3
          |
        2 |   b: 2
          |   ^
          |
        1 | a: 1
          | ---- the line above
          = help: line both up, or leave the value above out
        """,
    ),
    case(
        "deeper below an inner value",
        "a:\n  b: 1\n    c: 2\n",
        r"""
        error[TS009]: a line is indented deeper than the one above, which has its value already
         --> a.yaml:3:5
          |
        3 |     c: 2
          |     ^
          |
        2 |   b: 1
          |   ---- the line above
          = help: line both up, or leave the value above out
        """,
    ),
    case(
        "keys below a list item",
        "a:\n- b\n- c\n d: 1\n",
        r"""
        error[TS009]: a line is indented deeper than the one above, which has its value already
         --> a.yaml:4:2
          |
        4 |  d: 1
          |  ^
          |
        3 | - c
          | --- the line above
          = help: put a colon at the end of the line above, and this line deeper than its text
        """,
    ),
    case(
        "a key among dashes",
        "do:\n  - a\n  b: 1\n",
        r"""
        error[TS009]: a line stands among the items of a list and has no dash
         --> a.yaml:3:3
          |
        3 |   b: 1
          |   ^^
          |
        2 |   - a
          |   - the list begins here
          = help: begin it with `- `, or indent it as what it belongs to
        """,
    ),
    case(
        "a dash among keys",
        "do:\n  b: 1\n  - a\n",
        r"""
        error[TS009]: a list item stands among keys
         --> a.yaml:3:3
          |
        3 |   - a
          |   ^
          |
        2 |   b: 1
          |   - the keys begin here
          = help: line its dash up with the other dashes
        """,
    ),
    case(
        "a key after a list",
        "- a\nb: 1\n",
        r"""
        error[TS009]: a line stands among the items of a list and has no dash
         --> a.yaml:2:1
          |
        2 | b: 1
          | ^^
          |
        1 | - a
          | - the list begins here
          = help: begin it with `- `, or indent it as what it belongs to
        """,
    ),
    case(
        "a dash after a colon",
        "a: - b\n",
        r"""
        error[TS009]: a list with dashes begins on a line of its own
         --> a.yaml:1:4
          |
        1 | a: - b
          |    ^
          = help: move it to the next line, or write [a, b]
        """,
    ),
]

QUOTES_AND_COLONS = [
    case(
        "an open double quote",
        'name: "gpt2\ndims: {}\n',
        r"""
        error[TS009]: a text begins with " and never ends
         --> a.yaml:1:7
          |
        1 | name: "gpt2
          |       ^ no quote like this one closes it
          = help: write " where the text ends
        """,
    ),
    case(
        "an open single quote",
        "name: 'gpt2\ndims: {}\n",
        r"""
        error[TS009]: a text begins with ' and never ends
         --> a.yaml:1:7
          |
        1 | name: 'gpt2
          |       ^ no quote like this one closes it
          = help: write ' where the text ends
        """,
    ),
    case(
        "an open quote in a key",
        '"a: 1\n',
        r"""
        error[TS009]: a text begins with " and never ends
         --> a.yaml:1:1
          |
        1 | "a: 1
          | ^ no quote like this one closes it
          = help: write " where the text ends
        """,
    ),
    case(
        "a quote over documents",
        'a: "x\n---\n"\n',
        r"""
        error[TS009]: a text begins with " and never ends
         --> a.yaml:1:4
          |
        1 | a: "x
          |    ^ no quote like this one closes it
          = help: write " where the text ends
        """,
    ),
    case(
        "an apostrophe in quotes",
        "about: 'it's fine'\n",
        r"""
        error[TS009]: a text in quotes has ended, and more text follows
         --> a.yaml:1:12
          |
        1 | about: 'it's fine'
          |            ^ this is outside the quotes
          = help: put the whole text in quotes; within '...' write '' for a quote
        """,
    ),
    case(
        "text after quotes",
        'about: "a" b\n',
        r"""
        error[TS009]: a text in quotes has ended, and more text follows
         --> a.yaml:1:12
          |
        1 | about: "a" b
          |            ^ this is outside the quotes
          = help: put the whole text in quotes; within '...' write '' for a quote
        """,
    ),
    case(
        "an open quote closed by the next",
        'name: "gpt2\nabout: "x"\n',
        r"""
        error[TS009]: a text in quotes has ended, and more text follows
         --> a.yaml:2:9
          |
        2 | about: "x"
          |         ^ this is outside the quotes
          = help: put the whole text in quotes; within '...' write '' for a quote
        """,
    ),
    case(
        "a colon without space on the first line",
        "tfspec:1\nname: x\n",
        r"""
        error[TS009]: a colon needs a space after it
         --> a.yaml:1:1
          |
        1 | tfspec:1
          | ^^^^^^^^
          = help: write `tfspec: 1`
        """,
    ),
    case(
        "a colon without space",
        "name: x\ntfspec:1\nabout: y\n",
        r"""
        error[TS009]: a colon needs a space after it
         --> a.yaml:2:1
          |
        2 | tfspec:1
          | ^^^^^^^^
          = help: write `tfspec: 1`
        """,
    ),
    case(
        "a key without a colon",
        "name: x\nblocks\n  a: 1\n",
        r"""
        error[TS009]: `blocks` stands among keys without a colon
         --> a.yaml:2:1
          |
        2 | blocks
          | ^^^^^^
          = help: write it as `key: value`, or take it out
        """,
    ),
    case(
        "a key without a colon or values",
        "name: x\nblocks\nstreams:\n  a: 1\n",
        r"""
        error[TS009]: `blocks` stands among keys without a colon
         --> a.yaml:2:1
          |
        2 | blocks
          | ^^^^^^
          = help: write it as `key: value`, or take it out
        """,
    ),
    case(
        "a last key without a colon",
        "name: x\nblocks\n",
        r"""
        error[TS009]: `blocks` stands among keys without a colon
         --> a.yaml:2:1
          |
        2 | blocks
          | ^^^^^^
          = help: write it as `key: value`, or take it out
        """,
    ),
    case(
        "a colon in a text",
        "about: BERT: a model\n",
        r"""
        error[TS009]: one line has two colons
         --> a.yaml:1:12
          |
        1 | about: BERT: a model
          |            ^ the second colon
          = help: put a text with a colon in quotes; keys on one line need braces: {a: 1, b: 2}
        """,
    ),
    case(
        "a colon in a text in braces",
        "{about: BERT: a}\n",
        r"""
        error[TS009]: one entry has two colons
         --> a.yaml:1:13
          |
        1 | {about: BERT: a}
          |             ^ the second colon
          = help: a comma is missing before this entry; or put a text with a colon in quotes
        """,
    ),
    case(
        "keys on one line",
        "a: b, c: d\n",
        r"""
        error[TS009]: one line has two colons
         --> a.yaml:1:8
          |
        1 | a: b, c: d
          |        ^ the second colon
          = help: put a text with a colon in quotes; keys on one line need braces: {a: 1, b: 2}
        """,
    ),
    case(
        "a colon without a key",
        ": :\n",
        r"""
        error[TS009]: a colon has no key before it
         --> a.yaml:1:1
          |
        1 | : :
          | ^
          | - the keys begin here
          = help: write a name before it
        """,
    ),
]

CHARACTERS = [
    case(
        "a percent sign",
        "about: %x\n",
        r"""
        error[TS009]: a text may not begin with %
         --> a.yaml:1:8
          |
        1 | about: %x
          |        ^
          = help: put the text in quotes: "..."
        """,
    ),
    case(
        "a directive",
        "%x\n",
        r"""
        error[TS009]: a line that begins with % has no place in a spec
         --> a.yaml:1:1
          |
        1 | %x
          | ^^
          = help: leave the line out
        """,
    ),
    case(
        "another version of YAML",
        "%YAML 2.0\n---\na: 1\n",
        r"""
        error[TS009]: a line that begins with % has no place in a spec
         --> a.yaml:1:1
          |
        1 | %YAML 2.0
          | ^^^^^^^^^
          = help: leave the line out
        """,
    ),
    case(
        "an at sign",
        "a: @x\n",
        r"""
        error[TS009]: a text may not begin with @
         --> a.yaml:1:4
          |
        1 | a: @x
          |    ^
          = help: put the text in quotes: "..."
        """,
    ),
    case(
        "a backtick",
        "a: `x`\n",
        r"""
        error[TS009]: a text may not begin with `
         --> a.yaml:1:4
          |
        1 | a: `x`
          |    ^
          = help: put the text in quotes: "..."
        """,
    ),
    case(
        "Markdown",
        "```yaml\na: 1\n```\n",
        r"""
        error[TS009]: the file is Markdown: a spec has no ``` around it
         --> a.yaml:1:1
          |
        1 | ```yaml
          | ^^^
          = help: leave the lines with ``` out
        """,
    ),
    case(
        "a star",
        "a: * b\n",
        r"""
        error[TS009]: `*` begins the name of an alias in YAML, and here is no name
         --> a.yaml:1:4
          |
        1 | a: * b
          |    ^
          = help: put the text in quotes if it is one
        """,
    ),
    case(
        "an ampersand",
        "a: & b\n",
        r"""
        error[TS009]: `&` begins the name of an anchor in YAML, and here is no name
         --> a.yaml:1:4
          |
        1 | a: & b
          |    ^
          = help: put the text in quotes if it is one
        """,
    ),
    case(
        "two anchors",
        "a: &x &y 1\n",
        r"""
        error[TS009]: more follows a value that has ended
         --> a.yaml:1:7
          |
        1 | a: &x &y 1
          |       ^
        """,
    ),
    case(
        "text after a brace",
        "a: {b} c\n",
        r"""
        error[TS009]: more follows a value that has ended
         --> a.yaml:1:8
          |
        1 | a: {b} c
          |        ^
        """,
    ),
    case(
        "an unknown escape",
        'a: "\\q"\n',
        r"""
        error[TS009]: `\q` is no escape that YAML knows
         --> a.yaml:1:5
          |
        1 | a: "\q"
          |     ^^
          = help: write \\ for a backslash, or put the text in single quotes
        """,
    ),
    case(
        "an escape without digits",
        'a: "\\xZZ"\n',
        r"""
        error[TS009]: `\xZZ` is no escape that YAML knows
         --> a.yaml:1:5
          |
        1 | a: "\xZZ"
          |     ^^^^
          = help: write \\ for a backslash, or put the text in single quotes
        """,
    ),
    case(
        "an escape beyond Unicode",
        'a: "\\U00110000"\n',
        r"""
        error[TS009]: `\U00110000` is no escape that YAML knows
         --> a.yaml:1:5
          |
        1 | a: "\U00110000"
          |     ^^^^^^^^^^
          = help: write \\ for a backslash, or put the text in single quotes
        """,
    ),
    case(
        "text beside a bar",
        "a: |x\n  b\n",
        r"""
        error[TS009]: `|` begins a text of several lines, which starts on the next line
         --> a.yaml:1:5
          |
        1 | a: |x
          |     ^
          = help: put the text in quotes if it begins with `|`
        """,
    ),
    case(
        "text after the end",
        "a: 1\n...\nb: 2\n",
        r"""
        error[TS009]: the spec has ended above, and more follows
         --> a.yaml:3:1
          |
        3 | b: 2
          | ^ this belongs to nothing
          = help: a file holds one spec; see that all keys of it line up, and leave `...` out
        """,
    ),
    case(
        "a key longer than YAML allows",
        "{" + "a" * 1100 + ": 1}\n",
        r"""
        error[TS009]: a key is longer than YAML allows, which is 1024 characters
         --> a.yaml:1:1102
          |
        1 | …aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1}
          |                                          ^
        """,
    ),
    case(
        "Python",
        "import torch\nx = {1: 2}\ndef f():\n  pass\n",
        r"""
        error[TS009]: `import torch` stands among keys without a colon
         --> a.yaml:1:1
          |
        1 | import torch
          | ^^^^^^^^^^^^
          = help: write it as `key: value`, or take it out
        """,
    ),
]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    ("text", "message"), [*BRACKETS, *INDENTATION, *QUOTES_AND_COLONS, *CHARACTERS]
)
def test_message(text: str, message: str, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert messages(text, parser, monkeypatch) == message
