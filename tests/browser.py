"""Chromium without a window, asked over its DevTools protocol what a page shows."""

import asyncio
import base64
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def ask(
    address: str, script: str, profile: Path, width: int = 1400, seconds: float = 120
) -> tuple[Any, bytes]:
    """What a script comes to in a page, as soon as it is not empty, and a picture of the page then.

    Args:
        address: of the page.
        script: an expression of JavaScript; its value has to be JSON.
        profile: a folder for the browser.
        width: of the window, 900 high.
        seconds: after which the last value is given, whatever it is.
    """
    command = [
        *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--remote-debugging-port=0", "--remote-allow-origins=*"),
        *(f"--user-data-dir={profile}", f"--window-size={width},900", "about:blank"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            return asyncio.run(_ask(address, script, profile, time.monotonic() + seconds))
        finally:
            browser.kill()


async def _ask(address: str, script: str, profile: Path, end: float) -> tuple[Any, bytes]:
    while not (profile / "DevToolsActivePort").exists() and time.monotonic() < end:
        await asyncio.sleep(0.1)
    port = (profile / "DevToolsActivePort").read_text().splitlines()[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            [page] = [each for each in await answer.json() if each["type"] == "page"]
        async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            number = 0

            async def tell(method: str, **parameters: Any) -> Any:
                nonlocal number
                number += 1
                await socket.send_json({"id": number, "method": method, "params": parameters})
                while True:
                    reply = await socket.receive_json(timeout=60)
                    if reply.get("id") == number:
                        return reply["result"]

            await tell("Page.navigate", url=address)
            value = None
            while not value and time.monotonic() < end:
                await asyncio.sleep(0.5)
                told = await tell("Runtime.evaluate", expression=script, returnByValue=True)
                value = told["result"].get("value")
            picture = await tell("Page.captureScreenshot")
            return value, base64.b64decode(picture["data"])
