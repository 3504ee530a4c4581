"""NVIDIA H100, SXM with 80 GB."""

from tfspec.targets.target import Source, Target

SHEET = Target(
    "h100",
    "an NVIDIA H100",
    "cuda",
    kernels=("sdpa", "flex"),
    # the vendor's rates for tensor cores are with sparsity: these are halves of them
    tflops={"fp32": 67, "tf32": 494.5, "bf16": 989.5, "fp16": 989.5, "fp8": 1979},
    bandwidth_gb_per_s=3350,
    memory_gb=80,
    power_watts=700,
    devices=("H100 80GB HBM3",),
    sources=(
        Source("NVIDIA H100 GPU, specifications", "https://www.nvidia.com/en-us/data-center/h100/"),
    ),
)
