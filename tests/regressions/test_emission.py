"""Mistakes once made in emitted files: each spec here is the smallest that showed one."""

from __future__ import annotations

import pytest
import yaml

from tests.fuzz.oracle import examine

HEAD = "tfspec: 1\nname: toy\ndims: {B: batch, B2: batch, T: 2..4, H: multiple(2)}\n"

# Each is right: `examine` emits it in both styles, runs it, and compares shapes and numbers.
RIGHT = {
    "an input of one number a token where no input is a text": """
inputs: {x: float B (1) T, y: float B (2) T}
streams: {a: [x, {sinusoid: 2}]}
outputs: {y: [a, {similarity: {to: y}}]}
""",
    "windows along one axis, and shifted ones along two": """
inputs: {x: float B H (2), y: float B T H (2)}
blocks:
  one: {do: [{attend: {heads: 1, window: {H: 2}}}]}
  two: {do: [{attend: {heads: 1, window: {T: 1, H: 2}, shift: {H: 1}}}]}
streams: {a: [x, one], b: [y, two]}
outputs: {y: a, z: b}
""",
    "an output that is a stream, whose part bears the stream's name and another where it is made": """
inputs: {x: float B (2) T}
streams: {a: [x, {concat: {left: norm}}]}
outputs: {y: a}
""",
    "one place of parts of several widths": """
inputs: {ids: ids(3) B T}
streams: {a: [ids, {embed: 3}, {concat: {left: {linear: 7}, more: gelu_tanh}}, {take: {T: 0}}]}
outputs: {y: [a, {take: left}], z: [a, {take: more}]}
""",
    "a base beyond torch's whole numbers": """
inputs: {x: float B T (1)}
streams: {a: [x, {sinusoid: {width: 4, base: 1000000000000000000000000000000}}]}
outputs: {y: a}
""",
    "names of torch's modules as names of weights": """
inputs: {states: float B T (4)}
streams: {a: [states, {prepend: [train, eval]}], b: [states, {linear: {width: 3, share: children}}]}
outputs: {forward: [a, {linear: 2}], training: [b, {linear: 2}], return: [b, norm]}
""",
    "inputs called as Python, torch and the file itself call things": """
inputs: {F: float B T (4), F_: float B T (4), lambda: float B T (4), flags: bool B T, device: float B T (4)}
streams:
  a: [{sum: [F, F_, lambda, device]}, {attend: {heads: 2, mask: key.flags}}]
outputs: {y: a}
""",
    "blocks called as torch's modules": """
inputs: {states: float B T (4)}
blocks:
  F: {do: [{ffn: {hidden: 3, act: gelu}}]}
  Timer: {do: [relu]}
  Attention: {do: [{attend: {heads: 2}}]}
streams: {a: [states, F, Timer, Attention]}
outputs: {y: a}
""",
    "a dim that no axis shows as it is": """
inputs: {states: float B T H (4)}
blocks: {layer: {do: [{ffn: {hidden: 3, act: relu, only: left}}]}}
streams:
  a: [states, {linear: 2}]
  b: [{concat: {left: a, right: a}}, layer]
outputs: {y: b}
""",
    "values written on lines of their own keep what the line after them reads": """
inputs: {states: float B T (4)}
streams:
  a: [states, {join: [{linear: 7}, {scale: -1.5}, norm, [relu, {linear: 9}]]}, {prepend: [x, {h: 2}]}]
outputs: {y: a}
""",
    "a residual of a gate beside what it adds to": """
inputs: {states: float B T (4)}
blocks: {layer: {norm: {at: [pre, out]}, residual: {gate: tanh}, do: {attend: {heads: 2}}}}
streams: {a: [states, layer]}
outputs: {y: a}
""",
    "a stack that begins with a weight": """
blocks: {layer: {do: [{linear: width}]}}
streams: {a: [{learn: {width: 4}}, {stack: {of: layer, depth: 3}}]}
outputs: {y: a}
""",
    "one class for values of several ranks": """
inputs: {states: float B T (4)}
blocks: {layer: {do: [{ffn: {hidden: 3, act: relu}}]}}
streams: {a: [states, layer], b: [states, {pool: mean}, layer]}
outputs: {y: a, z: b}
""",
    "a long list of layers": """
inputs: {states: float B T (4)}
blocks:
  feed_forward_layer: {do: [{ffn: {hidden: 3, act: relu}}]}
  attention_layer: {do: [{attend: {heads: 2}}]}
streams:
  a:
  - states
  - stack: {of: [feed_forward_layer, attention_layer, [attention_layer, feed_forward_layer]], depth: 6}
  - stack: {of: [feed_forward_layer, attention_layer, [attention_layer, feed_forward_layer]], depth: 3}
outputs: {y: a}
""",
    "a concat of one token alone": """
inputs: {states: float B (4)}
streams: {a: [states, {concat: [norm]}, {prepend: cls}]}
outputs: {y: a}
""",
    "a stack whose layers read the value that the stack begins with": """
inputs: {states: float B T (4)}
blocks: {layer: {do: [{attend: {heads: 2, to: a}}]}}
streams: {a: [states, {linear: 4}], b: [a, {stack: {of: layer, depth: 3}}]}
outputs: {y: b}
""",
    "a stack that begins with a weight, and reads another value": """
blocks: {layer: {do: [{attend: {heads: 2, to: memory}}]}}
streams:
  memory: [{learn: {axes: {P: 4}, width: 5}}, relu]
  a: [{learn: {axes: {Z: 2}, width: 6}}, {stack: {of: layer, depth: 3}}]
outputs: {y: a}
""",
    "a stack that begins with a value that is read again behind it": """
inputs: {states: float B T (4)}
blocks: {layer: {do: [{linear: 4}]}}
streams:
  a: [states, {linear: 4}, relu]
  b: [a, {join: [{scale: 2}, norm]}]
  c: [a, {stack: {of: layer, depth: 2}}]
outputs: {y: b, z: c}
""",
    "two tables of sinusoids of other bases and layouts": """
inputs: {states: float B T (4)}
streams:
  a: [states, {pos: {sinusoidal: T, base: 100}}]
  b: [states, {pos: {sinusoidal: T, layout: halves}}, {pos: sinusoidal}]
outputs: {y: a, z: b}
""",
    "a mask where `or` stands inside `and`": """
inputs: {states: float B T (4), valid: bool B T}
streams: {a: [states, {attend: {heads: 2, mask: (causal or key.valid) and not within(1)}}]}
outputs: {y: a}
""",
    "a shared branch with a norm without weights": """
inputs: {states: float B T (4)}
blocks:
  a_block: {do: [{ffn: {hidden: 3, act: relu, share: same, norm: {affine: false}}}]}
  b_block: {do: [{ffn: {hidden: 3, act: relu, share: same, norm: {kind: l2}}}]}
streams: {a: [states, a_block, b_block]}
outputs: {y: a}
""",
    "flags over two batch axes": """
inputs: {states: float B B2 T (4), valid: bool B B2 T}
streams:
  a: [states, {attend: {heads: 2, mask: key.valid}}, {attend: {heads: 2, mask: query.valid or key.valid}}]
outputs: {y: a}
""",
    "experts that start by their number of inputs": """
inputs: {states: float B B2 T (4)}
streams: {a: [states, {ffn: {hidden: 3, act: relu, experts: 2, top_k: 2}}]}
outputs: {y: a}
init: {kind: fan_in, std: 0.5}
""",
    "a pattern whose last layer alone has numbers of its own": """
inputs: {states: float B B2 T (4)}
blocks:
  layer: {do: [{ffn: {hidden: 3, act: relu}}]}
  like: {extends: layer}
  ends: {do: [{softcap: 2}], residual: {scale: i / n}}
streams: {a: [states, {stack: {of: [layer, like, ends], depth: 6}}]}
outputs: {y: a}
""",
    "a rate of the layer beside a map of its name": """
inputs: {states: float B B2 T (1)}
blocks:
  layer: {norm: {modulate: silu}, do: [{ffn: {hidden: 3, act: relu}}], residual: {scale: i / n}}
streams: {a: [states, {stack: {of: layer, depth: 2}}]}
outputs: {y: a}
""",
    "a factor that is larger than what torch takes as a whole number": """
inputs: {states: float B B2 T (4)}
blocks: {layer: {do: [{ffn: {hidden: 3, act: relu}}], residual: {skip: 1000000000000000000000}}}
streams: {a: [states, layer]}
outputs: {y: a}
""",
    "a mask of keys alone beside grouped heads and narrower values": """
inputs: {states: float B T (6)}
streams:
  memory: {learn: {axes: {R: 4}, width: 6}}
  a: [states, {attend: {heads: 2, kv_heads: 1, v_head_dim: 2, to: memory, mask: key.R < 2}}]
outputs: {y: a}
""",
    "a mask in a model without inputs": """
streams: {a: [{learn: {axes: {S: 3}, width: 4}}, {attend: {heads: 2, mask: not within(1) or causal}}]}
outputs: {y: a}
""",
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_the_emitted_model_is_right(text: str) -> None:
    declared = "B: batch, B2: batch" if "inputs" in text else "unused: 1"
    whole = HEAD.replace("B: batch, B2: batch", declared) + text
    seen = examine(whole, tree=yaml.safe_load(whole))
    assert seen.agreed
    assert (seen.status, seen.codes) == ("ok", ())
    assert seen.runs > 1 or "inputs" not in text
