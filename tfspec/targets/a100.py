"""NVIDIA A100, SXM with 80 GB."""

from tfspec.targets.target import Source, Target

SHEET = Target(
    "a100",
    "an NVIDIA A100",
    "cuda",
    kernels=("sdpa", "flex"),
    tflops={"fp32": 19.5, "tf32": 156, "bf16": 312, "fp16": 312},
    bandwidth_gb_per_s=2039,
    memory_gb=80,
    power_watts=400,
    devices=("A100-SXM4-80GB",),
    sources=(
        Source(
            "NVIDIA A100 Tensor Core GPU, datasheet",
            "https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/a100/pdf/"
            "nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf",
        ),
    ),
)
