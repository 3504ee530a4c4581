"""The CPU that torch runs on when nothing else is there."""

from tfspec.targets.target import Target

CPU = Target("cpu", "any CPU; attention by torch's own fused kernel")
