"""Texts: lists of str, read as rows of words, subwords or characters out of a vocabulary that the texts teach."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from zandloper.data.tokenizer import END, UNKNOWN, Tokenizer, learn_vocabulary
from zandloper.errors import DataError, DataTypeError, bad_parameter
from zandloper.modality import Modality, Scaler, Schema
from zandloper.model.losses.cross_entropy import CrossEntropy
from zandloper.spec import Spec

KINDS = ("words", "subwords", "characters")
MOST_TOKENS = 512  # in a text, where no window says where to cut


@dataclass(frozen=True)
class Text(Modality):
    """Texts of one to a few hundred words.

    Parameters
    ----------
    tokens : "auto", "words", "subwords" or "characters"
        What texts are cut into. "auto": words where the training texts have few of them (captions, labels, commands),
        else subwords, which need the extra `text`.
    vocabulary : int
        At most that many different words or subwords.
    window : int or None
        Tokens that are read of a text; what comes after is cut off. None: as many as the longest training text has, and
        longer texts are refused.

    Examples
    --------
    >>> import zandloper as zl
    >>> form, raw = zl.modality.Text().learn(["a b", "b a b", "a b a"] * 3, "me")
    >>> raw[:2].tolist(), form.give(raw[:2])
    ([[1.0, 2.0, 0.0], [2.0, 1.0, 2.0]], ['a b', 'b a b'])
    """

    name: ClassVar[str] = "text"
    tokens: str = "auto"
    vocabulary: int = 512
    window: int | None = None

    def learn(self, X: Any, caller: str, loss: str = "auto", target: bool = False) -> tuple[Schema, np.ndarray]:
        """The form of texts, and their tokens' numbers (n, window)."""
        self._check()
        texts = gather(X, caller)
        vocabulary = learn_vocabulary(texts, self.tokens, self.vocabulary)
        rows = vocabulary.split(texts)
        longest = max(len(row) for row in rows)
        if self.window is None and longest > MOST_TOKENS:
            raise DataError(
                f"the longest of {caller}'s texts has {longest} tokens ({vocabulary.kind}): "
                "say how many are read of each, zl.modality.Text(window=128), or cut the texts into sentences"
            )
        schema = TextSchema(vocabulary, min(longest, self.window or longest), self.window is not None)
        return schema, schema.fill(rows, caller)

    def _check(self) -> None:
        if self.tokens not in ("auto", *KINDS):
            raise bad_parameter("Text", "tokens", f"'auto' or one of {list(KINDS)}", self.tokens)
        whole = lambda v: isinstance(v, int | np.integer) and not isinstance(v, bool)  # noqa: E731
        if not whole(self.vocabulary) or not 2 <= self.vocabulary <= 65_536:
            raise bad_parameter("Text", "vocabulary", "an integer from 2 to 65536", self.vocabulary)
        if self.window is not None and (not whole(self.window) or self.window < 1):
            raise bad_parameter("Text", "window", "a positive integer or None", self.window)


