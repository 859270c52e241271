"""`make serve`: all of Rollcall on one machine, ready to use, until Ctrl-C.

A Prefect server with its UI, a worker that runs the deployments, the receiver of callbacks, and the sandbox, whose
credentials are used for each provider that has none of its own. Everything that is kept lies in `data/serve`, and
a second start goes on with it; only the sandbox begins anew.

Everything listens on this machine alone, because nothing here asks who somebody is.
"""

import argparse
import fcntl
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

import httpx

from deployments.demo import calm_life, tell_providers_whom_to_call
from deployments.listening import open_socket
from deployments.processes import Service, running_command, running_service

SERVE_DIRECTORY = Path("data/serve")
_HOST = "127.0.0.1"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, whoever ends processes, and a terminal that was closed: what was started hears none of them itself."""
_UI = "v2"
"""Every path outside it is the first UI of Prefect 3.8.8. There a click opens a choice and closes it again: nobody
could choose a channel or a provider with a mouse."""
_STARTING_SECONDS = 180.0
_ENDING_SECONDS = 60.0
"""Whoever sends ends after the requests that it has in flight, and these may wait for a provider that is down."""
_POLL_SECONDS = 0.2


class ServeError(Exception):
    """It cannot be started like this; the message says what to do."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep a second `make serve` away from the same data.

    Raises:
        ServeError: There is one.
    """
    with (directory / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServeError(f"it runs already, with the data in {directory}; stop that one first") from None
        yield


def free_port(port: int, option: str) -> int:
    """The port itself, or any free one for 0.

    Raises:
        ServeError: Somebody listens there.
    """
    try:
        with open_socket(_HOST, port) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise ServeError(
            f"port {port} cannot be used ({error.strerror}): end who has it, or choose another with {option} N "
            f'(make serve OPTIONS="{option} N"); 0 takes any free one'
        ) from error


def callback_secret(directory: Path) -> str:
    """The last part of the URL that providers call: the one that is set, else one that is made once and kept."""
    if given := os.environ.get("ROLLCALL_CALLBACK_SECRET"):
        return given
    path = directory / "callback-secret"
    path.touch(mode=0o600)
    if not path.stat().st_size:  # also where a start was ended just then, or the disk was full
        path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def variables_of(directory: Path, prefect_url: str) -> dict[str, str]:
    """The environment of everything that is started: ours, without whatever our Prefect is connected to."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {
        "ROLLCALL_DATABASE_URL": f"sqlite:///{directory.absolute() / 'rollcall.db'}",
        "ROLLCALL_REPORT_DIRECTORY": str(directory / "reports"),
        "DO_NOT_TRACK": "1",
        **ours,
        "ROLLCALL_HOME": str(Path.cwd()),
        "ROLLCALL_CALLBACK_SECRET": callback_secret(directory),
        "PREFECT_HOME": str(directory.absolute() / "prefect"),
        "PREFECT_API_URL": f"{prefect_url}/api",
        "PREFECT_UI_URL": f"{prefect_url}/{_UI}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def wait_until_answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a web server.

    Raises:
        ServeError: It ended, or takes too long.
    """
    give_up_at = time.monotonic() + _STARTING_SECONDS
    while process.poll() is None and time.monotonic() < give_up_at:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(_POLL_SECONDS)
    raise ServeError(f"the Prefect server did not start; {log} says why")


def deployment_id(prefect_url: str, name: str) -> str:
    """The id of a deployment, which is part of the address of its form."""
    found: str = httpx.get(f"{prefect_url}/api/deployments/name/{name}").raise_for_status().json()["id"]
    return found


def run_to_its_end(command: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run a command of ours that prints what it does.

    Raises:
        ServeError: It refused; it has said why.
    """
    if subprocess.run(command, env=variables, check=False).returncode:  # noqa: S603  # commands of ours
        raise ServeError(f"{' '.join(command[1:])} did not end well")


def prefect(*arguments: str) -> list[str]:
    """A command of Prefect's."""
    return [sys.executable, "-m", "prefect", *arguments]


