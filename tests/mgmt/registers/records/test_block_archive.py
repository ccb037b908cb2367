from sqlalchemy import Engine
from support.mgmt.desk import DeskOf

from mgmt.registers.records.block_archive import OrderName, order_names
from parental.store.database import reading


async def test_each_order_has_its_name(desk: DeskOf, engine: Engine) -> None:
    order = {"issuer": "PTA", "ref": "PTA/1", "ground": "g", "entries": ["bad.example"]}
    _, body = await desk("regulator").ask("POST", "/v1/orders?wait=9", json=order)

    with reading(engine) as conn:
        assert order_names(conn) == [OrderName(body["id"], "PTA", "PTA/1")]
