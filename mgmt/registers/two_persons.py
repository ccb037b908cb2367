"""All that two persons of the desk agree to with their passkeys."""

from mgmt.orders.approvals import ORDERS
from mgmt.registers.lists.rollbacks import LISTS
from mgmt.registers.records.holds.proposals import HOLDS
from mgmt.registers.settings.proposals import PAGES

SUBJECTS = (ORDERS, LISTS, HOLDS, PAGES)
