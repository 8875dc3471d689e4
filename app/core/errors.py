"""The exceptions a user can cause, and the exit code each becomes.

UserError                 wrong or missing input; one line: what, where, the way out (exit 1)
├── DataError             a question, record or statute file that cannot be used
├── ConfigError           a setting that is not allowed
│   └── UsageError        settings that cannot stand beside each other; where they were typed, wrong usage (exit 2)
├── BusyError             another process writes the same folder or file
├── StaleIndexError       a retrieval index that is missing, stale or broken
├── ModelError            a model, tokenizer or adapter that cannot be used
└── BackendError          a remote backend that failed after its retries
UntrustworthyResult       the work is done, but its result must not be trusted (exit 3)
"""

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNTRUSTWORTHY = 3


class UserError(Exception):
    """A fault the user can mend; its text is the one line that is printed."""


class DataError(UserError):
    """A question, record or statute file that cannot be used."""


class ConfigError(UserError):
    """A setting, option or environment value that is not allowed."""


class UsageError(ConfigError):
    """Settings that cannot stand beside each other, or one that is missing."""


class BusyError(UserError):
    """Another process writes the same folder or file."""


class StaleIndexError(UserError):
    """A retrieval index that is missing, stale or broken."""


class ModelError(UserError):
    """A model, tokenizer or adapter that cannot be used."""


class BackendError(UserError):
    """A remote backend that failed after its retries."""


class UntrustworthyResult(Exception):
    """The work is done and written, but its result must not be trusted (collapse, leak)."""
