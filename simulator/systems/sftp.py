"""An SFTP server on loopback over one folder, with a password and a host key made for this run."""

from __future__ import annotations

import asyncio
import secrets
import threading
from pathlib import Path

import asyncssh

from hub.settings import require_free_port
from simulator.systems.http import HOST

USER = "exchange"
START_TIMEOUT_S = 10.0


class _Login(asyncssh.SSHServer):
    def __init__(self, password: str) -> None:
        self._password = password

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and secrets.compare_digest(password.encode(), self._password.encode())


class SftpServer:
    """The folder, served as `/` to one user, until it is stopped.

    Args:
        folder: what is served.
        port: the port; 0 takes a free one.

    Raises:
        SettingsError: the port is taken.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        free = require_free_port(HOST, port, "simulator_port") if port else 0
        self.password = secrets.token_urlsafe(18)
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = self._key.export_public_key().decode("ascii").strip()
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(free), self._loop).result(START_TIMEOUT_S)
        self.port = int(self._acceptor.get_port())

    def connection(self) -> dict[str, str]:
        """What the hub needs to reach it."""
        return {
            "url": f"sftp://{USER}@{HOST}:{self.port}/",
            "password": self.password,
            "known_host_key": self.host_key,
        }

    def stop(self) -> None:
        """Stop listening and close what is open."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(START_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    async def _listen(self, port: int) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Login(self.password),
            HOST,
            port,
            server_host_keys=[self._key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self._folder).encode()),
            allow_scp=False,
        )

    async def _close(self) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()
