"""Everything that a command shows: batches, summaries, advice, progress, and the output of handlers."""

from ._advice import (
    advice_after_invoke,
    advice_after_redrive,
    advice_on_errors,
    advice_on_letters,
    number_of_letters,
    show_advice,
)
from ._batch import show_invocation, show_records, show_tracebacks
from ._findings import show_findings
from ._handler_output import HandlerOutput, show_handler_output, stdout_console
from ._progress import show_progress
from ._summary import (
    show_backfill_summary,
    show_dev_summary,
    show_invoke_summary,
    show_redrive_summary,
    show_tail_summary,
)
from ._table import key_text
from ._text import OUTCOME_STYLES, plural, printable

__all__ = [
    "OUTCOME_STYLES",
    "HandlerOutput",
    "advice_after_invoke",
    "advice_after_redrive",
    "advice_on_errors",
    "advice_on_letters",
    "key_text",
    "number_of_letters",
    "plural",
    "printable",
    "show_advice",
    "show_backfill_summary",
    "show_dev_summary",
    "show_findings",
    "show_handler_output",
    "show_invocation",
    "show_invoke_summary",
    "show_progress",
    "show_records",
    "show_redrive_summary",
    "show_tail_summary",
    "show_tracebacks",
    "stdout_console",
]
