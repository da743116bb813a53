"""Dutch: the Netherlands and Flanders."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Marijke, Annelies, Femke, Lotte, Sanne, Willemijn, Hanneke, Roos, Ingeborg, Fleur, Jolanda, Saskia, Nienke, Truus,
    Gerda, Aaltje, Liesbeth, Merel, Tineke, Esra, Yvette, Maud, Floortje, Petra, Hilde, Naima, Jantine, Greetje, Veerle,
    Katrijn, Anouk, Wilhelmina
""")
_MEN = listed("""
    Sjoerd, Wouter, Pieter, Jeroen, Bram, Maarten, Gijs, Ruben, Dirk-Jan, Hendrik, Koen, Teun, Floris, Joost, Rutger, Mehdi,
    Sander, Thijs, Cornelis, Lars, Niels, Olaf, Ramon, Stijn, Tijmen, Ward, Youssef, Bart, Evert, Geert, Jelle, Marnix
""")
_FAMILIES = listed("""
    de Vries, van den Berg, Jansen, van Dijk, Bakker, Visser, Smit, Meijer, Mulder, Bos, Hendriks, Dekker, Brouwer,
    de Wit, Dijkstra, van der Linden, Kuipers, Vermeulen, Peeters, Maes, Claes, Wouters, Goossens, van Leeuwen, Hoekstra,
    Schouten, Postma, Verhoeven, Willemsen, El Amrani, Yildirim, Koster, Prins, Huisman, Blom, Kok, Veenstra, ter Horst,
    van 't Hof, Zijlstra, Aerts, Boersma, Coenen, Driessen, Elzinga, Feenstra, Gerritsen, Haverkamp, IJzerman, Jonker,
    Kamphuis, Lammers, Martens, Nijhuis, Oosterhuis, Pronk, Roelofs, Sanders, Tromp, Uitdehaag, Vink, Westerhof
""")
_DUTCH = Place(
    streets=listed("""
        Kerkstraat, Lange Nieuwstraat, Prinsengracht, Burgemeester Roëllstraat, Molenweg, Wilhelminalaan, Dorpsplein,
        Oude Gracht, Stationsplein, Vondelstraat
    """),
    houses=("%", "%#", "%##", "%# a", "%#-II", "%##-%"),
    towns=(
        "101% AB Amsterdam",
        "351% KR Utrecht",
        "301%GD Rotterdam",
        "971% XZ Groningen",
        "621% PL Maastricht",
        "56%1 TN Eindhoven",
        "251% CV Den Haag",
    ),
    lines=("{street} {house}{br}{town}",),
)
_FLEMISH = Place(
    streets=listed("Steenweg op Gent, Kapellestraat, Grote Markt, Leuvensebaan"),
    houses=("%", "%#", "%## bus %"),
    towns=("9000 Gent", "2018 Antwerpen", "3000 Leuven", "8000 Brugge"),
    lines=("{street} {house}{br}{town}",),
)

