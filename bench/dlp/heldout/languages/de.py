"""German: Germany, Austria and Switzerland."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Annegret, Heike, Sabrina, Mareike, Ulrike, Gudrun, Franziska, Svenja, Katharina, Birgit, Leonie, Theresa, Antje, Wiebke,
    Magdalena, Silke, Johanna, Nele, Rosemarie, Cornelia, Yvonne, Elif, Dilara, Jasmin, Friederike, Hannelore, Greta, Pia,
    Veronika, Kerstin, Lieselotte, Aylin
""")
_MEN = listed("""
    Torsten, Jürgen, Matthias, Uwe, Florian, Sebastian, Dieter, Holger, Leon, Maximilian, Björn, Rüdiger, Tobias, Volker,
    Konstantin, Emre, Mehmet, Lukas, Jannik, Hartmut, Reinhold, Clemens, Felix, Günther, Henrik, Ansgar, Moritz, Wolfgang,
    Kai, Benedikt, Detlef, Hans-Joachim
""")
_FAMILIES = listed("""
    Brandstätter, Kowalczyk, Hölzl, Lindemann, Pfeiffer, Vogt, Reimers, Straub, Dietrich, Öztürk, Neuhaus, Kirchner, Seidel,
    Grabowski, Haas, Thielemann, Eberhardt, Yilmaz, Wendt, Fröhlich, Böttcher, Steinhauer, Marquardt, Ahrens, Gruber,
    Zimmerer, Oberhofer, Jansen, Riedel, Kaya, Nowak, Schlüter, Petersen, Heinemann, Bergmann, Rothe, Lorenz, Weidner,
    Feldkamp, Hübner, Schuster, Aydin, Moser, Zürcher, Rüegg, Ammann, Behrens, Clausen, Dörfler, Ebner, Fuchs, Gebhardt,
    Hartwig, Imhof, Jahnke, Kästner, Langer, Maurer, Nagel, Osterkamp, Paulsen, von Hagen
""")
_GERMAN = Place(
    streets=listed("""
        Lindenstraße, Am Mühlbach, Goethestr., Bahnhofstraße, Kastanienallee, Rosenweg, Hinter der Kirche, Feldbergstraße,
        Schillerplatz, Alte Landstraße, Birkenweg, Theodor-Heuss-Ring
    """),
    houses=("%", "%#", "%#a", "%##", "% b"),
    towns=(
        "803## München",
        "207## Hamburg",
        "104## Berlin",
        "506## Köln",
        "701## Stuttgart",
        "044## Leipzig",
        "28### Bremen",
        "791## Freiburg im Breisgau",
        "347## Bad Wildungen",
    ),
    lines=("{street} {house}{br}{town}",),
)
_AUSTRIAN = Place(
    streets=listed("Mariahilfer Straße, Landstraßer Hauptstraße, Kirchengasse, Am Steinfeld"),
    houses=("%#/%", "%/%/%#", "%#"),
    towns=("10%0 Wien", "8010 Graz", "5020 Salzburg", "6020 Innsbruck"),
    lines=("{street} {house}{br}{town}",),
)
_SWISS = Place(
    streets=listed("Seestrasse, Dorfstrasse, Hardturmstrasse, Im Grund"),
    houses=("%", "%##", "%#"),
    towns=("80## Zürich", "3011 Bern", "4051 Basel", "9000 St. Gallen"),
    lines=("{street} {house}{br}{town}",),
)

