"""The errors of this package, one tree.

SemanticHighlightError
├── InputError (also ValueError)      a query, text, option or record that cannot be used
├── ScoringError                      a scorer failed, or broke its contract
│   └── CancelledError                the caller asked it to stop
├── CheckpointError                   a model folder that cannot be loaded as it is
├── EndpointError                     a language model that cannot be reached, or replies out of order
└── MissingExtraError (also ImportError)  an optional library that is not installed

Every message says what came, what is allowed and what to do next::

    try:
        pruned = highlighter.prune(query, texts)
    except SemanticHighlightError as error:
        ...
"""


class SemanticHighlightError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(SemanticHighlightError, ValueError):
    """A query, text, option or record that cannot be used."""


class ScoringError(SemanticHighlightError):
    """A scorer failed, or returned something other than one score in [0, 1] for every span."""


class CancelledError(ScoringError):
    """Scoring stopped because the caller asked for it; the scorer can be used again."""


class CheckpointError(SemanticHighlightError):
    """A model folder that cannot be loaded as it is: missing, broken or of an unknown family."""


class EndpointError(SemanticHighlightError):
    """A language model that cannot be reached, or that replies with what was not asked for."""


class MissingExtraError(SemanticHighlightError, ImportError):
    """An optional library is needed and not installed.

    Args:
        module: The module that could not be imported.
        extra: The extra of this package that brings it.
    """

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed. Run: pip install 'semantic-highlight[{extra}]'")
        self.module = module
        self.extra = extra