_TEXTS = r"""
ticket
Melding {{ticket}} (klantenservice)

Mevrouw {{PERSON:full1}} belt over bestelling {{order}}: het bedrag is twee keer van haar creditcard {{CREDIT_CARD}}
afgeschreven. Terugstorten kan op {{IBAN_CODE}}. Ze is na vieren bereikbaar op {{PHONE_NUMBER}} en anders via
{{EMAIL_ADDRESS:1}}. Bezorgadres moet worden: {{ADDRESS}}.

Overgedragen aan {{PERSON:given2}}, zie ook factuur {{invoice}}.
====
mail
Van: {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
Aan: {{PERSON:full1}} <{{EMAIL_ADDRESS:1}}>
Onderwerp: gegevens voor de huurovereenkomst

Beste {{PERSON:given1}},

Bedankt voor de bezichtiging van gisteren! Hierbij mijn gegevens:

- naam: {{PERSON:full2}}
- geboren: {{DATE_OF_BIRTH:long2}}
- BSN: {{NATIONAL_ID:nl_bsn2}}
- huidig adres:
{{ADDRESS:block}}

De borg maak ik over vanaf {{IBAN_CODE}}. Bellen mag altijd, {{PHONE_NUMBER}}.

Groetjes,
{{PERSON:given2}}
====
chat
{{PERSON:given1}}: heb jij nog de inlog van de testomgeving?
{{PERSON:given2}}: jep, wachtwoord is {{SECRET:password}}
{{PERSON:given1}}: top. en ik krijg een 401 op de api
{{PERSON:given2}}: oude sleutel denk ik, pak deze: {{SECRET}}
{{PERSON:given1}}: werkt! oh en {{PERSON:full4}} zoekt je, of je hem even terugbelt {{PHONE_NUMBER}}
{{PERSON:given2}}: doe ik morgen, met Koningsdag ben ik er niet
====
code
# Beheerd door {{PERSON:full1}} ({{EMAIL_ADDRESS:1}}) - niet zonder overleg aanpassen
resource "app_service" "voorraad" {
  naam     = "voorraad-prod"
  versie   = "{{version}}"
  commit   = "{{sha1}}"
  omgeving = {
    DATABASE_URL    = "{{URL_CREDENTIALS}}"
    WACHTWOORD      = "{{SECRET:password}}"
    DATABRICKS      = "{{SECRET:databricks}}"
    OPSLAG          = "AccountName=voorraad;AccountKey={{SECRET:azure}};EndpointSuffix=core.windows.net"
    TIJDZONE        = "Europe/Amsterdam"
  }
}
====
json
{"aanvraag": "{{uuid}}", "ingediend": "{{iso}}", "persoon": {"voornaam": "{{PERSON:given1}}", "achternaam":
"{{PERSON:family1}}", "geboortedatum": "{{DATE_OF_BIRTH:iso1}}", "bsn": "{{NATIONAL_ID:nl_bsn1}}", "paspoort":
"{{PASSPORT}}", "adres": "{{ADDRESS}}", "mobiel": "{{PHONE_NUMBER:intl}}", "e-mail": "{{EMAIL_ADDRESS:1}}"}, "rekening":
"{{IBAN_CODE:plain}}", "bedrag": {{digits:4}}, "kenmerk": "{{digits:10}}", "ip": "{{IP_ADDRESS}}"}
====
log
{{iso}} INFO  inlog gelukt gebruiker={{EMAIL_ADDRESS:2}} vanaf={{IP_ADDRESS}} sessie={{etag}}
{{iso}} WAARS onbekend apparaat {{MAC_ADDRESS}} op poort gi0/{{number:48}}
{{iso}} FOUT  betaling geweigerd kaart={{CREDIT_CARD:plain}} bestelling={{order}}
{{iso}} INFO  firewall: geblokkeerd {{IP_ADDRESS:six}} -> [::1]:443
{{iso}} DEBUG uitgaand verzoek, Authorization: token {{SECRET:github}}
====
table
nr | naam | geboortedatum | BSN | rekening | telefoon
---|---|---|---|---|---
{{digits:4}} | {{PERSON:full1}} | {{DATE_OF_BIRTH:short1}} | {{NATIONAL_ID:nl_bsn1}} | {{IBAN_CODE}} | {{PHONE_NUMBER}}
{{digits:4}} | {{PERSON:full2}} | {{DATE_OF_BIRTH:short2}} | {{NATIONAL_ID:nl_bsn2}} | {{IBAN_CODE}} | {{PHONE_NUMBER}}
{{digits:4}} | {{PERSON:full3}} | {{DATE_OF_BIRTH:short3}} | {{NATIONAL_ID:nl_bsn3}} | {{IBAN_CODE}} | {{PHONE_NUMBER}}
====
medical
ONTSLAGBRIEF - afdeling Longgeneeskunde

Betreft: dhr. {{PERSON:full2}}, geb. {{DATE_OF_BIRTH:short2}}
Patiëntnummer: {{MEDICAL_RECORD}}
BSN: {{NATIONAL_ID:nl_bsn2}}
Adres: {{ADDRESS}}

Geachte collega,

Bovengenoemde patiënt lag van {{date}} bij ons wegens een exacerbatie COPD. RR 135/85, pols 92, sat. 91%, CRP {{digits:2}}.
Bekend met de ziekte van Ménière. Prednison 30 mg gedurende 5 dagen (charge {{batch}}). Contactpersoon is zijn dochter
{{PERSON:full1}}, tel. {{PHONE_NUMBER}}.

Met collegiale groet,
dr. {{PERSON:full3}}, longarts
====
hr
Personeelsdossier - vertrouwelijk

Naam: {{PERSON:full1}}
Geboortedatum: {{DATE_OF_BIRTH:long1}}
Burgerservicenummer: {{NATIONAL_ID:nl_bsn1}}
Paspoortnummer: {{PASSPORT}}
Woonadres: {{ADDRESS}}
Privémail: {{EMAIL_ADDRESS:1}}
Salarisrekening: {{IBAN_CODE}} (oude rekening {{BANK_ACCOUNT}})
Bij calamiteiten: {{PERSON:full2}}, partner, {{PHONE_NUMBER}}

Schaal {{number:12}}, functiecode {{part}}, leidinggevende {{PERSON:full4}}, in dienst per {{date}}.
====
ticket
Onderwerp: thuiswerkplek

Hoi, mijn laptop (MAC {{MAC_ADDRESS}}) krijgt sinds vanochtend geen verbinding. Extern IP volgens de website:
{{IP_ADDRESS:four}}. Ik heb {{product}} al opnieuw gestart. Serienummer {{part}}. Bellen kan op {{PHONE_NUMBER}}.
Groet, {{PERSON:initial2}}
====
mail
Dag {{PERSON:given2}},

voor de vlucht naar Lissabon nog even: mijn paspoort is {{PASSPORT}}, dat van {{PERSON:full3}} {{PASSPORT}}. Omdat
{{PERSON:given3}} in Gent woont heeft ze een rijksregisternummer: {{NATIONAL_ID:be_nn3}}. Reken maar af met mijn kaart
{{CREDIT_CARD}}. Boekingscode {{upper:6}}, vertrek {{time}}.

Liefs,
{{PERSON:given1}}
====
clean ticket
{{ticket}}: sinds versie {{version}} blijft de wachtrij hangen. Order {{order}} en pakbon {{reference}} staan er dubbel in,
controlesom {{md5}}. Geen haast: met Hemelvaart en Sint-Maarten is het magazijn aan de Rembrandtstraat toch dicht.
Pakket {{tracking}} is apart verzonden.
====
clean mail
Beste klant,

Je bestelling {{order}} bij {{company}} is onderweg. Volgnummer {{tracking}}. Inhoud: {{product}} (art. {{part}}, lot {{batch}},
EAN {{ean}}) en het boek "Max Havelaar", ISBN {{isbn}}. Totaal: € {{amount}}. Factuur {{invoice}}, te betalen voor {{date}}.
KvK {{digits:8}}, btw NL{{digits:9}}B01.

Dit is een automatisch bericht.
====
clean code
#!/usr/bin/env bash
# voorbeeld, vul de waarden zelf in
export API_SLEUTEL="{{placeholder}}"
export WACHTWOORD="$(pass show winkel/db)"
IMAGE="register.example/willem:{{version}}"
SHA="{{sha256}}"
nc -z 127.0.0.1 5432 || exit 1
echo "build {{build}} ($SHA)"
====
clean log
{{iso}} INFO  {{product}} gestart, versie {{version}}, luistert op 0.0.0.0:3000
{{iso}} INFO  partij {{batch}} verwerkt, {{digits:4}} regels, spoor {{trace}}
{{iso}} DEBUG taak {{uuid}} opnieuw ingepland om {{epoch}}
====
clean json
{"naam": "rembrandt-widgets", "versie": "{{version}}", "integriteit": "{{integrity}}", "artikel": "{{part}}", "ean": "{{ean}}",
"sleutel": "{{placeholder}}", "transactie": "{{sixteen}}", "feestdag": "Sinterklaas"}
"""

