"""Amazon's marketplaces, and in which of them a seller takes part.

Sources: developer guide, "Marketplace IDs", "SP-API Endpoints" and "Seller Central URLs"; currencies are those of the
countries. The time zones are ours: the one Amazon reports the marketplace's days in where that is known (Pacific
time for the United States, Canada and Mexico), else the country's. They are defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from orderbridge.amazon.answers import AmazonModel
from orderbridge.amazon.operations import GET_MARKETPLACE_PARTICIPATIONS
from orderbridge.amazon.transport import Answer, Connection, read_answer

Region = Literal["na", "eu", "fe"]

API_URLS: Final[dict[Region, str]] = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}

LOGIN_URL: Final = "https://api.amazon.com/auth/o2/token"
"""Login with Amazon's token endpoint, the same in all regions."""


@dataclass(frozen=True, slots=True)
class Marketplace:
    """`country` is ISO 3166-1 alpha-2, `currency` ISO 4217, `time_zone` an IANA name, `seller_central` a host.

    `domain` is the shop's, and what Amazon calls the marketplace by: the sales channel `Amazon.de` is `amazon.de`.
    """

    id: str
    country: str
    region: Region
    currency: str
    time_zone: str
    seller_central: str
    domain: str

    @property
    def api_url(self) -> str:
        return API_URLS[self.region]


_EUROPE: Final = "sellercentral-europe.amazon.com"

MARKETPLACES: Final[dict[str, Marketplace]] = {
    marketplace.id: marketplace
    for marketplace in (
        Marketplace("A2EUQ1WTGCTBG2", "CA", "na", "CAD", "America/Los_Angeles", "sellercentral.amazon.ca", "amazon.ca"),
        Marketplace(
            "ATVPDKIKX0DER", "US", "na", "USD", "America/Los_Angeles", "sellercentral.amazon.com", "amazon.com"
        ),
        Marketplace(
            "A1AM78C64UM0Y8", "MX", "na", "MXN", "America/Los_Angeles", "sellercentral.amazon.com.mx", "amazon.com.mx"
        ),
        Marketplace(
            "A2Q3Y263D00KWC", "BR", "na", "BRL", "America/Sao_Paulo", "sellercentral.amazon.com.br", "amazon.com.br"
        ),
        Marketplace("A28R8C7NBKEWEA", "IE", "eu", "EUR", "Europe/Dublin", "sellercentral.amazon.ie", "amazon.ie"),
        Marketplace("A1RKKUPIHCS9HS", "ES", "eu", "EUR", "Europe/Madrid", _EUROPE, "amazon.es"),
        Marketplace("A1F83G8C2ARO7P", "GB", "eu", "GBP", "Europe/London", _EUROPE, "amazon.co.uk"),
        Marketplace("A13V1IB3VIYZZH", "FR", "eu", "EUR", "Europe/Paris", _EUROPE, "amazon.fr"),
        Marketplace(
            "AMEN7PMS3EDWL", "BE", "eu", "EUR", "Europe/Brussels", "sellercentral.amazon.com.be", "amazon.com.be"
        ),
        Marketplace("A1805IZSGTT6HS", "NL", "eu", "EUR", "Europe/Amsterdam", "sellercentral.amazon.nl", "amazon.nl"),
        Marketplace("A1PA6795UKMFR9", "DE", "eu", "EUR", "Europe/Berlin", _EUROPE, "amazon.de"),
        Marketplace("APJ6JRA9NG5V4", "IT", "eu", "EUR", "Europe/Rome", _EUROPE, "amazon.it"),
        Marketplace("A2NODRKZP88ZB9", "SE", "eu", "SEK", "Europe/Stockholm", "sellercentral.amazon.se", "amazon.se"),
        Marketplace(
            "AE08WJ6YKNBMC", "ZA", "eu", "ZAR", "Africa/Johannesburg", "sellercentral.amazon.co.za", "amazon.co.za"
        ),
        Marketplace("A1C3SOZRARQ6R3", "PL", "eu", "PLN", "Europe/Warsaw", "sellercentral.amazon.pl", "amazon.pl"),
        Marketplace("ARBP9OOSHTCHU", "EG", "eu", "EGP", "Africa/Cairo", "sellercentral.amazon.eg", "amazon.eg"),
        Marketplace(
            "A33AVAJ2PDY3EV", "TR", "eu", "TRY", "Europe/Istanbul", "sellercentral.amazon.com.tr", "amazon.com.tr"
        ),
        Marketplace("A17E79C6D8DWNP", "SA", "eu", "SAR", "Asia/Riyadh", "sellercentral.amazon.sa", "amazon.sa"),
        Marketplace("A2VIGQ35RCS4UG", "AE", "eu", "AED", "Asia/Dubai", "sellercentral.amazon.ae", "amazon.ae"),
        Marketplace("A21TJRUUN4KGV", "IN", "eu", "INR", "Asia/Kolkata", "sellercentral.amazon.in", "amazon.in"),
        Marketplace("A19VAU5U5O7RUS", "SG", "fe", "SGD", "Asia/Singapore", "sellercentral.amazon.sg", "amazon.sg"),
        Marketplace(
            "A39IBJ37TRP1C6", "AU", "fe", "AUD", "Australia/Sydney", "sellercentral.amazon.com.au", "amazon.com.au"
        ),
        Marketplace("A1VC38T7YXB528", "JP", "fe", "JPY", "Asia/Tokyo", "sellercentral.amazon.co.jp", "amazon.co.jp"),
    )
}


def marketplace(marketplace_id: str) -> Marketplace | None:
    """The marketplace of that id, or None for one that is not in the table."""
    return MARKETPLACES.get(marketplace_id)


def marketplace_of_country(country: str) -> Marketplace | None:
    """The marketplace of a country (ISO 3166-1 alpha-2, or Amazon's UK), or None."""
    wanted = "GB" if country.upper() == "UK" else country.upper()
    return next((known for known in MARKETPLACES.values() if known.country == wanted), None)


def marketplace_of_domain(domain: str) -> Marketplace | None:
    """The marketplace of a shop's domain, as `www.amazon.de` or the sales channel `Amazon.de`, or None."""
    wanted = domain.strip().lower().removeprefix("www.")
    # Tools that read Japan's reports know both forms; which of them Amazon sends now is not verified.
    wanted = "amazon.co.jp" if wanted == "amazon.jp" else wanted
    return next((known for known in MARKETPLACES.values() if known.domain == wanted), None)


class ParticipationMarketplace(AmazonModel):
    """Amazon's own description of a marketplace, also of one that our table does not have."""

    id: str
    name: str
    country_code: str
    default_currency_code: str
    default_language_code: str
    domain_name: str


class Participation(AmazonModel):
    is_participating: bool
    has_suspended_listings: bool


class MarketplaceParticipation(AmazonModel):
    marketplace: ParticipationMarketplace
    participation: Participation
    store_name: str | None = None


class _ParticipationsResponse(AmazonModel):
    payload: tuple[MarketplaceParticipation, ...]


@dataclass(frozen=True, slots=True)
class ParticipationsAnswer:
    participations: tuple[MarketplaceParticipation, ...]
    answer: Answer


def get_marketplace_participations(connection: Connection) -> ParticipationsAnswer:
    """The marketplaces in which the seller can sell, or once could. Raises `AmazonError`."""
    answer = connection.call(GET_MARKETPLACE_PARTICIPATIONS)
    response = read_answer(GET_MARKETPLACE_PARTICIPATIONS, _ParticipationsResponse, answer)
    return ParticipationsAnswer(response.payload, answer)
