"""Texts as rows of numbers and back: words, subwords or characters, learned from texts.

Every piece carries the space before it, and a space is put before every text, so that a word is one piece wherever it
stands and joining the pieces gives the text back, letter by letter.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from zandloper.errors import DataError, missing_extra
from zandloper.spec import Spec

WORD = re.compile(r" ?\w+| ?[^\w\s]|\s")
END = 0  # the number that closes a text
UNKNOWN = math.nan  # that of pieces that no training text had, as of every missing value
COMMON = 5  # so often the average word stands in texts that are few words in many ways: captions, labels, commands


@dataclass(frozen=True)
class Tokenizer(Spec):
    """The pieces that texts are made of; the first, empty one closes a text.

    Parameters
    ----------
    kind : {"words", "subwords", "characters"}
    pieces : tuple of str
    merges : str
        Of subwords, how they are put together: the JSON of the `tokenizers` library.
    """

    name: ClassVar[str] = "tokenizer"
    kind: str
    pieces: tuple[str, ...]
    merges: str = ""

    def __len__(self) -> int:
        return len(self.pieces)

    def split(self, texts: list[str]) -> list[list[float]]:
        """The numbers of each text's pieces, without the end; NaN for unknown ones."""
        if self.kind == "subwords":
            found = self._tokenizer.encode_batch_fast([f" {text}" for text in texts], add_special_tokens=False)
            return [[i or UNKNOWN for i in one.ids] for one in found]
        return [[self._numbers.get(piece, UNKNOWN) for piece in cut(text, self.kind)] for text in texts]

    def join(self, rows: np.ndarray) -> list[str]:
        """The texts of rows of numbers, each up to its end."""
        whole = []
        for row in np.nan_to_num(rows, nan=-1).astype(int).tolist():
            known = [i for i in (row[: row.index(END)] if END in row else row) if i > END]
            subwords = self.kind == "subwords"
            text = self._tokenizer.decode(known) if subwords else "".join(self.pieces[i] for i in known)
            whole.append(text.removeprefix(" "))
        return whole

    def unknown(self, text: str) -> list[str]:
        """What in a text no training text had: words, or characters."""
        if self.kind != "subwords":
            return [piece.strip() or piece for piece in cut(text, self.kind) if piece not in self._numbers]
        return [letter for letter in dict.fromkeys(text) if any(v != v for v in self.split([letter])[0])]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self.pieces) if i != END}

    @cached_property
    def _tokenizer(self) -> Any:
        return _library().Tokenizer.from_str(self.merges)


def cut(text: str, kind: str) -> list[str]:
    """A text in words or characters, with a space in front."""
    return WORD.findall(f" {text}") if kind == "words" else [" ", *text]


def learn_vocabulary(texts: list[str], kind: str, size: int) -> Tokenizer:
    """The pieces of training texts.

    Parameters
    ----------
    texts : list of str
    kind : "auto", "words", "subwords" or "characters"
        "auto": words where they are at most `size` and each is common; else subwords.
    size : int
        At most that many words or subwords.

    Raises
    ------
    DataError
        There are more words than that, and words were asked for.
    MissingExtraError
        Subwords are wanted and the library that learns them is absent.
    """
    if kind in ("auto", "words"):
        counts = Counter(piece for text in texts for piece in cut(text, "words"))
        few = len(counts) < size
        if kind == "words" and not few:
            raise DataError(
                f"the texts hold {len(counts)} different words, more than the vocabulary of {size}: "
                "take zl.modality.Text(tokens='subwords'), or a larger vocabulary="
            )
        if kind == "words" or (few and counts.total() >= COMMON * len(counts)):
            return Tokenizer("words", ("", *_ranked(counts)))
    if kind == "characters":
        counts = Counter(letter for text in texts for letter in cut(text, "characters"))
        return Tokenizer("characters", ("", *_ranked(counts)))
    return _subwords(texts, size)


def _ranked(counts: Counter[str]) -> list[str]:
    """The commonest first; of those as common, in the order of the alphabet."""
    return sorted(counts, key=lambda piece: (-counts[piece], piece))


def _subwords(texts: list[str], size: int) -> Tokenizer:
    """Byte pair encoding: Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with subword
    units", section 3.2, over the bytes of the texts, so that rare characters cost no piece each."""
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE(unk_token=""))
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    # The library's piece 0 stands for what is unknown; ours closes a text.
    trainer = library.trainers.BpeTrainer(vocab_size=size, special_tokens=[""], show_progress=False)
    tokenizer.train_from_iterator((f" {text}" for text in texts), trainer)
    by_number = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return Tokenizer("subwords", ("", *(piece for piece, _ in by_number[1:])), tokenizer.to_str())


def _library() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError:
        raise missing_extra("tokenizers", "text", "a vocabulary of subwords") from None
    return tokenizers
