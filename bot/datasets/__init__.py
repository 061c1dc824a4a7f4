"""Questions and corpus files for `bot eval`: checked, and made of public sets. docs/datasets.md tells how.

`check` says all that is wrong with a file; `convert` and `as_ours` rewrite a set that was downloaded.
"""

from bot.datasets.check import check
from bot.datasets.forms import FORMS, Converted, as_ours, convert
from bot.datasets.found import Checked, Finding, Kind
from bot.datasets.made import Counts

__all__ = ["FORMS", "Checked", "Converted", "Counts", "Finding", "Kind", "as_ours", "check", "convert"]
