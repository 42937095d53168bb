# ruff: noqa: RUF001 - the letters and marks of other scripts are what mail programs write
"""The words with which mail programs of many languages introduce what is quoted, forwarded or added by themselves."""

from textwrap import wrap

import pytest

from pipeline.parse.reply import split_reply

GMAIL = {
    "en": "On Mon, Mar 2, 2026 at 10:00 AM Rui Costa <rui@acme.example> wrote:",
    "de": "Am Mo., 2. März 2026 um 10:00 Uhr schrieb Rui Costa <rui@acme.example>:",
    "fr": "Le lun. 2 mars 2026 à 10:00, Rui Costa <rui@acme.example> a écrit :",
    "es": "El lun, 2 mar 2026 a las 10:00, Rui Costa (<rui@acme.example>) escribió:",
    "pt-BR": "Em seg., 2 de mar. de 2026 às 10:00, Rui Costa <rui@acme.example> escreveu:",
    "pt-PT": "Rui Costa <rui@acme.example> escreveu (segunda, 2/03/2026 à(s) 10:00):",
    "it": "Il giorno lun 2 mar 2026 alle ore 10:00 Rui Costa <rui@acme.example> ha scritto:",
    "nl": "Op ma 2 mrt 2026 om 10:00 schreef Rui Costa <rui@acme.example>:",
    "pl": "pon., 2 mar 2026 o 10:00 Rui Costa <rui@acme.example> napisał(a):",
    "ru": "пн, 2 мар. 2026 г. в 10:00, Rui Costa <rui@acme.example>:",
    "uk": "пн, 2 бер. 2026 р. о 10:00 Rui Costa <rui@acme.example> пише:",
    "zh-CN": "Rui Costa <rui@acme.example> 于2026年3月2日周一 10:00写道：",
    "zh-TW": "Rui Costa <rui@acme.example> 於 2026年3月2日 週一 上午10:00寫道：",
    "ja": "2026年3月2日(月) 10:00 Rui Costa <rui@acme.example>:",
    "ko": "2026년 3월 2일 (월) 오전 10:00, Rui Costa <rui@acme.example>님이 작성:",
    "sv": "Den mån 2 mars 2026 kl 10:00 skrev Rui Costa <rui@acme.example>:",
    "da": "Den man. 2. mar. 2026 kl. 10.00 skrev Rui Costa <rui@acme.example>:",
    "no": "man. 2. mars 2026 kl. 10:00 skrev Rui Costa <rui@acme.example>:",
    "fi": "ma 2. maalisk. 2026 klo 10.00 Rui Costa (rui@acme.example) kirjoitti:",
    "cs": "po 2. 3. 2026 v 10:00 odesílatel Rui Costa <rui@acme.example> napsal:",
    "tr": "Rui Costa <rui@acme.example>, 2 Mar 2026 Pzt, 10:00 tarihinde şunu yazdı:",
    "hu": "Rui Costa <rui@acme.example> ezt írta (időpont: 2026. márc. 2., H, 10:00):",
    "ro": "Pe lun., 2 mar. 2026 la 10:00, Rui Costa <rui@acme.example> a scris:",
    "el": "Στις Δευ 2 Μαρ 2026 στις 10:00 π.μ., ο/η Rui Costa <rui@acme.example> έγραψε:",
}
APPLE = {
    "en": "On Mar 2, 2026, at 10:00 AM, Rui Costa <rui@acme.example> wrote:",
    "en-GB": "On 2 Mar 2026, at 10:00, Rui Costa <rui@acme.example> wrote:",
    "de": "Am 02.03.2026 um 10:00 schrieb Rui Costa <rui@acme.example>:",
    "fr": "Le 2 mars 2026 à 10:00, Rui Costa <rui@acme.example> a écrit :",
    "es": "El 2 mar 2026, a las 10:00, Rui Costa <rui@acme.example> escribió:",
    "pt": "No dia 2 de mar. de 2026, às 10:00, Rui Costa <rui@acme.example> escreveu:",
    "it": "Il giorno 2 mar 2026, alle ore 10:00, Rui Costa <rui@acme.example> ha scritto:",
    "nl": "Op 2 mrt 2026, om 10:00 heeft Rui Costa <rui@acme.example> het volgende geschreven:",
    "pl": "Wiadomość napisana przez Rui Costa <rui@acme.example> w dniu 2 mar 2026, o godz. 10:00:",
    "ru": "2 марта 2026 г., в 10:00, Rui Costa <rui@acme.example> написал(а):",
    "zh": "在 2026年3月2日，10:00，Rui Costa <rui@acme.example> 写道：",
    "ja": "2026/03/02 10:00、Rui Costa <rui@acme.example>のメール:",
    "sv": "2 mars 2026 kl. 10:00 skrev Rui Costa <rui@acme.example>:",
    "da": "Den 2. mar. 2026 kl. 10.00 skrev Rui Costa <rui@acme.example>:",
    "fi": "Rui Costa <rui@acme.example> kirjoitti 2.3.2026 kello 10.00:",
    "cs": "2. 3. 2026 v 10:00, Rui Costa <rui@acme.example>:",
    "tr": "Rui Costa <rui@acme.example> şunları yazdı (2 Mar 2026 10:00):",
}
YAHOO = {
    "en": "On Monday, March 2, 2026 at 10:00:00 AM GMT+1, Rui Costa <rui@acme.example> wrote:",
    "de": "Am Montag, 2. März 2026 um 10:00:00 MEZ hat Rui Costa <rui@acme.example> Folgendes geschrieben:",
    "fr": "Le lundi 2 mars 2026 à 10:00:00 UTC+1, Rui Costa <rui@acme.example> a écrit :",
    "es": "El lunes, 2 de marzo de 2026, 10:00:00 CET, Rui Costa <rui@acme.example> escribió:",
    "pt": "Em segunda-feira, 2 de março de 2026 10:00:00 BRT, Rui Costa <rui@acme.example> escreveu:",
    "it": "Il lunedì 2 marzo 2026 alle ore 10:00:00 CET, Rui Costa <rui@acme.example> ha scritto:",
    "nl": "Op maandag 2 maart 2026 10:00:00 CET schreef Rui Costa <rui@acme.example>:",
    "pl": "W dniu poniedziałek, 2 marca 2026 10:00:00 CET Rui Costa <rui@acme.example> napisał(a):",
    "ru": "В понедельник, 2 марта 2026 г., 10:00:00 GMT+3, Rui Costa <rui@acme.example> написал(а):",
    "zh": "在 2026年3月2日 星期一 GMT+8 上午10:00:00, Rui Costa <rui@acme.example> 写道：",
    "ja": "2026年3月2日月曜日 10:00:00 JST、Rui Costa <rui@acme.example>さんは書きました:",
}
THUNDERBIRD = {
    "en": "On 02/03/2026 10:00, Rui Costa wrote:",
    "de": "Am 02.03.26 um 10:00 schrieb Rui Costa:",
    "fr": "Le 02/03/2026 à 10:00, Rui Costa a écrit :",
    "es": "El 2/3/26 a las 10:00, Rui Costa escribió:",
    "pt-BR": "Em 02/03/2026 10:00, Rui Costa escreveu:",
    "pt-PT": "Às 10:00 de 02/03/2026, Rui Costa escreveu:",
    "it": "Il 02/03/2026 10:00, Rui Costa ha scritto:",
    "nl": "Op 02-03-2026 om 10:00 schreef Rui Costa:",
    "pl": "W dniu 2.03.2026 o 10:00, Rui Costa pisze:",
    "ru": "02.03.2026 10:00, Rui Costa пишет:",
    "zh": "在 2026/3/2 10:00, Rui Costa 写道:",
    "cs": "Dne 02. 03. 26 v 10:00 Rui Costa napsal(a):",
    "fi": "Rui Costa kirjoitti 2.3.2026 klo 10.00:",
}
OUTLOOK = {
    "en": ("From", "Sent", "To", "Subject"),
    "de": ("Von", "Gesendet", "An", "Betreff"),
    "fr": ("De", "Envoyé", "À", "Objet"),
    "es": ("De", "Enviado el", "Para", "Asunto"),
    "pt": ("De", "Enviada em", "Para", "Assunto"),
    "it": ("Da", "Inviato", "A", "Oggetto"),
    "nl": ("Van", "Verzonden", "Aan", "Onderwerp"),
    "pl": ("Od", "Wysłano", "Do", "Temat"),
    "ru": ("От", "Отправлено", "Кому", "Тема"),
    "uk": ("Від", "Надіслано", "Кому", "Тема"),
    "zh-CN": ("发件人", "发送时间", "收件人", "主题"),
    "zh-TW": ("寄件者", "寄件日期", "收件者", "主旨"),
    "ja": ("差出人", "送信日時", "宛先", "件名"),
    "ko": ("보낸 사람", "보낸 날짜", "받는 사람", "제목"),
    "sv": ("Från", "Skickat", "Till", "Ämne"),
    "da": ("Fra", "Sendt", "Til", "Emne"),
    "fi": ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
    "cs": ("Od", "Odesláno", "Komu", "Předmět"),
    "sk": ("Od", "Odoslané", "Komu", "Predmet"),
    "tr": ("Kimden", "Gönderildi", "Kime", "Konu"),
    "hu": ("Feladó", "Elküldve", "Címzett", "Tárgy"),
    "ro": ("De la", "Trimis", "Către", "Subiect"),
    "el": ("Από", "Στάλθηκε", "Προς", "Θέμα"),
}
RULES = [
    "---------- Forwarded message ---------",
    "Begin forwarded message:",
    "Anfang der weitergeleiteten Nachricht:",
    "Début du message réexpédié :",
    "Inicio del mensaje reenviado:",
    "Início da mensagem encaminhada:",
    "Inizio messaggio inoltrato:",
    "Begin doorgestuurd bericht:",
    "Początek przekazywanej wiadomości:",
    "Начало переадресованного сообщения:",
    "開始轉寄郵件：",
    "以下是转发的邮件：",
    "転送されたメッセージ:",
    "Vidarebefordrat brev:",
    "Start på videresendt besked:",
    "Välitetty viesti alkaa:",
    "Začátek přeposílané zprávy:",
    "-------- Weitergeleitete Nachricht --------",
    "-------- Message transféré --------",
    "-------- Mensaje reenviado --------",
    "-------- Messaggio inoltrato --------",
    "-------- Mensagem encaminhada --------",
    "-------- Doorgestuurd bericht --------",
    "-------- Treść przekazanej wiadomości --------",
    "-------- Перенаправленное сообщение --------",
    "-------- 转发的消息 --------",
    "-------- Vidarebefordrat meddelande --------",
    "-------- Yönlendirilmiş İleti --------",
    "----- Mensaje original -----",
    "-----Ursprüngliche Nachricht-----",
]
DEVICES = [
    "Sent from my iPhone",
    "Von meinem iPhone gesendet",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Enviado do meu iPhone",
    "Inviato da iPhone",
    "Verstuurd vanaf mijn iPhone",
    "Wysłane z iPhone'a",
    "Отправлено с iPhone",
    "从我的 iPhone 发送",
    "發自我的 iPhone",
    "iPhoneから送信",
    "Skickat från min iPhone",
    "Sendt fra min iPhone",
    "Lähetetty iPhonesta",
    "Odesláno z iPhonu",
    "iPhone'umdan gönderildi",
    "Gesendet mit der GMX Mail App",
    "Sent from Yahoo Mail for iPhone",
    "Gesendet von Yahoo Mail auf Android",
    "Get Outlook for iOS",
    "Outlook für Android herunterladen",
    "Télécharger Outlook pour iOS",
    "Scarica Outlook per Android",
    "Pobierz aplikację Outlook dla systemu iOS",
]
INTRODUCTIONS = [
    pytest.param(line, id=f"{client}-{language}")
    for client, lines in {"Gmail": GMAIL, "Apple": APPLE, "Yahoo": YAHOO, "Thunderbird": THUNDERBIRD}.items()
    for language, line in lines.items()
]


