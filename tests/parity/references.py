"""Every reference that the bundled specs are held against. One family a file, beside this one."""

from __future__ import annotations

from tests.parity import (
    bert,
    dalle,
    gemma,
    gpt2,
    llama,
    marian,
    mistral,
    mixtral,
    palm,
    qwen,
    swin,
    t5,
    video_swin,
    vit,
)

REFERENCES = (
    gpt2.GPT2,
    *gpt2.SHAPES,
    vit.VIT,
    *vit.SHAPES,
    swin.SWIN,
    *swin.SHAPES,
    marian.MARIAN,
    bert.BERT,
    *bert.PADDED,
    llama.LLAMA,
    llama.LLAMA31,
    *llama.SHAPES,
    mistral.MISTRAL,
    *mistral.PADDED,
    gemma.GEMMA,
    *gemma.PADDED,
    qwen.QWEN,
    *qwen.PADDED,
    t5.T5,
    *t5.SHAPES,
    palm.PALM,
    dalle.DALLE,
    video_swin.VIDEO_SWIN,
    *video_swin.SHAPES,
    mixtral.MIXTRAL,
    *mixtral.SHAPES,
)
