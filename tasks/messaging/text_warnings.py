"""What a marketing text should have, and what networks take offence at: to be said before it is sent."""

import re

from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel, Purpose

_WAY_OUT = re.compile(
    r"\b(stop(?! by\b)|unsubscribe|opt.?out|abmelden|abbestell|afmeld|uitschrijv|baja|avregistrera|d[ée]sabonner)",
    re.IGNORECASE,
)
_PUBLIC_SHORTENERS = frozenset(
    (
        "bit.ly",
        "tinyurl.com",
        "t.co",
        "goo.gl",
        "ow.ly",
        "is.gd",
        "buff.ly",
        "rebrand.ly",
        "cutt.ly",
    )
)
# Shorteners are mostly written without a scheme; phones make a link of them.
_BARE_SHORTENER = rf"(?<![\w.@/-])(?=(?:{'|'.join(map(re.escape, sorted(_PUBLIC_SHORTENERS)))})/)"
_LINK = re.compile(rf"(?:(https?)://|\bwww\.|{_BARE_SHORTENER})([^\s/{{}}?#]+)?", re.IGNORECASE)


def find_text_warnings(content: Content) -> list[str]:
    """What somebody should look at in the text before it is sent; plain sentences.

    No way out of marketing, which most countries' law requires; and links: American networks block public
    shorteners (CTIA, Messaging Principles and Best Practices), and phones warn of a link without https.
    """
    text = content.text or ""
    warnings = []
    if content.purpose is Purpose.MARKETING and text and not _WAY_OUT.search(text):
        warnings.append("marketing text without a way to opt out: tell recipients how, for example: Reply STOP")
    if content.channel is Channel.EMAIL:
        return warnings
    for scheme, host in dict.fromkeys((found[1] or "", found[2] or "") for found in _LINK.finditer(text)):
        name = host.casefold().removeprefix("www.").rstrip(".,;:!)")
        if name in _PUBLIC_SHORTENERS:
            warnings.append(f"the link goes to {name}, which anybody can use: networks block such texts as spam")
        elif scheme.casefold() == "http":
            warnings.append(f"the link to {host or 'another site'} begins with http: phones warn of it, use https")
        else:
            warnings.append(
                f"the text has a link ({host or 'from a column'}): open it on a phone before you send it"
            )
    return warnings
