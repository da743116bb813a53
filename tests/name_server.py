"""A name server on a loopback port that knows the TXT records that a test gives it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class NameServer:
    port: int = 0
    records: dict[str, list[str]] = field(default_factory=dict)  # by name, without its last dot
    rcode: int = dns.rcode.NOERROR
    asked: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        answer.set_rcode(dns.rcode.Rcode(self.rcode))
        values = self.records.get(name, [])
        if self.rcode == dns.rcode.NOERROR and not values:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif values and question.rdtype == dns.rdatatype.TXT:
            quoted = [
                " ".join(f'"{value[at : at + 20]}"' for at in range(0, len(value), 20)) for value in values
            ]
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", *quoted))
        return answer.to_wire()


@contextmanager
def running_name_server() -> Iterator[NameServer]:
    known = NameServer()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sock = self.request
            sock.sendto(known.answer(wire), self.client_address)

    server: Any = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
    known.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
