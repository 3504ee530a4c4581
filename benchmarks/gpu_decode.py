"""Decoding with a static cache, the same three calls for each implementation of gpt2.

`prefill(tokens)` fills the cache, `step(tokens, position)` gives the logits of new tokens, and
`rewind(position)` goes back to a position where something keeps count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from gpu_cases import Decoding
from gpu_compare import Answer, Standard, answer, cast, differences, free, placed, relative
from gpu_models import Model
from gpu_weights import Weights, rounded
from torch import Tensor

Compile = Callable[[Callable[..., Tensor]], Callable[..., Tensor]]


class Emitted:
    """The emitted file with `--with generate`."""

    name = "emitted"

    def __init__(self, model: Model, weights: Weights, dtype: str, load: Decoding, how: Compile):
        self.model = placed(model.emitted("generate"), weights, dtype).module
        self.cache = self.model.cache(load.batch, load.slots)
        self.compiled = how(self.model.decode)

    def prefill(self, tokens: Tensor) -> Tensor:
        return self.model.prefill(tokens, self.cache)

    def step(self, tokens: Tensor, position: Tensor) -> Tensor:
        return self.compiled(tokens, position, self.cache)

    def rewind(self, position: int) -> None:
        """Nothing: each step is told its position."""


class Transformers:
    """GPT2LMHeadModel with its StaticCache, which keeps count itself."""

    name = "transformers"

    def __init__(self, model: Model, weights: Weights, dtype: str, load: Decoding, how: Compile):
        from transformers import StaticCache

        adapted: Any = placed(model.transformers(), weights, dtype).module
        self.model = adapted.model
        self.cache = StaticCache(config=self.model.config, max_cache_len=load.slots)
        self.compiled = how(self.model.forward)

    def prefill(self, tokens: Tensor) -> Tensor:
        found = self.model(input_ids=tokens, past_key_values=self.cache, use_cache=True)
        return found.logits[:, -1:]

    def step(self, tokens: Tensor, position: Tensor) -> Tensor:
        return self.compiled(input_ids=tokens, past_key_values=self.cache, use_cache=True).logits

    def rewind(self, position: int) -> None:
        for layer in self.cache.layers:
            layer.cumulative_length.fill_(position)


class Plain:
    """By hand, in the style of gpt-fast."""

    name = "plain"

    def __init__(self, model: Model, weights: Weights, dtype: str, load: Decoding, how: Compile):
        self.model: Any = placed(model.plain(), weights, dtype).module
        self.model.make_cache(load.batch, load.slots)
        self.compiled = how(self.model.decode)

    def prefill(self, tokens: Tensor) -> Tensor:
        position = torch.arange(tokens.shape[1], device=tokens.device)
        return self.model.decode(tokens, position)[:, -1:]

    def step(self, tokens: Tensor, position: Tensor) -> Tensor:
        return self.compiled(tokens, position)

    def rewind(self, position: int) -> None:
        """Nothing: each step is told its position."""


Decoder = Emitted | Transformers | Plain
PEERS: tuple[type[Transformers] | type[Plain], ...] = (Transformers, Plain)


def text(model: Model, load: Decoding) -> Tensor:
    """A prompt and what follows: [B, prompt + steps]."""
    return model.inputs({"B": load.batch, "T": load.prompt + load.steps})["tokens"]


def decode_standard(model: Model, load: Decoding, dtype: str) -> Standard:
    """The full forward of transformers from the prompt's last token on."""
    weights = rounded(model.weights(), torch.bfloat16 if dtype == "bf16" else torch.float32)
    variant = placed(model.transformers(), weights, "fp32")
    inputs = {"tokens": text(model, load)}
    truth = answer(model, variant, inputs, None)
    truth = Answer((truth.outputs[0][:, load.prompt - 1 :].clone(),), {})
    peer = {}
    if dtype != "fp32":
        variant.module.bfloat16()
        (full,) = answer(model, variant, cast(inputs, dtype), None).outputs
        peer = differences(Answer((full[:, load.prompt - 1 :],), {}), truth)[0]
    del variant
    free()
    return Standard(truth, dtype, peer)


@torch.inference_mode()
def stepped(decoder: Decoder, tokens: Tensor, prompt: int) -> Tensor:
    """Logits from the prompt's last token on, a token a step: [B, steps + 1, V], fp32."""
    decoder.rewind(0)
    found = [decoder.prefill(tokens[:, :prompt]).float()]
    for at in range(prompt, tokens.shape[1]):
        position = torch.tensor([at], device=tokens.device)
        found.append(decoder.step(tokens[:, at : at + 1], position).float().clone())
    return torch.cat(found, dim=1)


def worst_position(logits: Tensor, truth: Tensor) -> float:
    """The largest relative error of any position."""
    count = truth.shape[1]
    return max(relative(logits[:, at], truth[:, at]) for at in range(count))


@torch.inference_mode()
def greedy(decoder: Decoder, token: Tensor, load: Decoding) -> Tensor:
    """`steps` tokens after the prompt, each fed back: [B, 1], the last."""
    decoder.rewind(load.prompt)
    position = torch.tensor([load.prompt], device=token.device)
    for _ in range(load.steps):
        token = decoder.step(token, position)[:, -1:].argmax(-1)
        position = position + 1
    return token
