"""Messages as values: the diagnostic, the rules they report, and (in text, machine) renderers."""

from tfspec.diagnostics.collector import Diagnostics
from tfspec.diagnostics.diagnostic import Diagnostic, Label, Severity
from tfspec.diagnostics.rule import Rule, all_rules, find
from tfspec.diagnostics.span import Span
from tfspec.diagnostics.suggest import nearest

__all__ = [
    "Diagnostic",
    "Diagnostics",
    "Label",
    "Rule",
    "Severity",
    "Span",
    "all_rules",
    "find",
    "nearest",
]
