"""The front desk: everything that a door asks, put together over one opened service."""

from dataclasses import dataclass

from cryptopilot.adapters.storage.jobs import StoredJobs
from cryptopilot.runtime.access.opening import Access, open_access
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.board import Board
from cryptopilot.runtime.control import Control
from cryptopilot.runtime.feed import Feed
from cryptopilot.runtime.jobs.queue import Jobs
from cryptopilot.runtime.service import PipelineService


@dataclass(frozen=True, slots=True)
class FrontDesk:
    """What the doors talk to."""

    service: PipelineService
    access: Access
    board: Board
    feed: Feed
    control: Control
    jobs: Jobs


def open_front_desk(service: PipelineService, passwords: Passwords | None = None) -> FrontDesk:
    """The desk of a service that is open.

    Args:
        passwords: how they are hashed, where that is to be cheap.
    """
    access = open_access(service.home, service.engine, service.settings.jwt_secret_key, passwords=passwords)
    board = Board(service)
    jobs = Jobs(StoredJobs(service.engine), service.home.path.resolve() / "backtests")
    feed = Feed(service, board, jobs)
    feed.open()
    return FrontDesk(service, access, board, feed, Control(service, access.audit, access.settings, board), jobs)
