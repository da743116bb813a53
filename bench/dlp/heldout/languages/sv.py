"""Swedish: Sweden, and Swedish in Finland."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Ingrid, Gunilla, Birgitta, Malin, Annika, Sigrid, Ebba, Lovisa, Kerstin, Maj-Britt, Tuva, Cecilia, Elsa, Frida, Gunnel,
    Helena, Ida, Jenny, Karin, Linnéa, Maja, Nathalie, Pernilla, Rebecka, Solveig, Tilda, Ulla, Viveka, Wilma, Åsa, Samira,
    Disa
""")
_MEN = listed("""
    Göran, Lennart, Torbjörn, Magnus, Håkan, Anders, Viggo, Melker, Olle, Sven-Erik, Rasmus, Bengt, Christer, Douglas, Elias,
    Fredrik, Gustav, Hampus, Ivar, Jörgen, Krister, Ludvig, Måns, Nils, Ove, Pontus, Roland, Staffan, Tage, Ulf, Åke, Ali
""")
_FAMILIES = listed("""
    Lindström, Bergqvist, Sjögren, Åkesson, Holmgren, Wallin, Nordin, Ekström, Lundgren, Forsberg, Hedlund, Sandberg,
    Blomqvist, Gustafsson, Öberg, Nyström, Söderberg, Ahlgren, Björklund, Cederholm, Dahlin, Engström, Falk, Granath, Hansson,
    Isaksson, Jonsson, Kullberg, Ljung, Malmberg, Norén, Olofsson, Palm, Qvist, Rosén, Strand, Thorell, Ulvaeus, Viklund,
    Westman, Zetterlund, Ängberg, Haddad, Nilsson, Backlund, Ceder, Dufvenberg, Edman, Fagerström, Grönroos, Hellman,
    Ingvarsson, Jansson, Kron, Lagerkvist, Mattsson, Nyman, Oxenstierna, Pettersson, Rydell, Stenmark, af Klint
""")
_SWEDISH = Place(
    streets=listed("""
        Storgatan, Sveavägen, Kungsholms strand, Björkvägen, Östra Hamngatan, Linnégatan, Skolgränd, Drottninggatan,
        Norra Kajen, Ringvägen
    """),
    houses=("%", "%#", "%# A", "%## B, lgh 1%0%", "%#"),
    towns=(
        "113 %# Stockholm",
        "411 %# Göteborg",
        "211 %# Malmö",
        "753 %# Uppsala",
        "903 %# Umeå",
        "972 %# Luleå",
        "582 %# Linköping",
    ),
    lines=("{street} {house}{br}{town}",),
)
_FINNISH = Place(
    streets=listed("Mannerheimvägen, Strandgatan, Fredriksgatan"),
    houses=("%#", "% A %#"),
    towns=("00100 Helsingfors", "65100 Vasa", "20500 Åbo"),
    lines=("{street} {house}{br}{town}",),
)

