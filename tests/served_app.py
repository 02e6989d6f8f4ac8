"""The app on a port of its own, in a thread of its own: its database driver belongs to one loop."""

import socket
import threading

import uvicorn
import uvloop

from adapters.postgres.engine import Store
from api.http.connections import protocol
from services.auth.passwords import Passwords
from tests.api_world import new_world


class Served(threading.Thread):
    """Serves the app over a database until `end`."""

    def __init__(self, database: str) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._server: uvicorn.Server | None = None
        self.port: int = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def run(self) -> None:
        uvloop.run(self._serve())  # as the process does; asyncio's own leaves Nagle's 40 ms on each answer

    async def _serve(self) -> None:
        store, passwords = Store.open(self._database), Passwords()
        app = new_world(store, passwords).app
        config = uvicorn.Config(
            app, http=protocol(500), log_config=None, access_log=False, lifespan="off", ws="none"
        )
        self._server = uvicorn.Server(config)
        await self._server.serve([self._listener])
        passwords.close()
        await store.close()

    def end(self) -> None:
        """Stop serving and wait until it has."""
        if self._server is not None:
            self._server.should_exit = True
        self.join(30)
