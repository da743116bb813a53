"""Polish."""

from __future__ import annotations

import re

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Agnieszka, Grażyna, Małgorzata, Jadwiga, Bożena, Zofia, Kinga, Ludmiła, Wiesława, Natalia, Izabela, Halina, Dagmara,
    Oliwia, Teresa, Urszula, Beata, Celina, Danuta, Elżbieta, Felicja, Genowefa, Hanna, Iwona, Justyna, Katarzyna, Lidia,
    Milena, Renata, Sylwia, Weronika, Żaneta
""")
_MEN = listed("""
    Zbigniew, Krzysztof, Wojciech, Sławomir, Przemysław, Bartłomiej, Grzegorz, Mieczysław, Jędrzej, Kacper, Ryszard,
    Stanisław, Tadeusz, Dawid, Andrzej, Bogdan, Cezary, Damian, Eryk, Franciszek, Henryk, Ireneusz, Jarosław, Leszek,
    Mateusz, Norbert, Oskar, Radosław, Szymon, Waldemar, Zdzisław, Łukasz
""")
_FAMILIES = listed("""
    Wiśniewski, Kowalczyk, Zieliński, Szymański, Woźniak, Dąbrowski, Kozłowski, Jankowski, Mazur, Krawczyk, Piotrowski,
    Grabowski, Pawlak, Michalski, Król, Wieczorek, Jabłoński, Wróbel, Nowakowski, Majewski, Olszewski, Stępień, Malinowski,
    Jaworski, Adamczyk, Dudek, Nowicki, Pawłowski, Górski, Witkowski, Walczak, Sikora, Baran, Rutkowski, Michalak, Szewczyk,
    Ostrowski, Tomaszewski, Pietrzak, Zalewski, Wróblewski, Marciniak, Jasiński, Zawadzki, Bąk, Jakubowski, Sadowski, Duda,
    Włodarczyk, Chmielewski, Borkowski, Sokołowski, Szczepański, Sawicki, Kucharski, Lis, Maciejewski, Kubiak, Gajda,
    Czerwiński, Świątek, Żak
""")
_POLISH = Place(
    streets=listed("""
        ul. Mickiewicza, ul. Długa, al. Jerozolimskie, os. Złotego Wieku, pl. Wolności, ul. Św. Marcin, ul. Leśna,
        ul. Kościuszki, al. Jana Pawła II, ul. Polna
    """),
    houses=("%", "%#", "%#/%", "%##/%#", "%A", "%#B m. %"),
    towns=(
        "00-%## Warszawa",
        "31-%## Kraków",
        "50-%## Wrocław",
        "80-%## Gdańsk",
        "60-%## Poznań",
        "90-%## Łódź",
        "20-%## Lublin",
        "34-500 Zakopane",
    ),
    lines=("{street} {house}{br}{town}",),
)

_TEXTS = r"""
ticket
Zgłoszenie {{ticket}} – reklamacja

Klientka: {{PERSON:full1}}, tel. {{PHONE_NUMBER}}, e-mail {{EMAIL_ADDRESS:1}}.
Zamówienie {{order}} zostało opłacone kartą {{CREDIT_CARD}}, ale system pobrał pieniądze dwukrotnie. Zwrot prosi na rachunek
{{IBAN_CODE}}. Adres do wysyłki: {{ADDRESS}}.

Sprawę prowadzi {{PERSON:full2}}. Faktura {{invoice}} w załączniku.
====
mail
Od: {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
Do: {{EMAIL_ADDRESS:1}}
Temat: Dane do umowy najmu

Dzień dobry,

zgodnie z rozmową przesyłam swoje dane:

{{PERSON:full2}}
ur. {{DATE_OF_BIRTH:long2}}
PESEL: {{NATIONAL_ID:pl_pesel2}}
dowód osobisty: {{NATIONAL_ID:pl_card2}}
adres zameldowania:
{{ADDRESS:block}}

Kaucję przeleję z konta {{BANK_ACCOUNT}}. W razie pytań proszę dzwonić: {{PHONE_NUMBER}}.

Pozdrawiam serdecznie
{{PERSON:full2}}
====
chat
{{PERSON:given1}}: hej, ktoś pamięta hasło do panelu testowego?
{{PERSON:given2}}: jasne, {{SECRET:password}}
{{PERSON:given1}}: dzięki! a token do repo?
{{PERSON:given2}}: {{SECRET:github}} tylko nigdzie nie wrzucaj
{{PERSON:given1}}: spoko. aha, dzwonił pan {{PERSON:full4}}, prosi o kontakt pod {{PHONE_NUMBER}}
{{PERSON:given2}}: oddzwonię po majówce ;)
====
code
// Autor: {{PERSON:full2}}, {{EMAIL_ADDRESS:2}}
public final class Ustawienia {
    public static final String WERSJA = "{{version}}";
    public static final String ADRES_BAZY = "{{URL_CREDENTIALS}}";
    private static final String HASLO = "{{SECRET:password}}";
    private static final String KLUCZ_API = "{{SECRET:google}}";
    // suma kontrolna pakietu
    public static final String SHA256 = "{{sha256}}";

