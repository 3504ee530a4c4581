"""A small good spec that the tests of this folder change, and what its mistakes look like."""

from tfspec.diagnostics import Diagnostic
from tfspec.spec.load import Loaded, load_text

SMALL = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..16, V: 100, d: 8, h: 2}
inputs: {tokens: ids(V) B T, valid: bool B T}
blocks:
  layer:
    norm: {at: pre}
    do:
      - attend: {heads: h, mask: causal and key.valid}
      - ffn: {hidden: 4 * width, act: gelu}
streams:
  text: [tokens, {embed: d}, {pos: learned}, {stack: {of: layer, depth: 2}}, norm]
outputs:
  logits: [text, {linear: V}]
"""


def load_changed(*changes: tuple[str, str]) -> Loaded:
    """The small spec with some texts replaced, each once."""
    text = SMALL
    for old, new in changes:
        assert old in text, f"{old!r} is not in the small spec"
        text = text.replace(old, new, 1)
    return load_text(text)


def shown(diagnostic: Diagnostic) -> str:
    """A diagnostic on one line: place, code, message, help, other places."""
    span = diagnostic.span
    place = f"{span.line}:{span.column}-{span.end_column}" if span else "nowhere"
    helps = "".join(f" = {each}" for each in diagnostic.help)
    others = "".join(
        f" ({each.span.line}:{each.span.column} {each.text})" for each in diagnostic.secondary
    )
    return f"{place} {diagnostic.code} {diagnostic.message}{helps}{others}"
