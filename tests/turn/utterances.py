"""What callers of many businesses say: finished turns, and turns stopped in the middle.

Written for these tests, without case and punctuation, as recognisers without either report them. Each group was scored
before the rules were changed to fit it: the last one was right in 95 % of finished and 93 % of unfinished turns then,
which is what to expect of other callers.
"""

from __future__ import annotations


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


COMPLETE_1 = _lines("""
what time do you open on sunday
do you have any tables free tonight
i'd like to book a table for four at seven thirty
can i get a large pepperoni pizza and a coke
how much is the family room
is breakfast included
i need to cancel my appointment on thursday
could you tell me where my order is
my package never arrived
i want to return a pair of shoes
the internet is down at my house
my name is sarah mitchell
it's for two adults and one child
yes that's right
no thank you
i'm calling about an invoice i got last week
what's the weather like there
how long does the repair take
do you accept american express
i'd like to speak to a human
please call me back tomorrow morning
are you open on christmas day
can you send me the receipt by email
i lost my credit card yesterday
i forgot my password
what's my current balance
i think i was charged twice
when is the next train to boston
is there parking nearby
what are your opening hours
i would like a haircut and a beard trim
does the price include tax
can i bring my dog
where are you located
how do i get there from the airport
the heating in my apartment isn't working
my son has a fever
i'd like to renew my prescription
what do i have to bring to the appointment
can i change my flight to saturday
i want the cheapest one
i'll take the blue one
that sounds good
that works for me
let's do wednesday at ten
any time after five is fine
i don't know
i'm not sure
could you repeat that please
sorry i didn't catch that
can you hear me
who am i speaking with
what is this about
how are you
i have a question about my bill
i need a new tire for my car
my car won't start
the check engine light came on this morning
do you do oil changes
how old does my kid have to be
what kind of insurance do you take
i'm allergic to peanuts
no onions please
can you make it gluten free
is the pasta vegan
i want to file a complaint
your driver was very rude to me
i've been waiting for two hours
it still doesn't work
i already tried that
there is water coming through the ceiling
i smell gas in the kitchen
send someone right away please
my address is forty two maple street
i live in springfield
it was last tuesday
around three in the afternoon
on the fourteenth of march
next friday
just the two of us
a window seat please
two tickets for the late show
is there an elevator in the building
what's the wifi password
could we check out a little later
the room hasn't been cleaned
can you recommend a good restaurant
i'd like to order flowers for my mother
how much would it cost to ship this to canada
when will it be delivered
has my payment gone through
i paid last week
why was my account closed
what happened to my reservation
can i talk to the manager
i want to upgrade my plan
please cancel my subscription
how do i turn it off
the app keeps crashing
it says error four oh four
i can't log in
my screen is cracked
do you buy used phones
how much do you charge per hour
is it open to the public
do i need a reservation
what's the dress code
i am looking for a two bedroom apartment
is the apartment still available
are pets allowed
when can i move in
how much is the deposit
i'd like to schedule a viewing
my landlord won't answer the phone
i need a plumber today
the toilet is blocked
can someone come this afternoon
tell me about your services
give me the number of the clinic
put me through to sales
book it please
check the status of my claim
cancel it
stop
never mind
hold on a second please
thank you very much
thanks bye
hello
good morning
yes please
of course
exactly
nothing else thanks
that's all
i'm fine thank you
it's urgent
we'll be there at eight
she's my wife
he is my father
i was told to call this number
they said it would be here by monday
i'm having trouble with my printer
i don't have it with me
not today
maybe next week
the second one
both of them
without cheese
what if i'm late
why not
how come
where is it
what time is it
who is this
is that all
isn't it included
i heard you have a sale
do you know if the pool is open
can you tell me how much it is
i wonder if you could help me
what should i do
i'd rather pay in cash
could i get the same room as last time
i'd like to know what the cancellation policy is
my phone number is four one five two two two three three four four
i would like two of those
is anybody there
let me know
i have no idea
what does that mean
i prefer the morning
it depends on the price
you can call me on this number
we need it by friday
""")

