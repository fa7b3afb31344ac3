"""The normal form of words: two transcripts mean the same when their normal forms are equal."""

from __future__ import annotations

import re


def meaning(text: str) -> str:
    """The words without case, punctuation, hesitations and choices of spelling: "It's six." and "um it is 6" agree.

    Numbers become digits and neighbouring digits are joined, because recognisers write "four one five", "4 1 5" and
    "415" for the same sound. Good for comparing, never for showing.
    """
    lowered = text.lower()
    words = lowered.split()
    if _PLAIN(lowered) and _REWRITTEN.isdisjoint(words):
        return " ".join(words)
    spelled: list[str] = []
    for word in _tokens(lowered):
        if word in _SPELLINGS:
            spelled += _SPELLINGS[word]
        elif "'" in word:
            spelled += _uncontracted(word)
        else:
            spelled.append(word)
    if _NUMERIC.isdisjoint(spelled) and not _DIGIT(lowered):
        return " ".join(spelled)
    return " ".join(_joined(_numbers(spelled)))


def same_meaning(a: str, b: str) -> bool:
    """Whether two transcripts differ in nothing but spelling."""
    return a == b or meaning(a) == meaning(b)


def _tokens(lowered: str) -> list[str]:
    text = _UNGROUPED("", lowered.replace("’", "'"))
    if "$" in text:
        text = _DOLLARS(r"\1 dollars", text)
    for sign, word in _SIGNS:
        if sign in text:
            text = text.replace(sign, word)
    return _TOKENS(_ABBREVIATIONS(lambda match: match[0].replace(".", ""), text))


def _uncontracted(word: str) -> tuple[str, ...]:
    if word.endswith("n't"):
        return word[:-3], "not"
    stem, _, ending = word.rpartition("'")
    if ending == "s" and stem in _IS_STEMS:
        return stem, "is"
    if ending in _ENDINGS:
        return stem, _ENDINGS[ending]
    # A possessive, or a name such as O'Brien: recognisers disagree about the apostrophe only.
    return (word.replace("'", ""),)


def _numbers(words: list[str]) -> list[str]:
    """Number words as digits: "one hundred and five" is 105, "twenty third" 23th."""
    out: list[str] = []
    total, number, room = 0, -1, 0  # number: what is being built, -1 for nothing; room: what is added must be smaller
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        value = _NUMBERS.get(word, -1)
        if word in _OH and (number >= 0 or following in _NUMBERS or (out and out[-1].isdigit())):
            value = 0
        if word == "and" and room >= 100 and following in _NUMBERS:
            continue
        if word in _SCALES:
            if number < 0 and out and (out[-1] == "a" or out[-1].isdigit()):
                before = out.pop()
                number = 1 if before == "a" else int(before)
            scaled = (number if number > 0 else 1) * _SCALES[word]
            total, number, room = (total, scaled, 100) if word == "hundred" else (total + scaled, 0, _SCALES[word])
            continue
        if number >= 0 and not (value > 0 and value < room):
            out.append(str(total + number))
            total, number, room = 0, -1, 0
        if value < 0:
            out.append(word)
            continue
        number = value if number < 0 else number + value
        room = 10 if word in _TENS else 0
        if word in _ORDINALS:
            out.append(f"{total + number}th")
            total, number, room = 0, -1, 0
    if number >= 0:
        out.append(str(total + number))
    return out


def _joined(words: list[str]) -> list[str]:
    """Neighbouring digits as one run ("4 1 5"), neighbouring letters as one word ("p m"), "3 point 5" as "3.5"."""
    out: list[str] = []
    kind = ""  # of the last word: "digits", "letters" or neither
    for word in words:
        if word.isdigit():
            now = "digits"
            if len(out) > 1 and out[-1] == "point" and out[-2].isdigit():
                out[-2:] = [f"{out[-2]}."]
                kind = now
        else:
            now = "letters" if len(word) == 1 and word.isalpha() else ""
        if now and now == kind and not (word in _ARTICLES and out[-1] in _ARTICLES):
            out[-1] += word
        else:
            out.append(f"{word[:-2]}th" if word[0].isdigit() and word[-2:] in _ORDINAL_ENDINGS else word)
        kind = now
    return out


_split = str.split
_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_CARDINALS = {word: value for value, word in enumerate(_split(f"{_UNITS} seventeen eighteen nineteen"))}
_TENS = {word: 20 + 10 * n for n, word in enumerate(_split("twenty thirty forty fifty sixty seventy eighty ninety"))}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_ORDINALS = {
    word: value
    for value, word in enumerate(
        _split(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        1,
    )
} | {"thirtieth": 30}
_NUMBERS = _CARDINALS | _TENS | _ORDINALS
_ORDINAL_ENDINGS = frozenset({"st", "nd", "rd", "th"})
_OH = frozenset({"oh", "o"})

_SPELLINGS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_split("um umm uh uhh er erm err hm hmm hmmm mm mmm ah eh"), ()),
    "ok": ("okay",),
    "cannot": ("can", "not"),
    "can't": ("can", "not"),
    "cant": ("can", "not"),
    "won't": ("will", "not"),
    "wont": ("will", "not"),
    "shan't": ("shall", "not"),
    "ain't": ("is", "not"),
    "dont": ("do", "not"),
    "doesnt": ("does", "not"),
    "didnt": ("did", "not"),
    "isnt": ("is", "not"),
    "wasnt": ("was", "not"),
    "havent": ("have", "not"),
    "im": ("i", "am"),
    "ive": ("i", "have"),
    "youre": ("you", "are"),
    "theyre": ("they", "are"),
    "thats": ("that", "is"),
    "whats": ("what", "is"),
    "wheres": ("where", "is"),
    "its": ("it", "is"),  # said alike, and recognisers mix them up
    "let's": ("let", "us"),
    "lets": ("let", "us"),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "gotta": ("got", "to"),
    "cause": ("because",),
    "'cause": ("because",),
    "cuz": ("because",),
    "alright": ("all", "right"),
    "yknow": ("you", "know"),
    "e-mail": ("email",),
    "mister": ("mr",),
    "doctor": ("dr",),
}
_ENDINGS = {"re": "are", "ve": "have", "ll": "will", "d": "would", "m": "am"}
_IS_STEMS = frozenset(_split("it he she that this there here what where who when how why"))
_SIGNS = (("%", " percent "), ("&", " and "), ("@", " at "), ("£", " pounds "), ("€", " euros "))

# Text of letters and spaces only, none of whose words is spelled in two ways, is its own normal form.
_PLAIN = re.compile(r"[a-z ]*").fullmatch
_ARTICLES = frozenset("ai")  # single letters that are words
_NUMERIC = frozenset(_NUMBERS) | frozenset(_SCALES) | frozenset("bcdefghjklmnopqrstuvwxyz")
_REWRITTEN = frozenset(_SPELLINGS) | _NUMERIC
_DIGIT = re.compile(r"\d").search
_UNGROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))").sub
_DOLLARS = re.compile(r"\$\s?(\d+(?:\.\d+)?)").sub
_ABBREVIATIONS = re.compile(r"\b(?:[^\W\d_]\.){2,}").sub
_TOKENS = re.compile(
    r"\d+(?:\.\d+)?(?:st|nd|rd|th)?(?![^\W\d_])|\d+(?:\.\d+)?|e-mail|'?[^\W\d_]+(?:'[^\W\d_]+)*"
).findall
