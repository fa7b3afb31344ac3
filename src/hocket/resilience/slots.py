"""How many simultaneous streams each account allows, and how many of them are taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from hocket.errors import ConfigError


class Slots:
    """A broker that all calls of a process share. Accounts without a limit always have room."""

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        """`limits`: vendor, such as "deepgram", or one of its models, such as "deepgram/nova-3" -> simultaneous
        streams. Raises `ConfigError` for a limit under 1."""
        self._limits = dict(limits or {})
        self._taken: Counter[str] = Counter()
        self._awaited = 0
        for account, limit in self._limits.items():
            if limit < 1:
                raise ConfigError(f'The limit of "{account}" is {limit}: give the number of streams its account has.')

    def take(self, name: str) -> bool:
        """Take a slot for a stage of this name ("vendor/model"); False when there is none."""
        accounts = _accounts(name)
        if any(self._taken[account] >= self._limits.get(account, self._taken[account] + 1) for account in accounts):
            return False
        self._taken.update(accounts)
        return True

    def give(self, name: str) -> None:
        """Give back what `take` took."""
        for account in _accounts(name):
            assert self._taken[account] > 0, "a slot is given back once"
            self._taken[account] -= 1

    def free(self, name: str) -> int | None:
        """Slots left for a stage of this name; None where nothing limits them."""
        left = [self._limits[account] - self._taken[account] for account in _accounts(name) if account in self._limits]
        return min(left) if left else None

    @contextmanager
    def awaiting(self) -> Iterator[None]:
        """A call that is live has given its slot back and waits for another: nobody new is to have it."""
        self._awaited += 1
        try:
            yield
        finally:
            self._awaited -= 1

    def has_room(self, names: Iterable[str]) -> bool:
        """Has any of these stages a slot for a new call, beside those that live calls wait for?"""
        return any((left := self.free(name)) is None or left > self._awaited for name in names)

    def taken(self, name: str) -> int:
        """Slots in use by stages of this account or name."""
        return self._taken[name]

    def in_use(self) -> dict[str, int]:
        """Account or name -> slots in use, of all that ever were."""
        return dict(self._taken)


def _accounts(name: str) -> tuple[str, ...]:
    """ "deepgram/nova-3" counts against "deepgram" and against itself."""
    vendor = name.partition("/")[0]
    return (vendor, name) if vendor != name else (name,)
