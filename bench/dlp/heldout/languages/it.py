"""Italian: Italy and Ticino."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Ginevra, Ornella, Loredana, Fiorenza, Chiara, Immacolata, Giuliana, Noemi, Antonella, Beatrice, Concetta, Federica,
    Donatella, Ludovica, Mirella, Annalisa, Rosaria, Serena, Tiziana, Viola, Costanza, Eleonora, Graziella, Ilaria, Lucrezia,
    Nives, Patrizia, Samantha, Maria Grazia, Benedetta, Assunta, Sveva
""")
_MEN = listed("""
    Gennaro, Ettore, Corrado, Niccolò, Pasquale, Lorenzo, Umberto, Ruggero, Tommaso, Vincenzo, Danilo, Fabrizio, Giacomo,
    Leonardo, Mauro, Nazareno, Ottavio, Pierluigi, Riccardo, Salvatore, Valerio, Achille, Carmine, Domenico, Elio, Filippo,
    Gianmarco, Ivano, Saverio, Gian Luca, Rocco, Amedeo
""")
_FAMILIES = listed("""
    Bellucci, Tagliaferri, Esposito, Fontanella, Zanetti, Mastroianni, De Santis, Pellegrino, Caruso, Vitale, Bonfanti,
    Cattaneo, D'Amico, Lombardi, Marchetti, Piccolomini, Rinaldi, Santoro, Trevisan, Valentini, Abbate, Barbieri, Cavallaro,
    Di Stefano, Fabbri, Galli, Iacono, La Rocca, Morelli, Negri, Orlandini, Palumbo, Quaranta, Ruggeri, Silvestri, Testa,
    Ughi, Venturini, Zambon, Amato, Brambilla, Colombo, Dell'Acqua, Ferrero, Giordano, Longo, Mancuso, Napolitano, Oliva,
    Parisi, Ricciardi, Sartori, Tosi, Vannucci, Bianchini, Cirillo, Del Vecchio, Farina, Grimaldi, Locatelli, Monti,
    Scognamiglio
""")
_ITALIAN = Place(
    streets=listed("""
        Via Garibaldi, Corso Vittorio Emanuele, Piazza San Marco, Viale dei Tigli, Via delle Rose, Largo Augusto,
        Vicolo del Forno, Via Don Minzoni, Strada Provinciale 12, Via XX Settembre
    """),
    houses=("%", "%#", "%##", "%#/B", "%/a"),
    towns=(
        "201## Milano",
        "001## Roma",
        "801## Napoli NA",
        "40121 Bologna (BO)",
        "10128 Torino",
        "50122 Firenze FI",
        "35100 Padova",
        "6900 Lugano",
    ),
    lines=("{street}, {house}{br}{town}", "{street} {house}{br}{town}", "{street} n. {house}{br}{town}"),
)

