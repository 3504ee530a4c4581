"""NVIDIA H200, SXM: an H100 with more and faster memory."""

from tfspec.targets.target import Source, Target

SHEET = Target(
    "h200",
    "an NVIDIA H200",
    "cuda",
    kernels=("sdpa", "flex"),
    # the vendor's rates for tensor cores are with sparsity: these are halves of them
    tflops={"fp32": 67, "tf32": 494.5, "bf16": 989.5, "fp16": 989.5, "fp8": 1979},
    bandwidth_gb_per_s=4800,
    memory_gb=141,
    power_watts=700,
    devices=("H200",),
    sources=(
        Source("NVIDIA H200 GPU, specifications", "https://www.nvidia.com/en-us/data-center/h200/"),
    ),
)
