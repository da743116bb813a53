"""Spanish: Spain, Mexico and Argentina."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    Inmaculada, Rocío, Macarena, Begoña, Nuria, Ximena, Yolanda, Encarnación, Lourdes, Aitana, Marisol, Guadalupe, Ainhoa,
    Consuelo, Paloma, Itziar, Milagros, Noelia, Jimena, Valentina, Amparo, Esperanza, Montserrat, Leticia, Fernanda,
    Rosario, Candela, Maite, Graciela, Araceli, María José, Ana Belén
""")
_MEN = listed("""
    Íñigo, Álvaro, Gonzalo, Emiliano, Joaquín, Rubén, Santiago, Agustín, Facundo, Jordi, Mateo, Ramiro, Óscar, Iker,
    Leandro, Salvador, Efraín, Hernán, Nicolás, Pau, Cristóbal, Rodrigo, Ezequiel, Unai, Fermín, Guillermo, Lautaro,
    Ignacio, Tomás, Adolfo, José Luis, Juan Carlos
""")
_FAMILIES = listed("""
    Echeverría, Villalobos, Cañizares, Montoya, Quiroga, Zubizarreta, Palacios, Figueroa, Ibáñez, Carrasco, Maldonado, Ferrer,
    Solís, Arriaga, Benítez, Cárdenas, Domínguez, Escobar, Fuentes, Gallardo, Huerta, Iriarte, Jurado, Lozano, Mendizábal,
    Navarrete, Ocampo, Peralta, Quintero, Robledo, Sepúlveda, Tejada, Urrutia, Valverde, Yáñez, Zamora, Aguirre, Bravo,
    Cuesta, Del Río, Espinosa, Franco, Godoy, Herrero, Izquierdo, Landa, Machado, Nieto, Olivares, Pastor, Rivas, Salgado,
    Trujillo, Vidal, Puig, Castells, Arroyo, Becerra, Cordero, Duarte, de la Fuente, Bustamante
""")
_SPANISH = Place(
    streets=listed("""
        Calle Mayor, C/ San Bernardo, Avda. de la Constitución, Plaza del Olivar, Calle de los Herreros, Paseo de Gracia,
        Rúa do Vilar, C/ Doctor Fleming, Camino Viejo
    """),
    houses=("%", "%#", "%##, 2.º B", "%#, 4º izda.", "s/n"),
    towns=(
        "280## Madrid",
        "080## Barcelona",
        "410## Sevilla",
        "460## Valencia",
        "48001 Bilbao",
        "15705 Santiago de Compostela",
        "18### Granada",
    ),
    lines=("{street}, {house}{br}{town}", "{street} {house}{br}{town}"),
)
_MEXICAN = Place(
    streets=listed("Av. Insurgentes Sur, Calle Hidalgo, Privada Los Cedros, Eje Central"),
    houses=("%##", "%###", "%## int. %"),
    towns=(
        "Col. Roma Norte, 06700 Ciudad de México",
        "Col. Centro, C.P. 44100 Guadalajara, Jal.",
        "64000 Monterrey, N.L.",
    ),
    lines=("{street} {house}{br}{town}",),
)

