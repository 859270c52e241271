"""What every command would work out anew is worked out here once, by the process that they are forked from.

A report's template and the first picture that is drawn; and the names of the countries.
"""

from tasks.contacts.countries import country_code
from tasks.report_page import render_report_page
from tests.accounts import PLANNED_AT, make_account

country_code("France")
render_report_page(make_account(), (), has_original_columns=False, made_at=PLANNED_AT)
