"""Words that have been dealt with, and that the recogniser goes on repeating in its reports until their final."""

from __future__ import annotations

from hocket.turn.meaning import meaning


class Spent:
    """What to leave out of the recogniser's reports: they may begin with words that are being answered already."""

    __slots__ = ("_before", "_report", "words")

    def __init__(self) -> None:
        self.words = ""
        """With these every report begins until the next final."""
        self._before: str | None = None  # the turn's words in earlier finals; None if it is too late to correct it
        self._report = ""  # the last one as it came; empty after a final

    def take(self, report: str, final: bool) -> tuple[str, str]:
        """A report as (how the turn that was dealt with reads now, the words since).

        The first is empty but in the final that settles that turn.
        """
        self._report = "" if final else report
        if not self.words:
            return "", report
        dealt_with, since = divide(report, self.words)
        if not final:
            return "", since
        settled = "" if self._before is None or not dealt_with else f"{self._before} {dealt_with}".strip()
        self.words = ""
        return settled, since

    def spend(self, turn: str, since: str = "") -> None:
        """`turn` has been dealt with; the words `since`, which follow it, have not."""
        report, said = self._report.split(), turn.split()
        count = max(0, len(report) - len(since.split()))
        self.words = " ".join(report[:count])
        self._before = " ".join(said[: len(said) - count]) if count <= len(said) else None

    def seal(self) -> None:
        """What was said is what it was taken for, whatever the final says."""
        self._before = None


def divide(text: str, beginning: str) -> tuple[str, str]:
    """Text cut after the words that it has in common with `beginning`, which may be spelled or recognised otherwise."""
    words, begun = text.split(), beginning.split()
    count = len(begun)
    if words[:count] != begun:
        meant = meaning(beginning)
        lengths = sorted(range(len(words) + 1), key=lambda length: abs(length - count))
        same = next((length for length in lengths if meaning(" ".join(words[:length])) == meant), None)
        if same is not None:
            count = same
        elif 2 * len(set(words[:count]) & set(begun)) < count:
            count = 0  # another beginning altogether: the recogniser has begun afresh
    return " ".join(words[:count]), " ".join(words[count:])