_TEXTS = r"""
ticket
Incidencia {{ticket}} — Facturación

La clienta {{PERSON:full1}} llama porque le han cobrado dos veces el pedido {{order}}. Nos da la tarjeta {{CREDIT_CARD}} y
pide que el abono se haga en la cuenta {{IBAN_CODE}}. Teléfono de contacto: {{PHONE_NUMBER}} (mejor por las tardes).
DNI para verificar: {{NATIONAL_ID:es_dni1}}.

Lo lleva {{PERSON:full2}} desde ayer. Factura relacionada: {{invoice}}.
====
mail
De: {{PERSON:full1}} <{{EMAIL_ADDRESS:1}}>
Para: {{EMAIL_ADDRESS:2}}
Asunto: Documentación para el alquiler

Buenas tardes, {{PERSON:given2}}:

Le adjunto las nóminas y le paso los datos que me pidió para el contrato:

Nombre completo: {{PERSON:full1}}
Fecha de nacimiento: {{DATE_OF_BIRTH:long1}}
NIE: {{NATIONAL_ID:es_nie1}}
Domicilio actual:
{{ADDRESS:block}}

El ingreso de la fianza lo haré desde {{IBAN_CODE}}. Si le surge cualquier duda, mi móvil es el {{PHONE_NUMBER}}.

Un saludo,
{{PERSON:given1}}
====
chat
{{PERSON:given2}}: buenas!! alguien tiene la clave del wifi de la ofi nueva?
{{PERSON:given1}}: sí, apunta: {{SECRET:password}}
{{PERSON:given2}}: graciaaas 🙌 y el token del bot?
{{PERSON:given1}}: te lo dejo aquí pero bórralo luego {{SECRET:telegram}}
{{PERSON:given2}}: ok. por cierto, {{PERSON:full4}} dice que le llames al {{PHONE_NUMBER}} antes de las {{time}}
{{PERSON:given1}}: vale, pero hoy salgo pronto que mañana es el Pilar
====
code
<?php
// Configuración heredada. Preguntar a {{PERSON:full2}} ({{EMAIL_ADDRESS:2}}) antes de tocar nada.
return [
    'debug'    => false,
    'version'  => '{{version}}',
    'db'       => '{{URL_CREDENTIALS}}',
    'correo'   => [
        'usuario'    => 'avisos',
        'contrasena' => '{{SECRET:password}}',
    ],
    'sendgrid' => '{{SECRET:sendgrid}}',
    'huella'   => '{{sha1}}',
];
====
json
{
  "solicitud": "{{uuid}}",
  "fecha": "{{iso}}",
  "titular": {
    "nombre": "{{PERSON:given1}}",
    "apellidos": "{{PERSON:family1}}",
    "dni": "{{NATIONAL_ID:es_dni1}}",
    "fecha_nacimiento": "{{DATE_OF_BIRTH:iso1}}",
    "direccion": "{{ADDRESS}}",
    "telefono": "{{PHONE_NUMBER:intl}}",
    "correo": "{{EMAIL_ADDRESS:1}}"
  },
  "pago": {"tarjeta": "{{CREDIT_CARD:plain}}", "importe": "{{amount}}", "referencia": "{{digits:12}}"},
  "ip_origen": "{{IP_ADDRESS}}"
}
====
log
{{iso}} INFO acceso: usuario {{EMAIL_ADDRESS:2}} autenticado desde {{IP_ADDRESS:four}}
{{iso}} AVISO acceso: tres intentos fallidos desde {{IP_ADDRESS}}, equipo {{MAC_ADDRESS}}
{{iso}} ERROR pasarela: 401 al llamar con clave {{SECRET}}
{{iso}} INFO tareas: lote {{digits:7}} terminado en {{digits:4}} ms, commit {{commit}}
{{iso}} DEBUG conector: abriendo {{URL_CREDENTIALS}}
====
table
Nombre	NIF	Nacimiento	Teléfono	Cuenta
{{PERSON:filed1}}	{{NATIONAL_ID:es_dni1}}	{{DATE_OF_BIRTH:short1}}	{{PHONE_NUMBER}}	{{IBAN_CODE}}
{{PERSON:filed2}}	{{NATIONAL_ID:es_dni2}}	{{DATE_OF_BIRTH:short2}}	{{PHONE_NUMBER}}	{{IBAN_CODE}}
{{PERSON:filed3}}	{{NATIONAL_ID:es_nie3}}	{{DATE_OF_BIRTH:short3}}	{{PHONE_NUMBER}}	{{IBAN_CODE}}
{{PERSON:filed4}}	{{NATIONAL_ID:es_nie4}}	{{DATE_OF_BIRTH:short4}}	{{PHONE_NUMBER}}	{{IBAN_CODE}}
====
medical
INFORME DE URGENCIAS

Paciente: {{PERSON:full2}}
N.º de historia clínica: {{MEDICAL_RECORD}}
F. nacimiento: {{DATE_OF_BIRTH:short2}}   N.º Seguridad Social: {{NATIONAL_ID:es_nuss2}}
Domicilio: {{ADDRESS}}

Varón que acude por dolor abdominal de 12 horas de evolución. TA 128/76, FC 94, Tª 37,9 ºC. Analítica: leucocitos 14.300,
PCR {{digits:2}} mg/l. Se pauta paracetamol 1 g/8 h (lote {{batch}}). Acompañado por su hija {{PERSON:full1}},
tel. {{PHONE_NUMBER}}. Valorado por cirugía: signo de Murphy negativo.

Dra. {{PERSON:full3}}, col. n.º 28/28/{{digits:5}}
====
hr
Ficha de alta de personal

Apellidos y nombre: {{PERSON:filed1}}
NIF: {{NATIONAL_ID:es_dni1}} · Afiliación a la Seguridad Social: {{NATIONAL_ID:es_nuss1}}
Pasaporte: {{PASSPORT}}
Nacida el {{DATE_OF_BIRTH:long1}}
Dirección: {{ADDRESS}}
Cuenta para la nómina (CCC): {{BANK_ACCOUNT}}
Persona de contacto: {{PERSON:full4}}, {{PHONE_NUMBER}}

Categoría: técnica de grupo 2. Convenio {{digits:14}}. Inicio: {{date}}.
====
mail
Hola, {{PERSON:given3}}, ¿qué tal el puente?

Te escribo por lo del viaje: en la agencia piden el pasaporte de {{PERSON:full2}}, es el {{PASSPORT}}, y su fecha de
nacimiento ({{DATE_OF_BIRTH:short2}}). Los billetes van a mi nombre con localizador {{upper:6}}. Si hay problemas con el
pago, usa esta tarjeta: {{CREDIT_CARD}}.

Un abrazo,
{{PERSON:full1}}
{{PHONE_NUMBER}}
====
ticket
Asunto: NO PUEDO ENTRAR

hola soy {{PERSON:full2}}, desde ayer no me deja entrar con mi correo {{EMAIL_ADDRESS:2}}, me sale error {{digits:3}}.
he probado desde casa ({{IP_ADDRESS:four}}) y desde el trabajo y nada. mi contraseña era {{SECRET:password}} por si la
necesitan. gracias
====
clean ticket
{{ticket}}. Tras actualizar a la versión {{version}} el informe mensual sale vacío. El pedido {{order}} y el albarán
{{reference}} aparecen duplicados. La suma de comprobación {{md5}} no coincide con la publicada. Lo dejamos para después
de San Isidro; el día de la Virgen del Carmen tampoco hay soporte.
====
clean mail
Estimado cliente:

Su pedido {{order}} de {{company}} ya ha salido de nuestro almacén con el número de seguimiento {{tracking}}. Contiene
1 × {{product}} (ref. {{part}}, EAN {{ean}}) y 2 × «Don Quijote de la Mancha» (ISBN {{isbn}}).
Importe: {{amount}} €. Factura {{invoice}} con vencimiento {{date}}. CIF: B{{digits:8}}.

No responda a este mensaje.
====
clean code
#!/bin/sh
# Ejemplo: sustituya los valores antes de ejecutar
export CLAVE_API="{{placeholder}}"
export PGPASSWORD="${PGPASSWORD:?falta}"
docker run --rm -p 127.0.0.1:5433:5432 tienda/lola:{{version}}
git checkout {{sha1}}
curl -sS "http://localhost:8000/v1/pedidos/{{digits:9}}" -H "X-Traza: {{trace}}"
====
clean chat
[{{time}}] alertas: {{product}} ha tardado {{digits:4}} ms en el lote {{batch}}
[{{time}}] alertas: despliegue {{build}} completado en la calle Alcalá (CPD 2), commit {{commit}}
[{{time}}] alertas: mantenimiento el día de Santiago Apóstol, expediente {{reference}}
====
clean table
código;artículo;lote;unidades;ean
{{part}};{{product}};{{batch}};{{number:80}};{{ean}}
{{part}};Vino Marqués de Cáceres, crianza;{{batch}};{{number:80}};{{ean}}
{{part}};Galletas María;{{batch}};{{number:80}};{{ean}}
total operación {{sixteen}};;;{{digits:3}};
"""

