"""What columns of contact lists are called: by people in five languages, and by the products that export them.

Names are compared after `normal_name`: `MobilePhone`, `MOBILE_PHONE` and `Mobile Phone` are one. Headers of
unmodified exports were taken from the products themselves (Google Contacts, Outlook, HubSpot, Mailchimp,
Salesforce, listmonk).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from tasks.contacts.truth_words import fold


class Meaning(StrEnum):
    """What a column holds."""

    PHONE = "phone"
    """A phone number."""
    EMAIL = "email"
    """An e-mail address."""
    FIRST_NAME = "first_name"
    """Given name."""
    LAST_NAME = "last_name"
    """Family name."""
    FULL_NAME = "full_name"
    """Both in one."""
    COUNTRY = "country"
    """Where the person lives; how national phone numbers are read."""
    TIMEZONE = "timezone"
    """IANA name."""
    EXTERNAL_CODE = "external_code"
    """The contact's id in the system that wrote the list."""
    STATUS = "status"
    """A word such as enabled, unsubscribed, bounced."""
    DISABLED = "disabled"
    """Yes: do not send."""
    ENABLED = "enabled"
    """Anything but yes: do not send."""
    OPTED_OUT = "opted_out"
    """Yes, or a date: the person asked not to be contacted."""
    OPTED_IN = "opted_in"
    """Anything but yes or a date: there is no consent."""
    ATTRIBUTES = "attributes"
    """A JSON object with more fields (listmonk)."""

    @property
    def in_words(self) -> str:
        """For a person: `First name`."""
        return self.value.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class KnownName:
    """What a column's name says.

    Attributes:
        rank: Lower wins where one column is enough. Columns of equal rank cannot be told apart.
        channel: Meaning.PHONE or Meaning.EMAIL where the column speaks of one channel only (a consent, an
            opt-out).
        why: For a person.
    """

    meaning: Meaning
    rank: int
    why: str
    channel: Meaning | None = None


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DUPLICATE = re.compile(r" \(\d+\)$")
_NUMBERED = re.compile(r"(?P<base>\D+?) ?(?P<number>\d{1,2})")
_GOOGLE_PAIR = re.compile(r"(?P<what>phone|e mail|email) (?P<number>\d{1,2}) value")
_OUTLOOK_EMAIL = re.compile(r"e mail (?P<number>\d{1,2}) address")
_GOOGLE_COUNTRY = re.compile(r"address (?P<number>\d{1,2}) country")


def normal_name(column: str) -> str:
    """Lower case, no accents, words apart; the ` (2)` of a repeated header is not part of the name."""
    return fold(_CAMEL.sub(" ", _DUPLICATE.sub("", column.strip())))


_EMAIL_RANK = 100
_GENERAL_PHONE_RANK = 300
_OTHER_RANK = 500
_OTHER_RANK_SPAN = 100


def _words(lines: str) -> list[str]:
    return [" ".join(name.split()) for name in lines.split(",")]


