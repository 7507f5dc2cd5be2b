"""Public reports of wrong models, rebuilt: docs/public_reports.md tells them as a table."""

from reports import dtypes, exporters, numeric, quantised, sizes, unseen, wiring

FOUND = (
    *dtypes.REPORTS,
    *wiring.REPORTS,
    *sizes.REPORTS,
    *numeric.REPORTS,
    *quantised.REPORTS,
    *exporters.REPORTS,
)
UNSEEN = unseen.REPORTS
