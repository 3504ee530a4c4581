"""NVIDIA GeForce RTX 4090."""

from tfspec.targets.target import Source, Target

SHEET = Target(
    "rtx4090",
    "an NVIDIA RTX 4090",
    "cuda",
    kernels=("sdpa", "flex"),
    # sums in fp32, as torch keeps them: with sums in fp16, fp16 and fp8 are twice as fast
    tflops={"fp32": 82.6, "tf32": 82.6, "bf16": 165.2, "fp16": 165.2, "fp8": 330.3},
    bandwidth_gb_per_s=1008,
    memory_gb=24,
    power_watts=450,
    devices=("GeForce RTX 4090",),
    sources=(
        Source(
            "NVIDIA Ada GPU Architecture, appendix A",
            "https://images.nvidia.com/aem-dam/Solutions/geforce/ada/"
            "nvidia-ada-gpu-architecture.pdf",
        ),
    ),
)
