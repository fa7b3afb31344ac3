"""Which words of a reply lie before a position in its audio."""

from __future__ import annotations

from bisect import bisect_right

ASSUMED_MS_PER_CHARACTER = 60
"""Until the end of a text's sound is known, it is taken to last at least this long a character: about 180 words of
5.5 characters and spaces a minute. Otherwise words whose audio is still being made would seem to be over."""


class SpokenText:
    """A reply's text, tied to its audio at the places where a synthesiser said which text begins.

    Between two such places the characters are spread evenly. Positions are samples of the reply.
    """

    def __init__(self, rate: int) -> None:
        self.text = ""
        self._samples_per_character = rate * ASSUMED_MS_PER_CHARACTER / 1000
        self._sample_marks: list[int] = []
        self._character_marks: list[int] = []

    def mark(self, position: int, text: str) -> None:
        """The sound of `text` begins at `position`; the texts, joined, are the whole text."""
        if text:
            self._sample_marks.append(position)
            self._character_marks.append(len(self.text))
            self.text += text

    def before(self, position: int, end: int, complete: bool) -> str:
        """The words that ended at or before `position`, where the audio so far reaches to `end`.

        `complete`: no more audio will come. Only whole words, from the text's first character on.
        """
        if complete and position >= end:
            return self.text
        characters = int(self._characters(position, end, complete) + 1e-6)
        if characters >= len(self.text):
            return self.text
        return self.text[: _last_word_end(self.text, characters)]

    def _characters(self, position: int, end: int, complete: bool) -> float:
        """How many characters had sounded."""
        place = bisect_right(self._sample_marks, position) - 1
        if place < 0:
            return 0
        start, first = self._sample_marks[place], self._character_marks[place]
        last = place + 1 == len(self._sample_marks)
        count = (len(self.text) if last else self._character_marks[place + 1]) - first
        span = float((end if last else self._sample_marks[place + 1]) - start)
        if last and not complete:
            span = max(span, count * self._samples_per_character)
        return first + (min((position - start) / span, 1) * count if span > 0 else count)


def _last_word_end(text: str, limit: int) -> int:
    """The end of the last word that ends within the first `limit` characters, 0 if there is none."""
    at = limit
    if at < len(text) and not text[at].isspace():
        while at and not text[at - 1].isspace():
            at -= 1
    while at and text[at - 1].isspace():
        at -= 1
    return at
