"""What simulated callers say. Written for the simulator alone: no policy may be tuned to, or share, these lists.

`...` is a pause after words that show there is more to come; `|` is a pause that the words do not show.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["question", "statement", "answer", "digits", "unfinished", "backchannel", "cough"]

QUESTIONS: Final = (
    "What time do you close on Fridays?",
    "Do you have any tables left for tonight?",
    "How much is a return ticket to Lisbon?",
    "Could you tell me whether parking is included?",
    "Which platform does the airport train leave from?",
    "Is there a gluten free menu?",
    "Can you check when my parcel will arrive?",
    "Where do I collect the rental car?",
    "Are dogs allowed in the garden rooms?",
    "How long does the repair usually take?",
    "Why was my card charged twice last month?",
    "Who should I speak to about a broken boiler?",
    "Would it be possible to move it to next week?",
    "Do I need to bring my passport with me?",
    "When is the doctor back from holiday?",
    "What happens if I cancel on the same day?",
    "Is the swimming pool open to visitors?",
    "Can my daughter travel on the same ticket?",
    "Have you received the form I sent on Monday?",
    "Does the price include breakfast?",
)

STATEMENTS: Final = (
    "I want to change my delivery address.",
    "My internet has been down since this morning.",
    "I left my umbrella in your restaurant yesterday.",
    "The washing machine is making a terrible noise.",
    "I'm calling about the flat on Mill Road.",
    "We'll be six people instead of four.",
    "Please put me through to the billing department.",
    "I never got a confirmation email.",
    "My appointment is on Thursday at half past ten.",
    "The key doesn't fit the front door. | It did last week.",
    "I'd rather have a window seat.",
    "You can send it to my office.",
    "I've lost my membership card. | I need a new one.",
    "That sounds fine to me.",
    "I'm standing outside the clinic right now.",
    "It's for my mother. | She can't come to the phone.",
    "The invoice has the wrong company name on it.",
    "Tuesday afternoon suits me best.",
    "I booked a double room for three nights.",
    "The heating in room twelve isn't working.",
)

ANSWERS: Final = (
    "Yes.",
    "No.",
    "Six.",
    "Yes please.",
    "No thanks.",
    "Tomorrow.",
    "Half past four.",
    "Sure.",
    "Not really.",
    "That's right.",
    "Thomas Whitfield.",
    "On Saturday.",
    "The second one.",
    "In the morning.",
)

UNFINISHED: Final = (
    "I'd like to book a table for ... six people.",
    "Can you send it to the ... the office in Leeds?",
    "I was wondering if ... you still have the blue one.",
    "My name is ... Margaret Ellis.",
    "I need a plumber because ... the kitchen is under water.",
    "We arrive on Friday and ... we leave on Sunday evening.",
    "Is it possible to ... to pay by bank transfer?",
    "The problem is that ... my order never came.",
    "I want to speak with ... somebody in accounts.",
    "It was either Monday or ... maybe Tuesday.",
    "Do you know whether the ... the last bus goes from here?",
    "I'm looking for a ... a present for my sister.",
    "I have a question about my ... my last bill.",
    "We would prefer to sit near the ... window please.",
    "I ordered two large pizzas but ... only one has come.",
    "Could you move it from Monday to ... Thursday?",
    "I think the number was under ... the name of my husband.",
    "The car broke down on the ... road to the station.",
)

DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

FILLERS: Final = ("um", "uh", "er")

BACKCHANNELS: Final = ("mhm", "uh-huh", "yeah", "right", "okay")

MISHEARD: Final = ("the", "it", "for", "four", "two", "there", "right", "know", "weather", "would", "hour", "by")
"""What a recogniser writes instead of a word."""
