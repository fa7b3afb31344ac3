"""A ticket opens one call on the worker it names, once and soon; anything that was changed opens none."""

from __future__ import annotations

import base64
from typing import get_args

import jwt
import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hocket.gateway import tickets
from hocket.gateway.tickets import EXPIRES_S, MAX_EXPIRES_S, Kind, TicketError, Tickets, issue

SECRET = "a secret of more than thirty-two bytes"
NOW = 1_790_000_000.0


def ticket(**changed: object) -> str:
    given: dict[str, object] = {"kind": "ws", "worker": "0-a", "now": NOW}
    return issue(SECRET, **(given | changed))  # type: ignore[arg-type]


def test_a_ticket_says_what_was_put_into_it() -> None:
    found = Tickets(SECRET, "0-a").redeem(ticket(caller="+44", parameters={"clinic": "harbour"}), "ws", NOW + 1)
    assert (found.kind, found.worker, found.caller, found.parameters) == ("ws", "0-a", "+44", {"clinic": "harbour"})
    assert found.expires == pytest.approx(NOW + EXPIRES_S)


def test_a_ticket_is_used_once() -> None:
    worker, once = Tickets(SECRET, "0-a"), ticket()
    worker.redeem(once, "ws", NOW)
    for later in (0, 1, EXPIRES_S - 1):
        with pytest.raises(TicketError, match="used before"):
            worker.redeem(once, "ws", NOW + later)
    with pytest.raises(TicketError, match="expired"):
        worker.redeem(once, "ws", NOW + EXPIRES_S)


@given(seconds=st.floats(0, 3 * MAX_EXPIRES_S), expires_s=st.floats(1, MAX_EXPIRES_S))
def test_a_ticket_is_good_until_it_expires(seconds: float, expires_s: float) -> None:
    assume(abs(seconds - expires_s) > 0.01)
    worker, one = Tickets(SECRET, "0-a"), ticket(expires_s=expires_s)
    if seconds < expires_s:
        worker.redeem(one, "ws", NOW + seconds)
    else:
        with pytest.raises(TicketError, match="expired"):
            worker.redeem(one, "ws", NOW + seconds)


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("asked", get_args(Kind))
def test_a_ticket_is_for_one_kind_of_call(kind: Kind, asked: Kind) -> None:
    worker, one = Tickets(SECRET, "0-a"), ticket(kind=kind)
    if kind == asked:
        worker.redeem(one, asked, NOW)
    else:
        with pytest.raises(TicketError, match=f'by "{kind}"'):
            worker.redeem(one, asked, NOW)
        worker.redeem(one, kind, NOW)  # it was not used up


def test_a_ticket_is_for_one_worker_process() -> None:
    with pytest.raises(TicketError, match="another worker"):
        Tickets(SECRET, "0-b").redeem(ticket(), "ws", NOW)


@given(place=st.integers(0), bit=st.integers(0, 7), data=st.data())
def test_a_ticket_that_was_changed_anywhere_is_refused(place: int, bit: int, data: st.DataObject) -> None:
    good = ticket(parameters={"clinic": "harbour"})
    head, claims, signature = (bytearray(base64.urlsafe_b64decode(part + "==")) for part in good.split("."))
    part = data.draw(st.sampled_from([head, claims, signature]))
    part[place % len(part)] ^= 1 << bit
    changed = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (head, claims, signature))
    with pytest.raises(TicketError):
        Tickets(SECRET, "0-a").redeem(changed, "ws", NOW)


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_what_is_no_ticket_is_refused(text: str) -> None:
    with pytest.raises(TicketError):
        Tickets(SECRET, "0-a").redeem(text, "ws", NOW)


@pytest.mark.parametrize("length", [tickets.MAX_BYTES + 1, 10_000_000])
def test_what_is_too_long_is_not_looked_at(length: int) -> None:
    with pytest.raises(TicketError, match="too long"):
        Tickets(SECRET, "0-a").redeem("a" * length, "ws", NOW)


GOOD = {"jti": "1", "exp": NOW + 60, "aud": "hocket", "kind": "ws", "worker": "0-a"}


@pytest.mark.parametrize(
    "changed",
    [{"aud": "another"}, {"kind": "sip"}, {"exp": "soon"}, {"exp": NOW + 10_000}, {"exp": 1e400}, {"parameters": 1}]
    + [{name: None} for name in GOOD],
)
def test_signed_claims_that_are_not_ours_are_refused(changed: dict[str, object]) -> None:
    claims = {name: value for name, value in (GOOD | changed).items() if value is not None}
    with pytest.raises(TicketError):
        Tickets(SECRET, "0-a").redeem(jwt.encode(claims, SECRET, algorithm="HS256"), "ws", NOW)


def test_other_algorithms_are_refused() -> None:
    claims = base64.urlsafe_b64encode(msgspec.json.encode(GOOD)).rstrip(b"=").decode()
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    for forged in (f"{head}.{claims}.", jwt.encode(GOOD, SECRET * 2, algorithm="HS512")):
        with pytest.raises(TicketError, match="not valid"):
            Tickets(SECRET, "0-a").redeem(forged, "ws", NOW)


def test_a_flood_of_tickets_is_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "REMEMBERED", 10)
    worker = Tickets(SECRET, "0-a")
    for _ in range(10):
        worker.redeem(ticket(), "ws", NOW)
    with pytest.raises(TicketError, match="Too many"):
        worker.redeem(ticket(), "ws", NOW)
    worker.redeem(ticket(now=NOW + 60), "ws", NOW + 61)  # by then the others are over