LANGUAGE = Language(
    code="es",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_SPANISH, _SPANISH, _MEXICAN),
    phones=(
        "6## ## ## ##", "6########", "+34 6## ### ###", "9%# ### ###", "91 %## ## ##", "+34 9%# ## ## ##", "7##-###-###",
        "+52 55 %### ####", "(55) %###-####", "+54 9 11 %###-####", "0034 6## ### ###",
    ),
    providers=("gmail.com", "hotmail.es", "yahoo.es", "telefonica.net", "outlook.es"),
    firms=("almazaradelsur.es", "clinicasanroque.es", "transportesvega.com", "grupoceibo.com.mx", "tallerlumen.com.ar"),
    months=listed("enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, octubre, noviembre, diciembre"),
    dates={"short": "{d:02}/{m:02}/{y}", "long": "{d} de {month} de {y}", "dashed": "{d:02}-{m:02}-{y}"},
    ibans=("ES",),
    accounts=("ES",),
    passports=("PA@######", "XD@######", "AA@######"),
    records=("%#####", "HC-%######", "%###/%##"),
    companies=listed("El Corte Inglés, Hermanos García S.L., Almazara del Sur, Adolfo Domínguez, Bodegas Torres"),
    products=listed("Carmen 500, Cafetera Lola, Aspirador Ramón, Silla Paloma, Aceite Marta, Teka Rodrigo"),
    words=listed("verano, gato, playa, naranja, tortuga, barcelona, sevilla, luna, camino, perro, flores, invierno"),
    templates=templates(_TEXTS.strip("\n")),
    second_family=" ",
    doubled=0.6,
)  # fmt: skip
