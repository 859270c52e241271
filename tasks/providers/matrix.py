"""The feature matrix: what every provider can do, generated from the capabilities."""

from collections.abc import Callable, Sequence

from tasks.providers.capabilities import FEATURES, Capabilities
from tasks.providers.registry import PROVIDER_NAMES, load_provider

_FACTS: tuple[tuple[str, Callable[[Capabilities], str]], ...] = (
    ("requests a second, documented", lambda can: _number(can.max_requests_per_second)),
    ("recipients a request", lambda can: f"{can.max_recipients_per_request:,}"),
    ("own text for each recipient", lambda can: _yes(can.personalises_per_recipient)),
    ("longest text, characters", lambda can: _number(can.max_text_chars)),
    ("contacts by the list's own key", lambda can: _yes(can.addresses_external_codes)),
    ("marketing and transactional told apart", lambda can: _yes(can.can_mark_purpose)),
    ("delivery: can be asked", lambda can: _yes(can.can_poll_status)),
    ("delivery: calls back", lambda can: _yes(can.pushes_status)),
    ("echoes our reference", lambda can: _yes(can.accepts_reference)),
    ("a lost answer can be looked up", lambda can: _yes(can.can_look_up)),
    ("tells the cost", lambda can: _yes(can.reports_cost)),
    ("tells the credit left", lambda can: _yes(can.can_tell_balance)),
)


def feature_rows() -> list[list[str]]:
    """The matrix: a header row of provider names, then one row per feature; `yes` or a figure, else empty."""
    capabilities = [load_provider(name).capabilities for name in PROVIDER_NAMES]
    rows = [["", *PROVIDER_NAMES]]
    rows += [[feature.title, *(_yes(feature.is_offered(can)) for can in capabilities)] for feature in FEATURES]
    rows += [[title, *(say(can) for can in capabilities)] for title, say in _FACTS]
    return rows


def matrix_as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _yes(offered: bool) -> str:
    return "yes" if offered else ""


def _number(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:,.0f}" if figure == int(figure) else f"{figure:.2f}"
