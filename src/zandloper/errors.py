"""Errors of one family and one wording: the value received, the value required, the remedy.

Every error is a `ZandloperError` and also the built-in kind that a caller expects (`ValueError`, `OSError` ...), so
that code written against scikit-learn catches it too.
"""

__all__ = [
    "DataError",
    "DataTypeError",
    "FileError",
    "MissingExtraError",
    "ParameterError",
    "TrainingError",
    "UnsupportedError",
    "ZandloperError",
]


class ZandloperError(Exception):
    """Base of all errors that zandloper raises on purpose. The command line prints it as one line."""


class ParameterError(ZandloperError, ValueError):
    """A parameter with an invalid value."""


class DataError(ZandloperError, ValueError):
    """Data that cannot be used as they are."""


class DataTypeError(ZandloperError, TypeError):
    """Data of an unsupported type."""


class TrainingError(ZandloperError, RuntimeError):
    """Training that failed for good: it diverged repeatedly."""


class FileError(ZandloperError, OSError):
    """A file that cannot be read or written, or has the wrong content."""


class MissingExtraError(ZandloperError, ImportError):
    """An optional library that is needed and not installed."""


class UnsupportedError(ZandloperError, AttributeError):
    """An operation that is not defined for the model."""


def bad_parameter(caller: str, name: str, wanted: str, got: object) -> ParameterError:
    """The error for a parameter out of range.

    >>> str(bad_parameter("Autoencoder", "latent_dim", "a positive integer", 0))
    'parameter `latent_dim` of Autoencoder must be a positive integer, got 0'
    """
    return ParameterError(f"parameter `{name}` of {caller} must be {wanted}, got {got!r}")


def missing_extra(library: str, extra: str, purpose: str) -> MissingExtraError:
    """The error for an absent optional library."""
    return MissingExtraError(f"{purpose} needs {library}, which is not installed: pip install 'zandloper[{extra}]'")


def __dir__() -> list[str]:
    return sorted(__all__)