def folded(line: str, width: int) -> str:
    """The line as a client wraps it, between words."""
    return "\n".join(wrap(line, width, break_long_words=False, break_on_hyphens=False))


@pytest.mark.parametrize("line", INTRODUCTIONS)
def test_a_marked_quote_goes_with_its_introduction(line: str) -> None:
    for introduction in (line, folded(line, 76), folded(line, 60), folded(line, 40)):
        assert split_reply(f"It works now.\n\n{introduction}\n\n> does it work?\n> Rui\n")[0] == "It works now."


@pytest.mark.parametrize("line", INTRODUCTIONS)
def test_an_unmarked_quote_goes_with_its_introduction(line: str) -> None:
    reply, quoted, _ = split_reply(f"It works now.\nAna\n\n{line}\n\nDoes it work?\nRui\n")
    assert reply == "It works now.\nAna"
    assert quoted.startswith(line[:20])


@pytest.mark.parametrize("line", INTRODUCTIONS)
def test_an_answer_below_the_quote_stands_alone(line: str) -> None:
    assert split_reply(f"{line}\n> does it work?\n\nIt works now.\n")[0] == "It works now."


@pytest.mark.parametrize("names", [pytest.param(names, id=language) for language, names in OUTLOOK.items()])
def test_a_block_of_headers_begins_an_earlier_message(names: tuple[str, ...]) -> None:
    values = ("Rui Costa <rui@acme.example>", "2. 3. 2026 10:00", "Ana Silva <ana@acme.example>", "Re: 1")
    for colon in (": ", " : ", "："):
        block = "\n".join(f"{name}{colon}{value}" for name, value in zip(names, values, strict=True))
        assert split_reply(f"It works now.\n\n{block}\n\nDoes it work?\n")[0] == "It works now."
    bold = "\n".join(f"*{name}:* {value}" for name, value in zip(names, values, strict=True))
    assert split_reply(f"It works now.\n\n{bold}\n\nDoes it work?\n")[0] == "It works now."


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_begins_an_earlier_message(rule: str) -> None:
    assert split_reply(f"Please see below.\n\n{rule}\nRui <rui@acme.example>\n\nDoes it work?\n")[0] == (
        "Please see below."
    )


