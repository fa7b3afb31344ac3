"""Words that have been dealt with, and that the recogniser goes on repeating in its reports until their final."""

from __future__ import annotations

from hocket.turn.meaning import meaning
from hocket.turn.transcript import Transcript


class Words(Transcript):
    """The caller's words that wait to be dealt with, or are those of the turn whose answer has not sounded."""

    __slots__ = ("_spent",)

    def __init__(self) -> None:
        super().__init__()
        self._spent = Spent()

    def hear(self, report: str, final: bool) -> str:
        """Take a report; returns how the turn that was dealt with reads now, if this is the final that settles it."""
        settled, since = self._spent.take(report, final)
        self.update(since, final)
        return settled

    def spend(self, turn: str = "") -> None:
        """All words are dealt with; or, of a turn that is answered, its own: those after them begin the next."""
        if not self.text:
            return
        dealt_with, since = self.text, ""
        if turn and turn != self.text:
            dealt_with, since = divide(self.text, turn, len(turn.split()))
        settled, unsettled = self._spent.spend(dealt_with, since)
        self.clear()
        if since:
            self.update(settled, final=True)
            self.update(unsettled, final=False)
        if not turn:
            self.seal()

    def seal(self) -> None:
        """What was said is what it was taken for, whatever its late final says."""
        self._spent.seal()


class Spent:
    """What to leave out of the recogniser's reports: they may begin with words that are being answered already."""

    __slots__ = ("_before", "_report", "_since", "words")

    def __init__(self) -> None:
        self.words = ""
        """With these every report begins until the next final."""
        self._before: str | None = None  # the turn's words in earlier finals; None if it is too late to correct it
        self._report = ""  # the last one as it came; empty after a final
        self._since = 0  # how many of its words came after those spent

    def take(self, report: str, final: bool) -> tuple[str, str]:
        """A report as (how the turn that was dealt with reads now, the words since).

        The first is empty but in the final that settles that turn.
        """
        self._report = "" if final else report
        if not self.words:
            return "", report
        # A final may have more or fewer words for the same sound: what was new before it is counted from its end.
        count = len(report.split()) - self._since if final else len(self.words.split())
        dealt_with, since = divide(report, self.words, count)
        if not final:
            self._since = len(since.split())
            return "", since
        settled = "" if self._before is None or not dealt_with else f"{self._before} {dealt_with}".strip()
        self.words = ""
        return settled, since

    def spend(self, turn: str, since: str = "") -> tuple[str, str]:
        """`turn` has been dealt with, the words `since` after it have not; returns those as (settled, unsettled)."""
        if not self._report:
            self.words = ""
            return since, ""
        report, said, new = self._report.split(), turn.split(), since.split()
        self._since = min(len(new), len(report))
        count = len(report) - self._since
        self.words = " ".join(report[:count])
        self._before = " ".join(said[: len(said) - count]) if count <= len(said) else None
        settled = len(new) - self._since
        return " ".join(new[:settled]), " ".join(new[settled:])

    def seal(self) -> None:
        """What was said is what it was taken for, whatever the final says."""
        self._before = None


def divide(text: str, beginning: str, otherwise: int) -> tuple[str, str]:
    """Text cut after the words that mean what `beginning` does; after `otherwise` words if it is recognised anew."""
    words, begun = text.split(), beginning.split()
    count = len(begun)
    if words[:count] != begun:
        meant = meaning(beginning)
        lengths = sorted(range(len(words) + 1), key=lambda length: abs(length - count))
        same = next((length for length in lengths if meaning(" ".join(words[:length])) == meant), None)
        # With few of its words there it is another beginning altogether: the recogniser has begun afresh.
        afresh = 2 * len(set(words) & set(begun)) < min(count, len(words))
        count = same if same is not None else 0 if afresh else max(0, otherwise)
    return " ".join(words[:count]), " ".join(words[count:])
