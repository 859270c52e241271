"""The GSM 7-bit alphabets of 3GPP TS 23.038, as the characters that can be written in them.

A character of a basic table costs one septet; one of an extension ("single shift") table costs two, because the
escape code 0x1B goes before it. The escape code itself is not a character: a text that holds U+001B is not GSM-7.
"""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""GSM 7-bit default alphabet, section 6.2.1: 127 characters (the 128th code is the escape)."""

EXTENSION = frozenset("\f^{}\\[~]|€")
"""GSM 7-bit default alphabet extension table, section 6.2.1.1."""

SPANISH_EXTENSION = EXTENSION | frozenset("çÁÍÓÚáíóú")
"""Spanish national language single shift table, section A.2.2. There is no Spanish locking shift table."""
