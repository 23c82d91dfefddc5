#!/usr/bin/env python3
"""A web server for the tests of fetching, on 127.0.0.1 alone: server.py FOLDER

Packs FOLDER/words.txt as words.txt.gz, words.txt.bz2 and pack.zip, prints its port, and ends when standard input does.
The first part of a path says how the file behind it is sent:
  /ok/FILE        whole or by range          /whole/FILE     whole, whatever range is asked for
  /cut/N/FILE     by range, but the connection breaks after N bytes
  /long/FILE      with as many bytes again behind it, and no length announced
  /loop/FILE      a redirect to itself       /away/FILE      a redirect to another protocol
  /status/N/FILE  an empty answer with this status
"""
import bz2
import gzip
import http.server
import pathlib
import re
import sys
import threading
import zipfile

folder = pathlib.Path(sys.argv[1])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        how, *rest = self.path.strip("/").split("/")
        number = int(rest.pop(0)) if how in ("cut", "status") else 0
        if how in ("loop", "away"):
            self.send_response(302)
            self.send_header("Location", self.path if how == "loop" else "https://127.0.0.1:1/")
            self.end_headers()
            return
        file = folder / "/".join(rest)
        if how == "status" or not file.is_file():
            self.send_response(number or 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_file(how, number, file.read_bytes())

    def send_file(self, how, number, data):
        start = 0
        if asked := re.match(r"bytes=(\d+)-$", self.headers.get("Range", "")):
            start = int(asked[1]) if how != "whole" else 0
        if start and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Length", "14")
            self.end_headers()
            self.wfile.write(b"nothing there\n")
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if how != "long":
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        body = data[start:] + (data if how == "long" else b"")
        try:
            self.wfile.write(body[:number] if how == "cut" else body)
        except ConnectionError:
            pass  # the client has had enough, which is what some tests are about

    def log_message(self, *_):
        pass


def main():
    words = (folder / "words.txt").read_bytes()
    (folder / "words.txt.gz").write_bytes(gzip.compress(words))
    (folder / "words.txt.bz2").write_bytes(bz2.compress(words))
    with zipfile.ZipFile(folder / "pack.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("../evil.txt", "out of the folder")
        pack.writestr("folder/", "")
        pack.writestr("folder/words.txt", words)
        pack.writestr("other.txt", "other words")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
