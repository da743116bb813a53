"""English: the United States, the United Kingdom, Canada and Ireland."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Imogen, Tamika, Siobhan, Priya, Harriet, Latoya, Gwendolyn, Beatrix, Aoife, Nkechi, Rosalind, Jolene, Fatima, Phoebe,
    Marguerite, Shanice, Winifred, Bronwyn, Delilah, Keisha, Philippa, Mei-Ling, Constance, Adaeze, Rhiannon, Paige,
    Lorraine, Saoirse, Brooke, Zainab, Georgina, Mackenzie
""")
_MEN = listed("""
    Declan, Tyrone, Rupert, Kwame, Angus, Darnell, Nigel, Rajesh, Cormac, Wesley, Alistair, Hank, Obinna, Trevor, Malachi,
    Desmond, Fergus, Hamza, Barnaby, Dwayne, Callum, Elijah, Ruairi, Spencer, Travis, Lionel, Jermaine, Hugo, Brendan,
    Clyde, Tobias, Xavier
""")
_FAMILIES = listed("""
    Ashworth, Okafor, Mulligan, Prescott, Delgado, Whitcombe, Nakamura, McAllister, Pemberton, Washington, Chaudhry,
    O'Sullivan, Hargreaves, Kowalski, Abernathy, Boateng, Fairweather, Lindqvist, Rutherford, Castellano, Thackeray, Nguyen,
    Beaumont, Gallagher, Singh, Hollis, Van Dyke, Tremblay, Whitaker, Osei, Kearney, Lockwood, Patel, Drummond, Sinclair,
    Fitzgerald, Montague, Vasquez, Penrose, Cartwright, Iqbal, Swanson, Blackwood, Kipling, Harcourt, Dubois, Yeo, Ferrante,
    Holloway, Kaminski, Ogilvie, Radcliffe, Stanhope, Truong, Underhill, Varghese, Wadsworth, Yardley, Zimmerman, Bell, Rao,
    Crane
""")
_AMERICAN = Place(
    streets=listed("""
        Maple Ave, Old Mill Road, Sycamore Street, W 14th St, Cedar Ridge Drive, Jefferson Blvd, Pine Hollow Ln, Lakeshore
        Parkway, N Clark St
    """),
    houses=("%##", "%###", "%####", "%#"),
    towns=(
        "Dayton, OH 454##",
        "Tucson, AZ 857##",
        "Portland, OR 972##",
        "Madison, WI 537##",
        "Brooklyn, NY 112##",
        "Raleigh, NC 276##",
        "Boise, Idaho 837##",
    ),
    lines=(
        "{house} {street}{br}{town}",
        "{house} {street}, Apt 4B{br}{town}",
        "{house} {street}, Suite 210{br}{town}",
    ),
)
_BRITISH = Place(
    streets=listed("""
        Rosemary Lane, Church Street, Station Road, The Crescent, Victoria Terrace, Mill Hill, Queensway, Bramble Close
    """),
    houses=("%", "%#", "%##", "Flat %, %#", "%#a"),
    towns=(
        "Leeds LS% %AB",
        "Bristol BS% %TH",
        "Edinburgh EH% %QN",
        "London SE1% %RD",
        "Norwich NR% %LP",
        "Cardiff CF1% %XG",
    ),
    lines=("{house} {street}{br}{town}",),
)