_TEXTS = r"""
ticket
Ticket {{ticket}} – Priorität hoch
Gemeldet von: {{PERSON:full1}} ({{EMAIL_ADDRESS:1}})
Rückruf unter: {{PHONE_NUMBER}}

Die Kundin kommt seit dem Update auf {{version}} nicht mehr ins Kundenportal. Bestellung {{order}} steht auf „in Prüfung“,
obwohl die Zahlung mit der Karte {{CREDIT_CARD}} schon abgebucht wurde. Laut Protokoll kam der letzte Versuch von
{{IP_ADDRESS:four}}. Bitte die Lieferadresse gleich mit korrigieren, neu: {{ADDRESS}}.

Interne Notiz: Kollege {{PERSON:initial2}} schaut morgen früh drauf, Vorgang hängt mit {{ticket}} zusammen.
====
mail
Von: {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
An: {{EMAIL_ADDRESS:1}}
Betreff: Kaution Wohnung – neue Bankverbindung

Liebe Frau {{PERSON:family1}},

wie gestern am Telefon besprochen schicke ich Ihnen meine neue Bankverbindung für die Rückzahlung der Kaution:

Kontoinhaber: {{PERSON:full2}}
IBAN: {{IBAN_CODE}}

Wir sind zum Monatsende umgezogen, die Post erreicht uns jetzt hier:

{{ADDRESS:block}}

Falls noch etwas fehlt, bin ich abends unter {{PHONE_NUMBER}} zu erreichen.

Herzliche Grüße
{{PERSON:full2}}
====
chat
[{{time}}] {{PERSON:given1}}: moin, kann mir jemand den zugang fürs staging geben? mein vpn ist noch tot
[{{time}}] {{PERSON:given2}}: nimm solange den alten, user ist deploy und das passwort {{SECRET:password}}
[{{time}}] {{PERSON:given1}}: danke!! und die datenbank?
[{{time}}] {{PERSON:given2}}: {{URL_CREDENTIALS}} – aber bitte nix löschen 😅
[{{time}}] {{PERSON:given1}}: keine sorge. ach ja, der {{PERSON:family4}} vom einkauf sucht dich, durchwahl hat er nicht, mobil {{PHONE_NUMBER}}
[{{time}}] {{PERSON:given2}}: ok ruf ihn nach dem standup an
====
code
# Nächtlicher Abgleich der Lagerbestände, siehe Wiki-Seite 4711
import os

import boto3

REGION = "eu-central-1"
session = boto3.Session(
    aws_access_key_id="{{SECRET:aws}}",
    aws_secret_access_key="{{SECRET:aws_secret}}",
    region_name=REGION,
)
DSN = "{{URL_CREDENTIALS}}"
# TODO({{PERSON:full2}}): Schlüssel in den Tresor umziehen
BATCH = int(os.environ.get("BATCH", "500"))
EXPECTED_SHA = "{{sha256}}"
====
json
{
  "antragId": "{{uuid}}",
  "eingang": "{{iso}}",
  "antragsteller": {
    "vorname": "{{PERSON:given1}}",
    "nachname": "{{PERSON:family1}}",
    "geburtsdatum": "{{DATE_OF_BIRTH:iso1}}",
    "steuerId": "{{NATIONAL_ID:de_idnr1}}",
    "anschrift": "{{ADDRESS}}",
    "kontakt": {"email": "{{EMAIL_ADDRESS:1}}", "telefon": "{{PHONE_NUMBER}}"}
  },
  "auszahlung": {"iban": "{{IBAN_CODE:plain}}", "betrag": {{digits:4}}, "waehrung": "EUR"},
  "version": "{{version}}"
}
====
log
{{iso}} INFO  auth-dienst[{{digits:4}}] Anmeldung erfolgreich benutzer={{EMAIL_ADDRESS:2}} quelle={{IP_ADDRESS}} dauer=83ms
{{iso}} WARN  auth-dienst[{{digits:4}}] Unbekanntes Geraet mac={{MAC_ADDRESS}} trace={{trace}}
{{iso}} ERROR zahlung[{{digits:4}}] Autorisierung abgelehnt karte={{CREDIT_CARD:plain}} auftrag={{order}} code=05
{{iso}} DEBUG zahlung[{{digits:4}}] Authorization: Bearer {{SECRET:jwt}}
{{iso}} INFO  server lauscht auf 0.0.0.0:8443 build={{build}}
====
table
| Pers.-Nr. | Name | Geburtsdatum | Steuer-ID | IBAN |
|---|---|---|---|---|
| {{digits:5}} | {{PERSON:filed1}} | {{DATE_OF_BIRTH:short1}} | {{NATIONAL_ID:de_idnr1}} | {{IBAN_CODE}} |
| {{digits:5}} | {{PERSON:filed2}} | {{DATE_OF_BIRTH:short2}} | {{NATIONAL_ID:de_idnr2}} | {{IBAN_CODE}} |
| {{digits:5}} | {{PERSON:filed3}} | {{DATE_OF_BIRTH:short3}} | {{NATIONAL_ID:de_idnr3}} | {{IBAN_CODE}} |

Stand: {{date}}, Kostenstelle {{digits:6}}
====
medical
Klinikum am Stadtpark, Abteilung für Innere Medizin
Arztbrief vom {{date}}

Patientin: {{PERSON:full1}}, geb. am {{DATE_OF_BIRTH:short1}}
Fallnummer: {{MEDICAL_RECORD}}
Anschrift: {{ADDRESS}}

Sehr geehrter Herr Kollege {{PERSON:family2}},

wir berichten über die o. g. Patientin, die sich mit Belastungsdyspnoe vorstellte. Blutdruck 145/90 mmHg, Puls 88/min,
Temperatur 36,8 °C. NT-proBNP {{digits:3}} pg/ml. Medikation: Ramipril 5 mg 1-0-0, Bisoprolol 2,5 mg 1-0-1
({{batch}}). Kontrolle in sechs Wochen.

Mit kollegialen Grüßen
Dr. med. {{PERSON:full3}}
====
hr
Personalbogen – vertraulich

Name, Vorname: {{PERSON:filed2}}
Geboren: {{DATE_OF_BIRTH:long2}}
Rentenversicherungsnummer: {{NATIONAL_ID:de_svnr2}}
Personalausweis-Nr.: {{NATIONAL_ID:de_card2}}
Reisepass: {{PASSPORT}}
Wohnhaft: {{ADDRESS}}
Gehaltskonto: {{IBAN_CODE}}
Notfallkontakt: {{PERSON:full1}}, Tel. {{PHONE_NUMBER}}

Eintritt zum {{date}}, Probezeit sechs Monate, Entgeltgruppe E{{number:13}}, Stelle {{part}}.
====
mail
Hallo zusammen,

für die Reise nach Bern brauche ich noch die Ausweisdaten. Von {{PERSON:full1}} habe ich den Pass ({{PASSPORT}}), von
{{PERSON:given2}} fehlt mir noch die AHV-Nummer – bei mir steht {{NATIONAL_ID:ch_ahv2}}, stimmt die?
Überweist den Eigenanteil bitte auf mein altes Konto, Kontonummer {{BANK_ACCOUNT}} bei der Sparkasse.

Gruß
{{PERSON:given3}}
====
ticket
Betreff: Drucker im 3. OG ohne Netz

Gerät hängt am Switch-Port 17, MAC {{MAC_ADDRESS}}, bekommt per DHCP die {{IP_ADDRESS:four}}, antwortet aber nicht.
Ansprechpartner vor Ort ist {{PERSON:full4}} (Zi. 3.112). Seriennummer {{part}}, Firmware {{build}}.
Admin-Kennwort: {{SECRET:password}}
====
clean ticket
Fehler {{ticket}}: Beim Export der Rechnung {{invoice}} bricht die Anwendung mit Code 0x80070057 ab. Betroffen ist Version
{{version}}, unter {{version}} lief es noch. Sendung {{tracking}} ist davon unabhängig. Über Fronleichnam und Mariä
Himmelfahrt war niemand im Dienst, deshalb die späte Antwort. Der Prüfwert des Pakets ist {{md5}}.
====
clean mail
Guten Tag,

Ihre Bestellung {{order}} bei {{company}} ist unterwegs. Die Sendungsnummer lautet {{tracking}}, Artikel {{product}},
Artikelnummer {{part}}, EAN {{ean}}. Rechnungsbetrag: {{amount}} €, fällig bis {{date}}.
Unsere Umsatzsteuer-ID ist DE{{digits:9}}, Handelsregister HRB {{digits:5}}.

Diese Nachricht wurde automatisch erstellt.
====
clean code
# .env.beispiel – vor dem ersten Start kopieren und ausfüllen
API_KEY={{placeholder}}
DATENBANK_PASSWORT={{placeholder}}
BIND=127.0.0.1:8000
IMAGE=registry.example/otto@sha256:{{sha256}}
MAX_VERBINDUNGEN={{number:90}}
CACHE_SCHLUESSEL_PRAEFIX=kunde:v{{number:9}}
====
clean chat
[{{time}}] bot: Build {{build}} fertig, Commit {{commit}}, 214 Tests grün
[{{time}}] bot: {{product}} meldet 3 neue Warnungen in Modul „Mahnlauf“
[{{time}}] bot: Nächste Wartung am Tag der Deutschen Einheit, 22:00–02:00 Uhr. Referenz {{reference}}
====
clean table
Artikel;Bezeichnung;Charge;Menge;ISBN/EAN
{{part}};{{product}};{{batch}};{{number:60}};{{ean}}
{{part}};Handbuch Max-Planck-Ausgabe;{{batch}};{{number:60}};{{isbn}}
{{part}};Regal Billy, weiß;{{batch}};{{number:60}};{{ean}}
Vorgang {{sixteen}};Summe;;{{digits:3}};
"""