_SMS_PHONES = _words(
    "sms, sms phone, sms phone number, sms number, numero sms, sms nummer, text number, whatsapp number"
)
_MOBILES = _words("""
    mobile, mobile phone, mobile number, mobile phone number, mobile no, mobilephone, mobile tel, mobile telephone,
    phone mobile, cell, cell phone, cellphone, cell number, cell phone number, cellular, msisdn, gsm,
    contact mobile,
    portable, telephone portable, tel portable, numero portable, numero de portable, tel mobile,
    telephone mobile, numero mobile, mobile principal,
    handy, handynummer, mobil, mobilnummer, mobiltelefon, mobilfunk, mobilfunknummer, mobilrufnummer, natel,
    movil, telefono movil, tel movil, numero movil, numero de movil, celular, telefono celular, numero de celular,
    mobiltelefonnummer, mobilnr, telemovel, cellulare, mobiele telefoon
""")
_PHONES = _words("""
    phone, phone number, phone no, phonenumber, phone nr, tel, telephone, telephone number, tel no, tel number,
    contact number, contact phone, recipient phone, e164, phone e164, number phone,
    numero de telephone, no de telephone, n de telephone, numero telephone, num tel, telefon, telefonnummer,
    rufnummer, telefonnr, telefon nr, telefono, numero de telefono, numero telefono, numero telefonico,
    telefonnumret, telefoon, telefoonnummer, telefone, msisdn number
""")
_OTHER_PHONES = _words("""
    primary phone, main phone, home phone, home phone number, work phone, work phone number, business phone,
    business phone number, office phone, other phone, car phone, day phone, evening phone, phone home, phone work,
    telephone domicile, tel domicile, telephone fixe, telephone professionnel, tel professionnel, telephone bureau,
    telefon privat, telefon geschaftlich, telefon arbeit, festnetz, telefono fijo, telefono casa, telefono trabajo,
    hemtelefon, arbetstelefon, telefon hem, telefon arbete
""")
_EMAILS = _words("""
    email, e mail, email address, e mail address, mail, email id, emailaddress, mail address, contact email,
    primary email, primary email address,
    adresse email, adresse e mail, adresse mail, adresse electronique, courriel, mel,
    e mail adresse, email adresse, mailadresse, emailadresse,
    correo, correo electronico, direccion de correo, direccion de correo electronico,
    e post, epost, e postadress, epostadress, mejl, e post adress, mailadress
""")
_OTHER_EMAILS = _words("""
    work email, work email address, business email, home email, personal email, other email, secondary email,
    additional email addresses, email professionnel, email personnel, e mail geschaftlich, e mail privat
""")
_FIRST_NAMES = _words("""
    first name, firstname, given name, forename, fname, first, christian name, prenom, vorname, nombre de pila,
    primer nombre, fornamn, tilltalsnamn, nome proprio, voornaam
""")
_LAST_NAMES = _words("""
    last name, lastname, surname, family name, lname, last, second name, nom de famille, nachname, familienname,
    zuname, apellido, apellidos, efternamn, cognome, achternaam
""")
_FULL_NAMES = _words("""
    name, full name, fullname, display name, contact name, customer name, complete name, nom complet,
    nom et prenom, nom prenom, prenom nom, nombre completo, nombre y apellidos, vollstandiger name, namn,
    fullstandigt namn
""")
_COUNTRIES = _words("""
    country, country region, country name, country iso, iso country, country iso code, country code iso, nation,
    pays, code pays, pays region, land, landercode, landerkurzel, landeskurzel, pais, codigo pais, codigo de pais,
    landskod, country code, cc
""")
_OTHER_COUNTRIES = _words("""
    mailing country, mailing country code, home country region, home country, business country region,
    business country, other country region, other country, billing country, shipping country, country code alpha 2
""")
_TIMEZONES = _words("timezone, time zone, tz, fuseau horaire, zeitzone, zona horaria, huso horario, tidszon")
_CODES = _words("""
    external code, external id, external contact id, contact id, record id, record id contact, customer id,
    customer number, member id, subscriber id, client id, user id, id, uuid, euid, code client, numero client,
    kundennummer, kunden nr, kunden id, codigo cliente, numero de cliente, kundnummer, kund id
""")
_STATUSES = _words("""
    status, subscription status, subscriber status, contact status, member status, email status, marketing status,
    marketing contact status, statut, etat, estado, statut abonnement
""")
_DISABLED = _words("""
    disabled, inactive, deactivated, blocked, deleted, is deleted, archived, is archived, banned, suspended,
    desactive, bloque, supprime, archive, deaktiviert, gesperrt, inaktiv, geloscht, desactivado, inactivo,
    bloqueado, inaktiverad, avaktiverad, sparrad
""")
_ENABLED = _words("""
    enabled, active, is active, is enabled, actif, active contact, aktiv, aktiviert, activo, habilitado, aktiverad
""")
_OPTED_OUT = _words("""
    opted out, opt out, optout, opted out at, opt out date, optout date, opt out time, has opted out, is opted out,
    unsubscribed, unsubscribe, is unsubscribed, unsubscribed at, unsubscribe date, unsubscribed date, unsub time,
    unsub date, unsubscribed from all, do not contact, do not disturb, donotcontact, dnc, blacklisted, blacklist,
    blocklisted, blocklist, suppressed, stop, stop date, complained,
    desabonne, desabonnement, date de desabonnement, desinscrit, desinscription, ne pas contacter, liste noire,
    opposition, refus,
    abgemeldet, abgemeldet am, abbestellt, widerspruch, werbewiderspruch, nicht kontaktieren, werbesperre,
    baja, dado de baja, fecha de baja, no contactar, cancelado, lista negra, exclusion,
    avregistrerad, avanmald, avprenumererad, kontakta inte, sparr, nix
""")
_OPTED_OUT_OF_EMAIL = _words("""
    email opt out, has opted out of email, opted out of email, email opted out, email optout, email unsubscribed,
    unsubscribed from all email, unsubscribed from email, email blacklisted, email blocklisted, do not email,
    email opt out date, do not mail email, opted out email
""")
_OPTED_OUT_OF_PHONE = _words("""
    do not call, donotcall, do not text, do not sms, sms opt out, sms optout, has opted out of sms,
    opted out of sms, sms opted out, sms unsubscribed, unsubscribed from sms, sms blacklisted, sms blocklisted,
    phone opt out, mobile opt out, text opt out, sms opt out date, do not phone, stop sms, sms stop,
    whatsapp opt out
""")
_OPTED_IN = _words("""
    opted in, opt in, optin, has opted in, consent, marketing consent, gdpr consent, consent given, subscribed,
    is subscribed, accepts marketing, newsletter consent, consentement, consentement marketing, abonne,
    einwilligung, werbeeinwilligung, abonniert, consentimiento, suscrito, samtycke, prenumererar
""")
_OPTED_IN_TO_EMAIL = _words("""
    email opt in, email optin, email consent, accepts email marketing, email marketing consent, email subscribed,
    consentement email, consentement e mail
""")
_OPTED_IN_TO_PHONE = _words("""
    sms opt in, sms optin, sms consent, accepts sms marketing, sms marketing consent, sms subscribed, text opt in,
    mobile opt in, phone consent, consentement sms, sms einwilligung
""")
_SMS_STATUSES = _words("sms subscription status, sms status, sms marketing status")
_EMAIL_STATUSES = _words("email subscription status, email marketing status")