_TEXTS = r"""
ticket
{{ticket}} | Billing | opened {{iso}}

Customer {{PERSON:full1}} says she was charged twice for order {{order}}. The card on file is {{CREDIT_CARD}}, exp 09/28.
She'd rather have a call than an email: {{PHONE_NUMBER}}, any time after 5pm. If we do write, use {{EMAIL_ADDRESS:1}}.

Shipping address has changed too. Old one is wrong in the CRM, should be {{ADDRESS}}.

-- {{PERSON:given2}} (tier 2), invoice {{invoice}} attached
====
mail
From: "{{PERSON:full2}}" <{{EMAIL_ADDRESS:2}}>
To: {{PERSON:full3}} <{{EMAIL_ADDRESS:3}}>
Subject: Re: Re: tenancy application, 2 bed flat

Hi {{PERSON:given3}},

Thanks for getting back so quickly. Our details for the referencing people:

Me: {{PERSON:full2}}, DOB {{DATE_OF_BIRTH:short2}}, NI number {{NATIONAL_ID:uk_nino2}}
My partner: {{PERSON:full1}}, born {{DATE_OF_BIRTH:long1}}, NI {{NATIONAL_ID:uk_nino1}}

Holding deposit will come from sort code 20-45-77, account {{BANK_ACCOUNT:a}}. We're currently at

{{ADDRESS:block}}

Happy to do a viewing on the bank holiday Monday if that suits.

Cheers,
{{PERSON:given2}}
Sent from my phone
====
chat
{{PERSON:given1}} {{time}}: anyone else getting 403s from the payments sandbox??
{{PERSON:given2}} {{time}}: key got rotated last night. new one's {{SECRET:stripe}}
{{PERSON:given1}} {{time}}: legend. can you not paste it here next time lol
{{PERSON:given2}} {{time}}: it's a sandbox, relax. btw {{PERSON:full4}} from compliance wants you to ring him, {{PHONE_NUMBER}}
{{PERSON:given1}} {{time}}: ugh ok. also pushing {{version}} in 10, commit {{commit}}
====
code
package config

import "os"

// Set at build time; see ticket {{ticket}}. Owner: {{PERSON:full1}} <{{EMAIL_ADDRESS:1}}>
const (
	githubToken = "{{SECRET:github}}"
	slackToken  = "{{SECRET:slack}}"
	dsn         = "{{URL_CREDENTIALS}}"
	webhook     = "{{SECRET:webhook}}"
	buildSHA    = "{{sha1}}"
)

func Region() string {
	if r := os.Getenv("REGION"); r != "" {
		return r
	}
	return "us-east-2"
}
====
json
{"event": "account.updated", "id": "evt_{{digits:9}}", "created": {{epoch}}, "data": {"holder": {"first_name":
"{{PERSON:given2}}", "last_name": "{{PERSON:family2}}", "dob": "{{DATE_OF_BIRTH:iso2}}", "ssn": "{{NATIONAL_ID:us_ssn2}}",
"email": "{{EMAIL_ADDRESS:2}}", "phone": "{{PHONE_NUMBER:intl}}", "address": "{{ADDRESS}}"}, "payout": {"routing_number":
"021000021", "account_number": "{{BANK_ACCOUNT:b}}"}, "last_ip": "{{IP_ADDRESS}}"}, "api_version": "2026-02-15",
"request": "{{uuid}}"}
====
log
{{IP_ADDRESS}} - - [12/Oct/2026:{{time}}:07 +0000] "GET /api/v2/orders/{{digits:8}}?access_token={{SECRET:token}} HTTP/1.1" 200 5316
{{IP_ADDRESS}} - - [12/Oct/2026:{{time}}:09 +0000] "POST /login HTTP/1.1" 401 112 "user={{EMAIL_ADDRESS:1}}"
time={{iso}} level=warn msg="rate limit" client={{IP_ADDRESS:six}} limit=600 etag={{etag}}
time={{iso}} level=info msg="lease renewed" hw={{MAC_ADDRESS:colon}} ttl=3600 node=worker-{{number:40}}
time={{iso}} level=error msg="smtp auth failed" password={{SECRET:password}} attempt=3
====
table
id,full_name,email,mobile,date_of_birth,passport_no,loyalty_tier
{{digits:6}},{{PERSON:full1}},{{EMAIL_ADDRESS:1}},{{PHONE_NUMBER}},{{DATE_OF_BIRTH:iso1}},{{PASSPORT}},gold
{{digits:6}},{{PERSON:full2}},{{EMAIL_ADDRESS:2}},{{PHONE_NUMBER}},{{DATE_OF_BIRTH:iso2}},{{PASSPORT}},silver
{{digits:6}},{{PERSON:full3}},{{EMAIL_ADDRESS:3}},{{PHONE_NUMBER}},{{DATE_OF_BIRTH:iso3}},{{PASSPORT}},none
====
medical
DISCHARGE SUMMARY

Patient: {{PERSON:filed2}}     MRN: {{MEDICAL_RECORD}}
Date of birth: {{DATE_OF_BIRTH:short2}}     Admitted: {{date}}
Home address: {{ADDRESS}}
Next of kin: {{PERSON:full1}} (wife), {{PHONE_NUMBER}}

Mr {{PERSON:family2}} presented with a two-day history of productive cough and pleuritic chest pain. Sats 93% on air, temp
38.4, RR 22, CRP {{digits:3}}. Treated with IV co-amoxiclav then stepped down to oral. Lot {{batch}}. Parkinson's disease
stable on co-careldopa. Discharged home; GP please repeat CXR in 6/52.

Dr {{PERSON:full3}}, Specialty Registrar
====
hr
Onboarding checklist - strictly confidential

New starter: {{PERSON:full1}}, reporting to {{PERSON:full4}}
SSN: {{NATIONAL_ID:us_ssn1}}
Passport number: {{PASSPORT}}
Direct deposit: Bank of Maple County, checking account no. {{BANK_ACCOUNT:b}}
Emergency contact: {{PERSON:full2}}, brother, {{PHONE_NUMBER}}
Personal email for the offer letter: {{EMAIL_ADDRESS:1}}
Laptop asset tag {{part}}, Wi-Fi MAC {{MAC_ADDRESS}}

Equity refresher and the Martin Luther King Day schedule are covered in the handbook, version {{version}}.
====
ticket
Subject: locked out of tax portal

I'm {{PERSON:full2}} and I've been locked out since Canada Day. My SIN is {{NATIONAL_ID:ca_sin2}} and I was born on
{{DATE_OF_BIRTH:long2}}. Your agent {{PERSON:given1}} gave me case number {{digits:8}}, but the portal
doesn't recognise that or my receipt {{order}}. Please transfer my refund to {{IBAN_CODE}} as I've moved to Ireland.
====
mail
Hey {{PERSON:given2}}, quick handover before I'm off:

- prod box is behind {{IP_ADDRESS:four}}, ssh key below (passphrase is {{SECRET:password}})
- openai key for the summariser: {{SECRET:openai}}
- on-call is {{PERSON:full3}}, {{PHONE_NUMBER}}

{{SECRET:pem}}

don't merge #{{digits:4}} until {{version}} is out
====
json
{
  "type": "service_account",
  "project_id": "blue-heron-{{digits:6}}",
  "private_key_id": "{{sha1}}",
  "private_key": "{{SECRET:pem_escaped}}\n",
  "contact": "{{PERSON:full3}}",
  "contact_email": "{{EMAIL_ADDRESS:3}}",
  "universe": "example.invalid"
}
====
clean ticket
{{ticket}}: Upgrade from {{version}} to {{version}} fails with "checksum mismatch". Expected {{sha256}}, got {{sha256}}. We
reproduced it on build {{build}} with Python 3.12.4 and lodash@4.17.21. Tracking number for the replacement appliance is
{{tracking}}; RMA {{reference}}. No rush, we are closed for Thanksgiving and St. Stephen's Day anyway.
====
clean mail
Your {{company}} order {{order}} has shipped!

1 x {{product}} (SKU {{part}}, lot {{batch}})
1 x "Jane Eyre", hardback, ISBN {{isbn}}

Carrier reference {{tracking}}. Invoice {{invoice}}, due {{date}}. Questions? Reply to this message or see our help centre.
You can return anything within 30 days, no questions asked.
====
clean code
import os

from vendor import Client

# Never commit a real key. Put it in the environment instead.
client = Client(api_key=os.environ["VENDOR_API_KEY"], base_url="http://127.0.0.1:9000")
EXAMPLE = {"Authorization": "Bearer {{placeholder}}", "X-Request-Id": "{{uuid}}"}
DEFAULT_DSN = "postgres://${DB_USER}:${DB_PASSWORD}@${DB_HOST}:5432/app"
password = getpass.getpass("Password: ")
ICON = "logo@2x.png"
REVISION = "{{sha1}}"
====
clean log
{{iso}} INFO  {{product}} started version={{version}} pid={{digits:4}} listening=0.0.0.0:8080
{{iso}} INFO  pulled image app@sha256:{{sha256}} in 3.1s
{{iso}} DEBUG span={{trace}} batch={{digits:8}} rows={{digits:4}} elapsed_us={{digits:6}}
{{iso}} WARN  job {{uuid}} retried 2 times, next at {{epoch}}
====
clean json
{"name": "washington-ui", "version": "{{version}}", "dependencies": {"@types/node": "18.19.3", "jasmine": "5.1.0"},
"dist": {"integrity": "{{integrity}}", "shasum": "{{sha1}}"}, "sku": "{{part}}", "gtin": "{{ean}}", "ref": "{{sixteen}}",
"token": "{{placeholder}}", "holiday": "Presidents' Day"}
"""

