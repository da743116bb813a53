"""Japanese."""

from __future__ import annotations

from bench.dlp.heldout.language import Language, Place, listed, templates

_WOMEN = listed("""
    美咲/misaki, 陽子/yoko, 由美子/yumiko, 彩香/ayaka, 千尋/chihiro, 恵/megumi, 直美/naomi, 結衣/yui, 真理子/mariko, 智子/tomoko,
    さくら/sakura, 優子/yuko, 久美子/kumiko, 明日香/asuka, 里奈/rina, 菜々子/nanako, 葵/aoi, 綾/aya, 香織/kaori, 純子/junko, 遥/haruka,
    詩織/shiori, 麻衣/mai, 裕子/hiroko, 沙織/saori, 和子/kazuko, 愛/ai, 美穂/miho, 幸恵/yukie, 凛/rin, 千代/chiyo, あかり/akari
""")
_MEN = listed("""
    健太/kenta, 大輔/daisuke, 翔/sho, 拓也/takuya, 浩二/koji, 誠/makoto, 隆/takashi, 直樹/naoki, 雄一郎/yuichiro, 蓮/ren, 悠斗/yuto,
    和也/kazuya, 剛/tsuyoshi, 修/osamu, 哲也/tetsuya, 亮/ryo, 慎太郎/shintaro, 正樹/masaki, 勇気/yuki, 颯太/sota, 茂/shigeru,
    達也/tatsuya, 博之/hiroyuki, 学/manabu, 進/susumu, 弘/hiroshi, 圭介/keisuke, 龍之介/ryunosuke, 信夫/nobuo, 樹/itsuki, 清/kiyoshi,
    陸/riku
""")
_FAMILIES = listed("""
    佐々木/sasaki, 小林/kobayashi, 渡辺/watanabe, 伊藤/ito, 中村/nakamura, 加藤/kato, 吉田/yoshida, 山口/yamaguchi, 松本/matsumoto,
    井上/inoue, 木村/kimura, 斎藤/saito, 清水/shimizu, 山崎/yamazaki, 阿部/abe, 池田/ikeda, 橋本/hashimoto, 石川/ishikawa, 前田/maeda,
    藤田/fujita, 小川/ogawa, 岡田/okada, 後藤/goto, 長谷川/hasegawa, 村上/murakami, 近藤/kondo, 石井/ishii, 坂本/sakamoto, 遠藤/endo,
    青木/aoki, 藤井/fujii, 西村/nishimura, 福田/fukuda, 太田/ota, 三浦/miura, 岡本/okamoto, 松田/matsuda, 中川/nakagawa, 中野/nakano,
    原田/harada, 小野/ono, 田村/tamura, 竹内/takeuchi, 金子/kaneko, 和田/wada, 中山/nakayama, 石田/ishida, 上田/ueda, 森田/morita,
    柴田/shibata, 酒井/sakai, 工藤/kudo, 横山/yokoyama, 宮崎/miyazaki, 宮本/miyamoto, 内田/uchida, 高木/takagi, 安藤/ando,
    谷口/taniguchi, 大野/ono, 丸山/maruyama, 今井/imai
""")
_JAPANESE = Place(
    streets=listed("グリーンハイツ, メゾン青葉, コーポ桜, サンライズマンション, ロイヤル中央"),
    houses=("%-%#-%", "%丁目%#番%号", "%-%-%#", "%#番地"),
    towns=(
        "〒150-00## 東京都渋谷区神南",
        "〒530-00## 大阪府大阪市北区梅田",
        "〒460-00## 愛知県名古屋市中区栄",
        "〒060-00## 北海道札幌市中央区北一条西",
        "〒812-00## 福岡県福岡市博多区博多駅前",
        "東京都世田谷区三軒茶屋",
        "神奈川県横浜市青葉区美しが丘",
        "京都府京都市左京区吉田本町",
    ),
    lines=("{town}{house}", "{town}{house} {street}201号室", "{town}{house} {street}1503"),
)