_TEXTS = r"""
ticket
Segnalazione {{ticket}} - assistenza clienti

La signora {{PERSON:full1}} (cell. {{PHONE_NUMBER}}) lamenta un doppio addebito sulla carta {{CREDIT_CARD}} per l'ordine
{{order}}. Chiede il rimborso su {{IBAN_CODE}}. Ha già scritto due volte da {{EMAIL_ADDRESS:1}} senza avere risposta.

In carico a {{PERSON:initial2}}, fattura collegata {{invoice}}.
====
mail
Da: {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
A: {{EMAIL_ADDRESS:1}}
Oggetto: Dati per il contratto di locazione

Gentile dott.ssa {{PERSON:family1}},

come d'accordo Le invio i miei dati:

{{PERSON:full2}}
nato il {{DATE_OF_BIRTH:long2}}
C.F. {{NATIONAL_ID:it_cf2}}
residente in
{{ADDRESS:block}}

Il bonifico della caparra partirà dal conto {{IBAN_CODE}}. Per qualunque chiarimento il mio numero è {{PHONE_NUMBER}}.

Cordiali saluti,
{{PERSON:given2}}
====
chat
{{PERSON:given1}}: ragazzi chi ha la password del gestionale?
{{PERSON:given2}}: è sempre {{SECRET:password}}
{{PERSON:given1}}: non va più 😭
{{PERSON:given2}}: allora l'ha cambiata {{PERSON:full3}}, prova a chiamarla al {{PHONE_NUMBER}}
{{PERSON:given1}}: ok grazie, intanto col token ci entro: {{SECRET:gitlab}}
{{PERSON:given2}}: ma NON incollarlo qui!! dopo Ferragosto ne rifacciamo un altro
====
code
# -*- coding: utf-8 -*-
"Sincronizza le anagrafiche. Referente: {{PERSON:full2}}, {{EMAIL_ADDRESS:2}}"

URL_DATI = "{{URL_CREDENTIALS}}"
CHIAVE_SERVIZIO = "{{SECRET}}"
parola_chiave = "{{SECRET:password}}"
VERSIONE = "{{version}}"
IMPRONTA = "{{sha256}}"


def connetti(tentativi: int = 3) -> None:
    print(f"tentativi: {tentativi}")
====
json
{
  "pratica": "{{uuid}}",
  "intestatario": {
    "nome": "{{PERSON:given2}}",
    "cognome": "{{PERSON:family2}}",
    "codice_fiscale": "{{NATIONAL_ID:it_cf2}}",
    "data_nascita": "{{DATE_OF_BIRTH:iso2}}",
    "residenza": "{{ADDRESS}}",
    "contatti": ["{{EMAIL_ADDRESS:2}}", "{{PHONE_NUMBER:intl}}"]
  },
  "iban": "{{IBAN_CODE:plain}}",
  "passaporto": "{{PASSPORT}}",
  "importo": {{digits:4}},
  "protocollo": "{{digits:9}}",
  "hash": "{{md5}}"
}
====
log
{{iso}} INFO  portale  accesso riuscito utente={{EMAIL_ADDRESS:1}} ip={{IP_ADDRESS}}
{{iso}} WARN  portale  dispositivo non riconosciuto mac={{MAC_ADDRESS}}
{{iso}} ERROR cassa    transazione negata pan={{CREDIT_CARD:plain}} ordine={{order}} esito=116
{{iso}} DEBUG ponte    Cookie: sessione={{SECRET:jwt}}
{{iso}} INFO  ponte    richiesta {{uuid}} completata in {{digits:3}} ms, build {{build}}
====
table
Cognome e nome;Codice fiscale;Data di nascita;Cellulare;E-mail
{{PERSON:full1}};{{NATIONAL_ID:it_cf1}};{{DATE_OF_BIRTH:short1}};{{PHONE_NUMBER}};{{EMAIL_ADDRESS:1}}
{{PERSON:full2}};{{NATIONAL_ID:it_cf2}};{{DATE_OF_BIRTH:short2}};{{PHONE_NUMBER}};{{EMAIL_ADDRESS:2}}
{{PERSON:full3}};{{NATIONAL_ID:it_cf3}};{{DATE_OF_BIRTH:short3}};{{PHONE_NUMBER}};{{EMAIL_ADDRESS:3}}
{{PERSON:full4}};{{NATIONAL_ID:it_cf4}};{{DATE_OF_BIRTH:short4}};{{PHONE_NUMBER}};{{EMAIL_ADDRESS:4}}
====
medical
OSPEDALE MAGGIORE - Lettera di dimissione

Paziente: {{PERSON:full1}}
Nata il: {{DATE_OF_BIRTH:short1}}      Codice fiscale: {{NATIONAL_ID:it_cf1}}
Cartella clinica n. {{MEDICAL_RECORD}}
Indirizzo: {{ADDRESS}}

Si dimette in data {{date}} la paziente ricoverata per polmonite basale destra. PA 130/80, SpO2 96% in aria ambiente, PCR
{{digits:2}} mg/L. Nega allergie. Morbo di Crohn in follow-up. Terapia: amoxicillina 1 g x 3 (lotto {{batch}}). Avvisato il
figlio, {{PERSON:full2}}, al numero {{PHONE_NUMBER}}.

Il medico: dott. {{PERSON:full4}}
====
hr
SCHEDA DIPENDENTE (riservata)

Nominativo: {{PERSON:filed2}}
Luogo e data di nascita: Bari, {{DATE_OF_BIRTH:short2}}
Codice fiscale: {{NATIONAL_ID:it_cf2}}
Passaporto n.: {{PASSPORT}}
Domicilio: {{ADDRESS}}
Coordinate per lo stipendio: {{IBAN_CODE}}; vecchio conto corrente n. {{BANK_ACCOUNT}}
In caso di emergenza: {{PERSON:full1}}, moglie, {{PHONE_NUMBER}}

Livello {{number:7}}, CCNL Commercio, matricola {{digits:5}}, badge {{part}}. Assunzione {{date}}.
====
ticket
Oggetto: accesso VPN bloccato

Buongiorno, sono {{PERSON:full4}} dell'ufficio acquisti. Da stamattina la VPN mi rifiuta: il mio IP di casa è
{{IP_ADDRESS:four}}, il portatile ha MAC {{MAC_ADDRESS}}. Il codice errore è {{digits:3}}. Vi lascio il fisso:
{{PHONE_NUMBER}}. Se non rispondo, chiedete di {{PERSON:full1}}.
====
mail
Ciao {{PERSON:given1}},
per il volo di giovedì mi servono numero di passaporto e data di nascita di tutti. Io: {{PASSPORT}}, {{DATE_OF_BIRTH:short2}}.
Per {{PERSON:full3}} ho {{PASSPORT}}. Pago io con la mia, {{CREDIT_CARD}}, poi facciamo i conti.
Il codice prenotazione è {{upper:6}}.

Un bacio,
{{PERSON:given2}}
====
clean ticket
{{ticket}}: dopo il passaggio alla {{version}} il modulo magazzino non calcola le giacenze. Coinvolti il DDT {{reference}} e
l'ordine {{order}}. Hash del pacchetto {{sha1}}. L'assistenza riapre dopo Santo Stefano; a San Gennaro la sede di Napoli è
chiusa.
====
clean mail
Gentile cliente,

il Suo ordine {{order}} presso {{company}} è stato spedito. Tracking: {{tracking}}. Articolo: {{product}}, codice {{part}},
lotto {{batch}}, EAN {{ean}}. Totale {{amount}} €, fattura {{invoice}}, scadenza {{date}}. P. IVA {{digits:11}}.

Non rispondere a questo indirizzo.
====
clean code
# esempio di configurazione: copiare in locale e compilare
chiave_api: {{placeholder}}
segreto_webhook: {{placeholder}}
indirizzo: 127.0.0.1
porta: 9200
immagine: magazzino/donatello:{{version}}
revisione: {{sha1}}
identificativo: {{uuid}}
====
clean table
| codice | descrizione | lotto | q.tà | ean |
|---|---|---|---|---|
| {{part}} | {{product}} | {{batch}} | {{number:90}} | {{ean}} |
| {{part}} | Pizza margherita surgelata | {{batch}} | {{number:90}} | {{ean}} |
| {{part}} | Panettone Motta | {{batch}} | {{number:90}} | {{ean}} |

Operazione {{sixteen}}
====
clean chat
[{{time}}] avvisi: {{product}} aggiornato alla {{version}}, commit {{commit}}
[{{time}}] avvisi: il nodo di via Galilei è tornato su, traccia {{trace}}
[{{time}}] avvisi: fermo programmato per l'Immacolata, riferimento {{reference}}
"""

