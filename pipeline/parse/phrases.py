# ruff: noqa: RUF001 - the letters of other scripts and the typographic marks are meant
"""How mail clients of many languages introduce a quote, a forward, a header or a device."""

WROTE = (
    r"wrote|writes|schrieb|schrieben|schreibt|a écrit|a ecrit|écrit|escribió|escribio|ha escrito|ha scritto|scrisse|"
    r"escreveu|schreef|geschreven|skrev|skrifaði|kirjoitti|napisał|napisał\(a\)|napisała|pisze|napsal|napsal\(a\)|"
    r"napísal|írta|a scris|yazdı|şunu yazdı|пишет|написал|написал\(а\)|написала|писал|писал\(а\)|пише|написав|έγραψε|"
    r"đã viết|menulis|写道|寫道|のメール|書きました|작성"
)
DATE_STARTS = (
    r"On|At|In|Am|Im|Le|El|Il|Op|Em|Den|Dne|Dňa|Dana|W|Dnia|På|Pe|Vào|Pada|Ha|Στις|В|Вт|Ср|Чт|Пт|Сб|Вс|Пн|Во?|"
    r"Mon|Tue|Wed|Thu|Fri|Sat|Sun|Quoting|From|Von"
)
MESSAGE = (
    r"message|nachricht|e-?mail|mensaje|messaggio|mensagem|bericht|wiadomo|сообщени|письмо|повідомлення|meddeland|besked|"
    r"melding|viesti|zpráv|správ|mesaj|ileti|μήνυμα|üzenet|邮件|郵件|メッセージ|転送|원본"
)
EARLIER_MESSAGE = (
    r"Begin forwarded message|Anfang der weitergeleiteten (?:Nachricht|E-?Mail)|Forwarded message|"
    r"Weitergeleitete Nachricht|Original[- ]Message|Ursprüngliche Nachricht|Début du message (?:réexpédié|transféré)|"
    r"Message transféré|Message d['’]origine|Inicio del mensaje reenviado|Mensaje (?:original|reenviado)|"
    r"Inizio messaggio inoltrato|Messaggio originale|Início da mensagem (?:reencaminhada|encaminhada)|"
    r"Mensagem original|Begin doorgestuurd bericht|Oorspronkelijk bericht|Vidarebefordrat brev"
)
WHO = r"From|Von|De|Da|Van|Fra|Från|Lähettäjä|Od|Від|От|Kimden|Feladó|Odesílatel|发件人|寄件者|差出人|보낸 사람"
WHEN = (
    r"Sent|Date|Gesendet|Datum|Envoyé|Enviado(?: el)?|Enviada(?: em)?|Fecha|Data|Inviato|Verzonden|Sendt|Dato|Skickat|"
    r"Lähetetty|Wysłano|Отправлено|Дата|Odesláno|Gönderildi|发送时间|日期|送信日時"
)
TO_WHOM_OR_WHAT = (
    r"To|An|À|A|Para|Aan|Til|Till|Vastaanottaja|Do|Кому|Komu|Cc|Kopie|Copie|Reply-To|Kime|收件人|宛先|"
    r"Subject|Betreff|Objet|Asunto|Oggetto|Assunto|Onderwerp|Emne|Ämne|Aihe|Temat|Тема|Předmět|Konu|主题|主旨|件名"
)
SENT_FROM = (
    r"Sent (?:from|via|using|with) (?:my |the |an? )?[\w\[<*]|Sent by \w+ |"
    r"(?:Diese (?:Nachricht|E-?Mail) wurde )?gesendet (?:von|mit|aus|über) |"
    r"(?:Diese (?:Nachricht|E-?Mail) wurde )?von (?:meine[mr]) .{1,60} gesendet|"
    r"Envoyé (?:de|depuis|à partir de|avec) |Enviado (?:desde|do|de|a partir d[eo]|com|con) |Inviato (?:da|dal|con) |"
    r"Verzonden (?:vanaf|met|van) |Verstuurd (?:vanaf|met) |Skickat från |Sendt fra |Lähetetty |"
    r"Wysłan[eo] (?:z|przez) |Отправлено (?:с|из) |Odesláno z |iPhoneから送信|发自|發自|從我的|"
    r"From my (?:i?Phone|iPad|mobile|Android)|Get Outlook for |Hol dir Outlook|Outlook für (?:iOS|Android)|"
    r"Télécharger Outlook|Obtener Outlook|Ottieni Outlook|Download Outlook"
)
SENT_FROM_FIRST_LETTERS = frozenset({
    "sen", "die", "ges", "von", "env", "inv", "ver", "ski", "läh", "wys", "отп", "ode", "iph", "get", "hol", "out",
    "tél", "obt", "ott", "dow", "发自我", "發自我", "從我的", "fro",
})  # fmt: skip
