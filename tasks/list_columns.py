"""Columns of a list from which nothing is taken, and what somebody might have expected of them."""

from collections.abc import Mapping

from tasks.contacts.audience import Audience
from tasks.contacts.column_names import Meaning, known_name
from tasks.contacts.columns import ColumnError, ColumnMap
from tasks.messaging.content import Content
from tasks.messaging.rendering import RunTexts
from tasks.messaging.statuses import Purpose
from tasks.messaging.strict_model import nearest

_MOST_SHOWN = 12


def check_overrides(overrides: Mapping[str, str], texts: RunTexts) -> None:
    """Whether each key of `audience.columns` is something that Rollcall knows, or a variable of the text.

    Raises:
        ColumnError: One is neither: misspelt, it would have become the name of a variable that nobody uses, and an
            opt-out would not count.
    """
    for key in overrides:
        if key in set(Meaning) or key in texts.variables:
            continue
        known = known_name(key)
        meant = (
            f"did you mean `{known.meaning}`?" if known else nearest(key, [str(meaning) for meaning in Meaning])
        )
        raise ColumnError(
            f"audience.columns.{key}: is neither something that Rollcall knows nor a variable of the text; {meant}"
        )


def find_consent_warnings(columns: ColumnMap, content: Content, audience: Audience) -> list[str]:
    """What to look at before marketing goes to a list that does not say whom not to write to."""
    if content.purpose is not Purpose.MARKETING or audience.suppressions is not None or columns.tells_consent:
        return []
    remedy = "if one does, name it under audience: columns: {opted_out: HEADER}"
    return [f"no column of the list says who opted out or agreed: {remedy}"]


def describe_unused(columns: ColumnMap, texts: RunTexts) -> list[str]:
    """The columns that nothing is taken from, in one sentence; empty when there are none."""
    unused = columns.columns_not_used(texts.variables)
    more = ", ..." if len(unused) > _MOST_SHOWN else ""
    return [f"columns that are not used: {', '.join(unused[:_MOST_SHOWN])}{more}"] if unused else []
