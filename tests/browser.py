"""Chromium, driven over its DevTools protocol through two pipes: no port, no library."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Browser:
    """One headless Chromium with a profile of its own; a context manager."""

    def __init__(self, profile: Path) -> None:
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        given = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]
        command = (
            f'exec "$0" --headless --no-sandbox --disable-gpu --hide-scrollbars "$1" '
            f"--remote-debugging-pipe 3<&{given[0]} 4>&{given[1]}"
        )
        self._process = subprocess.Popen(
            ["bash", "-c", command, str(CHROMIUM), f"--user-data-dir={profile}"],
            pass_fds=given,
            stderr=subprocess.DEVNULL,
        )
        for fd in (theirs_in, theirs_out, *given):
            os.close(fd)
        self._out, self._in = os.fdopen(ours_out, "wb", 0), os.fdopen(ours_in, "rb")
        self._last, self._rest = 0, b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._in.close()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """What a method of the protocol answers; events that come meanwhile are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def wait(self, event: str, session: str) -> None:
        """Returns when an event of that name has come."""
        while not any(e["method"] == event and e["sessionId"] == session for e in self.events):
            self.events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._in.fileno(), 2**16)
            assert more, "the browser is gone"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


class Page:
    """A tab that shows an address, with what it said and asked for."""

    def __init__(self, browser: Browser, address: str, width: int, dark: bool = False) -> None:
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self.target, self.session = target, attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=address)
        browser.wait("Page.loadEventFired", self.session)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A method of the protocol, of this tab."""
        return self.browser.call(method, self.session, **params)

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript, awaited."""
        given = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", **given)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def mouse(self, kind: str, x: float, y: float) -> None:
        """A real event: pressed, moved or released, in pixels of the window."""
        held = {"button": "left", "buttons": 1, "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **held)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """A real event of a finger: Start, Move or End."""
        at = [{"x": x, "y": y} for x, y in points]
        self.call("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=at)

    def key(self, key: str) -> None:
        """A key, down and up."""
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, " ": 32}
        codes |= {"Delete": 46, "Tab": 9, "Enter": 13}
        text = {" ": " ", "Enter": "\r"}.get(key, "")
        more = {"key": key, "windowsVirtualKeyCode": codes[key], "text": text}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, **more)

    def said(self, *methods: str) -> list[dict[str, Any]]:
        """The events of some kinds."""
        own = (e for e in self.browser.events if e.get("sessionId") == self.session)
        return [e["params"] for e in own if e["method"] in methods]

    def picture(self, path: Path) -> None:
        """A PNG of the window."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self.target)