@pytest.mark.parametrize("line", DEVICES)
def test_what_a_device_adds_is_signature(line: str) -> None:
    assert split_reply(f"It works now.\n\n{line}\n") == ("It works now.", "", line)


@pytest.mark.parametrize(
    "prose",
    [
        "On 2 March I wrote to you: nothing happened.",
        "Am 2. März habe ich Ihnen geschrieben, bitte antworten Sie:\n- ja\n- nein",
        "Le 2 mars 2026 le client a écrit que tout va bien.",
        "From: the top\nTo: the bottom",
        "Data: 12\nOd: nowa\ncena",
        "A: first\nB: second",
        "Do: test\nTo: dzisiaj",
        "He wrote:\n\nthe printer is broken",
        "I wrote to support@acme.example on 2 March 2026 at 10:00:\nplease help",
        "Am 02.03.2026 um 10:00 haben wir geschrieben:\nbitte helfen",
        "In 2025 we bought it.\nOn 3 March 2026 at 10:00 it broke:\n- noise\n- smoke",
        "Sent from my desk, which is the wrong one, I know.",
        "De: la semana pasada",
    ],
)
def test_prose_with_such_words_is_left_alone(prose: str) -> None:
    assert split_reply(f"Hello,\n\n{prose}\n\nBye")[0] == f"Hello,\n\n{prose}\n\nBye"
