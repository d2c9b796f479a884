"""A small SFTP server on this machine, that shows one folder to whoever knows the password."""

import os
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServerInterface

PASSWORD = "secret"


class _Door(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if password == PASSWORD else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "password"


def _folder(shown: Path) -> type[SFTPServerInterface]:
    class Folder(SFTPServerInterface):
        def _real(self, path: str) -> Path:
            return shown / self.canonicalize(path).lstrip("/")

        def list_folder(self, path: str) -> list[SFTPAttributes] | int:
            try:
                found = sorted(self._real(path).iterdir())
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)
            return [SFTPAttributes.from_stat(one.lstat(), one.name) for one in found]

        def stat(self, path: str) -> SFTPAttributes | int:
            try:
                return SFTPAttributes.from_stat(self._real(path).stat())
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)

        lstat = stat

        def open(self, path: str, flags: int, attr: SFTPAttributes) -> SFTPHandle | int:
            handle = SFTPHandle(flags)
            try:
                handle.readfile = os.fdopen(os.open(self._real(path), os.O_RDONLY), "rb")
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)
            return handle

    return Folder


class SftpServer:
    """Serves `shown` on a free port of 127.0.0.1 within `with`."""

    def __init__(self, shown: Path) -> None:
        self._shown = shown
        self._key = paramiko.RSAKey.generate(2048)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for transport in self._transports:
            transport.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _folder(self._shown))
            self._transports.append(transport)
            try:
                transport.start_server(server=_Door())
            except (paramiko.SSHException, EOFError):  # the other side did not trust the key
                continue
