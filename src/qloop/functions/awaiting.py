"""`await` for futures of functions."""

from __future__ import annotations

import asyncio
from typing import Any

from qloop.functions.handle import Handle


async def wait_async(future: Handle) -> Any:
    """The result, without keeping the event loop from others; a task that is cancelled while it waits cancels the call.
    """
    if future.client.virtual:
        return future.result()
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def wake(_: Handle) -> None:
        loop.call_soon_threadsafe(settle)

    future.add_done_callback(wake)
    try:
        await waiter
    except asyncio.CancelledError:
        future.cancel()
        raise
    return future.result()
