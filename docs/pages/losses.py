"""The page of losses that an emitted file can have."""

from __future__ import annotations

from docs.pages import markdown
from docs.pages.markdown import told
from tfspec.losses.choose import LOSSES
from tfspec.losses.loss import Loss

ABOUT = (
    "`tfspec build SPEC --loss KIND` adds a loss to the file, of the output that it fits; "
    "`--loss KIND:OUTPUT` names one. Without the flag a file has no loss."
)


def page() -> str:
    return markdown.page("Losses", ABOUT, *(_section(loss) for loss in LOSSES.values()))


def _section(loss: Loss) -> str:
    return "\n\n".join([f"## {loss.kind}", told(type(loss)), f"Fits {loss.needs}."])