_TEXTS = r"""
ticket
【受付番号 {{ticket}}】二重請求について

お客様:{{PERSON:full1}} 様
ご連絡先:{{PHONE_NUMBER}} / {{EMAIL_ADDRESS:1}}
内容:ご注文 {{order}} の代金がカード {{CREDIT_CARD}} に二重で請求されているとのこと。お届け先も変更希望で、
新しいご住所は {{ADDRESS}} です。

担当:{{PERSON:family2}}(一次対応済み。請求書 {{invoice}} を添付)
====
mail
差出人: {{PERSON:full2}} <{{EMAIL_ADDRESS:2}}>
宛先: {{EMAIL_ADDRESS:1}}
件名: 賃貸契約に必要な書類の件

{{PERSON:family1}}様

いつもお世話になっております。先日内見させていただきました{{PERSON:full2}}です。
ご依頼の情報を以下のとおりお送りいたします。

生年月日:{{DATE_OF_BIRTH:long2}}
現住所:{{ADDRESS}}
携帯電話:{{PHONE_NUMBER}}
引落口座:青葉銀行 渋谷支店 普通 {{BANK_ACCOUNT}}

お手数をおかけしますが、よろしくお願いいたします。
====
chat
{{PERSON:family1}}: おはようございます!検証環境のパスワードって変わりました?
{{PERSON:family2}}: はい、いまは {{SECRET:password}} です
{{PERSON:family1}}: 助かります。APIキーも期限切れみたいで…
{{PERSON:family2}}: こちらを使ってください {{SECRET}}
{{PERSON:family1}}: ありがとうございます🙏 あと{{PERSON:family4}}部長が折り返しほしいそうです。携帯は {{PHONE_NUMBER}}
{{PERSON:family2}}: 承知です。明日は海の日なので今日中に電話します
====
code
# 在庫連携バッチ 担当: {{PERSON:full2}} ({{EMAIL_ADDRESS:2}})
import os

DB_URL = "{{URL_CREDENTIALS}}"
SLACK_TOKEN = "{{SECRET:slack}}"
AWS_KEY_ID = "{{SECRET:aws}}"
RELEASE = "{{version}}"
CHECKSUM = "{{sha256}}"


def retry_count() -> int:
    # 再試行の回数
    return int(os.environ.get("RETRY", "3"))
====
json
{
  "申込番号": "{{digits:9}}",
  "受付日時": "{{iso}}",
  "氏名": "{{PERSON:full1}}",
  "生年月日": "{{DATE_OF_BIRTH:iso1}}",
  "個人番号": "{{NATIONAL_ID:jp_number1}}",
  "住所": "{{ADDRESS}}",
  "電話番号": "{{PHONE_NUMBER}}",
  "メール": "{{EMAIL_ADDRESS:1}}",
  "接続元": "{{IP_ADDRESS}}",
  "追跡": "{{uuid}}"
}
====
log
{{iso}} INFO  ログイン成功 user={{EMAIL_ADDRESS:1}} ip={{IP_ADDRESS}} 所要=52ms
{{iso}} WARN  未登録の端末 mac={{MAC_ADDRESS}} フロア={{number:20}}
{{iso}} ERROR 決済エラー card={{CREDIT_CARD:plain}} order={{order}} code=G12
{{iso}} DEBUG Authorization: Bearer {{SECRET:jwt}}
{{iso}} INFO  会員 {{PERSON:full2}} の退会処理が完了しました (処理番号 {{digits:8}})
====
table
| 社員番号 | 氏名 | 生年月日 | 個人番号 | 携帯電話 |
|---|---|---|---|---|
| {{digits:5}} | {{PERSON:full1}} | {{DATE_OF_BIRTH:short1}} | {{NATIONAL_ID:jp_number1}} | {{PHONE_NUMBER}} |
| {{digits:5}} | {{PERSON:full2}} | {{DATE_OF_BIRTH:short2}} | {{NATIONAL_ID:jp_number2}} | {{PHONE_NUMBER}} |
| {{digits:5}} | {{PERSON:full3}} | {{DATE_OF_BIRTH:short3}} | {{NATIONAL_ID:jp_number3}} | {{PHONE_NUMBER}} |
====
medical
診療情報提供書

患者氏名:{{PERSON:full1}} 様(女性)
生年月日:{{DATE_OF_BIRTH:era1}}
患者ID:{{MEDICAL_RECORD}}
住所:{{ADDRESS}}

平素より大変お世話になっております。上記患者様は橋本病にて当院通院中ですが、{{date}}より労作時の息切れを認めました。
血圧 142/86、脈拍 88/分、SpO2 95%、BNP {{digits:3}}。現在の処方はアムロジピン5mg 1錠(製造番号 {{batch}})です。
ご家族連絡先:夫 {{PERSON:full2}} 様、{{PHONE_NUMBER}}。ご高診のほどお願い申し上げます。

医師 {{PERSON:full4}}
====
hr
入社手続き票(社外秘)

氏名:{{PERSON:full2}}
生年月日:{{DATE_OF_BIRTH:long2}}
個人番号(マイナンバー):{{NATIONAL_ID:jp_number2}}
旅券番号:{{PASSPORT}}
住所:{{ADDRESS}}
給与振込先:あさひ銀行 本店 普通預金 口座番号 {{BANK_ACCOUNT}}
緊急連絡先:{{PERSON:full1}}(妻)TEL {{PHONE_NUMBER}}

等級 {{number:9}}、職務コード {{part}}、入社日 {{date}}、上長 {{PERSON:full4}}
====
ticket
件名:自宅からVPNに接続できません

経理部の{{PERSON:full3}}です。今朝から接続できなくなりました。PCのMACアドレスは {{MAC_ADDRESS}}、グローバルIPは
{{IP_ADDRESS:four}}、クライアントは {{build}} です。エラーコードは {{digits:3}} と出ています。
お急ぎの場合は {{PHONE_NUMBER}} までお願いします。
====
mail
{{PERSON:given1}}さん

ドイツ出張の精算ですが、現地の振込先は {{IBAN_CODE}} だそうです。名義は {{PERSON:full4}} です。
ホテルは私のカード({{CREDIT_CARD}})で予約済み、予約番号は {{upper:6}} です。
パスポート番号も必要とのことなので、私の分は {{PASSPORT}} で登録しておいてください。

{{PERSON:full2}}
====
clean ticket
{{ticket}}:バージョン {{version}} に更新後、月次レポートが空になります。対象は注文 {{order}} と伝票 {{reference}} です。
チェックサムは {{md5}} でした。急ぎではありません。文化の日と勤労感謝の日は休業のため、その後にご対応ください。
====
clean mail
お客様各位

{{company}}をご利用いただきありがとうございます。ご注文 {{order}} を発送いたしました。お問い合わせ番号は {{tracking}} です。
商品:{{product}}(品番 {{part}}、ロット {{batch}}、JAN {{ean}})、書籍『坊っちゃん』(ISBN {{isbn}})
請求番号 {{invoice}}、お支払期限 {{date}}。

※このメールは自動送信です。
====
clean code
# 設定例。実際の値に置き換えてください
api_key: {{placeholder}}
password: ${DB_PASSWORD}
listen: 127.0.0.1:8080
image: registry.example/hanako:{{version}}
revision: {{sha1}}
request_id: {{uuid}}
====
clean chat
[{{time}}] 通知: {{product}} を {{version}} に更新しました(コミット {{commit}})
[{{time}}] 通知: 山の日の深夜にメンテナンスを行います。管理番号 {{reference}}
[{{time}}] 通知: ビルド {{build}} が完了しました。トレース {{trace}}
====
clean table
品番,品名,ロット,数量,JAN
{{part}},{{product}},{{batch}},{{number:60}},{{ean}}
{{part}},マツモトキヨシ限定シャンプー,{{batch}},{{number:60}},{{ean}}
{{part}},本田のとんかつソース,{{batch}},{{number:60}},{{ean}}
取引番号,{{sixteen}},,,
"""