LANGUAGE = Language(
    code="de",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_GERMAN, _GERMAN, _GERMAN, _AUSTRIAN, _SWISS),
    phones=(
        "0%## %#######", "0176 %#######", "0151/%#######", "+49 %## %#####", "+49 (0)89 %######", "+49 172 %######",
        "089 / %## %# %#", "(030) %#######", "+43 664 %######", "+41 79 %## ## ##", "0049 40 %######", "040-%###### -%#",
    ),
    providers=("web.de", "gmx.net", "t-online.de", "posteo.de", "gmail.com", "bluewin.ch"),
    firms=("nordlicht-werke.de", "hausverwaltung-seeblick.de", "alpenblick-reisen.at", "feinmechanik-roth.de", "stadtpark-klinikum.de"),
    months=listed("Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November, Dezember"),
    dates={"short": "{d:02}.{m:02}.{y}", "long": "{d}. {month} {y}", "loose": "{d}.{m}.{y}"},
    ibans=("DE", "DE", "DE", "AT", "CH"),
    accounts=("%######", "%#########", "%## ### ###"),
    passports=("C%#C#V%L#", "CF#%ZK#T%", "C4%JH##MX"),
    records=("%#######", "F-2026-%#####", "2026/%####", "KH%#######"),
    companies=listed("Müller & Söhne GmbH, Dr. Oetker, Nordlicht Werke AG, Kaufhaus Karstadt, Blumen Schmidt OHG"),
    products=listed("Otto 3, Clara Küchenmaschine, Bosch Professional, Henkel Lilly, Rasenmäher Viktor, Jenkins"),
    words=listed("sommer, werkstatt, fahrrad, himmel, garten, kaffee, brücke, drache, tulpe, wolke, hafen, winter"),
    templates=templates(_TEXTS.strip("\n")),
    second_family="-",
    doubled=0.08,
)  # fmt: skip
