"""The store's pages: plain forms, no script. Started, it runs the whole store."""

from __future__ import annotations

import logging
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from orderbridge.store import KafkaTries, NotOpened, load_settings
from services.storefront.api import create_api
from services.storefront.books import NoSuchOrder
from services.storefront.orders import QUEUES, Order
from services.storefront.sales import last_month, sums
from services.storefront.shop import Shop

_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
LONGEST_BODY = 256 * 1024  # bytes
_FIELDS = ("package_id", "carrier", "tracking_number", "ship_date")
_TOKEN = secrets.token_urlsafe()  # in every form: another site can send a form here, but cannot read this
_jinja = Environment(loader=PackageLoader("services.storefront"), autoescape=True, undefined=StrictUndefined)
_jinja.globals |= {"token": _TOKEN, "sums": sums, "last_month": last_month}
_templates = Jinja2Templates(env=_jinja)


async def _read_form(request: Request) -> dict[str, str]:
    form = {name: str(value).strip() for name, value in (await request.form()).items()}
    if not secrets.compare_digest(form.get("token", "").encode(), _TOKEN.encode()):
        raise HTTPException(403, "This form is not good any more. Nothing was changed: open its page anew.")
    return form


Form = Annotated[dict[str, str], Depends(_read_form)]


def create_app(shop: Shop) -> FastAPI:
    """The pages, and the API."""
    app = FastAPI(openapi_url=None)
    app.include_router(create_api(shop))
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])

    def page(request: Request, name: str, status: int = 200, **context: Any) -> Response:
        return _templates.TemplateResponse(request, f"{name}.html", {"shop": shop, **context}, status)

    def order_page(request: Request, order: Order, form: Mapping[str, Any], problem: str = "") -> Response:
        state = order.event.personal_data
        buyer, sealed = state.placeholder, ""
        if state.seal is not None:  # opened for this page alone: the books keep the seal
            try:
                (opened,) = shop.store.open_personal_data([(order.order_id, state.seal)], "display")
                buyer, sealed = opened.personal_data, opened.message or ""
            except NotOpened as error:
                sealed = str(error)
        context = {"order": order, "buyer": buyer, "sealed": sealed, "form": form, "problem": problem}
        return page(request, "order", 422 if problem else 200, **context)

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        host, headers = request.headers.get("host", ""), request.headers
        own = urlsplit(headers.get("origin", f"//{host}")).netloc == host
        if request.method == "POST" and not (own and headers.get("sec-fetch-site", "same-origin") == "same-origin"):
            return JSONResponse({"detail": "This comes from another site. Nothing was changed."}, 403)
        if (unsaid := "transfer-encoding" in headers) or int(headers.get("content-length") or 0) > LONGEST_BODY:
            return JSONResponse({"detail": "Too long, or of unknown length. Nothing changed."}, 411 if unsaid else 413)
        response = await answer(request)
        response.headers.update(_HEADERS)
        return response

    @app.exception_handler(NoSuchOrder)
    async def unknown(request: Request, _: NoSuchOrder) -> Response:
        return await refused(request, HTTPException(404, "No such order."))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": error.detail}, error.status_code)
        return page(request, "error", error.status_code, error=error)

    @app.get("/")
    def queues(request: Request, queue: str = "New") -> Response:
        by_queue: dict[str, list[Order]] = {name: [] for name in QUEUES}
        for order in shop.books.orders():
            by_queue.setdefault(order.queue(), []).append(order)
        return page(request, "queues", queue=queue, by_queue=by_queue)

    @app.get("/orders/{order_id}")
    def show_order(request: Request, order_id: str, package: str = "") -> Response:
        order = shop.books.order(order_id)
        packages = {one.name: one for one in order.packages()}
        said, lines = packages.get(package), order.event.lines
        free = next(name for number in range(len(packages) + 1) if (name := f"P{number + 1}") not in packages)
        form = said.said.model_dump() | {"corrects": package} if said and said.said else {"package_id": free}
        units = {f"units {line.order_item_id}": said.units(line) if said else order.left(line) for line in lines}
        return order_page(request, order, form | units)

    @app.post("/orders/{order_id}")
    def ship(request: Request, order_id: str, form: Form) -> Response:
        order = shop.books.order(order_id)
        said: dict[str, Any] = {name: form[name] for name in _FIELDS if form.get(name)}
        try:
            new = form.get("corrects") != (said.get("package_id") or said.get("tracking_number"))
            shop.ship(order, said | {"lines": _lines(order, form)}, new=new)
        except ValueError as error:
            return order_page(request, order, form, _words(error))
        return RedirectResponse(f"/orders/{quote(order_id)}#packages", 303)

    @app.post("/test-orders")
    def place_test_order(_: Form) -> Response:
        return RedirectResponse(f"/orders/{shop.books.place_own_order()}", 303)

    @app.post("/stock")
    def count(form: Form) -> Response:
        if form.get("sku") and form.get("units", "").isdecimal():
            shop.books.count(form["sku"], int(form["units"][:9]))
        return RedirectResponse("/stock", 303)

    @app.get("/{name}")
    def plain(request: Request, name: str) -> Response:
        if name not in ("stock", "sales", "alerts"):
            raise HTTPException(404, "There is no such page.")
        return page(request, name)

    return app


def _lines(order: Order, form: Mapping[str, str]) -> list[dict[str, Any]]:
    units = {line.order_item_id: form.get(f"units {line.order_item_id}") or "0" for line in order.event.lines}
    if not all(text.isdecimal() for text in units.values()) or not any(map(int, units.values())):
        raise ValueError("Say what is in the package: whole numbers of units, and not none at all.")
    return [{"order_item_id": item, "quantity": int(text)} for item, text in units.items() if int(text)]


def _words(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{' '.join(map(str, one['loc'])).replace('_', ' ')}: {one['msg']}" for one in error.errors())


def main() -> None:
    """Run the store until SIGTERM or SIGINT. Its first line on standard output says where it listens."""
    settings = load_settings()
    log_format = "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(handlers=[KafkaTries.on_standard_error()], level=logging.WARNING, format=log_format)
    shop = Shop(settings)
    server = uvicorn.Server(uvicorn.Config(create_app(shop), log_config=None, timeout_graceful_shutdown=1))
    for number in (signal.SIGTERM, signal.SIGINT):  # for the moments in which uvicorn's own handlers are not there
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    with socket.create_server((settings.storefront_host, settings.storefront_port)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else asyncio's answers wait 40 ms
        print(f"storefront listening on http://{settings.storefront_host}:{listening.getsockname()[1]}", flush=True)
        shop.start()
        server.run(sockets=[listening])
    shop.stop()
