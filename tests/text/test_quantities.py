from __future__ import annotations

import pytest

from tests.text.saying import said

CASES = [
    ("$5", "five dollars"),
    ("$1", "one dollar"),
    ("$1,250.50", "one thousand two hundred fifty dollars and fifty cents"),
    ("$0.99", "ninety-nine cents"),
    ("$0.01", "one cent"),
    ("$2.5", "two point five dollars"),
    ("$5.00", "five dollars"),
    ("$ 5", "five dollars"),
    ("$5 million", "five million dollars"),
    ("$2.5M, $10k", "two point five million dollars, ten thousand dollars"),
    ("$5-10", "five to ten dollars"),
    ("$5-$10 million", "five to ten million dollars"),
    ("£3.50", "three pounds and fifty pence"),
    ("£1.01", "one pound and one penny"),
    ("€4.50 or 5 €", "four euros and fifty cents or five euros"),
    ("5 USD, EUR 5", "five US dollars, five euros"),
    ("USD is the dollar", "USD is the dollar"),
    ("CHF 5.50", "five Swiss francs and fifty centimes"),
    ("US$5", "five dollars"),
    ("$5/month, 60 km/h, $3/hr", "five dollars per month, sixty kilometers per hour, three dollars per hour"),
    ("-$5", "minus five dollars"),
    ("¥500", "five hundred yen"),
    ("a $5 bill", "a five-dollar bill"),
    ("a $5.50 bill", "a five dollars and fifty cents bill"),
    ("It is a $5.", "It is a five dollars."),
    ("10 km", "ten kilometers"),
    ("1 km", "one kilometer"),
    ("5kg", "five kilograms"),
    ("5-km run", "five-kilometer run"),
    ("20 °C", "twenty degrees Celsius"),
    ("-5°F", "minus five degrees Fahrenheit"),
    ("20°", "twenty degrees"),
    ("70 mph", "seventy miles per hour"),
    ("30 min. walk", "thirty minutes walk"),
    ("30 min. Then", "thirty minutes. Then"),
    ("2 hrs", "two hours"),
    ("1h 30m", "one hour thirty minutes"),
    ("2h 1m", "two hours one minute"),
    ("50 sq ft", "fifty square feet"),
    ("2 m²", "two square meters"),
    ("100 Mbps", "one hundred megabits per second"),
    ("1 lb, 2 lbs.", "one pound, two pounds."),
    ("6 ft tall", "six feet tall"),
    ("100k", "one hundred thousand"),
    ("5 %", "five percent"),
    ("5-10%", "five to ten percent"),
    ("100%", "one hundred percent"),
    ("1/2 cup", "one half cup"),
    ("2 1/2 cups", "two and a half cups"),
    ("3/4", "three quarters"),
    ("50/50, 24/7, 9/11", "fifty fifty, twenty-four seven, nine eleven"),
    ("½ and 2½", "one half and two and a half"),
    ("16:9", "sixteen to nine"),
    ("5'10\" tall", "five foot ten tall"),
    ("3.14 and 0.5 and .5", "three point one four and zero point five and point five"),
    ("Version 1.2.10", "Version one point two point ten"),
    ("v2.0", "version two point zero"),
    ("192.168.0.1", "one nine two point one six eight point zero point one"),
    ("10,000 or 1,250,000", "ten thousand or one million two hundred fifty thousand"),
    ("1000000", "one million"),
    ("1st, 2nd, 3rd, 11th, 22nd", "first, second, third, eleventh, twenty-second"),
    ("21,000th", "twenty-one thousandth"),
    ("3-year-old", "three-year-old"),
    ("20-minute", "twenty-minute"),
    ("5 people", "five people"),
    ("4.5 stars", "four point five stars"),
]

BRITISH = [
    ("105 km", "one hundred and five kilometers"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_amounts_are_read(text: str, expected: str, size: int) -> None:
    assert said(text, size=size) == expected


@pytest.mark.parametrize(("text", "expected"), BRITISH)
def test_amounts_are_read_in_britain(text: str, expected: str) -> None:
    assert said(text, "en-GB") == expected