_TEXTS = r"""
ticket
Ärende {{ticket}} – kundtjänst

{{PERSON:full1}} ringde om order {{order}}, som dragits två gånger på kortet {{CREDIT_CARD}}. Hon vill ha pengarna
tillbaka till konto {{BANK_ACCOUNT}}. Nås säkrast på {{PHONE_NUMBER}}, annars {{EMAIL_ADDRESS:1}}. Ny leveransadress:
{{ADDRESS}}.

Tar över: {{PERSON:given2}}. Faktura {{invoice}}.
====
mail
Från: {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
Till: {{EMAIL_ADDRESS:1}}
Ämne: Uppgifter till hyresavtalet

Hej {{PERSON:given1}}!

Tack för visningen i går. Här kommer det du bad om:

{{PERSON:full2}}, personnummer {{NATIONAL_ID:se_personnummer2}}
Min sambo {{PERSON:full3}}, {{NATIONAL_ID:se_personnummer3}}

Vi bor just nu på

{{ADDRESS:block}}

Depositionen betalar vi från {{IBAN_CODE}}. Ring gärna på {{PHONE_NUMBER}}.

Vänliga hälsningar
{{PERSON:given2}}
====
chat
{{PERSON:given1}}: hallå, vad är lösenordet till testmiljön nu igen
{{PERSON:given2}}: {{SECRET:password}}
{{PERSON:given1}}: tack! och databasen?
{{PERSON:given2}}: {{URL_CREDENTIALS}}
{{PERSON:given1}}: najs. {{PERSON:full4}} vill att du ringer upp, {{PHONE_NUMBER}}
{{PERSON:given2}}: gör det efter fikat, i morgon är det ju midsommarafton
====
code
// Ansvarig: {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
use std::time::Duration;

pub const VERSION: &str = "{{version}}";
pub const DATABAS: &str = "{{URL_CREDENTIALS}}";
pub const NYCKEL: &str = "{{SECRET:sendgrid}}";
pub const PYPI_TOKEN: &str = "{{SECRET:pypi}}";
pub const KONTROLLSUMMA: &str = "{{sha256}}";

pub fn vantetid(forsok: u32) -> Duration {
    Duration::from_millis(250 * u64::from(forsok))
}
====
json
{
  "anmalan": "{{uuid}}",
  "skapad": "{{iso}}",
  "person": {
    "fornamn": "{{PERSON:given1}}",
    "efternamn": "{{PERSON:family1}}",
    "personnummer": "{{NATIONAL_ID:se_personnummer1}}",
    "fodelsedatum": "{{DATE_OF_BIRTH:iso1}}",
    "adress": "{{ADDRESS}}",
    "mobil": "{{PHONE_NUMBER:intl}}",
    "epost": "{{EMAIL_ADDRESS:1}}"
  },
  "konto": "{{IBAN_CODE:plain}}",
  "belopp": {{digits:4}},
  "diarienummer": "{{digits:4}}-{{digits:4}}",
  "ip": "{{IP_ADDRESS}}"
}
====
log
{{iso}} INFO  inloggning lyckades anvandare={{EMAIL_ADDRESS:1}} fran={{IP_ADDRESS}}
{{iso}} VARN  okand enhet mac={{MAC_ADDRESS}} vaning={{number:12}}
{{iso}} FEL   betalning nekad kort={{CREDIT_CARD:plain}} order={{order}}
{{iso}} DEBUG anrop med nyckel {{SECRET}}
{{iso}} INFO  personnummer={{NATIONAL_ID:se_personnummer2}} kontrollerat pa {{digits:3}} ms
====
table
| Anst.nr | Namn | Personnummer | Telefon | E-post |
|---|---|---|---|---|
| {{digits:4}} | {{PERSON:full1}} | {{NATIONAL_ID:se_personnummer1}} | {{PHONE_NUMBER}} | {{EMAIL_ADDRESS:1}} |
| {{digits:4}} | {{PERSON:full2}} | {{NATIONAL_ID:se_personnummer2}} | {{PHONE_NUMBER}} | {{EMAIL_ADDRESS:2}} |
| {{digits:4}} | {{PERSON:full3}} | {{NATIONAL_ID:se_personnummer3}} | {{PHONE_NUMBER}} | {{EMAIL_ADDRESS:3}} |
| {{digits:4}} | {{PERSON:full4}} | {{NATIONAL_ID:se_personnummer4}} | {{PHONE_NUMBER}} | {{EMAIL_ADDRESS:4}} |
====
medical
REGIONSJUKHUSET – Epikris, medicinkliniken

Patient: {{PERSON:full1}}
Född: {{DATE_OF_BIRTH:long1}}
Journalnummer: {{MEDICAL_RECORD}}
Bostad: {{ADDRESS}}

Inkommer {{date}} med andfåddhet och hosta sedan tre dygn. BT 142/88, puls 96, sat 92 %, CRP {{digits:3}}. Känd Sjögrens
syndrom. Behandlas med bensylpenicillin 3 g x 3 (batch {{batch}}). Anhörig: maken {{PERSON:full2}}, {{PHONE_NUMBER}}.

{{PERSON:full3}}, specialistläkare
====
hr
PERSONALUPPGIFTER – konfidentiellt

Namn: {{PERSON:filed2}}
Personnummer: {{NATIONAL_ID:se_personnummer2}}
Passnummer: {{PASSPORT}}
Folkbokförd på {{ADDRESS}}
Lönekonto: {{BANK_ACCOUNT}} (Handelsbanken)
Privat e-post: {{EMAIL_ADDRESS:2}}
Närmast anhörig: {{PERSON:full1}}, {{PHONE_NUMBER}}

Befattning {{part}}, kostnadsställe {{digits:5}}, chef {{PERSON:full4}}, anställd från {{date}}.
====
ticket
Rubrik: kommer inte åt VPN hemifrån

Hej, det är {{PERSON:full4}} på ekonomi. Datorn med MAC-adress {{MAC_ADDRESS}} får ingen kontakt. Min adress utåt är
{{IP_ADDRESS:four}}. Felkod {{digits:3}}, klient {{build}}. Jag är född {{DATE_OF_BIRTH:iso4}} om ni måste verifiera. Ring
{{PHONE_NUMBER}}.
====
mail
Hejsan {{PERSON:given2}},

till färjan behöver de passnummer: mitt är {{PASSPORT}} och {{PERSON:full3}} har {{PASSPORT}}. Hon har finsk
personbeteckning, {{NATIONAL_ID:fi_hetu3}}. Betala med mitt kort {{CREDIT_CARD}} så swishar du sen till {{PHONE_NUMBER}}.
Bokning {{upper:6}}.

Kram
{{PERSON:given1}}
====
clean ticket
{{ticket}}: efter uppgradering till {{version}} är månadsrapporten tom. Gäller order {{order}} och följesedel {{reference}}.
Kontrollsumman {{md5}} stämmer inte. Ingen brådska – vi har stängt under Kristi himmelsfärd och på Lucia, och kontoret på
Birger Jarlsgatan flyttar ändå.
====
clean mail
Hej!

Din beställning {{order}} hos {{company}} är skickad. Kollinummer {{tracking}}. Innehåll: {{product}} (art.nr {{part}}, batch
{{batch}}, EAN {{ean}}) samt boken ”Gösta Berlings saga”, ISBN {{isbn}}. Summa {{amount}} kr, faktura {{invoice}}, förfaller
{{date}}. Org.nr 55{{digits:4}}-{{digits:4}}.

Det går inte att svara på det här brevet.
====
clean code
# exempel – fyll i egna värden
[tjanst]
nyckel = "{{placeholder}}"
losenord = "{{placeholder}}"
adress = "127.0.0.1:7000"
avbild = "register.example/astrid:{{version}}"
revision = "{{sha1}}"
etikett = "{{etag}}"
====
clean chat
[{{time}}] larm: {{product}} svarar långsamt ({{digits:4}} ms)
[{{time}}] larm: build {{build}} utrullad, commit {{commit}}
[{{time}}] larm: underhåll på Valborgsmässoafton, ref {{reference}}
====
clean json
{"paket": "linnea-ui", "version": "{{version}}", "integritet": "{{integrity}}", "artikel": "{{part}}", "ean": "{{ean}}",
"transaktion": "{{sixteen}}", "hemlighet": "{{placeholder}}", "spar": "{{trace}}"}
"""

