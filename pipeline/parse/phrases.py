# ruff: noqa: RUF001 - the letters of other scripts and the typographic marks are meant
"""How mail clients of many languages introduce a quote, a forward, a header or a device."""

WROTE = (
    r"wrote|writes|schrieb|schrieben|schreibt|a écrit|a ecrit|écrit|escribió|escribio|ha escrito|ha scritto|scrisse|"
    r"escreveu|schreef|geschreven|skrev|skrifaði|kirjoitti|napisał|napisał\(a\)|napisała|pisze|napsal|napsal\(a\)|"
    r"napísal|írta|a scris|yazdı|şunu yazdı|пишет|написал|написал\(а\)|написала|писал|писал\(а\)|пише|написав|έγραψε|"
    r"đã viết|menulis|写道|寫道|のメール|書きました|작성|wiadomość napisana|şunları yazdı"
)
MYSELF = r"I [a-z]|[Ww]e [a-z]|[Ii]ch\b|[Ww]ir\b|[Jj]['’]ai\b|[Nn]ous\b|[Ii]k\b|[Ii]o ho\b|[Hh]emos\b"
DATE_STARTS = (
    r"On|At|In|Am|Im|Le|El|Il|Op|Em|Den|Dne|Dňa|Dana|W|Dnia|På|Pe|Vào|Pada|Ha|Στις|В|Вт|Ср|Чт|Пт|Сб|Вс|Пн|Во?|"
    r"Mon|Tue|Wed|Thu|Fri|Sat|Sun|Quoting|From|Von|Às|No dia|Wiadomość|po|út|st|čt|pá|so|ne"
)
MESSAGE = (
    r"message|nachricht|e-?mail|mensaje|messaggio|mensagem|bericht|wiadomo|сообщени|письм|повідомлення|лист|meddeland|"
    r"besked|melding|viesti|zpráv|správ|mesaj|ileti|μήνυμα|üzenet|邮件|郵件|消息|信息|訊息|メッセージ|メール|転送|원본|전달"
)
EARLIER_MESSAGE = (
    r"Begin forwarded message|Anfang der weitergeleiteten (?:Nachricht|E-?Mail)|Forwarded (?:message|by .{1,60})|"
    r"Weitergeleitete Nachricht|Original[- ]Message|Ursprüngliche Nachricht|Début du message (?:réexpédié|transféré)|"
    r"Message (?:transféré|réexpédié)|Message d['’]origine|Inicio del mensaje reenviado|Mensaje (?:original|reenviado)|"
    r"Inizio (?:del )?messaggio inoltrato|Messaggio (?:originale|inoltrato)|"
    r"Início da mensagem (?:reencaminhada|encaminhada)|Mensagem (?:original|encaminhada|reencaminhada)|"
    r"Begin doorgestuurd bericht|(?:Oorspronkelijk|Doorgestuurd) bericht|Vidarebefordrat (?:brev|meddelande)|"
    r"Ursprungligt meddelande|(?:Start på )?videresendt (?:besked|meddelelse|melding)|Opprinnelig melding|"
    r"Oprindelig meddelelse|Välitetty viesti(?: alkaa)?|Alkuperäinen viesti|Początek przekazywanej wiadomości|"
    r"(?:Treść )?przekazan(?:ej wiadomości|a wiadomość)|Wiadomość oryginalna|Začátek přeposílané zprávy|"
    r"(?:Přeposlaná|Původní) zpráva|Начало переадресованного (?:сообщения|письма)|"
    r"(?:Пересылаемое|Перенаправленное|Исходное) (?:сообщение|письмо)|İletinin başlangıcı|"
    r"(?:Yönlendirilmiş|Özgün|İletilen) (?:ileti|mesaj)|(?:Továbbított|Eredeti) üzenet|"
    r"(?:以下是)?转发的?(?:邮件|消息|信息)|开始转发的?(?:邮件|信息)|開始轉寄郵件|轉寄的?(?:郵件|訊息)|原始(?:邮件|郵件)|"
    r"転送(?:された)?メッセージ|元のメッセージ|전달된 메시지|원본 메시지"
)
FORWARDED = (
    r"forward|weitergeleitet|transféré|réexpédié|reenviado|inoltrato|encaminhada|doorgestuurd|vidarebefordra|videresend|"
    r"välitetty|przekazan|přeposl|переадресован|пересыла|перенаправлен|başlangıcı|yönlendiril|iletilen|továbbított|"
    r"转发|轉寄|転送|전달"
)
FORWARD_PREFIXES = (
    r"fwd?|wg|tr|rv|enc|i|doorst|vb|vl|vs|pd|i̇lt|ilt|trs|tov|továbbítás|πρθ|przek|пересл|转发|轉寄|轉送|転送|전달"
)
WHO = (
    r"From|Von|De la|De|Da|Van|Fra|Från|Lähettäjä|Od|Від|От|Kimden|Gönderen|Feladó|Odesílatel|Odesilatel|Από|"
    r"发件人|寄件者|寄件人|差出人|보낸 ?사람|발신"
)
WHEN = (
    r"Sent|Date|Gesendet|Datum|Envoyé(?: le)?|Enviado(?: el| em)?|Enviada(?: em| el)?|Fecha|Data|Inviato|Verzonden|"
    r"Sendt|Dato|Skickat|Lähetetty|Päivämäärä|Wysłano|Отправлено|Дата|Надіслано|Odesláno|Odoslané|Dátum|Gönderildi|"
    r"Gönderilme|Tarih|Elküldve|Trimis|Στάλθηκε|Ημερομηνία|发送时间|发件时间|寄件日期|日期|送信日時|日付|보낸 ?날짜|"
    r"날짜"
)
TO_WHOM_OR_WHAT = (
    r"To|An|À|A|Para|Aan|Til|Till|Vastaanottaja|Do|Кому|Komu|Cc|Kopie|Kopia|Copie|Копия|Копія|Reply-To|Kime|Címzett|"
    r"Către|Προς|收件人|收件者|抄送|副本|宛先|받는 ?사람|참조|"
    r"Subject|Betreff|Betrifft|Objet|Asunto|Oggetto|Assunto|Onderwerp|Emne|Ämne|Aihe|Temat|Тема|Předmět|Predmet|Konu|"
    r"Tárgy|Subiect|Θέμα|主题|主旨|件名|제목"
)
SENT_FROM = (
    r"Sent (?:from|via|using|with) (?:my |the |an? )?[\w\[<*]|Sent by \w+ |"
    r"(?:Diese (?:Nachricht|E-?Mail) wurde )?gesendet (?:von|mit|aus|über) |"
    r"(?:Diese (?:Nachricht|E-?Mail) wurde )?von (?:meine[mr]) .{1,60} gesendet|"
    r"Envoyé (?:de|depuis|à partir de|avec) |Enviado (?:desde|do|de|a partir d[eo]|com|con) |Inviato (?:da|dal|con) |"
    r"Verzonden (?:vanaf|met|van) |Verstuurd (?:vanaf|met) |Skickat från |Sendt fra |Lähetetty |"
    r"Wysłan[eo] (?:z|przez) |Отправлено (?:с|из) |Надіслано (?:з|із) |Odesláno z |Odoslané z |"
    r"iPhoneから送信|iPhone.{0,3}umdan gönderildi|iPhone에서 보냄|发自|發自|从我的.{1,40}发送|從我的|"
    r"From my (?:i?Phone|iPad|mobile|Android)|Hol dir Outlook|"
    r"(?:Get|Download|Télécharge[rz]|Obtene[rn]|Obter|Ottieni|Scarica|Pobierz|Hämta|Hent|Hanki|Получить|Скачать|"
    r"下载|取得) (?:\w+ )?Outlook |Outlook (?:für|for|pour|para|per|voor) (?:iOS|Android)"
)
SENT_FROM_FIRST_LETTERS = frozenset({
    "sen", "die", "ges", "von", "env", "inv", "ver", "ski", "läh", "wys", "отп", "над", "ode", "odo", "iph",
    "get", "hol", "out", "tél", "obt", "ott", "dow", "sca", "pob", "häm", "hen", "han", "пол", "ска",
    "下载 ", "取得 ", "发自我", "发自 ", "發自我", "發自 ", "从我的", "從我的", "fro",
})  # fmt: skip
