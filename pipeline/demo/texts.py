"""What the customers of the demonstration write about, each in their own language."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A customer."""

    name: str
    address: str
    topics: tuple["Topic", ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that a customer writes about: how it begins, and what may follow."""

    subject: str
    opening: str
    later: tuple[str, ...]


ENGLISH = (
    Topic(
        "Printer on the second floor jams every morning",
        "Since Monday the printer on the second floor jams on the first job of the day. "
        "Opening the rear tray helps until the next morning. Could somebody look at the rollers?",
        ("It happened again today, at ten past eight.", "The rollers were cleaned, thank you. So far it prints."),
    ),
    Topic(
        "Invoice {number} shows the old address",
        "We moved in spring and told you so, but invoice {number} still went to Harbour Street. "
        "Please send it again to the new address.",
        ("Accounting asks when the new invoice will come.", "It is here now. You can close this."),
    ),
    Topic(
        "Cannot sign in after the update",
        "After last night's update the program asks for my password again and again. "
        "I tried two browsers, and a colleague sees the same.",
        ("A restart of the computer changed nothing.", "It works since noon, whatever you did."),
    ),
    Topic(
        "When does order {number} leave your house?",
        "The tracking page of order {number} has said 'packed' for six days. We need the spare parts before Friday.",
        ("Still 'packed' this morning.", "The courier came. All parts are there."),
    ),
)
GERMAN = (
    Topic(
        "Pumpe {number} meldet Überdruck",
        "Guten Tag, die Pumpe {number} in Halle 3 meldet seit heute früh Überdruck, obwohl das Manometer normale Werte "
        "zeigt. Ist der Fühler defekt?",
        ("Nach dem Neustart war zehn Minuten Ruhe, dann kam die Meldung wieder.", "Der neue Fühler ist eingebaut."),
    ),
    Topic(
        "Rechnung {number}: Mehrwertsteuer fehlt",
        "Auf der Rechnung {number} ist keine Mehrwertsteuer ausgewiesen. Bitte schicken Sie uns eine neue Fassung.",
        ("Gibt es schon einen Termin für die neue Rechnung?", "Danke, jetzt stimmt sie."),
    ),
)
PORTUGUESE = (
    Topic(
        "A impressora não liga",
        "Bom dia, depois da falha de energia de ontem a impressora já não liga. O cabo e a tomada estão bons. "
        "Podem mandar um técnico?",
        ("O técnico ainda não chegou.", "Já funciona, muito obrigada."),
    ),
    Topic(
        "Atraso na encomenda {number}",
        "A encomenda {number} devia ter chegado na terça-feira. Sabem onde está?",
        ("Hoje também não chegou nada.", "Chegou agora mesmo."),
    ),
)
FRENCH = (
    Topic(
        "Le chauffage de la salle de réunion reste froid",
        "Bonjour, le chauffage de la salle de réunion reste froid depuis l'entretien de la semaine dernière. "
        "Le thermostat indique pourtant 21 degrés.",
        ("Il fait 15 degrés ce matin.", "Tout est rentré dans l'ordre, merci."),
    ),
)
SPANISH = (
    Topic(
        "El lector de tarjetas de la entrada no responde",
        "Buenos días, el lector de tarjetas de la entrada principal no responde desde las siete. "
        "La puerta lateral funciona con normalidad.",
        ("Seguimos entrando por la puerta lateral.", "Ya funciona de nuevo, gracias."),
    ),
)
JAPANESE = (
    Topic(
        "注文番号 {number} の納期について",
        "お世話になっております。注文番号 {number} の納期を教えてください。金曜日までに部品が必要です。",
        ("まだ連絡をいただいておりません。", "部品が届きました。ありがとうございました。"),
    ),
)

PEOPLE = (
    Person("Ana Ribeiro", "ana.ribeiro@azulejo.example", PORTUGUESE),
    Person("Rui Tavares", "rui@azulejo.example", PORTUGUESE),
    Person("Karin Özdemir", "k.oezdemir@pumpenbau.example", GERMAN),
    Person("Jörg Brandt", "brandt@pumpenbau.example", GERMAN),
    Person("Megan O'Neill", "megan.oneill@harbourprint.example", ENGLISH),
    Person("Samuel Achterberg", "samuel@northfold.example", ENGLISH),
    Person("Priya Raman", "priya.raman@cedarworks.example", ENGLISH),
    Person("Tom Whitlock", "tom@cedarworks.example", ENGLISH),
    Person("Claire Aubin", "claire.aubin@atelier-aubin.example", FRENCH),
    Person("Luis Ferrer", "luis.ferrer@molinoalto.example", SPANISH),
    Person("佐藤 健", "sato@minato.example", JAPANESE),
)

NEWSLETTER = (
    "Spring catalogue: 40 new fittings",
    "Our spring catalogue is here. You get this letter because you ordered from us before; one click ends it.",
)
AWAY = "I am out of the office until Monday and read no mail. In urgent cases please call our reception."
RETURNED = "The following address rejected your message: 550 5.1.1 no such user."