DANGLING_1 = _lines("""
i'd like to
i'd like to book a
i'd like to book a table for
i want to change my flight from
can you tell me what
can you tell me
could you
do you have
do you
what time does the
what is the
how much is
is there a
are there any
i need to cancel my
i'm calling about
i'm calling because
i'm calling because my
i was wondering if
i was wondering if you could
my name is
my address is
my order number is
my phone number is
the problem is
the problem is that
i think
i think that
i think it was
i bought a pair of shoes and
i would like two pizzas and
we want to stay until
we are a group of
there is a
there's
it's on the corner of
it happened when
it happened because
i tried to call you but
i have been waiting for
i haven't
i don't
i don't want
i don't want to
i can't
it doesn't
when i
when i try to
if i
if you
if i come in the morning can i
and then
and then i
and
so
but
because
well
um
uh
um i
i um
i'd like a um
can i get uh
it was on the uh
let me see
my number is let me see
it's called you know
i want the you know
the thing is
what i want is
what i need is a
i need
i want
i'd like
i would like
could i have
can i get
can i get a
give me the
send it to
put me through to
please send me
my husband and
my wife wants to
my son is
he is
she has
they told me that
they said that
you said that i
you told me to
somebody called me from
i spoke to
i spoke to your
i live in the
i live on
i work at
i'm trying to
i'm trying
i'm looking for
i'm looking for a
i am
i'm
i've
i'll
we're
we'd like to
we were going to
is it possible to
would it be possible to
would you be able to
do you know if
do you know where
do you know how
how do i
how can i
how long will
where is the
where can i
which one of
why did
when does the
when will my
will you
have you
has my
did you
does it
does your
are you
are the
is your
is my
it is not
this is not
that's not
that is why i
it costs more than
it's better than
it's too
it's very
i'm really
it's a very
i have a really
the next
the other
my last
for the
with the
at the
on the
in my
from my
of the
to the
before the
after the
during the
between
between monday and
either
either monday or
not only
a couple of
a lot of
some kind of
one of the
some of my
all of the
each of
instead of
in order to
as soon as
as long as
even if
even though
so that
such as
according to
in front of
next to the
because of the
i'd like to pay with
i'd like to pay with my
you can reach me at
my email is
my email is john at
my email is john dot
my card number is four one one one
my account number is seven seven
it's four one five
the date of birth is
i was born on the
i was born in
the flight leaves at
the appointment was supposed to
i was supposed to
i have to
i need you to
i just want to
i just
i also
i only
we usually
the one that
the man who
the place where
the day when
""")

COMPLETE_2 = _lines("""
do you sell gift cards
i need the shipping address changed
my dentist retired last year
can you put cucumbers in the salad
how late is the kitchen open
is the museum free for students
the lawnmower i bought is broken
what sizes does this jacket come in
i'd like to donate some clothes
could you walk me through the setup
somebody stole my bike
will i get a refund
the contract ends in june
can you waive the fee
i got a letter from your office
where do i sign
how many people can sit outside
it fits perfectly
we had a great time
the tickets were too expensive
do you offer payment plans
my daughter starts school in september
could you move me to an aisle seat
what's your return policy
i'd like the soup and the salad
extra napkins please
i'm outside the building
the code doesn't work
can you open the gate
there's a leak under the sink
the alarm keeps going off
i hurt my back
it hurts when i breathe
am i covered for this
how soon can i see a doctor
are walk ins okay
my insurance changed in january
i have an appointment at noon
can i reschedule for next month
please take me off your list
i never signed up for that
which gate does it leave from
is my flight delayed
i missed my connection
my luggage is missing
it's a black suitcase
can you transfer me to billing
i'd like to close my account
what's the interest rate on savings
i need a copy of my statement
did you get my fax
somebody is using my card
please block it
how do i activate the card
the atm ate my card
i want to dispute a charge
is the doctor in today
can my sister pick it up
what are the side effects
i ran out of my pills
when is the pharmacy closed
i'm just calling to say thank you
you were very helpful
have a nice day
no that's wrong
yes i did
no i don't
yeah go ahead
sure why not
i guess so
absolutely not
tuesday works
four people
size ten
in the evening
john smith
as soon as possible
cash
two nights
by credit card
i'd like that
tell me more
what else do you have
how about friday
""")

DANGLING_2 = _lines("""
do you sell
i need the
my dentist said that
can you put the
how late is
is the museum open on
the lawnmower i bought from
what sizes do you
i'd like to donate some
could you walk me through the
somebody stole my
will i be able to
the contract ends in
can you tell me whether
i got a letter from
where do i find the
how many people are
we had a problem with
the tickets were
my daughter wants a
could you move me to the
i'd like the soup with
extra cheese and
i'm standing outside of
the code is
the code doesn't
there's a leak in the
the alarm goes off every
i hurt my
it hurts when i
am i allowed to
how soon can you
my insurance is
i have an appointment with
can i reschedule my
please take my name off of
which gate does
is my flight going to
i missed my connection because
my luggage was
it's a black suitcase with
can you transfer me to
i'd like to close my
what's the interest rate on a
i need a copy of
did you
somebody is trying to
how do i activate my
i want to dispute
i want to dispute a
is the doctor
can my sister
what are the
i ran out of
when is your
i'm just calling to
you were
no but
yes and
yes but i
yeah so
tuesday or
four people and a
in the
it should be under the name
uh
let me think
hmm
i guess
my policy number is
my zip code is nine four
the number is five five five
it's s m
we'd prefer
i'd rather
the reason is
because they
unless you
as soon as i
since i
while i was
after i
""")

