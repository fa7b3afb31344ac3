from __future__ import annotations

import pytest

from tests.text.saying import said

CASES = [
    ("Dr. Smith, Mr. Jones, Mrs. Lee, Prof. Hill", "Doctor Smith, Mister Jones, Missus Lee, Professor Hill"),
    ("Is the Dr. in?", "Is the Dr. in?"),
    ("St. Mary's and Mt. Hood", "Saint Mary's and Mount Hood"),
    ("12 Elm St. in Boston", "twelve Elm Street in Boston"),
    ("12 Elm St., Boston", "twelve Elm Street, Boston"),
    ("12 Elm St. Boston", "twelve Elm Street. Boston"),
    ("on Elm St.", "on Elm Street."),
    ("5th Ave. and Sunset Blvd.", "fifth Avenue and Sunset Boulevard."),
    ("742 Evergreen Terrace", "seven hundred forty-two Evergreen Terrace"),
    ("Sunset Dr.", "Sunset Drive."),
    ("12 Sunset Dr. Boston", "twelve Sunset Drive. Boston"),
    ("e.g. a coat, i.e. warm", "for example a coat, that is warm"),
    ("E.g., this", "For example, this"),
    ("cats, dogs, etc. and more", "cats, dogs, et cetera and more"),
    ("cats, dogs, etc. Then", "cats, dogs, et cetera. Then"),
    ("cats, dogs, etc.", "cats, dogs, et cetera."),
    ("cats, etc., and dogs", "cats, et cetera, and dogs"),
    ("approx. 5, vs. 3", "approximately five, versus three"),
    ("ext. 5, p. 12, Apt. 4", "extension five, page twelve, Apartment four"),
    ("A & B, R&D, AT&T", "A and B, R and D, AT and T"),
    ("Tom &amp; Jerry", "Tom and Jerry"),
    ("5 + 3 = 8", "five plus three equals eight"),
    ("5 - 3 = 2", "five minus three equals two"),
    ("5 * 3, 5x3, 5×3", "five times three, five x three, five times three"),
    ("C++, A+, 18+", "C plus plus, A plus, eighteen plus"),
    ("w/ cheese, w/o ham, w/cheese", "with cheese, without ham, with cheese"),
    ("and/or", "and/or"),
    ("he/she", "he/she"),
    (">5, <5, >= 5, ~5", "more than five, less than five, at least five, about five"),
    ("if x < y", "if x < y"),
    ("@user #tag", "at user #tag"),
    ("x → y", "x to y"),
    ("-5 and (-3)", "minus five and (minus three)"),
    ("9-5", "nine to five"),
    ("3 - 4 weeks", "three to four weeks"),
    ("well-known - or not", "well-known - or not"),
    ("1,2,3", "one, two, three"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_abbreviations_and_signs_are_read(text: str, expected: str, size: int) -> None:
    assert said(text, size=size) == expected
