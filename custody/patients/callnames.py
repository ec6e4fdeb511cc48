"""Call names: what a ward says aloud instead of a patient's name, for example "Heron 1873".

A name is a bird, a plant or a river, followed by the last four characters of the serial of the chain-of-identity
identifier. It is unique among the active therapies of a site, and it never identifies: people compare identifiers, and
the call name only tells two therapies apart in speech (DESIGN §12). The list holds no two names that are one sound
apart, none that people bear as a first name, and none of ill omen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from ledger.errors import Conflict


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


BIRDS = _words("""
    Avocet Babbler Barbet Bittern Blackcap Bluebird Bluethroat Bobolink Bobwhite Brambling Budgerigar Bulbul
    Bullfinch Bunting Caracara Cassowary Chaffinch Chickadee Chiffchaff Chough Cisticola Cockatoo Condor Cormorant
    Corncrake Crossbill Curassow Curlew Cygnet Dabchick Dikkop Dipper Dotterel Dowitcher Dunlin Dunnock Eagle
    Egret Eider Emu Falcon Fantail Fieldfare Finch Firecrest Flamingo Flycatcher Francolin Fulmar Gadwall Gannet
    Garganey Godwit Goldcrest Goldeneye Goldfinch Goosander Goshawk Grackle Grebe Greenfinch Greenshank Grosbeak
    Grouse Guillemot Guineafowl Gyrfalcon Hamerkop Harrier Heron Honeyguide Hoopoe Hornbill Ibis Jabiru Jacamar
    Jackdaw Junco Kagu Kakapo Kestrel Kingfisher Kinglet Kiskadee Kittiwake Kiwi Kookaburra Lapwing Lark Limpkin
    Longspur Lorikeet Lovebird Macaw Mallard Manakin Meadowlark Merganser Minivet Motmot Mousebird Munia
    Nutcracker Nuthatch Oriole Osprey Ostrich Owl Oxpecker Parakeet Pardalote Parrot Partridge Peacock Pelican
    Penguin Pheasant Pipit Pitta Plover Pochard Puffin Quail Quetzal Razorbill Redpoll Redshank Redstart Redwing
    Rhea Ringdove Roadrunner Rosefinch Ruff Sanderling Sandgrouse Sandpiper Scaup Scoter Seriema Shearwater
    Shelduck Shoebill Siskin Skimmer Skylark Smew Snowcock Spoonbill Starling Stonechat Stork Sunbird Swallow Swan
    Tanager Tattler Teal Thrush Tinamou Toucan Towhee Tragopan Trogon Turaco Turnstone Veery Verdin Vireo Waxbill
    Wheatear Whimbrel Whinchat Wigeon Willet Woodcock Woodlark Woodpecker
""")

PLANTS = _words("""
    Acacia Acanthus Agapanthus Agave Alfalfa Aloe Alpinia Amaranth Anemone Apricot Arnica Artichoke Aspen
    Aubergine Avens Azalea Balsam Bamboo Banksia Baobab Bayleaf Bearberry Beech Begonia Bellflower Bergamot
    Blackthorn Bluebell Borage Boxwood Bracken Buckwheat Buddleia Bulrush Burdock Buttercup Cactus Calendula
    Campion Caraway Cardamom Carnation Catalpa Cedar Celandine Centaury Chamomile Chervil Chestnut Chicory Chives
    Cinnamon Citron Clematis Coconut Comfrey Coriander Cornflower Cowslip Cranberry Crocus Cypress Daffodil Damson
    Dandelion Ebony Edelweiss Endive Eucalyptus Fennel Fescue Fig Flax Freesia Fuchsia Galangal Gardenia Garlic
    Gentian Geranium Ginkgo Gladiolus Gooseberry Guava Gypsophila Harebell Hawthorn Heliotrope Hibiscus Hollyhock
    Hosta Hyacinth Hydrangea Hyssop Jacaranda Jojoba Juniper Kapok Kumquat Laburnum Larkspur Lavender Lentil
    Lettuce Lilac Liquorice Lobelia Lucerne Lupin Magnolia Mahogany Mango Marigold Marjoram Mimosa Mint Mugwort
    Mulberry Mustard Narcissus Nasturtium Nectarine Nutmeg Oleander Orchid Oregano Osier Oxlip Papaya Papyrus
    Parsley Parsnip Peppermint Periwinkle Persimmon Pimpernel Pineapple Pistachio Plantain Plumbago Pomelo Poplar
    Primrose Privet Purslane Quince Radish Raspberry Rhubarb Samphire Sandalwood Saxifrage Scabious Sedge Sequoia
    Sesame Silverweed Snapdragon Snowberry Snowdrop Soapwort Sorrel Speedwell Spinach Spindle Spruce Squash
    Strawberry Sunflower Sycamore Tamarind Tarragon Thistle Thrift Thyme Toadflax Tomato Trefoil Turmeric Valerian
    Vanilla Walnut Watercress Wisteria Woodruff Yucca Zinnia
""")

RIVERS = _words("""
    Adige Allier Amazon Clyde Columbia Danube Derwent Dordogne Douro Ebro Euphrates Garonne Guadiana Indus
    Irrawaddy Isar Kasai Klamath Kolyma Limpopo Loire Manzanares Medway Mekong Mersey Moselle Neckar Neretva
    Okavango Orinoco Orontes Oxus Pechora Potomac Rhone Rubicon Salween Sambre Scheldt Severn Tarim Ticino Tigris
    Torne Trent Tweed Ucayali Vistula Volga Wabash Weser Yangtze Yarra Yenisei Yukon Zambezi
""")

NAMES: tuple[str, ...] = (*BIRDS, *PLANTS, *RIVERS)
TAIL_LENGTH = 4


class CallNamesExhausted(Conflict):
    """Every call name that could be given is in use at this site."""


def choose(taken: Collection[str], serial: str) -> str:
    """A call name for a new therapy with this serial, none of `taken` (those of the site's active therapies).

    The same serial and the same `taken` give the same name. A word in use is avoided while any is free, so that the
    word alone tells therapies apart at a site with fewer of them than there are names. Raises CallNamesExhausted, and
    ValueError for a serial of fewer than four letters and digits.
    """
    tail = "".join(character for character in serial.upper() if character.isalnum())[-TAIL_LENGTH:]
    if len(tail) < TAIL_LENGTH:
        raise ValueError(f"a serial has at least {TAIL_LENGTH} letters and digits")
    start = int.from_bytes(hashlib.sha256(b"needlepoint/callname/v1\x00" + serial.encode()).digest()[:8])
    order = [NAMES[(start + step) % len(NAMES)] for step in range(len(NAMES))]
    words = {name.partition(" ")[0] for name in taken}
    for word in order:
        if word not in words:
            return f"{word} {tail}"
    for word in order:
        if f"{word} {tail}" not in taken:
            return f"{word} {tail}"
    raise CallNamesExhausted("Every call name ending so is in use at this site. Close therapies that have ended.")
