"""What a cell of a yes/no, opt-out or status column says."""

import re
import unicodedata
from enum import StrEnum


class Answer(StrEnum):
    """What a cell says."""

    YES = "yes"
    """One of the usual words for yes."""
    NO = "no"
    """One of the usual words for no."""
    EMPTY = "empty"
    """Nothing."""
    MOMENT = "moment"
    """A date or time: the thing has happened."""
    UNCLEAR = "unclear"
    """Something else. Columns about consent take it for the answer under which nothing is sent."""


class Standing(StrEnum):
    """What a status word says about sending."""

    OPEN = "open"
    """Nothing against it, or a word that is not about sending at all (Lead, Customer, VIP)."""
    DISABLED = "disabled"
    """Switched off, bounced, archived."""
    OPTED_OUT = "opted_out"
    """The person asked not to be contacted."""


def fold(text: str) -> str:
    """Lower case, no accents, one space between words: `Désabonné(e)` and `DESABONNE E` are one."""
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(re.findall(r"[^\W_]+", bare.casefold()))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YES = _words("""
    yes y true t 1 x on ok checked ticked oui o vrai ja j wahr si s verdadero sant v sim verdadeiro
    da tak kylla
""") | frozenset({"1 0"})
_NO = _words("""
    no n false f 0 off unchecked none never null nil na not non faux nein falsch falso nej falskt
    nao nie ei
""") | frozenset({"0 0", "n a", "not set", "no aplica", "sans objet"})
_CROSSES = frozenset({"\u2717", "\u2718", "\u274c"})
_NO_SIGNS = frozenset({"-", "\u2013", "\u2014", "\u2610"}) | _CROSSES
_YES_SIGNS = frozenset({"\u2713", "\u2714", "\u2705", "\u2611", "+"})

_OPTED_OUT = _words("""
    unsubscribed unsubscribe optedout optout blocklisted blacklisted blocked suppressed complained
    complaint spam stop stopped withdrawn desabonne desabonnee desinscrit desinscrite abgemeldet
    abbestellt widerrufen baja avregistrerad avanmald
""") | frozenset(
    {
        "opted out",
        "opt out",
        "do not contact",
        "do not call",
        "do not disturb",
        "spam complaint",
        "dado de baja",
        "liste noire",
        "gesperrt",
        "unsubscribed from all",
        "unsubscribed from all email",
        "globally unsubscribed",
        "marked as spam",
    }
)
_DISABLED = _words("""
    disabled inactive deactivated suspended closed archived deleted removed cleaned bounced banned
    expired invalid desactive desactivee inactif inactive supprime archive deaktiviert inaktiv
    geloscht desactivado inactivo eliminado inaktiverad avaktiverad borttagen disattivato
""") | frozenset({"non marketing contact", "hard bounced", "hard bounce", "not active", "bounced hard"})
_NOT_YET_OPTED_IN = _words("""
    unconfirmed nonsubscribed
""") | frozenset({"not subscribed", "non subscribed", "never subscribed", "not opted in", "no consent"})
_SUBSCRIBED = _words("""
    subscribed optedin optin enabled active confirmed granted given accepted agreed consented abonne
    abonnee inscrit actif abonniert angemeldet aktiv erteilt suscrito activo aceptado prenumererar
""") | frozenset({"opted in", "opt in", "double opt in", "single opt in", "marketing contact"})

_MOMENT = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?"  # 2026-03-05 10:11:12
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(,? .*)?"  # 05/03/2026
    r"|\d{1,2}\.? ?[^\W\d]{3,10}\.? ?\d{2,4}( .*)?"  # 5 March 2026
    r"|[^\W\d]{3,10}\.? \d{1,2},? \d{4}( .*)?"  # March 5, 2026
    r"|1\d{9}(\d{3})?(\.0+)?",  # seconds or milliseconds since 1970
    re.DOTALL,
)
_NO_MOMENT = re.compile(r"0{1,4}[-/.]0{1,2}[-/.]0{1,4}.*")


def read_answer(cell: str) -> Answer:
    """Yes, no, empty, a moment, or unclear, in English, French, German, Spanish, Swedish and some more."""
    text = cell.strip().strip("'\"").strip()
    word = fold(text)
    if not text:
        return Answer.EMPTY
    if text in _NO_SIGNS or word in _NO or _NO_MOMENT.fullmatch(text):
        return Answer.NO
    if text in _YES_SIGNS or word in _YES:
        return Answer.YES
    return Answer.MOMENT if _MOMENT.fullmatch(text) else Answer.UNCLEAR


def read_standing(cell: str) -> Standing:
    """What a word of a status column says; words that are not about sending say nothing against it."""
    word = fold(cell)
    if word in _OPTED_OUT or word in _NOT_YET_OPTED_IN:
        return Standing.OPTED_OUT
    return Standing.DISABLED if word in _DISABLED else Standing.OPEN


def says_opted_out(cell: str) -> bool:
    """For a column named after an opt-out.

    A moment (Mailchimp's UNSUB_TIME) and every word that is not a plain no or an opposite ("subscribed") count as
    opted out: a message too few is seen in the report, a message too many is a complaint.
    """
    if cell.strip() in _CROSSES:  # "no", or the cross in a box that was ticked?
        return True
    answer = read_answer(cell)
    if answer in {Answer.NO, Answer.EMPTY}:
        return False
    return answer is not Answer.UNCLEAR or fold(cell) not in _SUBSCRIBED


def says_opted_in(cell: str) -> bool:
    """For a column named after a consent. Empty is not a yes: consent that nobody recorded was not given."""
    answer = read_answer(cell)
    return answer in {Answer.YES, Answer.MOMENT} or (answer is Answer.UNCLEAR and fold(cell) in _SUBSCRIBED)


def says_disabled(cell: str) -> bool:
    """For a column named after being switched off. Unclear words count as switched off."""
    answer = read_answer(cell)
    if answer in {Answer.NO, Answer.EMPTY}:
        return False
    return answer is not Answer.UNCLEAR or fold(cell) not in _SUBSCRIBED


def says_enabled(cell: str) -> bool:
    """For a column named after being switched on. Empty is off: exports write an unticked box as nothing."""
    return says_opted_in(cell)
