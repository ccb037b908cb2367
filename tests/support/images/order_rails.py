"""Control's rails of orders, as a box without protected names has them."""

from filterd.images.lists.order_rails import OrderRails
from filterd.images.lists.sources import ORDERS_LIST
from rules.base.protected import ProtectedNames
from rules.lists.source import describe_source

ORDER_RAILS = OrderRails(describe_source(ORDERS_LIST, None, {"tier": "order"}), ProtectedNames())
