"""What the callers of this benchmark say. Written for it alone: no policy may be tuned to these words.

`...` is a pause after words that show there is more to come; `|` is a pause after words that read complete.
"""

from __future__ import annotations

from typing import Final

SCRIPTS: Final[dict[str, tuple[str, ...]]] = {
    "clinic": (
        "Good morning, I would like to ... book a check-up.",
        "It is about my left knee.",
        "Would Thursday afternoon be possible?",
        "My name is ... Anna Keller.",
        "I need an appointment | for my son as well.",
        "Thank you, that is all.",
    ),
    "garage": (
        "My car makes a strange noise.",
        "It happens when ... I turn to the left.",
        "I bought it two years ago | from your branch in Hull.",
        "Can somebody look at it on ... Tuesday?",
        "How long will it take?",
        "I will wait for it there.",
    ),
    "hotel": (
        "Do you have a room for two nights?",
        "We would like a view of the ... garden if possible.",
        "Is breakfast included?",
        "We arrive on Friday | around eight in the evening.",
        "Can I pay with ... a company card?",
        "Please send me a confirmation.",
    ),
    "parcel": (
        "I am waiting for a parcel.",
        "It was sent on the ... fourth of May.",
        "The driver left a card | but there is no number on it.",
        "Could you bring it to my neighbour?",
        "She is at home | until six o'clock.",
        "Thanks for looking into it.",
    ),
    "restaurant": (
        "Is it possible to ... reserve a table?",
        "We are four people.",
        "One of us cannot eat nuts.",
        "We could come at seven | or a little later.",
        "Do you have a table near the ... window?",
        "What is the soup today?",
    ),
    "bank": (
        "My card was declined this morning.",
        "I tried to pay for ... a train ticket.",
        "I have enough money in the account | I checked it yesterday.",
        "Is there a limit for each day?",
        "Please raise it to ... five hundred pounds.",
        "When will that take effect?",
    ),
    "landlord": (
        "The heating does not work.",
        "I called last week | and nobody came.",
        "The problem started after ... the big storm.",
        "Somebody is at home all day.",
        "You can reach me on ... my mobile phone.",
        "That would be very kind.",
    ),
    "library": (
        "How long can I keep a film?",
        "I would also like to ... renew two books.",
        "One is about the history of ... bridges.",
        "I forgot my card | at home.",
        "Are you open on Sundays?",
        "I will come by | with my daughter.",
    ),
    "airline": (
        "I missed my connection in Vienna.",
        "Is there another flight to ... Oslo tonight?",
        "I have only hand luggage.",
        "An aisle seat is fine | or anything near the front.",
        "Does the airline pay for ... the hotel?",
        "Where do I find the voucher?",
    ),
    "school": (
        "My daughter is ill today.",
        "She has a fever and ... a bad cough.",
        "She will stay at home | until Wednesday.",
        "Could you tell her teacher?",
        "Her class is the one with ... Mister Brown.",
        "Which homework should she do?",
    ),
    "internet": (
        "The internet is very slow today.",
        "I restarted the box | three times.",
        "The red light is blinking.",
        "It worked until ... about noon.",
        "I work from home | so it is rather urgent.",
        "Can you send a technician?",
    ),
    "theatre": (
        "Are there tickets for Saturday night?",
        "I am looking for ... three seats together.",
        "The balcony would be fine.",
        "Is there a discount for ... students?",
        "I can pick them up | an hour before the show.",
        "How late does it end?",
    ),
    "gym": (
        "I want to cancel my membership.",
        "I am moving to ... another city.",
        "My contract ends in June | I think.",
        "Do I have to write a letter?",
        "I paid for the whole year | in January.",
        "That sounds fair.",
    ),
}
"""Several turns each; half of them with one pause, as often of the one kind as of the other."""

DIGITS: Final = (
    "Two zero seven | five five one | four two six eight.",
    "Zero one six | three three nine | eight zero four.",
    "Six four two one | seven seven five zero.",
    "Nine eight one | two two six | five zero three three.",
)
"""A number in groups: nothing shows which group is the last."""

SHORT: Final = ("Is anybody there today?", "What does it cost now?", "Can I speak to Peter?", "When do you open again?")
"""For rows of very many turns."""

BARGE_INS: Final = (
    "No wait, I only need the address.",
    "Sorry, that is the wrong branch.",
    "Stop please, I know all that.",
    "Hold on, let me find a pen.",
    "Excuse me, what was the first one?",
    "Okay, but how much is it?",
)

OPENING_WORDS: Final = (
    *("Of course", "All right", "Thank you", "No problem", "Very well", "Let me see", "Good choice", "One moment"),
    *("I understand", "Just a second", "Happy to help", "That works", "Right away", "Good question", "Not at all"),
    *("My pleasure", "Well noted", "Sounds good", "I see", "Certainly", "By all means", "Fair enough"),
    *("Leave it to me", "Good to hear"),
)
NAMES: Final = (
    *("Anna", "Ben", "Carl", "Dora", "Emma", "Finn", "Greta", "Hugo", "Ida", "Jack", "Kim", "Lea", "Max", "Nora"),
    *("Otto", "Paul", "Rita", "Sam", "Tess", "Uwe", "Vera", "Walt", "Yara", "Zoe", "Alma", "Bert", "Cleo", "Dean"),
    *("Elsa", "Fred", "Gwen", "Hans", "Iris", "Joel", "Kate", "Liam", "Mona", "Noah", "Olga", "Pete", "Rosa", "Stan"),
    *("Tina", "Ugo", "Viola", "Wanda", "Xaver", "York", "Abel", "Bella", "Cora", "David", "Edda", "Frank", "Gina"),
    *("Heidi", "Igor", "Julia", "Karl", "Lotte", "Mario", "Nick", "Orla", "Pia", "Quinn", "Ralf", "Sara", "Theo"),
)
"""With the words above they make about 1,700 openers of a few words, all alike in length."""

BODIES: Final = (
    "It is done now. Anything else?",
    "That is free. Shall I book it?",
    "I have it here. It is on its way.",
    "We open at nine. Does that suit you?",
    "There are two left. Both are fine.",
    "I will note that. Please go on.",
    "It costs ten pounds. That is all.",
    "I can do that. When do you need it?",
)

LONG_REPLY: Final = (
    "Here is the whole story from the beginning. We have branches in nine towns, and each of them keeps its own hours. "
    "The first one is near the station and opens at seven. The second one is by the harbour and opens at eight. "
    "The third one is in the old mill, and there you also find the workshop and the spare parts. "
    "All of them close at six, but on the last Friday of the month they stay open until nine in the evening. "
)