LANGUAGE = Language(
    code="en",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_AMERICAN, _BRITISH),
    phones=(
        "(%0%) %##-####", "%1%-%##-####", "%4%.%##.####", "+1 %0% %## ####", "1-%5%-%##-####", "+1 (%1%) %##-####",
        "07%## ######", "020 7%## ####", "+44 7%## ######", "+44 (0)117 %## ####", "01%## ######", "+353 87 %## ####",
    ),
    providers=("gmail.com", "outlook.com", "yahoo.com", "icloud.com", "btinternet.com", "proton.me"),
    firms=("harbourlight.co.uk", "oakridge-dental.com", "blueheronlogistics.com", "tidewater.io", "fenwickandcole.co.uk"),
    months=listed("January, February, March, April, May, June, July, August, September, October, November, December"),
    dates={"short": "{m:02}/{d:02}/{y}", "long": "{d} {month} {y}", "us": "{month} {d}, {y}", "uk": "{d:02}/{m:02}/{y}"},
    ibans=("GB", "IE"),
    accounts=("%#######", "%########", "%###########"),
    passports=("%########", "A########", "5########"),
    records=("00%#####", "MRN%######", "%##-##-####", "H%#######"),
    companies=listed("Johnson & Johnson, Ben & Jerry's, Harbour Light Ltd, Wendy's, J.P. Morgan Stationery"),
    products=listed("Jenkins, Alexa Dot, Dyson Vera, Jasper Kettle, Watson Lamp, Craftsman Stanley 42"),
    words=listed("summer, dragon, biscuit, harbor, monday, purple, cricket, orchid, thunder, maple, rocket, velvet"),
    templates=templates(_TEXTS.strip("\n")),
    orders=("{given} {family}",),
    second_family="-",
    doubled=0.05,
)  # fmt: skip
