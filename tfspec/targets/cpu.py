"""The CPU that torch runs on when nothing else is there. Rates differ from one to the next."""

from tfspec.targets.target import Target

SHEET = Target("cpu", "any CPU", "cpu", kernels=("sdpa",))