COMPLETE_3 = _lines("""
i'd like to know more about your loans
what's the minimum payment this month
the driver left it at the wrong door
my phone fell in the pool
is there a fee for that
do i have to pay now
can you check if it's in stock
how much does a haircut cost
when does the bakery open
where did you put my bag
we're running about ten minutes late
could i have the vegetarian option
i already spoke to someone yesterday
he told me it would be free
the light in the hallway is flickering
my dog ate a whole bar of chocolate
is the vet available
she's throwing up
we have a leak
i think the tire is flat
i'd prefer a female doctor
can we add one more person
it's under martinez
this is david from accounting
i'm returning your call
you left me a message
please hurry
i can wait
let me call you back
i'll think about it
that's too expensive
do you have anything cheaper
what about thursday
is saturday okay
we can do either
any day but monday
the earlier the better
in two weeks
on the third of may
half past nine
for six people
outside if possible
with milk and sugar
medium rare
nothing for me
just water
i changed my mind
forget it
start over
that isn't what i said
you got it wrong
i said fifty not fifteen
can you spell that
how do you spell your name
who do i contact about that
what number should i call
did my transfer arrive
has the doctor signed the form
will the package come today
should i bring my passport
the gate won't open
nobody picked up
it was supposed to be refunded
i've never been there before
my wife is pregnant
she is due in april
we met last year
you can leave it with my neighbor
ring the bell twice
the second floor on the left
""")

DANGLING_3 = _lines("""
i'd like to know more about
what's the minimum payment on
the driver left it at the wrong
my phone fell into
is there a fee if
do i have to pay for
can you check whether
how much does a
when does the bakery
where did you put my
we're running about
could i have the vegetarian
i already spoke to
he told me it would
the light in the hallway is
my dog ate a
is the vet
she's been
we have
i think the
i'd prefer a
can we add
it's under
this is
i'm returning
you left me a
please don't
i can
let me call you when
i'll think about
that's
do you have anything for
what about the
is saturday or
we can do
any day but
the earlier
in about
on the third of
for six people and
outside unless
with milk but
nothing except
just a
i changed my
i forgot the
that isn't what
you got the
i said fifty not
how do you spell
who do i contact if
what number should
did my
has the doctor signed the
will the package come before
should i bring my
the gate that
nobody called me to
it was supposed to
i've never
my wife and i
she is due in
we met when
you can leave it with
the code for
i want you to
they charged me for
why does it
i had a
could somebody
""")

COMPLETE_4 = _lines("""
i'm interested in the job you posted
when do classes start
is the gym open twenty four hours
how do i freeze my membership
i pulled a muscle last night
can my friend come along
we ordered an hour ago
the fries were cold
you forgot the drinks
i'd like my money back
who took my order
which bus goes to the harbor
does it stop at the hospital
one adult and two kids
a return ticket please
it leaves at nine fifteen
i left my umbrella on the train
has anyone handed in a wallet
it has my license in it
i need it for work
our meter was replaced in march
the bill seems too high
can i pay in installments
somebody will be home all day
the technician didn't show up
what's taking so long
i want to speak with your supervisor
could you lower the price
i found it cheaper elsewhere
is that your best offer
we're celebrating our anniversary
do you have high chairs
my grandmother uses a wheelchair
are the rooms accessible
i'd like a room facing the sea
what time is checkout
can you wake me at six
the shower is cold
the neighbors are too loud
i can't sleep
my passport expired
how long does a visa take
where can i get photos taken
i already filled out the form
it was rejected
nobody told me why
i'm eighteen
she's allergic to penicillin
every other week
about an hour ago
yes that would be great
no just the one
okay see you then
just looking
not that i know of
""")

DANGLING_4 = _lines("""
i'm interested in the
when do classes
is the gym
how do i freeze my
i pulled a muscle in my
can my friend and
we ordered an
the fries were
you forgot to
i'd like my
who took the
which bus goes to
does it stop at
one adult and
a return ticket to
it leaves from
i left my umbrella in the
has anyone
it has my
i need it because
our meter was
the bill for
can i pay with
somebody should
the technician said he
what's the
i want to speak with
could you lower your
i found it on
is that the
we're celebrating my
do you have a
my grandmother is
are the rooms on the
i'd like a room with
what time can
can you wake me up at
the shower doesn't
the neighbors keep
i can't find my
my passport expires in
how long does your
where can i get my
i already filled out
it was rejected because
nobody told me that
i'm under
she's allergic to
every other
about an
yes but the
no i just
okay so if
i'm just looking for
not if
what we want is
that was the reason i
you see my
it would be great if
the same thing that
""")

COMPLETE_5 = _lines("""
that would be very kind
i can't turn it on
please let me in
that is very different
could you fill me in
""")

DANGLING_5 = _lines("""
you can reach me on
can somebody look at it on
i saw him in
they delivered it around
send it by
""")

COMPLETE = COMPLETE_1 + COMPLETE_2 + COMPLETE_3 + COMPLETE_4 + COMPLETE_5
UNFINISHED = DANGLING_1 + DANGLING_2 + DANGLING_3 + DANGLING_4 + DANGLING_5