def _vocabulary() -> dict[str, KnownName]:
    known: dict[str, KnownName] = {}

    def add(names: list[str], meaning: Meaning, rank: int, why: str, channel: Meaning | None = None) -> None:
        for name in names:
            known.setdefault(name, KnownName(meaning, rank, why, channel))

    def add_in_order(names: list[str], meaning: Meaning, rank: int, why: str) -> None:
        for place, name in enumerate(names):
            known.setdefault(name, KnownName(meaning, rank + place, why))

    add(_SMS_PHONES, Meaning.PHONE, 100, "a number for texts")
    add(_MOBILES, Meaning.PHONE, 200, "a mobile number")
    add(_PHONES, Meaning.PHONE, _GENERAL_PHONE_RANK, "a phone number")
    add_in_order(_OTHER_PHONES, Meaning.PHONE, _OTHER_RANK, "another phone number")
    add(_EMAILS, Meaning.EMAIL, _EMAIL_RANK, "an e-mail address")
    add_in_order(_OTHER_EMAILS, Meaning.EMAIL, _OTHER_RANK, "another e-mail address")
    add(_FIRST_NAMES, Meaning.FIRST_NAME, 100, "a first name")
    add(_LAST_NAMES, Meaning.LAST_NAME, 100, "a last name")
    add_in_order(_FULL_NAMES, Meaning.FULL_NAME, 100, "a whole name")
    add_in_order(_COUNTRIES, Meaning.COUNTRY, 100, "a country")
    add_in_order(_OTHER_COUNTRIES, Meaning.COUNTRY, _OTHER_RANK, "the country of an address")
    add(_TIMEZONES, Meaning.TIMEZONE, 100, "a time zone")
    add_in_order(_CODES, Meaning.EXTERNAL_CODE, 100, "the contact's id")
    add(_STATUSES, Meaning.STATUS, 100, "a status")
    add(_SMS_STATUSES, Meaning.STATUS, 100, "a status for texts", Meaning.PHONE)
    add(_EMAIL_STATUSES, Meaning.STATUS, 100, "a status for e-mail", Meaning.EMAIL)
    add(_OPTED_OUT, Meaning.OPTED_OUT, 100, "an opt-out")
    add(_OPTED_OUT_OF_EMAIL, Meaning.OPTED_OUT, 100, "an opt-out from e-mail", Meaning.EMAIL)
    add(_OPTED_OUT_OF_PHONE, Meaning.OPTED_OUT, 100, "an opt-out from calls or texts", Meaning.PHONE)
    add(_OPTED_IN, Meaning.OPTED_IN, 100, "a consent")
    add(_OPTED_IN_TO_EMAIL, Meaning.OPTED_IN, 100, "a consent to e-mail", Meaning.EMAIL)
    add(_OPTED_IN_TO_PHONE, Meaning.OPTED_IN, 100, "a consent to texts", Meaning.PHONE)
    add(_DISABLED, Meaning.DISABLED, 100, "switched off")
    add(_ENABLED, Meaning.ENABLED, 100, "switched on")
    add(["attributes", "attribs", "custom attributes"], Meaning.ATTRIBUTES, 100, "more fields, as JSON")
    return known