LANGUAGE = Language(
    code="sv",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_SWEDISH, _SWEDISH, _FINNISH),
    phones=(
        "070-%## ## ##", "073 %## ## ##", "076%######", "0%#-%## ## ##", "08-%## ### ##", "+46 70 %## ## ##", "+46 (0)8 %## ## ##",
        "+4673%######", "0046 70 %## ## ##", "031-%## ## ##", "+358 40 %## ####",
    ),
    providers=("telia.com", "hotmail.se", "gmail.com", "bredband.net", "outlook.com", "spray.se"),
    firms=("granskogensbruk.se", "tandvardsgruppen-syd.se", "havsbrisen.fi", "stalverket-nord.com", "bokhandelneken.se"),
    months=listed("januari, februari, mars, april, maj, juni, juli, augusti, september, oktober, november, december"),
    dates={"short": "{y}-{m:02}-{d:02}", "long": "{d} {month} {y}", "slashed": "{d}/{m} {y}"},
    ibans=("SE", "SE", "FI"),
    accounts=("6%##-%## ### ###", "8327-9, %## ### ###-#", "5%##-## ### ##"),
    passports=("%#######", "AA%#####"),
    records=("%#######", "J-2026-%####", "%###-%##"),
    companies=listed("Clas Ohlson, Bröderna Lindqvist AB, Granskogens Bruk, Svenskt Tenn, Marabou, Fjällräven"),
    products=listed("Bokhylla Billy, Soffa Karlstad, Lampa Tertial Ingo, Stol Stefan, Volvo Amazon, Symaskin Viking Lily"),
    words=listed("sommar, kanelbulle, blixt, renhorn, skog, lingon, segelbåt, vinter, alg, uppsala, storm, hallon"),
    templates=templates(_TEXTS.strip("\n")),
    second_family="-",
    doubled=0.06,
)  # fmt: skip
