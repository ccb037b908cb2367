"""All that two persons of the desk agree to with their passkeys."""

from mgmt.lists.rollbacks import LISTS
from mgmt.orders.approvals import ORDERS
from mgmt.records.holds.proposals import HOLDS
from mgmt.registers.settings.proposals import PAGES

SUBJECTS = (ORDERS, LISTS, HOLDS, PAGES)
