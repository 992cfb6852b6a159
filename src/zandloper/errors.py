"""One family of errors, one wording: what was got, what was wanted, what to do.

Every error of the house is a `ZandloperError` and, beside that, the built-in kind that a caller would expect
(`ValueError`, `OSError` ...), so that code written against scikit-learn catches it too.
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
    """The root of all errors that zandloper raises on purpose. The command line prints it as one line."""


class ParameterError(ZandloperError, ValueError):
    """A parameter has a value that it cannot have."""


class DataError(ZandloperError, ValueError):
    """The data cannot be used as they are."""


class DataTypeError(ZandloperError, TypeError):
    """The data are of a type that is not understood."""


class TrainingError(ZandloperError, RuntimeError):
    """Training failed for good: it diverged again and again."""


class FileError(ZandloperError, OSError):
    """A file could not be read or written, or is not what it should be."""


class MissingExtraError(ZandloperError, ImportError):
    """An optional library is wanted and not installed."""


class UnsupportedError(ZandloperError, AttributeError):
    """The operation is not defined for this model."""


def bad_parameter(caller: str, name: str, wanted: str, got: object) -> ParameterError:
    """The one sentence for a parameter out of range.

    >>> str(bad_parameter("Autoencoder", "latent_dim", "a positive integer", 0))
    'parameter `latent_dim` of Autoencoder must be a positive integer, got 0'
    """
    return ParameterError(f"parameter `{name}` of {caller} must be {wanted}, got {got!r}")


def missing_extra(library: str, extra: str, purpose: str) -> MissingExtraError:
    """The one sentence for an absent optional library."""
    return MissingExtraError(f"{purpose} needs {library}, which is not installed: pip install 'zandloper[{extra}]'")


def __dir__() -> list[str]:
    return sorted(__all__)
