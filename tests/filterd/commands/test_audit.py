import pytest
from support.system.daemon import Daemon


@pytest.mark.services
def test_the_records_come_as_csv(daemon: Daemon) -> None:
    long_ago = "2020-01-01T00:00:00+00:00"
    done = daemon.run("audit", "pull", "--format", "csv", "--until", long_ago, token=daemon.token("auditor"))

    assert done.returncode == 0
    assert done.stdout == "time,channel,action,list,rule,order,issuer,category,reason,generation,subscriber,count\n"


@pytest.mark.services
def test_a_token_of_another_role_pulls_nothing(daemon: Daemon) -> None:
    done = daemon.run("audit", "pull", token=daemon.token("operator"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "(403)" in done.stderr
