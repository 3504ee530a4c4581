"""Small models whose bytes are counted by hand, kernel by kernel, and what is said of them."""

from __future__ import annotations

from tfspec.api import Architecture
from tfspec.passes.time.jobs import Job
from tfspec.spec.load import load_text

HEAD = """
tfspec: 1
name: small
dims: {B: batch, T: 1..64, V: 11, d: 8, f: 32, h: 2}
inputs: {tokens: ids(V) B T}
"""
MODELS = {
    "mlp": "streams: {text: [tokens, {embed: d}, {ffn: {hidden: f, act: relu}}]}",
    "attention": "streams: {text: [tokens, {embed: d}, {attend: {heads: h, mask: causal}}]}",
    "layers": """
blocks: {layer: {norm: {kind: layer}, do: [{ffn: {hidden: f, act: gelu}}]}}
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: 4}}]}""",
    "gated": "streams: {text: [tokens, {embed: d}, {ffn: {hidden: f, act: silu, gated: true}}]}",
}


def model(name: str, **sizes: int) -> Architecture:
    text = f"{HEAD}{MODELS[name]}\noutputs: {{y: text}}\n"
    return Architecture(load_text(text), {"B": 2, "T": 3, **sizes})


def moved(name: str, mode: str = "forward", *, compiled: bool = True) -> list[tuple[str, str, int]]:
    """Each job that moves something: its phase, its step, its bytes, in fp32 on an H200."""
    cost = model(name).cost(mode, target="h200", compiled=compiled)  # pyright: ignore
    assert cost.timing is not None
    return [(job.phase, label(job), cost.number(job.bytes)) for job in cost.timing.jobs]


def label(job: Job) -> str:
    return job.nodes[0].op.label() if job.nodes else ""


# 2 texts of 3 tokens: 6 rows; a value of width 8 has 48 numbers, one of width 32 has 192
X, WIDE = 4 * 48, 4 * 192
IDS = 8 * 6
UP, DOWN = 4 * 8 * 32, 4 * 32 * 8  # matrices
MLP_FORWARD = [
    ("forward", "embed", IDS + X + X),  # ids, their rows, and the rows again as a result
    ("forward", "linear", X + UP + 4 * 32 + WIDE),  # x, the matrix, its bias, the result
    ("forward", "relu", WIDE + WIDE),
    ("forward", "linear", WIDE + DOWN + 4 * 8 + X),
]
MLP_BACKWARD = [
    (
        "backward",
        "embed",
        IDS + X + 4 * 11 * 8,
    ),  # its gradient and ids in, that of all of the table out
    (
        "backward",
        "linear",
        # the input's gradient; the matrix's; the bias's
        (WIDE + UP + X) + (WIDE + X + UP) + (WIDE + 4 * 32),
    ),
    ("backward", "relu", WIDE + WIDE + WIDE),  # its gradient, what it kept, a gradient
    ("backward", "linear", (X + DOWN + WIDE) + (X + WIDE + DOWN) + (X + 4 * 8)),
    # AdamW: weights, gradients and two states read, weights and states written
    ("optimizer", "", 7 * 4 * (11 * 8 + 2 * 8 * 32 + 32 + 8)),
]
QKV = 4 * 8 * 24  # the matrix of three maps
ROWS = 4 * 2 * 2 * 32  # a number a query and head: the kernel for fp32 has room for 32 queries
ATTENTION_FORWARD = [
    ("forward", "embed", IDS + X + X),
    ("forward", "q", X + QKV + 4 * 24 + 3 * X),
    ("forward", "scores", 3 * X + X),  # q, k and v in, the mix out: no score is written
    ("forward", "linear", X + 4 * 8 * 8 + 4 * 8 + X),
]
ATTENTION_BACKWARD = [
    # dq, dk and dv put together; then the input's gradient, the matrix's, the bias's
    ("backward", "q", 6 * X + (3 * X + QKV + X) + (3 * X + X + QKV) + (3 * X + 4 * 24)),
    # its gradient; q, k, v, the result, the sums and the random state; three gradients
    ("backward", "scores", X + (3 * X + X + ROWS + 16) + 3 * X),
]
NORM = 4 * (8 + 8)
LAYERS_EAGER = [
    ("forward", "embed", IDS + X + X),
    ("forward", "norm", 4 * (X + NORM + X)),
    ("forward", "linear", 4 * (X + UP + 4 * 32 + WIDE)),
    ("forward", "gelu", 4 * (WIDE + WIDE)),
    ("forward", "linear", 4 * (WIDE + DOWN + 4 * 8 + X)),
    ("forward", "+", 4 * (X + X + X)),
]
LAYERS_COMPILED = [
    LAYERS_EAGER[0],
    # the first reads what the look-up wrote; the others find x in the kernel of the sum before
    ("forward", "norm", (X + NORM + X) + 3 * (NORM + X)),
    *LAYERS_EAGER[2:],
]
GATED_COMPILED = [
    ("forward", "embed", IDS + X + X),
    ("forward", "linear", X + 2 * UP + 2 * 4 * 32 + 2 * WIDE),
    ("forward", "silu", WIDE),  # what it makes stays in the kernel of the product
    ("forward", "×", WIDE + WIDE),
    ("forward", "linear", WIDE + DOWN + 4 * 8 + X),
]


def wrong() -> list[str]:
    """The counts by hand that what is said does not equal."""
    said = {
        "mlp": (moved("mlp"), MLP_FORWARD),
        "mlp, a step": (moved("mlp", "train"), [*MLP_FORWARD, *MLP_BACKWARD]),
        "attention": (moved("attention"), ATTENTION_FORWARD),
        "attention, a step": (moved("attention", "train")[5:7], ATTENTION_BACKWARD),
        "layers": (moved("layers"), LAYERS_COMPILED),
        "layers line by line": (moved("layers", compiled=False), LAYERS_EAGER),
        "gated": (moved("gated"), GATED_COMPILED),
    }
    return [name for name, (found, counted) in said.items() if found != counted]
