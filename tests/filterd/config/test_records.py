from filterd.config.records import DATABASE, FILES, Records


def test_records_are_rows_of_the_database_unless_files_are_asked_for() -> None:
    assert (Records().store, Records().are_files) == (DATABASE, False)
    assert Records(store=FILES).are_files