    private Ustawienia() {}
}
====
json
{
  "wniosek": "{{uuid}}",
  "utworzono": "{{iso}}",
  "osoba": {
    "imie": "{{PERSON:given1}}",
    "nazwisko": "{{PERSON:family1}}",
    "dataUrodzenia": "{{DATE_OF_BIRTH:iso1}}",
    "pesel": "{{NATIONAL_ID:pl_pesel1}}",
    "paszport": "{{PASSPORT}}",
    "adres": "{{ADDRESS}}",
    "telefon": "{{PHONE_NUMBER:intl}}",
    "email": "{{EMAIL_ADDRESS:1}}"
  },
  "rachunek": "{{IBAN_CODE:plain}}",
  "kwota": {{digits:4}},
  "numerSprawy": "{{digits:9}}"
}
====
log
{{iso}} INFO  logowanie udane uzytkownik={{EMAIL_ADDRESS:1}} adres={{IP_ADDRESS}}
{{iso}} UWAGA nieznane urzadzenie mac={{MAC_ADDRESS}} pietro={{number:9}}
{{iso}} BLAD  platnosc odrzucona karta={{CREDIT_CARD:plain}} zamowienie={{order}} kod=54
{{iso}} DEBUG naglowek Authorization: Bearer {{SECRET:jwt}}
{{iso}} INFO  zadanie {{uuid}} zakonczone w {{digits:4}} ms
====
table
Lp.;Nazwisko i imię;PESEL;Data urodzenia;Telefon;Nr rachunku
1;{{PERSON:filed1}};{{NATIONAL_ID:pl_pesel1}};{{DATE_OF_BIRTH:short1}};{{PHONE_NUMBER}};{{IBAN_CODE}}
2;{{PERSON:filed2}};{{NATIONAL_ID:pl_pesel2}};{{DATE_OF_BIRTH:short2}};{{PHONE_NUMBER}};{{IBAN_CODE}}
3;{{PERSON:filed3}};{{NATIONAL_ID:pl_pesel3}};{{DATE_OF_BIRTH:short3}};{{PHONE_NUMBER}};{{IBAN_CODE}}
4;{{PERSON:filed4}};{{NATIONAL_ID:pl_pesel4}};{{DATE_OF_BIRTH:short4}};{{PHONE_NUMBER}};{{IBAN_CODE}}
====
medical
SZPITAL WOJEWÓDZKI – KARTA INFORMACYJNA LECZENIA SZPITALNEGO

Pacjentka: {{PERSON:full1}}
Data urodzenia: {{DATE_OF_BIRTH:short1}}     PESEL: {{NATIONAL_ID:pl_pesel1}}
Nr historii choroby: {{MEDICAL_RECORD}}
Adres: {{ADDRESS}}

Rozpoznanie: zapalenie płuc. Przy przyjęciu RR 140/85, tętno 96/min, temp. 38,6, CRP {{digits:3}} mg/l. Choroba Hashimoto
pod kontrolą poradni. Leczenie: amoksycylina 1 g 2x dziennie (seria {{batch}}). Wypis {{date}}. Osoba upoważniona: mąż,
{{PERSON:full2}}, tel. {{PHONE_NUMBER}}.

Lekarz prowadzący: dr n. med. {{PERSON:full4}}
====
hr
KWESTIONARIUSZ OSOBOWY

Imię i nazwisko: {{PERSON:full2}}
Data urodzenia: {{DATE_OF_BIRTH:long2}}
PESEL: {{NATIONAL_ID:pl_pesel2}}
Seria i numer dowodu: {{NATIONAL_ID:pl_card2}}
Paszport: {{PASSPORT}}
Miejsce zamieszkania: {{ADDRESS}}
Konto do wypłaty: {{BANK_ACCOUNT}}
Prywatny e-mail: {{EMAIL_ADDRESS:2}}
W nagłym wypadku: {{PERSON:full1}} (żona), {{PHONE_NUMBER}}

Stanowisko {{part}}, etat 1/1, umowa od {{date}}, NIP pracodawcy {{digits:10}}.
====
ticket
Temat: VPN nie działa z domu