def start(directory: Path, options: argparse.Namespace, running: ExitStack) -> dict[str, subprocess.Popen[Any]]:
    """Start everything, and say where it is.

    Args:
        directory: Where everything lies.
        options: The ports.
        running: What is started is ended when it is closed, the last first.

    Returns:
        What must not end by itself, by name.

    Raises:
        ServeError, RuntimeError: Something did not start.
    """
    running.enter_context(locked(directory))
    ports = {
        "port": free_port(options.port, "--port"),
        "receiver": free_port(options.receiver_port, "--receiver-port"),
        "sandbox": free_port(options.sandbox_port, "--sandbox-port"),
    }
    if len(set(ports.values())) < len(ports):
        raise ServeError("--port, --receiver-port and --sandbox-port are to be three ports")
    ui = f"http://{_HOST}:{ports['port']}"
    variables = variables_of(directory, ui)
    os.environ["ROLLCALL_CALLBACK_SECRET"] = variables["ROLLCALL_CALLBACK_SECRET"]

    def log(name: str) -> IO[bytes]:
        return running.enter_context((directory / f"{name}.log").open("ab"))

    def service(name: str) -> Service:
        module = f"deployments.{name}"
        started = running_service(module, port=ports[name], variables=variables, log=log(name))
        return running.enter_context(started)

    def command(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        started = running_command(
            prefect(*arguments), variables=variables, log=log(name), patience_seconds=_ENDING_SECONDS
        )
        return running.enter_context(started)

    _say("Starting; the first time takes half a minute ...")
    sandbox = service("sandbox")
    at = ("--host", _HOST, "--port", str(ports["port"]))
    server = command("prefect-server", "server", "start", *at)
    wait_until_answering(f"{ui}/api/health", server, directory / "prefect-server.log")
    run_to_its_end([sys.executable, "-m", "deployments.provision", "--sandbox", sandbox.url], variables)
    receiver = service("receiver")
    tell_providers_whom_to_call(sandbox.url, receiver.url, calm_life())
    send_campaign = deployment_id(ui, "send-campaign/send-campaign")
    worker = command("worker", "worker", "start", "--pool", "rollcall", "--name", "this machine")
    _say(
        f"""
Prefect UI    {ui}
Send          {ui}/{_UI}/deployments/deployment/{send_campaign}/run   a campaign: the form
Sandbox       {sandbox.url}   what it received; nothing leaves this machine
Receiver      {receiver.url}/health   of callbacks
Kept in       {directory}   also the logs

1. Open the form, and fill in Name, Channel, Provider, Purpose, Text and Contact file. "Dry run" sends nothing.
2. For real: a provider's credentials under Blocks in the UI, or as ROLLCALL_... variables; then start again.
3. From elsewhere: ssh -L {ports["port"]}:{_HOST}:{ports["port"]} HOST, or a proxy that asks for a login.

Ctrl-C ends everything.
"""
    )
    return {
        "the Prefect server": server,
        "the worker": worker,
        "the receiver": receiver.process,
        "the sandbox": sandbox.process,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, then end everything that was started.

    Returns:
        0 after a stop that was asked for, 1 when something ended by itself, 2 when it could not start.
    """
    options = _parser().parse_args(arguments)
    directory: Path = options.directory
    directory.mkdir(parents=True, exist_ok=True)
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    with ExitStack() as running:
        try:
            watched = start(directory, options, running)
            ended = _wait_for_an_end(watched)
        except KeyboardInterrupt:
            ended = None
        except (ServeError, RuntimeError, httpx.HTTPError) as error:
            _only_tell()
            sys.stderr.write(f"serve: {error}\n")
            return 2
        _only_tell()
        _say("Stopping; who sends ends after the requests in flight ...")
    if ended is not None:
        sys.stderr.write(f"serve: {ended} ended by itself; its log in {directory} says why\n")
        return 1
    _say("Stopped.")
    return 0


def _wait_for_an_end(watched: Mapping[str, subprocess.Popen[Any]]) -> str:
    while True:
        for name, process in watched.items():
            if process.poll() is not None:
                return name
        time.sleep(_POLL_SECONDS)


def _only_tell() -> None:
    """From now on everything is being ended: a second Ctrl-C must not leave half of it behind."""

    def tell(_number: int, _frame: FrameType | None) -> None:
        os.write(sys.stderr.fileno(), b"still stopping ...\n")

    for number in _STOP_SIGNALS:
        signal.signal(number, tell)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.serve", description=__doc__)
    # Not 4200, where whoever uses Prefect has a server already.
    parser.add_argument("--port", type=int, default=4210, help="of the Prefect UI (%(default)s)")
    parser.add_argument("--receiver-port", type=int, default=8770, help="of the receiver (%(default)s)")
    parser.add_argument("--sandbox-port", type=int, default=8765, help="of the sandbox (%(default)s)")
    parser.add_argument("--directory", type=Path, default=SERVE_DIRECTORY, help="what is kept (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
