"""Prefect's embedded server, in a process of its own as after `python -m flows.send_campaign`."""

import os
import subprocess
import sys

CTRL_C_IN_A_TERMINAL = """
import os, signal, time
import httpx
from prefect.server.api.server import SubprocessASGIServer
from tasks.embedded_server import start_out_of_reach_of_ctrl_c

start_out_of_reach_of_ctrl_c()
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.killpg(0, signal.SIGINT)
time.sleep(0.5)
print(httpx.get(SubprocessASGIServer().api_url + "/health").status_code)
"""


def test_the_embedded_server_outlives_ctrl_c(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    ended = subprocess.run(
        [sys.executable, "-c", CTRL_C_IN_A_TERMINAL],
        env=environment | {"PREFECT_HOME": str(tmp_path)},
        start_new_session=True,  # else the tests get the signal too
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "200", ended.stderr
