"""What a process that sends a run knows of providers that are out of order, and what it does about it."""

import logging
from collections.abc import Sequence

from tasks.contacts.masking import mask_text
from tasks.store import chunks, rerouting
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger

log = logging.getLogger(__name__)


class Outages:
    """The providers of one run that are down, have no credit left or refuse the credentials; all of this turn.

    The next time that the run goes on they are tried again, with what could go nowhere else.
    """

    def __init__(self, ledger: Ledger, run_id: int) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._why: dict[str, str] = {}

    @property
    def providers(self) -> Sequence[str]:
        """Who is out of order."""
        return list(self._why)

    def note(self, provider: str, why: str) -> None:
        """A provider is out of order: what is left for it goes to the next one, where there is one.

        Args:
            provider: Its name.
            why: What is wrong, for people.
        """
        self._why.setdefault(provider, why)
        self._move(provider)

    def move_what_was_given_back(self) -> bool:
        """Move what others have given back since, of who is out of order; whether there was anything."""
        moved = [self._move(provider) for provider in self.providers]
        return any(moved)

    @again_while_busy
    def _move(self, provider: str) -> bool:
        with self._ledger.writing() as connection:
            moved = rerouting.move_to_fallbacks(
                connection, self._run_id, provider, why=mask_text(self._why[provider]), out=self.providers
            )
        for target, messages in moved.items():
            log.info("%s is out of order: %s messages go to %s instead", provider, f"{messages:,}", target)
        return bool(moved)

    def new_providers(self, known: Sequence[str]) -> list[str]:
        """The providers for which chunks wait, without those that are known."""
        with self._ledger.reading() as connection:
            waiting = chunks.providers_to_take(connection, self._run_id)
        return [provider for provider in waiting if provider not in known]

    def objection(self) -> str | None:
        """Why what is left stays where it is, for people; None when nothing waits for who is out of order."""
        if not self._why:
            return None
        with self._ledger.reading() as connection:
            waiting = rerouting.waiting_for(connection, self._run_id, self.providers)
        return "; ".join(dict.fromkeys(self._why[provider] for provider in waiting)) or None
