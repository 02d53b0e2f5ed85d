"""Takes down what it is sent, and whether the sender shows its secrets to everybody."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PORT, LOG, SECRET = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()


def shown():
    """The command lines in which the secret can be read now, but for our own."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes()
        except OSError:
            continue
        if SECRET in line and b"server.py" not in line:
            lines.append(line.decode(errors="replace"))
    return lines


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        entry = {"path": self.path, "body": body, "shown": shown()}
        with open(LOG, "a") as log:
            log.write(json.dumps(entry) + "\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """The journal is searched for secrets, and these would be our own words."""


HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
