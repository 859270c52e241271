"""Senders with one deliberate fault, which reaches somebody twice or forgets somebody. The suite must say so.

The fault is put between the product and its database, in the processes of the life alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault.

    Attributes:
        name: What is wrong with it.
        leads_to: `twice` or `lost`.
        lost_commit: Beginning of the name of a function whose commit is rolled back instead.
        statement: Part of the statements ...
        beside: ... with this parameter ...
        word: ... in which this one is replaced ...
        by: ... by this one.
    """

    name: str
    leads_to: str
    lost_commit: str | None = None
    statement: str = ""
    beside: str = ""
    word: str = ""
    by: str = ""

    def install(self) -> None:
        """Let the statements of this process say something else."""
        if self.statement:
            event.listen(Engine, "before_cursor_execute", self._change, retval=True)

    def _change(
        self, _connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> tuple[str, Any]:
        is_meant = self.statement in " ".join(statement.split()) and self.beside in _values(parameters)
        return statement, self._said(parameters) if is_meant else parameters

    def _said(self, parameters: Any) -> Any:
        if isinstance(parameters, Mapping):
            return {name: self._said(value) for name, value in parameters.items()}
        if isinstance(parameters, Sequence) and not isinstance(parameters, str):
            return type(parameters)(map(self._said, parameters))  # type: ignore[call-arg]  # a tuple or a list
        return self.by if parameters == self.word else parameters


def _values(parameters: Any) -> list[Any]:
    if isinstance(parameters, Mapping):
        return list(parameters.values())
    return list(parameters) if isinstance(parameters, Sequence) else []


MUTANTS = (
    Mutant("the intent is not committed before the request leaves", "twice", lost_commit="tasks.sender:_claim"),
    Mutant(
        "what a process that died had claimed counts as never sent",
        "twice",
        statement="UPDATE message SET status",
        beside="interrupted",
        word="unknown",
        by="planned",
    ),
    Mutant(
        "what a process that died had claimed counts as sent",
        "lost",
        statement="UPDATE message SET status",
        beside="interrupted",
        word="unknown",
        by="accepted",
    ),
)
