"""Imported by the process that all commands are forked from: what each of them would work out anew is there then."""

from tasks.contacts.countries import country_code

country_code("France")
