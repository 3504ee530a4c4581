"""NVIDIA L4."""

from tfspec.targets.target import Source, Target

SHEET = Target(
    "l4",
    "an NVIDIA L4",
    "cuda",
    kernels=("sdpa", "flex"),
    # the vendor's rates for tensor cores are with sparsity: these are halves of them
    tflops={"fp32": 30.3, "tf32": 60, "bf16": 121, "fp16": 121, "fp8": 242.5},
    bandwidth_gb_per_s=300,
    memory_gb=24,
    power_watts=72,
    devices=("L4",),
    sources=(
        Source("NVIDIA L4 GPU, specifications", "https://www.nvidia.com/en-us/data-center/l4/"),
    ),
)