_KNOWN = _vocabulary()


def known_name(column: str) -> KnownName | None:
    """What a column's name says, None where it says nothing that matters.

    `Phone 2` ranks right behind `Phone`, `E-mail 2 Address` behind `E-mail Address`, Google's `Phone 2 - Value`
    behind `Phone 1 - Value`.
    """
    name = normal_name(column)
    return _KNOWN.get(name) or _numbered_name(name) or _consent_like(name)


def _numbered_name(name: str) -> KnownName | None:
    if pair := _GOOGLE_PAIR.fullmatch(name):
        number = int(pair["number"])
        if pair["what"] == "phone":
            return KnownName(Meaning.PHONE, _GENERAL_PHONE_RANK + number, f"Google's phone number {number}")
        return KnownName(Meaning.EMAIL, _EMAIL_RANK + number, f"Google's e-mail address {number}")
    if place := _GOOGLE_COUNTRY.fullmatch(name):
        return KnownName(Meaning.COUNTRY, _OTHER_RANK + 100 + int(place["number"]), "the country of an address")
    if outlook := _OUTLOOK_EMAIL.fullmatch(name):
        return KnownName(Meaning.EMAIL, _EMAIL_RANK + int(outlook["number"]), "another e-mail address")
    numbered = _NUMBERED.fullmatch(name)
    base = _KNOWN.get(numbered["base"].strip()) if numbered else None
    if numbered is None or base is None or base.meaning not in {Meaning.PHONE, Meaning.EMAIL}:
        return None
    # Home Phone 2 behind all first home and work numbers, Mobile 2 right behind Mobile.
    behind = _OTHER_RANK_SPAN if base.rank >= _OTHER_RANK else 0
    return KnownName(base.meaning, base.rank + behind + int(numbered["number"]), base.why, base.channel)


_LIKE_OPT_OUT = re.compile(
    r"\b(opt(ed)? ?out|optout|unsubscri\w*|unsub|do ?not ?(contact|call|text|sms|mail|email|disturb)|stop|"
    r"suppress\w*|black ?list\w*|block ?list\w*|desinscri\w*|desabonn\w*|abgemeldet|widerspruch\w*)\b"
)
_LIKE_OPT_IN = re.compile(r"\b(opt(ed)? ?in|optin|consent\w*|einwilligung\w*|samtycke)\b")
_ABOUT_CONSENT = re.compile(
    r"\b(source|ip|method|via|by|origin|form|page|reason|text|version|channel|campaign|count)\b"
)
_A_TIME = re.compile(r"\b(time|date|at|on|stamp|timestamp|am|le)\b")
_ABOUT_EMAIL = re.compile(r"\b(e ?mail|mail|newsletter)\b")
_ABOUT_PHONE = re.compile(r"\b(sms|mms|texts?|phone|call|mobile|whatsapp)\b")


def _consent_like(name: str) -> KnownName | None:
    """Any other name that speaks of consent: somebody who said no must not be written to for want of a synonym.

    Names about how consent was given ("opt in source") are left alone.
    """
    what = _LIKE_OPT_OUT.search(name) or _LIKE_OPT_IN.search(name)
    if what is None or _ABOUT_CONSENT.search(name.replace(what[0], "")):
        return None
    email, phone = _ABOUT_EMAIL.search(name), _ABOUT_PHONE.search(name)
    channel = None if bool(email) == bool(phone) else Meaning.EMAIL if email else Meaning.PHONE
    if _LIKE_OPT_OUT.search(name):  # a time here says that somebody opted out; no time of a consent says nothing
        return KnownName(Meaning.OPTED_OUT, 100, "sounds like an opt-out", channel)
    return None if _A_TIME.search(name) else KnownName(Meaning.OPTED_IN, 100, "sounds like a consent", channel)


def label_column(column: str) -> str:
    """For `Phone 1 - Value` the normal name of its `Phone 1 - Label` (or Type) column less that word, else ""."""
    name = normal_name(column)
    return name.removesuffix(" value") if _GOOGLE_PAIR.fullmatch(name) else ""


_MOBILE_LABEL = re.compile(r"mobile|mobil|cell|iphone|portable|handy|movil|celular|sms", re.IGNORECASE)


def is_mobile_label(label: str) -> bool:
    """Whether Google's label of a number (`Mobile`, `* Mobile`, `Work Mobile`) says that it is a mobile."""
    return bool(_MOBILE_LABEL.search(fold(label))) and "fax" not in fold(label)