@dataclass(frozen=True)
class TextSchema(Schema):
    """What the texts look like: their vocabulary, tokens in the longest, and whether longer ones are cut."""

    name: ClassVar[str] = "text_schema"
    net: ClassVar[str] = "tokens"
    scaling: ClassVar[str] = "tokens"
    vocabulary: Tokenizer
    window: int
    cuts: bool = False

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """As for every spec; the vocabulary is one too."""
        return super().from_dict({**settings, "vocabulary": Tokenizer.from_dict(settings["vocabulary"])})

    @property
    def in_shape(self) -> tuple[int, ...]:
        """(pieces, window): one input for every piece at every place."""
        return (len(self.vocabulary), self.window)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """One number a place."""
        return (self.window,)

    @property
    def n_features(self) -> int:
        """Places."""
        return self.window

    def feature_names(self) -> list[str]:
        """token_0, token_1 ..."""
        return [f"token_{i}" for i in range(self.window)]

    def in_words(self) -> str:
        """How long they are at most, and of how many pieces."""
        return f"texts of up to {self.window} tokens, {len(self.vocabulary) - 1} different {self.vocabulary.kind}"

    def loss(self, given: str) -> Spec:
        """The cross-entropy of every token."""
        if given not in ("auto", "cross_entropy"):
            raise bad_parameter("the model", "loss", "'auto', 'cross_entropy' or an nn.Module for texts", given)
        return CrossEntropy(len(self.vocabulary))

    def read(self, X: Any, caller: str) -> np.ndarray:
        """Numbers of tokens (n, window), then 0 for the end, then NaN.

        Warns
        -----
        UserWarning
            Words, or characters, that no training text had: they are read as missing.
        """
        texts = gather(X, caller)
        rows = self.vocabulary.split(texts)
        odd = [i for i, row in enumerate(rows) if any(v != v for v in row)]
        if odd:
            warnings.warn(f"{self.strange(texts, odd)}; they are read as missing", UserWarning, stacklevel=3)
        return self.fill(rows, caller)

    def read_known(self, X: Any, caller: str) -> np.ndarray:
        """Read texts that condition a model; unknown pieces are an error."""
        texts = [" ".join(text.split()) for text in gather(X, caller)]
        rows = self.vocabulary.split(texts)
        odd = [i for i, row in enumerate(rows) if any(v != v for v in row)]
        if odd:
            known = ", ".join(repr(piece.strip()) for piece in self.vocabulary.pieces[1:13])
            raise DataError(f"{self.strange(texts, odd)}; it knows {known} ...: say it with these")
        return self.fill(rows, caller)

    def strange(self, texts: list[str], odd: list[int]) -> str:
        """Which texts hold what no training text had, in words."""
        found = list(dict.fromkeys(piece for i in odd for piece in self.vocabulary.unknown(texts[i])))
        named = ", ".join(repr(piece) for piece in found[:8]) + (" ..." if len(found) > 8 else "")
        return f"{len(odd)} of {len(texts)} texts (first at position {odd[0]}) hold what no training text had: {named}"

    def fill(self, rows: list[list[float]], caller: str) -> np.ndarray:
        """Rows of numbers as one array, closed and filled up."""
        longest = max(range(len(rows)), key=lambda i: len(rows[i]))
        if len(rows[longest]) > self.window and not self.cuts:
            raise DataError(
                f"the text at position {longest} (from 0) has {len(rows[longest])} tokens and {caller} reads "
                f"{self.window}, as many as the longest training text had: shorten it, or fit with "
                f"modality=zl.modality.Text(window={len(rows[longest])})"
            )
        raw = np.full((len(rows), self.window), UNKNOWN, np.float32)
        for row, numbers in zip(raw, rows):
            closed = [*numbers, END][: self.window]
            row[: len(closed)] = closed
        return raw

    def give(self, values: np.ndarray, like: Any = None) -> list[str]:
        """Numbers (n, window) as texts."""
        return self.vocabulary.join(np.asarray(values))

    def scaler(self) -> Scaler:
        """The scale of these texts."""
        return TextScaler(self)


class TextScaler(Scaler):
    """Numbers of tokens to one input a piece and place, zeros where nothing is known, and back."""

    unit = True

    def __init__(self, schema: TextSchema) -> None:
        super().__init__()
        self.pieces = len(schema.vocabulary)

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, window) -> (n, pieces, window)."""
        number, there = self.target(raw)
        x = there.new_zeros(len(raw), self.pieces, raw.shape[1])
        return x.scatter_(1, number.long()[:, None], there[:, None]), there[:, None].expand_as(x)

    def target(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """(n, window): numbers of pieces; what follows the end of a text counts nothing."""
        there = ~raw.isnan()
        return raw.nan_to_num(0.0).float(), there.float()

    def both(self, raw: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """`encode` and `target`."""
        return *self.encode(raw), *self.target(raw)

    def shares(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, window, pieces) of zeros and ones."""
        x, there = self.encode(raw)
        assert there is not None
        return x.transpose(1, 2), there.transpose(1, 2)

    def restore(self, point: Tensor) -> Tensor:
        """Numbers stay numbers."""
        return point


def gather(X: Any, caller: str) -> list[str]:
    """Texts as a list.

    Raises
    ------
    DataError, DataTypeError
        There are none, one is empty, or something is no text.
    """
    if isinstance(X, str) or not isinstance(X, Iterable):
        raise DataTypeError(f"{caller} got {type(X).__name__} as texts: wanted is a list of str, one each")
    texts = [str(text) if isinstance(text, np.str_) else text for text in X]
    if not texts:
        raise DataError(f"Found array with 0 sample(s) while a minimum of 1 is required by {caller}: the list is empty")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataTypeError(
                f"the text at position {i} (from 0) of {caller}'s data is {text!r}, no str: leave it out"
            )
        if not text.strip():
            raise DataError(
                f"the text at position {i} (from 0) of {caller}'s data is empty: leave it out, or fill it in"
            )
    return texts
