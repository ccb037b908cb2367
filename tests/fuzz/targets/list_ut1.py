"""Any octets are a part of a UT1 folder: rules, skipped lines and `BadList` come out of it, and nothing else."""

from functools import partial

from fuzz.listed import check_list

check = partial(check_list, "ut1")
