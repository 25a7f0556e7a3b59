"""The states of shipments as a state machine over the whole system, which dies at any statement, commit and call.

What may be said and what must come of it is the model of `test_shipping_sequences`. The last test plants a defect in
the real code, and the machine must find it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from orderbridge.bus.publisher import Outgoing
from services.shipper import confirm
from services.shipper.content import Content
from tests.integration.services.test_shipping_sequences import (
    KINDS,
    PACKAGES,
    Again,
    Cancel,
    Fault,
    Import,
    Pause,
    Play,
    Say,
    Step,
    Wait,
    Wish,
)
from tests.parts.crashes import Crashes
from tests.parts.databases import Template
from tests.parts.in_process import Killed, System
from tests.parts.sandbox_server import SandboxServer


class Deduplicating(System):
    """Its store does what the contract asks: an event that comes twice, with one id, is one."""

    def _publish(self, messages: Iterable[Outgoing]) -> dict[str, Exception | None]:
        seen = self.__dict__.setdefault("seen", set())
        every = list(messages)
        again = {one.name for one in every if one.topic not in self.pipelines and one.name in seen}
        seen |= {one.name for one in every}
        return super()._publish(one for one in every if one.name not in again) | dict.fromkeys(again)


class Shipments(RuleBasedStateMachine):
    """One order of three packages."""

    template: ClassVar[Template]
    sandbox: ClassVar[SandboxServer]

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.system = Deduplicating(self.template.copy(self.folder.name), Path(self.folder.name), self.sandbox)
        self.play = Play(self.system)
        self.crashes = Crashes(self.system.database)
        self.patched = pytest.MonkeyPatch()
        for name in ("confirm_shipment", "get_order"):
            self.patched.setattr(confirm, name, self._dying(getattr(confirm, name)))

    def _dying(self, call: Any) -> Any:
        def called(*arguments: Any, **options: Any) -> Any:
            self.crashes.point()
            answer = call(*arguments, **options)
            self.crashes.point()
            return answer

        return called

    def _step(self, step: Step) -> None:
        try:
            self.play.step(step)
        except Killed:
            self.system.database.engine.dispose()  # a dead process has no connections
            self.system.restart()
            self.system.run_until_idle()

    @rule(points=st.integers(1, 120))
    def die_at(self, points: int) -> None:
        self.crashes.arm(points)

    @rule(
        package=st.sampled_from(sorted(PACKAGES)),
        at=st.integers(0, 10_000),
        quantity=st.integers(1, 3),
        carrier=st.sampled_from(["ups", "fedex", "Bike Courier"]),
    )
    def say(self, package: str, at: int, quantity: int, carrier: str) -> None:
        self._step(Say(package, at, quantity, carrier, None))

    @rule(which=st.integers(0, 20))
    def again(self, which: int) -> None:
        self._step(Again(which))

    @rule(operation=st.sampled_from(["confirmShipment", "getOrder", "login"]), kind=st.sampled_from(KINDS))
    def fault(self, operation: str, kind: str) -> None:
        self._step(Fault(operation, kind))

    @rule(seconds=st.sampled_from([1, 61, 400]))
    def wait(self, seconds: int) -> None:
        self._step(Wait(seconds))

    @rule()
    def news(self) -> None:
        self._step(Import())

    @rule(step=st.sampled_from([Cancel(), Wish(), Pause(on=True), Pause(on=False)]))
    def somebody_changes(self, step: Step) -> None:
        with self.crashes.aside():
            self._step(step)

    def teardown(self) -> None:
        try:
            self.crashes.disarm()
            self.play.check()
        finally:
            self.patched.undo()
            self.crashes.close()
            self.system.close()
            self.folder.cleanup()


@pytest.fixture(autouse=True, scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxServer) -> None:
    Shipments.sandbox = sandbox
    Shipments.template = Template(tmp_path_factory.mktemp("template"))


def play(examples: int, **more: Any) -> None:
    run_state_machine_as_test(Shipments, settings=settings(max_examples=examples, stateful_step_count=12, **more))


def test_each_package_once_as_its_newest_event_said() -> None:
    play(12)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_each_package_once_in_many_ways() -> None:
    play(1_000)


@pytest.mark.timeout(300)
def test_a_package_id_that_is_another_at_each_call_is_found() -> None:
    """PLANTED: the machine would be worth nothing if it passed this."""
    numbers = itertools.count(100)
    whole = Content.for_amazon

    def with_another_id(self: Content, reference_id: int, *arguments: Any) -> Any:
        return whole(self, next(numbers), *arguments)

    with pytest.MonkeyPatch.context() as planted:
        planted.setattr(Content, "for_amazon", with_another_id)
        with pytest.raises(AssertionError, match="a package was doubled"):
            play(200, database=None, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
