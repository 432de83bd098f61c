"""The errors that doxa shows to its users.

    DoxaError                     anything doxa can explain: what happened, where, what to do
    ├── UsageError                the command was used wrongly (exit status 2)
    ├── BatteryError              a battery or an item file is malformed
    ├── ModelError                a model file or the catalogue is missing, corrupt or unknown
    ├── RunFileError              a run file is unreadable, of another version or cannot be written
    ├── BackendError              a model could not be asked
    ├── AnalysisError             there is nothing to analyse, or not what was asked for
    └── ReportError               a report could not be made

They live in the leftmost layer because every layer raises them.
"""

from __future__ import annotations


class DoxaError(Exception):
    """An error with a remedy.

    Args:
        what: one sentence that says what happened and where.
        remedy: one sentence that says what the user can do.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str) -> None:
        """Keep both sentences; they are printed together."""
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[DoxaError], tuple[str, str]]:
        """Travel between processes as its two sentences."""
        return type(self), (self.what, self.remedy)


class UsageError(DoxaError):
    """The command was used wrongly."""

    exit_code = 2


class BatteryError(DoxaError):
    """A battery or an item file is malformed."""


class ModelError(DoxaError):
    """A model file or the catalogue is missing, corrupt or unknown."""


class RunFileError(DoxaError):
    """A run file is unreadable, of another version or cannot be written."""


class BackendError(DoxaError):
    """A model could not be asked."""


class AnalysisError(DoxaError):
    """There is nothing to analyse, or not what was asked for."""


class ReportError(DoxaError):
    """A report could not be made."""
