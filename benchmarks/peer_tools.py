"""One cost tool on one public model: what it says, as JSON. Runs where the tools are installed.

    python peer_tools.py TOOL '{"model": "gpt2", "load": {"B": 1, "T": 1024}, "sizes": {...},
                                "bytes": 20000000000}'

The models are transformers', with random weights, as the battery builds them. A tool gives numbers
in its own convention; `peers.py` converts them. Nothing here knows the right answer.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import torch
from torch import Tensor, nn

Case = dict[str, Any]
Said = dict[str, float]
HUGE = ("llama-3-8b", "mixtral-8x7b")  # 32 and 187 GB in fp32: no numbers, on the meta device
CAUSAL = ("gpt2", "clip-vit-b32", *HUGE)


def device(case: Case) -> str:
    return "meta" if case["model"] in HUGE else "cpu"


def model(case: Case, where: str, attention: str = "sdpa") -> nn.Module:
    from peer_models import MODELS

    with torch.device(where):
        made = MODELS[case["model"]](case["sizes"])[0].eval()
    made.model.set_attn_implementation(attention)
    if where == "meta" and case["model"] in CAUSAL:
        # without a mask, transformers asks the numbers whether texts are packed
        B, T = case["load"]["B"], case["load"]["T"]
        made.fixed["attention_mask"] = torch.ones(B, 1, T, T, dtype=torch.bool, device="meta")
    return made


def inputs(case: Case, where: str) -> dict[str, Tensor]:
    from peer_models import GIVEN

    return GIVEN[case["model"]](case["sizes"], case["load"], 1, False, where)


class Positional(nn.Module):
    """A model that takes its inputs by position, for a tool that traces it."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *values: Tensor) -> Any:
        return self.model(**dict(zip(self.names, values, strict=True)))


def torchinfo(case: Case) -> Said:
    """`summary`: mult-adds, and the "forward/backward pass size" that it prints in MB."""
    from torchinfo import summary

    where = device(case)
    found = summary(model(case, where), input_data=inputs(case, where), device=where, verbose=0)
    return {
        "parameters": found.total_params,
        "forward MACs": found.total_mult_adds,
        "activations": found.total_output_bytes,
    }


def calflops(case: Case, attention: str = "sdpa") -> Said:
    from calflops import calculate_flops

    where = device(case)
    flops, macs, params = calculate_flops(
        model(case, where, attention), kwargs=inputs(case, where),
        print_results=False, output_as_string=False,
    )  # fmt: skip
    return {"parameters": params, "forward FLOPs": flops, "forward MACs, beside": macs}


def fvcore(case: Case, attention: str = "sdpa") -> Said:
    """`FlopCountAnalysis`: one for each multiply-add, norms and some others counted too."""
    from fvcore.nn import FlopCountAnalysis, parameter_count

    where = device(case)
    given = inputs(case, where)
    traced = Positional(model(case, where, attention), list(given))
    analysis = FlopCountAnalysis(traced, tuple(given.values()))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return {"parameters": parameter_count(traced)[""], "forward MACs": analysis.total()}


def counter(case: Case, where: str) -> Said:
    """torch's FlopCounterMode over a forward pass, and over the backward pass of its outputs."""
    from torch.utils.flop_counter import FlopCounterMode

    made, given = model(case, where), inputs(case, where)
    results: list[Tensor] = []

    def forward() -> None:
        out = made(**given)
        results.extend(out if isinstance(out, tuple) else (out,))

    counted: list[int] = []
    for call in (forward, lambda: sum(result.sum() for result in results).backward()):
        with FlopCounterMode(display=False) as seen:
            call()
        counted.append(seen.get_total_flops())
    return {"forward FLOPs": counted[0], "backward FLOPs": counted[1]}


def accelerate(case: Case) -> Said:
    """`accelerate estimate-memory`, without its way through the hub: AutoModel of the config.

    "Training using Adam" is the largest of its parts, "Total Size" the weights.
    """
    from accelerate import init_empty_weights
    from accelerate.commands import estimate
    from transformers import AutoModel

    def empty(*_: object, **__: object) -> nn.Module:
        config = model(case, "meta").model.config
        with init_empty_weights():
            return AutoModel.from_config(config)

    estimate.create_empty_model = empty
    words = [case["model"], "--dtypes", "float32", "float16"]
    args = estimate.estimate_command_parser().parse_args(words)
    (_, _, weights, full), (_, _, _, half) = estimate.gather_data(args)
    return {
        "parameters": weights / 4,
        "training states": max(full.values()),
        "training states, mixed": max(half.values()),
    }


def llm_analysis(case: Case) -> Said:
    """`LLMAnalysis.training`, 16 bits, no recomputation: of a model of text, described by hand."""
    import logging

    from llm_analysis.analysis import LLMAnalysis
    from llm_analysis.config import GPUConfig, ModelConfig
    from llm_analysis.logger import logger

    logger.setLevel(logging.ERROR)
    sizes, load = case["sizes"], case["load"]
    if "V" not in sizes or "pixels" in inputs(case, "meta"):
        raise NotImplementedError("it knows models of text alone")
    hidden = sizes.get("f", 4 * sizes["d"])
    config = ModelConfig(
        case["model"], num_layers=sizes["L"], n_head=sizes["h"], hidden_dim=sizes["d"],
        vocab_size=sizes["V"], max_seq_len=sizes["T"], num_key_value_heads=sizes.get("g"),
        ffn_embed_dim=hidden, expansion_ratio=hidden / sizes["d"],
        moe_num_experts=sizes.get("E", 1), moe_top_k=sizes.get("K", 1),
    )  # fmt: skip
    roomy = GPUConfig("roomy", 1e6, 1, 1, 0, 1)  # it refuses what does not fit
    analysis = LLMAnalysis(config, roomy)
    found = analysis.training(batch_size_per_gpu=load["B"], seq_len=load["T"])
    return {
        "parameters": found["num_params_total"],
        "forward FLOPs": analysis.get_num_flops_fwd_total(load["B"], load["T"]),
        "backward FLOPs": analysis.get_num_flops_bwd_total(load["B"], load["T"]),
        "activations, bf16": found["activation_memory_per_gpu"],
        "training states, mixed": found["(weight+op_state+grad)_memory_per_gpu"],
    }


TOOLS: dict[str, Callable[[Case], Said]] = {
    "torchinfo": torchinfo,
    "calflops": calflops,
    "calflops, eager attention": lambda case: calflops(case, "eager"),
    "fvcore": fvcore,
    "fvcore, eager attention": lambda case: fvcore(case, "eager"),
    "FlopCounterMode, CPU": lambda case: counter(case, "cpu"),
    "FlopCounterMode, meta": lambda case: counter(case, "meta"),
    "accelerate": accelerate,
    "llm-analysis": llm_analysis,
}


def main() -> None:
    tool, case = sys.argv[1], json.loads(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_DATA, (case["bytes"], case["bytes"]))
    torch.manual_seed(0)
    with redirect_stdout(sys.stderr):
        said = TOOLS[tool](case)
    print(json.dumps({name: float(number) for name, number in said.items()}))


if __name__ == "__main__":
    main()
