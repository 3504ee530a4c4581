"""Every reference that the bundled specs are held against. One family a file, beside this one."""

from __future__ import annotations

from tests.parity import bert, gpt2, llama, marian, mixtral, swin, vit

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
    mixtral.MIXTRAL,
    *mixtral.SHAPES,
)
