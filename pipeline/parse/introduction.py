"""Lines that introduce somebody else's words: "On … wrote:", header blocks, rules like "Original Message"."""

import re

WINDOW = 4
MAX_LENGTH = 400
MAX_RULE = 120

_VERB = (
    r"wrote|writes|schrieb|schrieben|schreibt|a écrit|a ecrit|écrit|escribió|escribio|ha escrito|ha scritto|scrisse|"
    r"escreveu|schreef|skrev|skrifaði|kirjoitti|napisał|napisał\(a\)|napisała|pisze|napsal|napsal\(a\)|napísal|írta|"
    r"a scris|yazdı|şunu yazdı|пишет|написал|написал\(а\)|написала|писал|писал\(а\)|пише|написав|έγραψε|đã viết|menulis|"
    r"写道|寫道|のメール|書きました|작성"
)
_SAYS = re.compile(rf"(?:^|[\s\d,>\"'*)，])(?:{_VERB})(?=$|[\s:：*<\"'(,])", re.IGNORECASE)
_STARTS = re.compile(
    r"[\s*_]*(?:On|At|In|Am|Im|Le|El|Il|Op|Em|Den|Dne|Dňa|Dana|W|Dnia|På|Pe|Vào|Pada|Ha|Στις|В|Вт|Ср|Чт|Пт|Сб|Вс|Пн|Во?|"
    r"Mon|Tue|Wed|Thu|Fri|Sat|Sun|Quoting|From|Von)\b|[\s*_]*(?:\d{1,4}[-./年 ]|在|于|\d{4}年)",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[:：][\s*_]*$")
_EVIDENCE = re.compile(r"\d[-./:年 ,]|@|\d{4}")
_MESSAGE = re.compile(
    r"message|nachricht|e-?mail|mensaje|messaggio|mensagem|bericht|wiadomo|сообщени|письмо|повідомлення|meddeland|besked|"
    r"melding|viesti|zpráv|správ|mesaj|ileti|μήνυμα|üzenet|邮件|郵件|メッセージ|転送|원본",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(?: (?=.{0,90}[<@])| \d\d?:\d\d(?::\d\d)? (?:GMT|UTC|[+-]\d\d))[^\n]{1,200}$"
)
_MAILBOX_END = re.compile(r"<[^<>\s]{1,200}@[^<>\s]{1,200}>\s?[:：]?$")
_BEGIN = re.compile(
    r"^[\s*>]*(?:-{0,20} ?)?(?:Begin forwarded message|Anfang der weitergeleiteten (?:Nachricht|E-?Mail)|Forwarded message|"
    r"Weitergeleitete Nachricht|Original[- ]Message|Ursprüngliche Nachricht|Début du message (?:réexpédié|transféré)|"
    r"Message transféré|Message d['’]origine|Inicio del mensaje reenviado|Mensaje (?:original|reenviado)|"
    r"Inizio messaggio inoltrato|Messaggio originale|Início da mensagem (?:reencaminhada|encaminhada)|Mensagem original|"
    r"Begin doorgestuurd bericht|Oorspronkelijk bericht|Vidarebefordrat brev)[ \-*]{0,20}:?[ \-*]{0,20}$",
    re.IGNORECASE,
)
_WHO = (
    "From|Von|De|Da|Van|Fra|Från|Lähettäjä|Od|Від|От|Kimden|Feladó|Odesílatel|发件人|寄件者|差出人|보낸 사람"
)
_WHEN = (
    "Sent|Date|Gesendet|Datum|Envoyé|Enviado(?: el)?|Enviada(?: em)?|Fecha|Data|Inviato|Verzonden|Sendt|Dato|Skickat|"
    "Lähetetty|Wysłano|Отправлено|Дата|Odesláno|Gönderildi|发送时间|日期|送信日時"
)
_WHOM = (
    "To|An|À|A|Para|Aan|Til|Till|Vastaanottaja|Do|Кому|Komu|Cc|Kopie|Copie|CC|Reply-To|Kime|收件人|宛先"
    "|Subject|Betreff|Objet|Asunto|Oggetto|Assunto|Onderwerp|Emne|Ämne|Aihe|Temat|Тема|Předmět|Konu|主题|主旨|件名"
)
_FIELD = re.compile(rf"^[\s*_>]*(?:(?P<who>{_WHO})|(?P<when>{_WHEN})|(?P<whom>{_WHOM}))[\s*_]{{0,3}}[:：]", re.IGNORECASE)


def introduction_at(lines: list[str], index: int) -> int:
    """How many lines from there are an introduction such as "On … wrote:"; 0 when none starts there."""
    line = lines[index]
    if count := _dated_at(lines, index):
        return count
    starts = _STARTS.match(line) is not None
    if not starts and not _ENDS.search(line):
        starts = "@" in line and '"' not in line[:1] and len(line) < MAX_LENGTH
        if not starts:
            return 0
    window = ""
    for count in range(1, WINDOW + 1):
        if index + count > len(lines):
            return 0
        part = lines[index + count - 1].strip()
        if not part or len(window) + len(part) > MAX_LENGTH:
            return 0
        window = f"{window} {part}" if window else part
        if not _ENDS.search(part):
            if not starts:
                return 0
            continue
        if not _SAYS.search(window):
            return 0
        if _EVIDENCE.search(window) or _is_quote_next(lines, index + count):
            return count
        return 0
    return 0


def _dated_at(lines: list[str], index: int) -> int:
    """Gmail's way in some languages: the date and the mailbox, without a verb."""
    if not lines[index][:4].isdecimal():
        return 0
    joined = lines[index].strip()
    for count in 1, 2:
        if _DATED.match(joined) and (_MAILBOX_END.search(joined) or "GMT" in joined[:30]):
            if _MAILBOX_END.search(joined) or count == 2 or not joined.endswith("<"):  # noqa: PLR2004 - two lines at most
                return count
        if index + count < len(lines):
            joined = (joined + lines[index + count].strip())[:MAX_LENGTH]
    return 0


def is_rule(line: str) -> bool:
    """Whether the line separates an earlier message, like `-----Original Message-----` in any language."""
    if len(line) > MAX_RULE:
        return False
    bare = line.strip(" \t*>\u00a0")
    if bare and bare[0] in "-_—=" and bare[-1] in "-_—=":
        inner = bare.strip("-_—= \t*")
        return _MESSAGE.search(inner) is not None or (_SAYS.search(inner) is not None and _EVIDENCE.search(inner) is not None)
    return (":" in bare[-2:] or bare[:1] == "-") and _BEGIN.match(line) is not None


def header_block_at(lines: list[str], index: int) -> bool:
    """Whether the headers of an earlier message stand there: who wrote it with when, to whom or about what."""
    line = lines[index][:80]
    first = _FIELD.match(line) if ":" in line or "：" in line else None
    if first is None:
        return False
    kinds = {first.lastgroup}
    fields = 1
    blanks = 0
    for line in lines[index + 1 : index + 9]:
        found = _FIELD.match(line[:80])
        if found:
            kinds.add(found.lastgroup)
            fields += 1
        elif not line.strip("> *"):
            blanks += 1
            if blanks > 3:  # noqa: PLR2004 - some clients put a blank line between any two headers
                break
    return {"who", "when"} <= kinds or (fields >= 3 and "who" in kinds)  # noqa: PLR2004 - two could be prose


def _is_quote_next(lines: list[str], index: int) -> bool:
    for line in lines[index : index + 3]:
        if line.strip():
            return line.lstrip().startswith(">")
    return False
