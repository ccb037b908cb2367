"""Any octets are a table: rules, skipped lines and `BadList` come out of it, and nothing else."""

from functools import partial

from fuzz.listed import check_list

check = partial(check_list, "csv")
