"""The words by which a person opts out of a Bird channel's messages, or in again.

Source: docs.bird.com, "Compliance keywords messages" and "Opt-in and opt-out compliance". Bird listens to them by
itself, so this account only follows; `revoke` and `optout` are added because 47 CFR 64.1200(a)(10) counts them as
a revocation of consent in any case. `yes`, an opt-in on an older page, is left out: it answers too many questions.
"""

import unicodedata

OPT_OUT_KEYWORDS = frozenset(
    {
        *("stop", "stopall", "end", "quit", "cancel", "unsubscribe", "revoke", "optout"),
        "arret",  # French
        "halt",  # German
        "detener",  # Spanish
        "parar",  # Portuguese
        "ferma",  # Italian
        "остановить",  # Russian
        "zatrzymaj",  # Polish
    }
)
OPT_IN_KEYWORDS = frozenset({"start", "begin", "resume", "revert", "unstop", "nonarret"})

_LONGEST_CHARS = 40
"""Of a message that can be a keyword with punctuation around it; longer ones are not looked at."""


def find_keyword(text: str) -> str | None:
    """The keyword that a whole message is, in lower case; None when it says anything else besides.

    Case, accents, spaces and punctuation do not matter: `Arrêt !` is `arret`, and `STOP ALL` is `stopall`.
    """
    if len(text) > _LONGEST_CHARS:
        return None
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    word = "".join(letter for letter in decomposed if letter.isalnum())
    return word if word in OPT_OUT_KEYWORDS or word in OPT_IN_KEYWORDS else None
