"""What the sandbox's orders are made of: products, and people who don't exist.

Telephone numbers are out of the ranges that each country keeps for fiction or of no subscriber; e-mail addresses end
in `.example` (RFC 2606), so that nothing can ever be sent to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Product:
    """Something to buy; the price is in US dollars."""

    sku: str
    asin: str
    title: str
    price: Decimal


PRODUCTS: tuple[Product, ...] = tuple(
    Product(sku, asin, title, Decimal(price))
    for sku, asin, title, price in (
        ("MUG-BLUE", "B08MUG0001", "Stoneware Mug, 350 ml, Blue", "9.99"),
        ("MUG-RED", "B08MUG0002", "Stoneware Mug, 350 ml, Red", "9.99"),
        ("TEAPOT-1L", "B08TEA0001", "Cast Iron Teapot with Infuser, 1 l", "34.50"),
        ("KNIFE-CHEF-20", "B09KNF0020", "Chef's Knife, 20 cm", "59.00"),
        ("BOARD-OAK-L", "B09BRD0003", "Cutting Board, Oak, Large", "27.95"),
        ("LAMP-DESK", "B07LMP0100", "LED Desk Lamp, Dimmable", "42.49"),
        ("SOCKS-WOOL-M", "B07SCK0002", "Merino Wool Socks, Size M", "14.90"),
        ("SOCKS-WOOL-L", "B07SCK0003", "Merino Wool Socks, Size L", "14.90"),
        ("NOTEBOOK-A5", "B06NTB0005", 'Notebook "Everyday", A5, 192 Pages', "12.00"),
        ("PEN-GEL-12", "B06PEN0012", "Gel Pens, 0.5 mm, 12 Pieces", "8.75"),
        ("BLANKET-GREY", "B0ABLK0001", "Knitted Blanket, 130 x 170 cm, Grey", "64.00"),
        ("CANDLE-CEDAR", "B0ACND0004", "Soy Candle, Cedar & Amber", "18.20"),
        ("PUZZLE-1000", "B0BPZL1000", "Jigsaw Puzzle, 1000 Pieces, Old Map", "21.99"),
        ("FILTER-V60-02", "B0BFLT0002", "Paper Coffee Filters, 100 Pieces", "6.49"),
        ("BOTTLE-STEEL-750", "B0CBTL0750", "Insulated Steel Bottle, 750 ml", "24.99"),
        ("BACKPACK-25L", "B0CBPK0025", "Daypack, 25 l, Water-Repellent", "79.95"),
    )
)


@dataclass(frozen=True)
class Place:
    """A town with streets to live in."""

    city: str
    state: str
    postal_code: str
    streets: tuple[str, ...]


@dataclass(frozen=True)
class Country:
    """People of a country. `street` is the address form of `{number}` and `{street}`, `phone` has four free digits."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    name: str
    street: str
    phone: str
    companies: tuple[str, ...]
    places: tuple[Place, ...]


COUNTRIES: dict[str, Country] = {
    "US": Country(
        ("Alice", "Marcus", "Priya", "Daniel", "Sofia", "Kwame", "Emily", "Noah"),
        ("Bennett", "O'Neill", "Patel", "Rivera", "Johnson", "Nguyen", "Schneider", "Washington"),
        "{first} {last}", "{number} {street}", "+1 206-555-{digits}", ("Harbor Dental LLC", "Northside School Supply"),
        (Place("Seattle", "WA", "98109", ("Pine St", "Harrison Ave N", "Mercer St")),
         Place("Austin", "TX", "78704", ("S Lamar Blvd", "Barton Springs Rd")),
         Place("Brooklyn", "NY", "11215", ("7th Ave", "Union St")))),
    "CA": Country(
        ("Chloé", "Liam", "Mei", "Olivier", "Hannah", "Arjun"),
        ("Tremblay", "MacDonald", "Chen", "Singh", "Gagnon", "Wilson"),
        "{first} {last}", "{number} {street}", "+1 604-555-{digits}", ("Maple Office Inc.", "Atelier du Nord"),
        (Place("Vancouver", "BC", "V6B 1A1", ("Granville St", "Hastings St W")),
         Place("Montréal", "QC", "H2X 1Y4", ("rue Saint-Denis", "avenue du Parc")))),
    "MX": Country(
        ("María José", "Diego", "Lucía", "Ángel", "Ximena"),
        ("Hernández", "García López", "Muñoz", "Peña", "Ramírez"),
        "{first} {last}", "{street} {number}", "+52 55 5550 {digits}", ("Papelería Central S.A. de C.V.",),
        (Place("Ciudad de México", "CDMX", "06700", ("Avenida Álvaro Obregón", "Calle Durango")),
         Place("Guadalajara", "JAL", "44160", ("Avenida Chapultepec",)))),
    "GB": Country(
        ("Oliver", "Aisha", "Fiona", "Rhys", "Charlotte", "Tom"),
        ("Smith-Jones", "Begum", "MacLeod", "Evans", "Taylor", "Brown"),
        "{first} {last}", "{number} {street}", "+44 20 7946 {digits}", ("Thames Interiors Ltd",),
        (Place("London", "Greater London", "E8 3RL", ("Mare Street", "Kingsland Road")),
         Place("Edinburgh", "Midlothian", "EH3 6SW", ("Dundas Street",)))),
    "DE": Country(
        ("Jürgen", "Anneliese", "Björn", "Käthe", "Fatma", "Lukas"),
        ("Müller", "Groß", "von der Heide", "Çelik", "Schäfer", "Weiß"),
        "{first} {last}", "{street} {number}", "+49 30 23125 {digits}", ("Büro & Mehr GmbH", "Praxis am Markt"),
        (Place("Berlin", "Berlin", "10999", ("Oranienstraße", "Paul-Lincke-Ufer")),
         Place("München", "Bayern", "80331", ("Sendlinger Straße",)))),
    "JP": Country(
        ("太郎", "花子", "健一", "美咲"), ("佐藤", "鈴木", "高橋", "渡辺"),
        "{last} {first}", "{street}{number}", "+81 3-5550-{digits}", ("株式会社みどり文具",),
        (Place("渋谷区", "東京都", "150-0002", ("渋谷2-", "神宮前3-")),
         Place("京都市中京区", "京都府", "604-8005", ("河原町通", "木屋町通")))),
}  # fmt: skip

GIFT_MESSAGES: tuple[str, ...] = (
    "Happy birthday! Love from all of us.",
    "Alles Gute zum Geburtstag! 🎂",
    'For the best teacher we know: "thank you" & see you in spring.',
    "Félicitations aux jeunes mariés !",
    "Get well soon.\nWe miss you at the office.",
)
"""Line breaks, quotation marks, umlauts and an emoji: what breaks careless readers."""

CANCEL_REASONS: tuple[str, ...] = ("Order created by mistake", "Item would not arrive on time", "Found a better price")