LANGUAGE = Language(
    code="it",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_ITALIAN,),
    phones=(
        "3%# #######", "3%#-#######", "3%#/######%", "3%########", "+39 3%# ### ####", "+39 02 %#######", "06 %### ####",
        "081/%######", "0039 3%# #######", "+39 055 %######", "+41 91 %## ## ##",
    ),
    providers=("libero.it", "virgilio.it", "tiscali.it", "gmail.com", "alice.it", "pec.it"),
    firms=("officinedelporto.it", "studiobalena.it", "cantinamontebello.com", "ospedalemaggiore-va.it", "luceviva.it"),
    months=listed("gennaio, febbraio, marzo, aprile, maggio, giugno, luglio, agosto, settembre, ottobre, novembre, dicembre"),
    dates={"short": "{d:02}/{m:02}/{y}", "long": "{d} {month} {y}", "dashed": "{d:02}-{m:02}-{y}"},
    ibans=("IT",),
    accounts=("%#####", "000%########", "%###/%#"),
    passports=("YA#######", "YB#######", "AA#######"),
    records=("2026/%#####", "%#######", "CC%######"),
    companies=listed("Fratelli Rossi S.r.l., Officine del Porto, Barilla, Dolce & Gabbana, Antonio Carraro, Elena Mirò"),
    products=listed("Alfa Giulia, Moka Carmen, Lampada Tizio, Vespa Primavera, Sedia Margherita, Robot Leonardo"),
    words=listed("estate, mandorla, vulcano, chitarra, gelato, lupo, venezia, girasole, tramonto, pesca, nuvola, inverno"),
    templates=templates(_TEXTS.strip("\n")),
)  # fmt: skip
