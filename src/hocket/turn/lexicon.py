"""English word classes that turn-taking goes by. Sets, so that a look-up costs 30 ns."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FILLERS = _set("um umm uh uhh uhm er err erm eh ah hm hmm hmmm mm mmm huh")
OPENERS = (
    _set(
        "and so but well okay ok yeah yes yep no nope hi hello hey oh please actually also right then alright now "
        "sorry great sure basically anyway listen look thanks"
    )
    | FILLERS
)
"""Words that a sentence may begin with before it begins."""

YES_NO = _set("yes yeah yep yup no nope nah sure correct right well")
ARTICLES = _set("a an the")
POSSESSIVES = _set("my your his her its our their whose")
DETERMINERS = ARTICLES | POSSESSIVES | _set("this that these those some any every each another no which what")
CONJUNCTIONS = _set(
    "and or but because cause cuz if unless although though whereas whether than nor plus except since while "
    "so until till as"
)
SUBORDINATORS = _set("if when because since as although though while before after unless once whenever whether until")
PREPOSITIONS = _set(
    "of to from for with at by about into onto in on between during without within against towards toward near "
    "behind beside besides under above across among around regarding concerning through via per including like"
)
PARTICLES = _set("in on about around through under across by")
"""Prepositions that also end a phrasal verb."""
PHRASAL = _set(
    "log sign check come plug turn hold go get put fill move bring stop drop carry try logged signed checked turned "
    "gone going coming moved holding logging signing checking switch switched let keep leave pass have count"
)
OBJECTS = _set("one it me them him her that this")
"""What may stand between a phrasal verb and its particle: "turn it on"."""

BE = _set("am is are was were be been being isn't aren't wasn't weren't isnt wasnt")
MODALS = _set(
    "can could will would shall should may might must can't cannot couldn't won't wouldn't shouldn't mustn't gonna "
    "wanna gotta cant wont"
)
DO_HAVE = _set("do does did don't doesn't didn't dont doesnt didnt have has had haven't hasn't hadn't havent")
AUXILIARIES = BE | MODALS | DO_HAVE
CONTRACTED = _set(
    "i'm i've i'll i'd you're you've you'll you'd he's he'll he'd she's she'll she'd it's it'll we're we've "
    "we'll we'd "
    "they're they've they'll they'd that's that'll there's here's what's where's who's when's how's why's let's lets "
    "im ive youre theyre thats whats wheres hows theres"
)
"""Pronouns and question words with an auxiliary on them."""
ASKING_CONTRACTED = _set("what's where's who's when's how's why's whats wheres hows")
SUBJECTS = _set("i we he she they")
PRONOUNS = SUBJECTS | _set("you it this that there these those everyone everything someone something anyone nobody")
WH = _set("what when where who whom whose why which how")
THINKING = _set(
    "think thought said told know knew believe guess hope hoping say see saw heard notice noticed sure afraid mean "
    "means so sorry glad understand assume decided one thing things something someone all saying"
)
"""Words after which a final "that" opens a clause."""

GIVING = _set("tell give gave show send let get bring find make want wants need needs told asked ask lend teach email")
NEEDS_OBJECT = _set(
    "want wanted wants need needed needs like have had get got gotten make made take took find found buy bought give "
    "gave tell say said put bring send set use used using ask asked book schedule reschedule reserve discuss add "
    "remove replace update change request arrange include purchase pick drop select choose enter provide require "
    "expect expected received receive ordered bought mentioned contact locate submit upgrade see sell "
    "stock carry accept offer prefer rather dispute activate donate return spell"
)
"""Verbs that want something after them. Some are nouns too, so only after a word that calls for a verb."""
_STEMS = (word.removesuffix("e") for word in NEEDS_OBJECT if word.isalpha())
GOING_ON = frozenset(f"{stem}ing" for stem in _STEMS) | _set(
    "wondering trying hoping wanting needing getting having calling looking planning supposed seems seemed wants "
    "looks keep keeps kept tried tries wanted decided managed"
)
VERB_CALLERS = (
    SUBJECTS
    | MODALS
    | _set(
        "to i'd you'd we'd he'd she'd they'd i'll we'll you'll you please don't didn't do did let's just i've we've "
        "really always never also still already"
    )
)
"""Words after which a word that may be a verb is one."""

MODIFIERS = _set(
    "very really quite pretty rather fairly extremely too almost nearly approximately roughly just only even mostly "
    "also still maybe perhaps probably possibly usually basically actually specifically especially currently "
    "both either neither more most less several many few another other different certain specific particular "
    "new whole entire own main real big small little good bad nice great large best same next last second "
    "third first "
    "old current previous recent additional extra full single double couple bunch kind sort type lot bit regular "
    "following blue red green black white wrong upcoming annual monthly weekly daily"
)
WEAK_MODIFIERS = _set(
    "very really quite pretty extremely almost nearly approximately roughly specifically especially "
    "basically just only even mostly such usually"
    " never always hardly ever"
)
"""Modifiers that hardly ever end a sentence, whatever comes before them."""

CLOSING = _set(
    "please thanks thank today tomorrow tonight now again instead anymore too already yesterday morning afternoon "
    "evening weekend anyway though either soon later yet there here online everything it me him them us ago"
)
"""Words that people like to end on."""

DIGITS = {
    "zero": 1, "oh": 1, "o": 1, "one": 1, "two": 1, "three": 1, "four": 1, "five": 1, "six": 1, "seven": 1, "eight": 1,
    "nine": 1, "double": 1, "triple": 2, "ten": 2, "eleven": 2, "twelve": 2, "thirteen": 2, "fourteen": 2,
    "fifteen": 2, "sixteen": 2, "seventeen": 2, "eighteen": 2, "nineteen": 2, "twenty": 2, "thirty": 2, "forty": 2,
    "fifty": 2, "sixty": 2, "seventy": 2, "eighty": 2, "ninety": 2, "hundred": 0, "thousand": 0,
}  # fmt: skip
"""Number words, and how many digits each stands for when a number is dictated."""
MONTHS = _set("january february march april may june july august september october november december")
ORDINALS = _set(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth"
)

VERBS = _set(
    "accept add answer apply arrange arrive ask bill book break bring buy call cancel change charge check choose "
    "claim clean close come complain confirm connect contact cost cover deliver describe do drive drop eat email end "
    "exchange expect explain feel fill find finish fit fix sit stand stay dispute activate donate forget "
    "forward get give go happen have hear help hold "
    "include keep know last learn leave let like listen live log look lose love make mean meet mind move need offer "
    "open order park pay pick place plan play prefer print process provide put read receive recommend refill refund "
    "remember remind remove renew rent repeat replace report reschedule reserve reset return ride run save say "
    "schedule see sell send serve set ship show sign sleep speak spell spend start stay stop submit switch take talk "
    "tell think track transfer travel try turn understand update upgrade use visit wait walk want watch wear work "
    "worry write"
)
PAST = _set(
    "was were had did went got came saw said told took made bought gave found left lost paid sent broke forgot "
    "thought knew felt heard kept ran met put set cut hit hurt read spent stood woke wrote drove ate fell began"
)
IMPERATIVES = VERBS - _set(
    "have like mean cost last fit mind happen know need want love live think worry feel bill "
    "claim place plan park report return order"
)
