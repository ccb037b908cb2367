"""Control's rails of orders, as a box without protected names has them."""

from filterd.lists.order_rails import OrderRails
from filterd.lists.sources import ORDERS_LIST
from rules.lists.source import describe_source
from rules.names.protected import ProtectedNames

ORDER_RAILS = OrderRails(describe_source(ORDERS_LIST, None, {"tier": "order"}), ProtectedNames())
