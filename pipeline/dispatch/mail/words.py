"""What our mails say, in each language; how it is put together, templates say."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from pipeline.domain import letter_texts, reminders

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language; in braces stands what is put there when a mail is written."""

    wrote: str
    case: str
    automatic: str
    promise_at_risk: str
    promise_at_risk_text: str
    promise_broken: str
    promise_broken_text: str
    deadline: str
    notice: str
    article: str
    article_text: str
    webhook_off: str
    webhook_off_text: str
    webhook_reason: str
    leave: str
    leave_asked: str
    leave_button: str
    left: str
    date: str


_OWN: Mapping[str, Words] = {
    "en": Words(
        wrote="On {at}, {author} wrote:",
        case="Case {number}: {title}",
        automatic="This mail was sent automatically.",
        promise_at_risk="{kpi} is at risk: {title}",
        promise_at_risk_text='"{kpi}" of {sla} has not been met yet, and its deadline is near.',
        promise_broken="{kpi} was not met: {title}",
        promise_broken_text='"{kpi}" of {sla} was not met in time.',
        deadline="Deadline: {at}",
        notice="What an agent replies to this mail goes to the customer.",
        article="An article that may help: {title}",
        article_text="We found this article in our knowledge base and hope that it answers your question.",
        webhook_off="Webhook {name} was switched off",
        webhook_off_text="Nothing could be delivered to {url} since {since}, so no more events are sent there.",
        webhook_reason="Reason: {reason}",
        leave="No more reminders: {link}",
        leave_asked="Shall we send no more reminders to {address}?",
        leave_button="No more reminders",
        left="We send no more reminders to {address}. Answers to what you write go on to come.",
        date="%Y-%m-%d %H:%M",
    ),
    "de": Words(
        wrote="Am {at} schrieb {author}:",
        case="Fall {number}: {title}",
        automatic="Diese Mail wurde automatisch verschickt.",
        promise_at_risk="{kpi} ist gefährdet: {title}",
        promise_at_risk_text="„{kpi}“ aus {sla} ist noch nicht erfüllt, und die Frist läuft bald ab.",
        promise_broken="{kpi} wurde nicht eingehalten: {title}",
        promise_broken_text="„{kpi}“ aus {sla} wurde nicht rechtzeitig erfüllt.",
        deadline="Frist: {at}",
        notice="Was Agenten auf diese Mail antworten, geht an den Kunden.",
        article="Ein Artikel, der weiterhelfen kann: {title}",
        article_text="Dieser Artikel aus unserer Wissensdatenbank beantwortet hoffentlich Ihre Frage.",
        webhook_off="Webhook {name} wurde abgeschaltet",
        webhook_off_text="Seit {since} konnte nichts an {url} zugestellt werden; dorthin gehen keine Ereignisse mehr.",
        webhook_reason="Grund: {reason}",
        leave="Keine Erinnerungen mehr: {link}",
        leave_asked="Sollen wir an {address} keine Erinnerungen mehr senden?",
        leave_button="Keine Erinnerungen mehr",
        left="An {address} senden wir keine Erinnerungen mehr. Antworten auf das, was Sie schreiben, kommen weiterhin.",
        date="%d.%m.%Y %H:%M",
    ),
    "fr": Words(
        wrote="Le {at}, {author} a écrit :",
        case="Dossier {number} : {title}",
        automatic="Ce courriel a été envoyé automatiquement.",
        promise_at_risk="{kpi} : délai bientôt dépassé ({title})",
        promise_at_risk_text="L'engagement « {kpi} » ({sla}) n'est pas encore tenu et l'échéance approche.",
        promise_broken="{kpi} : délai dépassé ({title})",
        promise_broken_text="L'engagement « {kpi} » ({sla}) n'a pas été tenu à temps.",
        deadline="Échéance : {at}",
        notice="Ce qu'un agent répond à ce courriel est transmis au client.",
        article="Un article qui peut vous aider : {title}",
        article_text="Cet article de notre base de connaissances répond peut-être à votre question.",
        webhook_off="Le webhook {name} a été désactivé",
        webhook_off_text="Rien n'a pu être remis à {url} depuis le {since} ; plus aucun événement n'y est envoyé.",
        webhook_reason="Motif : {reason}",
        leave="Ne plus recevoir de rappels : {link}",
        leave_asked="Voulez-vous que nous n'envoyions plus de rappels à {address} ?",
        leave_button="Ne plus recevoir de rappels",
        left="Nous n'enverrons plus de rappels à {address}. Vous recevrez toujours nos réponses à vos messages.",
        date="%d/%m/%Y %H:%M",
    ),
    "es": Words(
        wrote="El {at}, {author} escribió:",
        case="Caso {number}: {title}",
        automatic="Este correo se ha enviado automáticamente.",
        promise_at_risk="{kpi} está en riesgo: {title}",
        promise_at_risk_text="El compromiso «{kpi}» ({sla}) aún no se ha cumplido y su plazo está por vencer.",
        promise_broken="{kpi} no se ha cumplido: {title}",
        promise_broken_text="El compromiso «{kpi}» ({sla}) no se ha cumplido a tiempo.",
        deadline="Plazo: {at}",
        notice="Lo que un agente responda a este correo se envía al cliente.",
        article="Un artículo que puede ayudarle: {title}",
        article_text="Hemos encontrado este artículo en nuestra base de conocimientos; esperamos que le sea útil.",
        webhook_off="El webhook {name} se ha desactivado",
        webhook_off_text="Desde {since} no se ha podido entregar nada a {url}; ya no se envían eventos allí.",
        webhook_reason="Motivo: {reason}",
        leave="No recibir más recordatorios: {link}",
        leave_asked="¿Desea que no enviemos más recordatorios a {address}?",
        leave_button="No recibir más recordatorios",
        left="Ya no enviaremos recordatorios a {address}. Las respuestas a sus mensajes seguirán llegando.",
        date="%d/%m/%Y %H:%M",
    ),
    "pt": Words(
        wrote="Em {at}, {author} escreveu:",
        case="Caso {number}: {title}",
        automatic="Este e-mail foi enviado automaticamente.",
        promise_at_risk="{kpi} está em risco: {title}",
        promise_at_risk_text='O compromisso "{kpi}" ({sla}) ainda não foi cumprido e o prazo está a terminar.',
        promise_broken="{kpi} não foi cumprido: {title}",
        promise_broken_text='O compromisso "{kpi}" ({sla}) não foi cumprido a tempo.',
        deadline="Prazo: {at}",
        notice="O que um agente responder a este e-mail é enviado ao cliente.",
        article="Um artigo que pode ajudar: {title}",
        article_text="Encontrámos este artigo na nossa base de conhecimento e esperamos que responda à sua pergunta.",
        webhook_off="O webhook {name} foi desativado",
        webhook_off_text="Desde {since} nada pôde ser entregue a {url}; já não são enviados eventos para lá.",
        webhook_reason="Razão: {reason}",
        leave="Não receber mais lembretes: {link}",
        leave_asked="Quer que deixemos de enviar lembretes para {address}?",
        leave_button="Não receber mais lembretes",
        left="Não enviaremos mais lembretes para {address}. As respostas às suas mensagens continuarão a chegar.",
        date="%d/%m/%Y %H:%M",
    ),
    "it": Words(
        wrote="Il {at} {author} ha scritto:",
        case="Caso {number}: {title}",
        automatic="Questa mail è stata inviata automaticamente.",
        promise_at_risk="{kpi} è a rischio: {title}",
        promise_at_risk_text="L'impegno «{kpi}» ({sla}) non è ancora stato rispettato e la scadenza è vicina.",
        promise_broken="{kpi} non è stato rispettato: {title}",
        promise_broken_text="L'impegno «{kpi}» ({sla}) non è stato rispettato in tempo.",
        deadline="Scadenza: {at}",
        notice="Ciò che un agente risponde a questa mail viene inviato al cliente.",
        article="Un articolo che può esserle utile: {title}",
        article_text="Abbiamo trovato questo articolo nella nostra base di conoscenze; speriamo che le sia utile.",
        webhook_off="Il webhook {name} è stato disattivato",
        webhook_off_text="Dal {since} non si è potuto consegnare nulla a {url}; non vi vengono più inviati eventi.",
        webhook_reason="Causa: {reason}",
        leave="Non ricevere più promemoria: {link}",
        leave_asked="Vuole che non inviamo più promemoria a {address}?",
        leave_button="Non ricevere più promemoria",
        left="Non invieremo più promemoria a {address}. Le risposte ai suoi messaggi continueranno ad arrivare.",
        date="%d/%m/%Y %H:%M",
    ),
}

LANGUAGES = tuple(_OWN)


def primary(language: str) -> str:
    """The language without its region: `pt` of `pt-BR`."""
    return language.strip().lower().replace("_", "-").partition("-")[0]


def words_of(language: str) -> Mapping[str, str]:
    """All sentences of a language; of one that there is none for, English."""
    code = primary(language)
    code = code if code in _OWN else DEFAULT
    received, waiting = letter_texts.WORDS[code], reminders.WORDS[code]
    return {
        **asdict(_OWN[code]),
        "received": received.subject,
        "received_text": received.text,
        "received_about": received.about,
        "waiting": waiting.subject,
        "waiting_text": waiting.text,
        "waiting_closing": waiting.closing,
    }


def told_time(at: datetime, language: str) -> str:
    """A time as the language writes it, with its zone."""
    return f"{at.strftime(words_of(language)['date'])} {at.tzname() or ''}".rstrip()
