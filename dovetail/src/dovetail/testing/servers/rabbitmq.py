"""A real RabbitMQ server."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dovetail.embedded.child import dies_with_parent, guard
from dovetail.embedded.ports import free_port
from dovetail.testing.servers.process import (
    LIMIT_SECONDS,
    Server,
    ServerFailed,
    ServerMissing,
)

_LOOK_SECONDS = 0.05
#: Who does it, for the server's log.
_WHO = '<<"tests">>'
_FOLDERS = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/homebrew/sbin", "/opt/rabbitmq/sbin")


class PortMapper:
    """Erlang's port mapper (epmd) of the test's own: the one that a server starts outlives it."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """A second call does nothing."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [_program("epmd"), "-address", "127.0.0.1", "-port", str(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - it takes no lock
        )
        self._guard = guard(self._process.pid)

    def stop(self) -> None:
        """Only when no server needs it any more."""
        for process in (self._guard, self._process):
            if process is not None:
                process.kill()
                process.wait()
        self._guard = self._process = None


class RabbitServer(Server):
    """rabbitmq-server on a free port, its store in `folder`, without plugins.

    `settings` are those of rabbitmq.conf: `{"max_message_size": "1000000"}`. `login` ("user:password" as it
    stands in an address) is the one user who may do everything, and goes into the address. `others` may do
    less: `{"user:password": ("configure", "write", "read")}`, the permissions as `rabbitmqctl
    set_permissions` takes them; None for a user without any. With a `certificate` (a PEM file with its
    key) the server demands TLS.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        login: str = "guest:guest",
        others: Mapping[str, tuple[str, str, str] | None] | None = None,
        certificate: Path | None = None,
    ) -> None:
        super().__init__(folder=folder, port=port)
        self.settings = dict(settings or {})
        self.login = login
        self.others = dict(others or {})
        #: Where its users may do so; made at the next start.
        self.vhosts = ["/"]
        self.certificate = certificate
        self.node = f"dovetail-{self.port}@localhost"
        #: Bytes in the log that earlier starts have written.
        self._logged = 0
        self._distribution_port = free_port()
        self.mapper = PortMapper()

    @property
    def url(self) -> str:
        scheme = "amqps" if self.certificate else "amqp"
        return f"{scheme}://{self.login}@{self.host}:{self.port}"

    async def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` prints: `await server.control("set_disk_free_limit", "1TB")`."""
        process = await asyncio.create_subprocess_exec(
            _program("rabbitmqctl"),
            "--quiet",
            "--node",
            self.node,
            *arguments,
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        if process.returncode:
            raise ServerFailed(f"rabbitmqctl {' '.join(arguments)}: {printed.decode()}")
        return printed.decode()

    async def add_vhost(self, name: str) -> str:
        """The address of a new, empty virtual host, in which the users may do what they may in others."""
        made = [f"rabbit_vhost:add({_binary(name)}, {_WHO})"]
        for login, permissions in self._may().items():
            if permissions:
                words = (unquote(login.partition(":")[0]), name, *permissions)
                strings = ", ".join(_binary(word) for word in words)
                made.append(f"rabbit_auth_backend_internal:set_permissions({strings}, {_WHO})")
        await self._evaluate(", ".join(made))
        return f"{self.url}/{name}"

    async def delete_vhost(self, name: str) -> None:
        """With all that is in it."""
        await self._evaluate(f"rabbit_vhost:delete({_binary(name)}, {_WHO})")

    async def _evaluate(self, expressions: str) -> None:
        """Have Erlang evaluate this, whose last result is `ok`."""
        program = shutil.which("erl_call")
        if program is None:
            await self.control("eval", f"{expressions}.")
            return
        cookie = (self.folder / ".erlang.cookie").read_text()  # rabbitmqctl takes 20 times as long
        process = await asyncio.create_subprocess_exec(
            *(program, "-r", "-sname", self.node, "-c", cookie, "-e"),
            env=self._environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate(f"{expressions}.\n".encode())
        if printed != b"{ok, ok}":
            raise ServerFailed(f"{expressions}: {printed.decode()}")

    async def kill(self) -> None:
        """As Server.kill, as soon as the server has written down which queues it has.

        RabbitMQ 3.10 does so up to three seconds after a queue is declared, and loses one that is younger,
        whatever its clients do.
        """
        async with asyncio.timeout(LIMIT_SECONDS):
            while self.running and not self._knows_its_queues():  # noqa: ASYNC110 - it has no signal
                await asyncio.sleep(_LOOK_SECONDS)
        await super().kill()

    def _knows_its_queues(self) -> bool:
        """Whether each replica's folder is in the directory of replicas."""
        directories = self.folder.glob("store/*/*/*/names.dets")
        return all(
            one.name.encode() in directory.read_bytes()
            for directory in directories
            for one in directory.parent.iterdir()
            if one.is_dir()
        )

    async def _prepare(self) -> None:
        self._logged = self.log.stat().st_size if self.log.exists() else 0
        self.mapper.start()
        self._leave_plugins_out()
        own = {
            "load_definitions": f"{self.folder}/definitions.json",
            "log.console": "true",
            "log.file": "false",
            "disk_free_limit.absolute": "50MB",
        }
        if self.certificate:
            own |= {
                "listeners.tcp": "none",
                "listeners.ssl.1": f"{self.host}:{self.port}",
                "ssl_options.certfile": str(self.certificate),
                "ssl_options.keyfile": str(self.certificate),
                "ssl_options.cacertfile": str(self.certificate),
            }
        else:
            own |= {"listeners.tcp.1": f"{self.host}:{self.port}"}
        lines = (f"{name} = {value}\n" for name, value in (own | self.settings).items())
        (self.folder / "rabbitmq.conf").write_text("".join(lines))
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "definitions.json").write_text(json.dumps(self._definitions()))

    def _leave_plugins_out(self) -> None:
        """Make a folder that is the installed one without its plugins.

        Erlang looks for each of its modules in the folder of every plugin, whether it is enabled or not: a
        third of what a start costs.
        """
        installed = Path(_program("rabbitmq-server")).resolve().parents[1]
        home = self.folder / "home"
        if home.exists() or not (installed / "plugins").is_dir():
            return
        (home / "plugins").mkdir(parents=True)
        for one in installed.iterdir():
            if one.name != "plugins":
                (home / one.name).symlink_to(one)
        for one in (installed / "plugins").iterdir():
            if not one.name.startswith("rabbitmq_") or one.name.startswith("rabbitmq_prelaunch"):
                (home / "plugins" / one.name).symlink_to(one)

    def _definitions(self) -> dict[str, Any]:
        """Who may do what; read at each start."""
        may = self._may()
        return {
            "vhosts": [{"name": vhost} for vhost in self.vhosts],
            "users": [_user(login) for login in may],
            "permissions": [
                {
                    "user": unquote(login.partition(":")[0]),
                    "vhost": vhost,
                    **dict(zip(("configure", "write", "read"), permissions, strict=True)),
                }
                for vhost in self.vhosts
                for login, permissions in may.items()
                if permissions
            ],
        }

    def _may(self) -> dict[str, tuple[str, str, str] | None]:
        """What each user may do in every virtual host."""
        return {self.login: (".*", ".*", ".*"), **self.others}

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        home = (
            {"RABBITMQ_SCRIPTS_DIR": f"{folder}/home/sbin"}
            if (self.folder / "home").exists()
            else {}
        )
        return (
            os.environ
            | home
            | {
                "HOME": folder,  # for Erlang's cookie
                "ERL_EPMD_PORT": str(self.mapper.port),
                "RABBITMQ_NODENAME": self.node,
                "RABBITMQ_DIST_PORT": str(self._distribution_port),
                "RABBITMQ_MNESIA_BASE": f"{folder}/store",
                "RABBITMQ_LOG_BASE": folder,
                "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
                "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
                "RABBITMQ_PID_FILE": f"{folder}/server.pid",
                # The program is to become Erlang itself, so that a signal reaches it.
                "RUNNING_UNDER_SYSTEMD": "true",
            }
        )

    def _command(self) -> list[str]:
        return [_program("rabbitmq-server")]

    async def _is_ready(self) -> bool:
        """It has written that it is up since it was started."""
        return b"Server startup complete" in self.log.read_bytes()[self._logged :]

    async def _leave(self) -> None:
        if self._folder_is_ours:
            await super().kill()  # nobody wants its store any more, and stopping takes a second
        await super()._leave()
        self.mapper.stop()


def _user(login: str) -> dict[str, Any]:
    """The password as RabbitMQ stores it: any character may be in it."""
    name, _, password = login.partition(":")
    salt = secrets.token_bytes(4)
    digest = sha256(salt + unquote(password).encode()).digest()
    return {
        "name": unquote(name),
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }


def _binary(text: str) -> str:
    """The text as Erlang's bytes, whatever is in it."""
    return f"<<{','.join(map(str, text.encode()))}>>"


def _program(name: str) -> str:
    """Where Debian, Homebrew and RabbitMQ's own archive have it; Debian's on PATH runs as another user."""
    for folder in _FOLDERS:
        if (found := Path(folder) / name).exists():
            return str(found)
    if (on_path := shutil.which(name)) is None:
        raise ServerMissing("RabbitMQ was not found; on Debian: apt-get install rabbitmq-server")
    return on_path