Cześć, tu {{PERSON:full3}} z księgowości. Od rana mam błąd {{digits:3}}. Mój adres to {{IP_ADDRESS:four}}, karta sieciowa
{{MAC_ADDRESS}}. Restartowałam dwa razy, wersja klienta {{build}}. Możecie dzwonić na {{PHONE_NUMBER}}.
====
mail
Cześć, tu ja :)

Do biletów potrzebne są paszporty: mój {{PASSPORT}}, a {{PERSON:full3}} ma {{PASSPORT}}. Zapłać moją kartą {{CREDIT_CARD}}.
Kod rezerwacji {{upper:6}}. Gdyby coś, urodziłam się {{DATE_OF_BIRTH:short1}}, bo oni zawsze mylą.

Buziaki
{{PERSON:given1}}
====
clean ticket
{{ticket}}: po aktualizacji do {{version}} raport miesięczny jest pusty. Dotyczy zamówienia {{order}} i listu przewozowego
{{tracking}}. Suma kontrolna {{md5}}, poprzednia {{md5}}. Zajmiemy się tym po Bożym Ciele; w Wigilię i na świętego
Szczepana biuro przy Rondzie Dmowskiego nie pracuje.
====
clean mail
Szanowni Państwo,

zamówienie {{order}} w sklepie {{company}} zostało wysłane. Numer przesyłki: {{tracking}}. Zawartość: {{product}} (kod
{{part}}, partia {{batch}}, EAN {{ean}}) oraz „Pan Tadeusz”, ISBN {{isbn}}.
Do zapłaty: {{amount}} zł, faktura {{invoice}}, termin {{date}}. NIP sprzedawcy {{digits:3}}-{{digits:3}}-{{digits:2}}-{{digits:2}}.

Wiadomość wygenerowana automatycznie.
====
clean code
# przykładowy plik .env
KLUCZ_API={{placeholder}}
HASLO_BAZY=${HASLO_BAZY}
HOST=127.0.0.1
OBRAZ=rejestr.example/kopernik:{{version}}
REWIZJA={{sha1}}
LIMIT={{number:500}}
ETAG="{{etag}}"
====
clean chat
[{{time}}] bot: {{product}} zaktualizowano do {{version}}, commit {{commit}}
[{{time}}] bot: węzeł przy Sobieskiego znów dostępny, ślad {{trace}}
[{{time}}] bot: przerwa techniczna w Święto Trzech Króli, sprawa {{reference}}
====
clean table
| kod | nazwa | partia | szt. | EAN |
|---|---|---|---|---|
| {{part}} | {{product}} | {{batch}} | {{number:70}} | {{ean}} |
| {{part}} | Ptasie Mleczko E. Wedel | {{batch}} | {{number:70}} | {{ean}} |
| {{part}} | Soplica pigwowa | {{batch}} | {{number:70}} | {{ean}} |

Nr operacji {{sixteen}}
"""

LANGUAGE = Language(
    code="pl",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    families_of_women=tuple(re.sub(r"(s|c|dz)ki$", r"\1ka", one) for one in _FAMILIES),
    places=(_POLISH,),
    phones=(
        "5## ### ###", "6##-###-###", "7########", "+48 5## ### ###", "+48 22 %## ## ##", "22 %## ## ##", "(12) %##-##-##",
        "0048 6## ### ###", "+48 %##-###-###", "58 %######",
    ),
    providers=("wp.pl", "onet.pl", "interia.pl", "o2.pl", "gmail.com", "poczta.fm"),
    firms=("zielonydach.pl", "kancelaria-lipowa.pl", "baltyk-logistyka.com", "szpital-wojewodzki.info.pl", "mlynnadwisla.pl"),
    months=listed("stycznia, lutego, marca, kwietnia, maja, czerwca, lipca, sierpnia, września, października, listopada, grudnia"),
    dates={"short": "{d:02}.{m:02}.{y}", "long": "{d} {month} {y}", "dashed": "{d:02}-{m:02}-{y}"},
    ibans=("PL",),
    accounts=("PL",),
    passports=("E@#######", "A@ #######"),
    records=("%####/2026", "2026/%#####", "%######"),
    companies=listed("Wedel, Młyn nad Wisłą sp. z o.o., Bracia Sadowscy s.c., Wólczanka, Dr Irena Eris, Jan Niezbędny"),
    products=listed("Regał Zosia, Odkurzacz Zelmer Maks, Lampa Hania, Kostka Rubika, Żubrówka, Fotel Stefan"),
    words=listed("lato, kotek, wiosna, jagoda, rower, morze, bocian, zamek, krakow, pierogi, burza, zima"),
    templates=templates(_TEXTS.strip("\n")),
)  # fmt: skip