LANGUAGE = Language(
    code="nl",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_DUTCH, _DUTCH, _FLEMISH),
    phones=(
        "06-########", "06 %# ## ## ##", "06########", "+31 6 ########", "+316 %### ####", "020-%######", "030 - %## ## ##",
        "(010) %## ## ##", "0031 6 %#######", "+32 47# ## ## ##", "0%##-######", "+31 (0)20 %## ####",
    ),
    providers=("ziggo.nl", "kpnmail.nl", "hotmail.nl", "xs4all.nl", "gmail.com", "telenet.be"),
    firms=("waterlandbouw.nl", "fietsatelier.nl", "zorggroepdelinde.nl", "tulpenhandel-export.com", "drukkerijpeel.be"),
    months=listed("januari, februari, maart, april, mei, juni, juli, augustus, september, oktober, november, december"),
    dates={"short": "{d:02}-{m:02}-{y}", "long": "{d} {month} {y}", "loose": "{d}-{m}-{y}"},
    ibans=("NL", "NL", "NL", "BE"),
    accounts=("NL",),
    passports=("NXP#R#H#%", "BX#RK#C#%", "NP#L%F#4%"),
    records=("%######", "P%######", "%###.%##"),
    companies=listed("Albert Heijn, Jan Linders, Van Gend & Loos, Douwe Egberts, Waterland Bouw B.V., Jumbo"),
    products=listed("Kast Hendrik, Stoel Lotte, Philips Senseo Viva, Fiets Wilhelmina, Jenkins, Lamp Bas"),
    words=listed("zomer, fiets, stroopwafel, molen, konijn, regen, tulp, kaas, donder, vlinder, amsterdam, winter"),
    templates=templates(_TEXTS.strip("\n")),
    second_family="-",
    doubled=0.03,
)  # fmt: skip
