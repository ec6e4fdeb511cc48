"""Who takes part in the demonstration. All of it is invented; addresses end in `.example` (RFC 2606)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation. Place in millionths of a degree (WGS 84)."""

    code: str
    name: str
    kind: str
    country: str
    city: str
    time_zone: str
    latitude_e6: int
    longitude_e6: int
    domain: str
    people: tuple[tuple[str, str], ...]


OPERATOR = Member(
    "N0001",
    "Needlepoint Consortium Office",
    "operator",
    "NL",
    "Utrecht",
    "Europe/Amsterdam",
    52_090_700,
    5_121_400,
    "consortium.example",
    (("Merel Aldenkamp", "operator_steward"),),
)

MEMBERS: tuple[Member, ...] = (
    Member(
        "X0042",
        "Linden University Hospital",
        "treatment_centre",
        "NL",
        "Leiden",
        "Europe/Amsterdam",
        52_166_000,
        4_477_000,
        "linden.example",
        (
            ("Ines Marlowe", "nurse"),
            ("Joris Haanstra", "nurse"),
            ("Tomas Birk", "coordinator"),
            ("Adaeze Okonjo", "physician"),
            ("Lotte Vermeer", "cell_lab"),
            ("Sami Rautio", "cell_lab"),
            ("Greet Polak", "administrator"),
            ("Mirthe Zeldenrust", "data_protection_officer"),
        ),
    ),
    Member(
        "X0117",
        "Harrow Field Hospital",
        "treatment_centre",
        "GB",
        "London",
        "Europe/London",
        51_586_000,
        -337_000,
        "harrowfield.example",
        (
            ("Bryony Cole", "nurse"),
            ("Dev Malhotra", "nurse"),
            ("Fergus Iain", "coordinator"),
            ("Ruth Abara", "physician"),
            ("Nia Prosser", "cell_lab"),
            ("Owen Tait", "cell_lab"),
            ("Hugh Penhallow", "administrator"),
            ("Iris Lockwood", "data_protection_officer"),
        ),
    ),
    Member(
        "M0311",
        "Vaartkade Cell Works",
        "manufacturer",
        "NL",
        "Amersfoort",
        "Europe/Amsterdam",
        52_156_000,
        5_387_000,
        "vaartkade.example",
        (
            ("Pim Drost", "scheduler"),
            ("Noor Bakker", "operator"),
            ("Elif Sahin", "operator"),
            ("Carlo Ricci", "qc_analyst"),
            ("Maud Janse", "qa"),
            ("Hanneke Verbeek", "qp"),
        ),
    ),
    Member(
        "M0408",
        "Solveig Therapeutics",
        "manufacturer",
        "SE",
        "Uppsala",
        "Europe/Stockholm",
        59_858_000,
        17_638_000,
        "solveig.example",
        (
            ("Astrid Holm", "scheduler"),
            ("Nils Ekdahl", "operator"),
            ("Freja Lund", "operator"),
            ("Jonas Wik", "qc_analyst"),
            ("Karin Stahl", "qa"),
            ("Anders Nyberg", "qp"),
        ),
    ),
    Member(
        "C0205",
        "Polar Lane Logistics",
        "courier",
        "NL",
        "Hoofddorp",
        "Europe/Amsterdam",
        52_306_000,
        4_690_000,
        "polarlane.example",
        (("Kofi Osei", "courier"), ("Piet Adeyemi", "courier"), ("Wanda Roos", "dispatcher")),
    ),
    Member(
        "C0219",
        "Northline Cold Chain",
        "courier",
        "GB",
        "Felixstowe",
        "Europe/London",
        51_963_000,
        1_351_000,
        "northline.example",
        (("Gwen Sharp", "courier"), ("Tariq Aziz", "courier"), ("Moira Penn", "dispatcher")),
    ),
    Member(
        "P0501",
        "Delta Care Fund",
        "payer",
        "NL",
        "Tilburg",
        "Europe/Amsterdam",
        51_560_000,
        5_091_000,
        "deltacare.example",
        (("Saskia Vos", "payer_analyst"),),
    ),
    Member(
        "P0522",
        "Albion Health Cover",
        "payer",
        "GB",
        "Leeds",
        "Europe/London",
        53_801_000,
        -1_549_000,
        "albion.example",
        (("Imran Shah", "payer_analyst"),),
    ),
    Member(
        "R0901",
        "Medicines Authority",
        "regulator",
        "NL",
        "Amsterdam",
        "Europe/Amsterdam",
        52_338_000,
        4_873_000,
        "authority.example",
        (("Rune Lindqvist", "inspector"),),
    ),
)

LOGGERS_A_COURIER = 40
"""Loggers registered for each courier; a shipment takes the next free one."""

DUTY_NUMBERS: dict[str, tuple[str, str]] = {
    "X0042": ("+31 71 000 00 42", "Cell lab, day and night"),
    "X0117": ("+44 20 7946 0117", "Cell lab, day and night"),
    "M0311": ("+31 33 000 03 11", "Duty desk, day and night"),
    "M0408": ("+46 8 465 004 08", "Duty desk, day and night"),
    "C0205": ("+31 23 000 02 05", "Dispatch, day and night"),
    "C0219": ("+44 20 7946 0219", "Dispatch, day and night"),
}
"""Nobody answers these: British and Swedish ones are of the ranges kept for drama (Ofcom 020 7946 0000 to 0999, PTS
08-465 004 00 to 99), and no subscriber's number in the Netherlands begins with a 0 after the area code."""
