"""A folder served over loopback, with ranges, that counts what it sends and can be made to fail."""

from __future__ import annotations

import http.server
import re
import threading
from pathlib import Path
from urllib.parse import unquote


class Site:
    """A server of one folder.

    Parameters
    ----------
    folder : Path
        Served; made here.

    Attributes
    ----------
    asked : list of (str, str or None)
        Path and header Range of each request.
    sent : int
        Bytes of all bodies.
    knows_ranges : bool
        False: every request is answered with the whole file, as the HTTP standard allows.
    tells_wrong_range : bool
        True: a range is answered with the begin of the file, and said to be that.
    cut_after : list of int
        For each request to come: after so many bytes of the body the connection is closed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.sent = folder, [], 0
        self.knows_ranges, self.tells_wrong_range, self.cut_after, self.status = True, False, [], 200
        folder.mkdir()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                site.answer(self)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # who asked went away, as some tests want

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        file = self.folder / unquote(request.path).lstrip("/")
        if not file.is_file() or self.status != 200:
            request.send_error(404 if self.status == 200 else self.status)
            return
        body, whole = file.read_bytes(), file.stat().st_size
        match = re.fullmatch(r"bytes=(\d+)-", wanted or "") if self.knows_ranges else None
        if match and int(match.group(1)) >= whole:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{whole}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if match else 200)
        if match:
            start = 0 if self.tells_wrong_range else int(match.group(1))
            body = body[start:]
            request.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.cut_after:
            body = body[: self.cut_after.pop(0)]
            request.close_connection = True
        self.sent += len(body)  # before: who asked may look as soon as the last byte is there
        request.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def visible(folder: Path) -> list[str]:
    """Name the files below a folder that count as files of a set: no half of one, and nobody's notes."""
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return sorted(file.as_posix() for file in files if not file.name.startswith("."))


def halves(folder: Path) -> list[str]:
    """Name what an interrupted download left below a folder."""
    return sorted(file.name for file in folder.rglob(".*") if file.suffix in (".part", ".new"))