LANGUAGE = Language(
    code="ja",
    women=_WOMEN,
    men=_MEN,
    families=_FAMILIES,
    places=(_JAPANESE,),
    phones=(
        "090-%###-####", "080-%###-####", "070%#######", "03-%###-####", "06-6###-####", "+81 90-%###-####", "+81-3-%###-####",
        "(045)%##-####", "090 %### ####",
    ),
    providers=("docomo.ne.jp", "ezweb.ne.jp", "gmail.com", "yahoo.co.jp", "i.softbank.jp", "nifty.com"),
    firms=("aoba-shoji.co.jp", "midori-clinic.or.jp", "kitakaze-sys.jp", "hoshizora.co.jp", "umibe-kensetsu.co.jp"),
    months=tuple(f"{one}月" for one in range(1, 13)),
    dates={"short": "{y}/{m:02}/{d:02}", "long": "{y}年{m}月{d}日", "era": "{era}{year_of_era}年{m}月{d}日"},
    ibans=("DE", "GB", "FR"),
    accounts=("%######", "0######"),
    passports=("TR#######", "TS#######", "MU#######"),
    records=("%######", "00%#####", "A-%#####"),
    companies=listed("マツモトキヨシ, 青葉商事株式会社, 本田技研, 山崎製パン, 高島屋, 伊藤園"),
    products=listed("リカちゃん人形, たまごっち, 花子さん食器棚, 太郎炊飯器, タミヤ模型, ヤマハ ボーカロイド ミク"),
    words=listed("sakura, natsu, neko, yama, fuji, ramen, kaze, hoshi, umi, tanuki, kyoto, fuyu"),
    templates=templates(_TEXTS.strip("\n")),
    orders=("{family} {given}", "{family}{given}", "{family} {given}"),
)  # fmt: skip
