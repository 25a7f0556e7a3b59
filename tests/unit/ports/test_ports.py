"""Ports that are kept for servers which bind them later."""

from __future__ import annotations

import socket

import pytest

from orderbridge import ports
from orderbridge.ports import free_port, listen


def test_none_is_given_twice_and_all_are_below_the_outgoing_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "SOMEWHERE", range(31_000, 31_600))
    given = [free_port() for _ in range(20)]
    assert len(set(given)) == len(given)
    assert max(given) < 31_600


def test_the_preferred_one_if_it_is_free() -> None:
    free = free_port()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        taken = listening.getsockname()[1]
        assert free_port([taken, free]) not in (taken, free)
    given = free_port([taken])
    assert given == taken
    assert free_port([given]) != given


def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()[:2]):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
